"""The walk: depth, permissions, large pages, accessed and dirty bits, error codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.paging import (
    ACCESSED,
    DIRTY,
    GLOBAL,
    LARGE,
    NO_EXECUTE,
    PRESENT,
    USER,
    WRITABLE,
    Access,
    Glance,
    Translation,
    canonical,
    index_at,
    peek,
    walk,
)
from virtdocs.machine.registers import PF, WORD_MASK
from virtdocs.machine.traps import Trapped

ALL = PRESENT | WRITABLE | USER
LEAF = 0x55
READ, WRITE, FETCH = Access.READ, Access.WRITE, Access.FETCH
# Error code bits, SDM vol. 3A figure 4-12.
P, W, U, RSVD, ID = 1, 2, 4, 8, 16


class Chain:
    """One address mapped through one table per level; table of level n in frame 16 + n."""

    def __init__(self, levels: int, address: int, leaf: int = LEAF << PAGE_SHIFT | ALL) -> None:
        self.levels, self.address = levels, address
        self.memory = PhysicalMemory(1 << 20)
        self.root = 16 + levels - 1
        for level in range(1, levels):
            self.set(level, (16 + level - 1) << PAGE_SHIFT | ALL)
        self.set(0, leaf)
        self.references: list[tuple[int, int]] = []

    def set(self, level: int, entry: int) -> None:
        self.table(level)[index_at(self.address, level)] = entry

    def entry(self, level: int) -> int:
        return self.table(level)[index_at(self.address, level)]

    def table(self, level: int) -> list[int]:
        page = self.memory.page(16 + level)
        assert page is not None
        return page

    def walk(self, access: Access = READ, user: bool = False, **how: bool) -> Translation:
        return walk(
            self.memory,
            self.root,
            self.address,
            self.levels,
            access,
            user,
            on_reference=lambda frame, index: self.references.append((frame, index)),
            **how,
        )

    def error(self, access: Access, user: bool, **how: bool) -> int | None:
        """The page fault's error code, or None when the walk succeeds."""
        try:
            self.walk(access, user, **how)
        except Trapped as trapped:
            trap = trapped.trap
        else:
            return None
        assert (trap.vector, trap.address) == (PF, self.address)
        return trap.error


def extended(address: int, levels: int) -> int:
    """Make an address canonical by repeating its highest translated bit."""
    bits = PAGE_SHIFT + 9 * levels
    low = address & (1 << bits) - 1
    return low | (WORD_MASK ^ (1 << bits) - 1) if low >> (bits - 1) else low


@given(st.integers(1, 5), st.integers(0, WORD_MASK))
def test_a_walk_reads_one_entry_a_level_from_the_root_down(levels: int, bits: int) -> None:
    chain = Chain(levels, extended(bits, levels))
    found = chain.walk()
    assert found.frame == LEAF
    assert len(chain.references) == levels
    assert [frame for frame, _ in chain.references] == [16 + n for n in reversed(range(levels))]
    assert found.entries == tuple(chain.references)


@given(st.integers(1, 5), st.integers(0, WORD_MASK))
def test_the_indexes_and_the_offset_make_up_the_address(levels: int, bits: int) -> None:
    address = extended(bits, levels)
    assert canonical(address, levels)
    rebuilt = sum(index_at(address, n) << PAGE_SHIFT + 9 * n for n in range(levels))
    assert extended(rebuilt | address & 0xFFF, levels) == address


@pytest.mark.parametrize("levels", range(1, 6))
def test_addresses_between_the_two_halves_are_not_canonical(levels: int) -> None:
    half = 1 << PAGE_SHIFT + 9 * levels - 1
    assert canonical(half - 1, levels)
    assert not canonical(half, levels)
    assert not canonical((1 << 64) - half - 1, levels)
    assert canonical((1 << 64) - half, levels)


# leaf entry, access, user, write_protect -> error code (None: allowed). SDM vol. 3A §4.6, §4.7.
PERMISSIONS = [
    (ALL, READ, True, True, None),
    (ALL, WRITE, True, True, None),
    (ALL, FETCH, True, True, None),
    (0, READ, False, True, 0),
    (0, WRITE, False, True, W),
    (0, READ, True, True, U),
    (0, WRITE, True, True, W | U),
    (0, FETCH, True, True, U | ID),
    (PRESENT | WRITABLE, READ, True, True, P | U),
    (PRESENT | WRITABLE, WRITE, True, True, P | W | U),
    (PRESENT | WRITABLE, FETCH, True, True, P | U | ID),
    (PRESENT | WRITABLE, WRITE, False, True, None),
    (PRESENT | USER, WRITE, True, True, P | W | U),
    (PRESENT | USER, WRITE, True, False, P | W | U),
    (PRESENT | USER, WRITE, False, True, P | W),
    (PRESENT | USER, WRITE, False, False, None),
    (ALL | NO_EXECUTE, FETCH, True, True, P | U | ID),
    (ALL | NO_EXECUTE, FETCH, False, True, P | ID),
    (ALL | NO_EXECUTE, READ, True, True, None),
]


@pytest.mark.parametrize("level", [0, 1, 3], ids=["leaf", "middle", "top"])
@pytest.mark.parametrize(("bits", "access", "user", "wp", "error"), PERMISSIONS)
def test_every_level_must_grant_the_access(
    level: int, bits: int, access: Access, user: bool, wp: bool, error: int | None
) -> None:
    chain = Chain(4, 0x1234_5678_9000)
    target = LEAF if level == 0 else 16 + level - 1
    chain.set(level, target << PAGE_SHIFT | bits)
    assert chain.error(access, user, write_protect=wp) == error


@pytest.mark.parametrize(("level", "pages"), [(1, 512), (2, 512 * 512)])
def test_a_large_page_maps_the_whole_range_of_its_level(level: int, pages: int) -> None:
    chain = Chain(4, 0x7F_FFFF_F000)
    chain.set(level, 2 * pages << PAGE_SHIFT | ALL | LARGE)
    found = chain.walk()
    assert found.frame == 2 * pages + (chain.address >> PAGE_SHIFT) % pages
    assert found.pages == pages
    assert len(chain.references) == 4 - level


RESERVED = {
    "a large page that is not aligned to its size": (1, 1 << PAGE_SHIFT | ALL | LARGE, 4),
    "a large page of half a terabyte": (3, ALL | LARGE, 4),
    "a large page in the top of five levels": (4, ALL | LARGE, 5),
    "a table outside memory": (1, 1 << 40 | ALL, 4),
}


@pytest.mark.parametrize(("level", "entry", "levels"), RESERVED.values(), ids=RESERVED.keys())
def test_reserved_bits_fault_as_present(level: int, entry: int, levels: int) -> None:
    chain = Chain(levels, 0x1000)
    chain.set(level, entry)
    assert chain.error(READ, False) == P | RSVD
    assert chain.error(WRITE, True) == P | W | U | RSVD


def test_bit_seven_of_the_last_level_is_no_page_size() -> None:
    chain = Chain(4, 0x1000, LEAF << PAGE_SHIFT | ALL | LARGE)
    assert chain.walk().frame == LEAF


def test_frames_beyond_the_physical_address_width_are_reserved() -> None:
    chain = Chain(4, 0x1000)
    with pytest.raises(Trapped) as caught:
        walk(chain.memory, chain.root, 0x1000, 4, READ, False, leaf_frame_limit=LEAF)
    assert caught.value.trap.error == P | RSVD


def test_a_read_marks_each_entry_accessed_and_none_dirty() -> None:
    chain = Chain(4, 0x1000)
    chain.walk(READ)
    assert all(chain.entry(level) & ACCESSED for level in range(4))
    assert not any(chain.entry(level) & DIRTY for level in range(4))


def test_a_write_marks_the_leaf_dirty_and_only_the_leaf() -> None:
    chain = Chain(4, 0x1000)
    assert chain.walk(WRITE).dirty
    assert [bool(chain.entry(level) & DIRTY) for level in range(4)] == [True, False, False, False]


def test_a_write_to_a_large_page_marks_its_entry_dirty() -> None:
    chain = Chain(4, 0x1000)
    chain.set(1, ALL | LARGE)
    chain.walk(WRITE)
    assert chain.entry(1) & DIRTY


@pytest.mark.parametrize("access", [READ, WRITE, FETCH])
def test_a_walk_that_faults_marks_nothing(access: Access) -> None:
    chain = Chain(4, 0x1000, LEAF << PAGE_SHIFT | PRESENT)
    before = [chain.entry(level) for level in range(4)]
    assert chain.error(access, True) is not None
    assert [chain.entry(level) for level in range(4)] == before


def test_only_the_leaf_says_whether_a_page_is_global() -> None:
    chain = Chain(4, 0x1000, LEAF << PAGE_SHIFT | ALL | GLOBAL)
    assert chain.walk().global_page
    chain = Chain(4, 0x1000)
    chain.set(1, chain.entry(1) | GLOBAL)
    assert not chain.walk().global_page


def test_a_walk_through_moved_tables_asks_for_each_table_once() -> None:
    chain = Chain(4, 0x1000)
    asked: list[int] = []

    def table_frame(frame: int) -> int:
        asked.append(frame)
        return frame

    walk(chain.memory, chain.root, 0x1000, 4, READ, False, table_frame=table_frame)
    assert asked == [19, 18, 17, 16]


@given(st.integers(1, 5), st.integers(0, WORD_MASK), st.booleans())
def test_peeking_finds_what_the_walk_finds_and_changes_nothing(
    levels: int, bits: int, marked: bool
) -> None:
    chain = Chain(levels, extended(bits, levels))
    if marked:
        chain.walk()
    before = [chain.entry(level) for level in range(levels)]
    seen = peek(chain.memory, chain.root, chain.address, levels)
    assert seen == Glance(LEAF, accessed=marked, executable=True)
    assert [chain.entry(level) for level in range(levels)] == before
    chain.set(0, 0)
    assert peek(chain.memory, chain.root, chain.address, levels) is None
