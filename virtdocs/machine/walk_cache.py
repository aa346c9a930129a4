"""The paging-structure cache: what a walk remembers of the upper levels (SDM vol. 3A §4.10.3).

A later walk of a near address starts below the levels that it finds here. Entries
are kept first in first out, as the TLB's are; rights of the levels above are part
of an entry. Off unless a run asks for it: the walks of this machine read every
level, which is what the formulas of the literature count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT

INDEX_BITS: Final = 9  # of an address, for each level


@dataclass(frozen=True, slots=True)
class UpperLevels:
    """What the levels above a table allow, and where that table lies.

    ``table`` is the frame that the hardware reads, translated by the nested tables where
    there are any (a combined mapping, SDM vol. 3C §29.4.1). ``entries`` are (frame, index)
    of the levels above, from the root on.
    """

    table: int
    writable: bool = True
    user: bool = True
    executable: bool = True
    entries: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class WalkCache:
    """At most ``capacity`` entries, by level of the table and the address bits above it."""

    capacity: int
    _kept: dict[tuple[int, int], UpperLevels] = field(default_factory=dict)

    def deepest(self, address: int, levels: int) -> tuple[int, UpperLevels] | None:
        """The lowest table that is known for an address, with its level."""
        for level in range(levels - 1):
            found = self._kept.get((level, _above(address, level)))
            if found is not None:
                return level, found
        return None

    def keep(self, address: int, level: int, upper: UpperLevels) -> None:
        """Remember the table at ``level``; the oldest entry goes when the cache is full."""
        key = (level, _above(address, level))
        if key not in self._kept and len(self._kept) >= self.capacity:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = upper

    def clear(self) -> None:
        """Forget all. invlpg does so too, whatever its address (SDM vol. 3A §4.10.4.1)."""
        self._kept.clear()


def _above(address: int, level: int) -> int:
    return address >> PAGE_SHIFT + INDEX_BITS * (level + 1)
