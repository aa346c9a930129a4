"""The paging-structure cache: what a walk skips, and when it must not."""

from __future__ import annotations

import pytest

from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.paging import PRESENT, USER, WRITABLE, Access, index_at
from virtdocs.machine.registers import PF
from virtdocs.machine.tlb import Tlb
from virtdocs.machine.traps import Trapped
from virtdocs.trace import EventKind, Trace

ALL = PRESENT | WRITABLE | USER
LEVELS = 4
ROOT = 1
PAGE, TABLE_SPAN, DIRECTORY_SPAN, POINTER_SPAN = 1 << 12, 1 << 21, 1 << 30, 1 << 39


class Space:
    """Four-level tables with every address of interest mapped, and a TLB of one entry."""

    def __init__(self, entries: int) -> None:
        self.memory = PhysicalMemory(256)
        self.trace = Trace()
        self.mmu = HardwareMmu(self.memory, LEVELS, Tlb(1), self.trace)
        self.mmu.use_walk_cache(entries)
        self.mmu.root = ROOT
        self.free = ROOT + 1

    def map(self, address: int, *, rights: int = ALL, above: int = ALL) -> None:
        frame = ROOT
        for level in range(LEVELS - 1, 0, -1):
            table = self.table(frame)
            at = index_at(address, level)
            if not table[at]:
                table[at] = self.free << PAGE_SHIFT | above
                self.free += 1
            frame = table[at] >> PAGE_SHIFT & 0xFFFF
        self.table(frame)[index_at(address, 0)] = 200 << PAGE_SHIFT | rights

    def table(self, frame: int) -> list[int]:
        page = self.memory.page(frame)
        assert page is not None
        return page

    def references(self, address: int, access: Access = Access.READ, user: bool = False) -> int:
        """Table entries read for one access."""
        before = self.trace.total(EventKind.WALK_REFS)
        self.mmu.find(address, access, user, True)
        return self.trace.total(EventKind.WALK_REFS) - before


@pytest.mark.parametrize(
    ("second", "read"),
    [
        (PAGE, 1),  # in the same last table
        (TABLE_SPAN, 2),  # another last table, the same directory
        (DIRECTORY_SPAN, 3),
        (POINTER_SPAN, 4),  # nothing but the root in common
    ],
)
def test_a_second_walk_starts_below_what_it_shares_with_the_first(second: int, read: int) -> None:
    space = Space(entries=16)
    space.map(0)
    space.map(second)
    assert space.references(0) == LEVELS
    assert space.references(second) == read


def test_the_oldest_entry_makes_room() -> None:
    space = Space(entries=3)  # one walk leaves three: its tables below the root
    for address in (0, PAGE, POINTER_SPAN):
        space.map(address)
    assert [space.references(a) for a in (0, POINTER_SPAN, PAGE)] == [4, 4, 4]


@pytest.mark.parametrize("forget", ["set_root", "invalidate", "flush", "flush_linear"])
def test_what_flushes_the_tlb_empties_it(forget: str) -> None:
    space = Space(entries=16)
    space.map(0)
    space.map(PAGE)
    space.references(0)
    {
        "set_root": lambda: space.mmu.set_root(ROOT, True),
        # any address will do (SDM vol. 3A §4.10.4.1)
        "invalidate": lambda: space.mmu.invalidate(POINTER_SPAN),
        "flush": space.mmu.flush,
        "flush_linear": space.mmu.flush_linear,
    }[forget]()
    assert space.references(PAGE) == LEVELS


@pytest.mark.parametrize(
    ("above", "access", "user"),
    [(PRESENT | USER, Access.WRITE, True), (PRESENT | WRITABLE, Access.READ, True)],
)
def test_rights_of_the_levels_above_still_hold(above: int, access: Access, user: bool) -> None:
    space = Space(entries=16)
    space.map(0, above=above)
    space.map(PAGE, above=above)
    space.references(0)
    with pytest.raises(Trapped) as refused:
        space.references(PAGE, access, user)
    assert refused.value.trap.vector == PF


def test_a_walk_that_faults_leaves_nothing() -> None:
    space = Space(entries=16)
    space.map(0)
    with pytest.raises(Trapped):
        space.references(PAGE)  # its last entry is missing
    assert space.references(0) == LEVELS


def test_an_edit_above_without_invlpg_is_not_seen() -> None:
    # Stale as hardware's may be: the guest has to say invlpg.
    space = Space(entries=16)
    space.map(0)
    space.map(PAGE)
    space.references(0)
    space.table(ROOT)[0] = 0
    assert space.references(PAGE) == 1
    space.mmu.invalidate(0)
    with pytest.raises(Trapped):
        space.references(0)
