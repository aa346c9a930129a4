"""Direct paging: the hardware walks the guest's own tables, which it may read but not write.

Every frame has a type. A frame that is in use as a table of some level was checked
entry by entry when it took that type, and stays mapped read-only while it has it;
each later change goes through the hypervisor and is checked too. So no entry ever
leads to a frame that is not the guest's. (Barham et al. 2003, §3.3.3; Xen's
xen/arch/x86/mm.c, "get_page_type".)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from virtdocs.machine.memory import PAGE_SHIFT, WORDS_PER_PAGE, Page, PhysicalMemory
from virtdocs.machine.paging import FRAME_MASK, LARGE, PRESENT, USER, WRITABLE
from virtdocs.vmm.host import GUEST

TOP_SLOT: Final = 511  # the hypervisor's entry in every top table
WRITABLE_TYPE: Final = -1  # frame types: this, or the level of a table (0 is the last)


class Refused(Exception):
    """The hypervisor does not do what the guest asked: the reason, for the trace."""


@dataclass(slots=True)
class FrameUse:
    """What a frame is used as, and by how many references."""

    type: int
    count: int = 0


class DirectPaging:
    """Types of the guest's frames, and the only way to change a table."""

    def __init__(
        self,
        memory: PhysicalMemory,
        levels: int,
        hypervisor_entry: int,
        type_changed: Callable[[], None],
        *,
        force_user: bool = False,
    ) -> None:
        self.memory = memory
        self.levels = levels
        self.hypervisor_entry = hypervisor_entry
        # A frame that becomes a table may still be writable in the TLB.
        self.type_changed = type_changed
        # 64-bit PV kernels run in ring 3: their own pages must be user pages (Xen does this too).
        self.force_user = force_user
        self.uses: dict[int, FrameUse] = {}
        self.pinned: set[int] = set()
        self.readers: Counter[int] = Counter()  # read-only mappings, which ask for no type

    # Checks, each of which a test removes to see the oracle fire -------------------------------

    def owns(self, frame: int) -> bool:
        """Whether the guest may refer to this frame at all."""
        return self.memory.owners.get(frame) == GUEST

    def conflicts(self, frame: int, type_: int) -> bool:
        """Whether the frame is in use as something else."""
        use = self.uses.get(frame)
        return use is not None and use.count > 0 and use.type != type_

    def in_use(self, frame: int) -> bool:
        """Whether any table refers to the frame, or it is a table itself."""
        use = self.uses.get(frame)
        return self.readers[frame] > 0 or (use is not None and use.count > 0)

    # Types --------------------------------------------------------------------------------------

    def get(self, frame: int, type_: int) -> None:
        """One more reference to ``frame`` as ``type_``; a new table is checked whole."""
        if not self.owns(frame):
            raise Refused(f"frame {frame:#x} is not the guest's")
        if self.conflicts(frame, type_):
            raise Refused(f"frame {frame:#x} is in use as {self.uses[frame].type}")
        use = self.uses.setdefault(frame, FrameUse(type_))
        if use.count == 0:
            use.type = type_
            if type_ != WRITABLE_TYPE:
                # Counted before its entries are: a table that refers to itself is refused.
                use.count = 1
                self._validate(frame, type_)
                self.type_changed()
                return
        use.count += 1

    def put(self, frame: int) -> None:
        """One reference less; a table without references lets go of what it refers to."""
        use = self.uses[frame]
        use.count -= 1
        if use.count == 0 and use.type != WRITABLE_TYPE:
            page = self._page(frame)
            for index in range(WORDS_PER_PAGE):
                if use.type == self.levels - 1 and index == TOP_SLOT:
                    continue
                self._put_entry(page[index], use.type)

    def _validate(self, frame: int, level: int) -> None:
        page = self._page(frame)
        done: list[int] = []
        try:
            for index in range(WORDS_PER_PAGE):
                if level == self.levels - 1 and index == TOP_SLOT:
                    continue
                page[index] = self._adjusted(page[index])
                self._get_entry(page[index], level)
                done.append(index)
        except Refused:
            for index in done:
                self._put_entry(page[index], level)
            self.uses[frame].count = 0
            raise
        if level == self.levels - 1:
            page[TOP_SLOT] = self.hypervisor_entry

    def _adjusted(self, entry: int) -> int:
        return entry | USER if self.force_user and entry & PRESENT else entry

    def _get_entry(self, entry: int, level: int) -> None:
        if not entry & PRESENT:
            return
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if level > 0:
            if entry & LARGE:
                raise Refused("large pages are not offered to PV guests")
            self.get(frame, level - 1)
        elif entry & WRITABLE:
            self.get(frame, WRITABLE_TYPE)
        elif not self.owns(frame):
            raise Refused(f"frame {frame:#x} is not the guest's")
        else:
            self.readers[frame] += 1

    def _put_entry(self, entry: int, level: int) -> None:
        if not entry & PRESENT:
            return
        frame = (entry & FRAME_MASK) >> PAGE_SHIFT
        if level > 0 or entry & WRITABLE:
            self.put(frame)
        else:
            self.readers[frame] -= 1

    # What hypercalls do ---------------------------------------------------------------------------

    def pin(self, frame: int, level: int) -> None:
        """Keep a table's type even while nothing refers to it."""
        if frame in self.pinned:
            raise Refused(f"frame {frame:#x} is pinned already")
        self.get(frame, level)
        self.pinned.add(frame)

    def unpin(self, frame: int) -> None:
        """Undo a pin."""
        if frame not in self.pinned:
            raise Refused(f"frame {frame:#x} is not pinned")
        self.pinned.discard(frame)
        self.put(frame)

    def check_root(self, frame: int) -> None:
        """A frame may become the top table only as a checked one: takes a reference."""
        self.get(frame, self.levels - 1)

    def update(self, frame: int, index: int, entry: int) -> None:
        """Change one entry of a table; what it refers to is checked first."""
        use = self.uses.get(frame)
        if use is None or use.count == 0 or use.type == WRITABLE_TYPE:
            raise Refused(f"frame {frame:#x} is no table")
        if use.type == self.levels - 1 and index == TOP_SLOT:
            raise Refused("this entry is the hypervisor's")
        page = self._page(frame)
        old, new = page[index], self._adjusted(entry)
        self._get_entry(new, use.type)
        page[index] = new
        self._put_entry(old, use.type)

    def _page(self, frame: int) -> Page:
        page = self.memory.page(frame)
        assert page is not None
        return page
