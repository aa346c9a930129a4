"""The TLB in front of the walk: when it misses, what it forgets, what it never grants."""

from __future__ import annotations

import pytest

from tests.machine.bench import CODE, DATA, UNMAPPED, Bench, ins
from virtdocs.machine.memory import PAGE_SHIFT
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
)
from virtdocs.machine.registers import CR0_WP, CR4_PGE, PF, RAX, RBX
from virtdocs.machine.tlb import LARGE_PAGES, Tlb, TlbEntry
from virtdocs.machine.traps import Trapped
from virtdocs.trace import EventKind

COUNTED = (EventKind.TLB_MISS, EventKind.WALK_REFS)
READ, WRITE, FETCH = Access.READ, Access.WRITE, Access.FETCH


def entry(
    frame: int, global_page: bool = False, pages: int = 1, reach: int = 1, dirty: bool = True
) -> TlbEntry:
    return TlbEntry(frame, None, True, True, True, global_page, dirty, pages, reach)


def large(frame: int, pages: int = LARGE_PAGES, global_page: bool = False) -> TlbEntry:
    return entry(frame, global_page, pages, LARGE_PAGES)


def frames(tlb: Tlb, *numbers: int) -> list[int | None]:
    """Where the large entries lead for these pages."""
    parts = [tlb.part(number, lambda frame: None) for number in numbers]
    return [None if part is None else part.frame for part in parts]


def test_the_oldest_entry_goes_even_when_it_was_used_last() -> None:
    tlb = Tlb(capacity=2)
    tlb.insert(1, entry(1))
    tlb.insert(2, entry(2))
    assert tlb.entries.get(1)
    tlb.insert(3, entry(3))
    assert list(tlb.entries) == [2, 3]
    assert tlb.version == 1


def test_replacing_an_entry_pushes_nobody_out() -> None:
    tlb = Tlb(capacity=2)
    for number, frame in ((1, 1), (2, 2), (1, 9)):
        tlb.insert(number, entry(frame))
    assert {n: e.frame for n, e in tlb.entries.items()} == {1: 9, 2: 2}


def test_a_flush_may_keep_global_pages() -> None:
    tlb = Tlb()
    tlb.insert(1, entry(1))
    tlb.insert(2, entry(2, global_page=True))
    tlb.flush(keep_global=True)
    assert list(tlb.entries) == [2]
    tlb.flush()
    assert not tlb.entries


def test_invalidating_one_address_of_a_large_page_forgets_all_its_parts() -> None:
    tlb = Tlb()
    for number in (512, 513, 1024):
        tlb.insert(number, entry(number, pages=512))
    tlb.insert(5, entry(5))
    tlb.invalidate(700)
    assert list(tlb.entries) == [1024, 5]


def test_one_entry_of_2_mib_leads_to_each_of_its_pages() -> None:
    tlb = Tlb()
    tlb.insert(0x203, large(0x1403))
    assert frames(tlb, 0x200, 0x203, 0x3FF, 0x400) == [0x1400, 0x1403, 0x15FF, None]
    assert len(tlb.large) == 1
    assert not tlb.entries


def test_large_entries_have_places_of_their_own_and_go_oldest_first() -> None:
    tlb = Tlb(capacity=1, large_capacity=2)
    tlb.insert(7, entry(7))
    for number in (0x200, 0x400, 0x600):
        tlb.insert(number, large(number))
    assert frames(tlb, 0x200, 0x400, 0x600) == [None, 0x400, 0x600]
    assert list(tlb.entries) == [7]


@pytest.mark.parametrize("how", ["drop", "invalidate"])
def test_forgetting_one_part_forgets_all_and_every_view_of_them(how: str) -> None:
    view = {0x201: "seen", 0x2FF: "seen", 9: "seen"}
    tlb = Tlb(mirrors=[view])
    tlb.insert(0x201, large(0x401))
    frames(tlb, 0x2FF)
    tlb.insert(9, entry(9))
    version = tlb.version
    getattr(tlb, how)(0x300)
    assert frames(tlb, 0x201, 0x2FF) == [None, None]
    assert view == {9: "seen"}
    assert tlb.version == version + 1


def test_invlpg_forgets_all_pieces_of_a_gibibyte_and_no_neighbour() -> None:
    tlb = Tlb()
    for number in (0, 0x200, 1 << 18):
        tlb.insert(number, large(number, pages=1 << 18))
    tlb.insert(1 << 19, large(0))
    tlb.invalidate(0x12345)
    assert list(tlb.large) == [1 << 9, 1 << 10]


def test_a_flush_may_keep_global_large_pages() -> None:
    tlb = Tlb()
    tlb.insert(0, large(0))
    tlb.insert(0x200, large(0x200, global_page=True))
    tlb.flush(keep_global=True)
    assert frames(tlb, 0, 0x200) == [None, 0x200]
    tlb.flush()
    assert not tlb.large


@pytest.mark.parametrize(
    ("held", "asked", "leaving"),
    [
        ([(1, 1), (2, 1)], 3, {1}),  # full: the oldest
        ([(1, 1), (2, 1)], 2, {2}),
        ([(1, 1), (0x200, LARGE_PAGES)], 0x3FF, {0x200}),
        ([(0x200, LARGE_PAGES), (0x400, LARGE_PAGES)], 0x600, {0x200}),
        ([(0x200, LARGE_PAGES)], 0x600, set()),
    ],
)
def test_the_pages_that_may_go_are_known_before_a_walk(
    held: list[tuple[int, int]], asked: int, leaving: set[int]
) -> None:
    tlb = Tlb(capacity=2, large_capacity=2)
    for number, reach in held:
        tlb.insert(number, entry(number, pages=reach, reach=reach))
    assert set(tlb.leaving(asked)) == leaving


@pytest.fixture
def bench() -> Bench:
    return Bench()


def map_large(bench: Bench, flags: int = PRESENT | WRITABLE | USER) -> None:
    """8 MiB to 10 MiB of the address space, by one entry of 2 MiB."""
    page, index = bench.entry_place(0x80_0000, level=1)
    page[index] = 0x80_0000 | flags | LARGE
    bench.mmu.flush()


def test_a_large_page_misses_once_and_its_walk_is_a_level_shorter(bench: Bench) -> None:
    map_large(bench)
    before = dict(bench.trace.counts)
    for page in range(0, 512, 7):
        bench.cpu.load(0x80_0000 + page * 4096, 8)
    counts = bench.trace.counts
    new = {kind: counts[kind, ""] - before.get((kind, ""), 0) for kind in COUNTED}
    assert new == {EventKind.TLB_MISS: 1, EventKind.WALK_REFS: 3}


def test_a_first_write_walks_again_and_marks_the_large_leaf_dirty_for_all_its_pages(
    bench: Bench,
) -> None:
    map_large(bench)
    page, index = bench.entry_place(0x80_0000, level=1)
    bench.cpu.load(0x80_0000, 8)
    assert page[index] & (ACCESSED | DIRTY) == ACCESSED
    before = bench.trace.total(EventKind.TLB_MISS)
    bench.cpu.store(0x80_3000, 8, 1)
    bench.cpu.store(0x81_3000, 8, 1)
    assert page[index] & DIRTY
    assert bench.trace.total(EventKind.TLB_MISS) == before + 1


def test_a_write_that_a_large_page_forbids_faults_at_each_of_its_pages(bench: Bench) -> None:
    map_large(bench, PRESENT | USER)
    for address in (0x80_0000, 0x9F_F000):
        bench.cpu.load(address, 8)
        with pytest.raises(Trapped):
            bench.cpu.store(address, 8, 1)


def misses(bench: Bench) -> int:
    return bench.trace.total(EventKind.TLB_MISS)


def test_a_miss_walks_as_many_references_as_there_are_levels(bench: Bench) -> None:
    for levels in (2, 3, 4, 5):
        bench = Bench(levels)
        before = bench.trace.total(EventKind.WALK_REFS)
        bench.cpu.load(DATA, 8)
        assert bench.trace.total(EventKind.WALK_REFS) - before == levels
        bench.cpu.load(DATA + 8, 8)
        assert bench.trace.total(EventKind.WALK_REFS) - before == levels


def test_the_first_write_after_a_read_walks_again_to_set_the_dirty_bit(bench: Bench) -> None:
    bench.cpu.load(DATA, 8)
    page, index = bench.entry_place(DATA)
    assert page[index] & (ACCESSED | DIRTY) == ACCESSED
    before = misses(bench)
    bench.cpu.store(DATA, 8, 1)
    bench.cpu.store(DATA, 8, 2)
    assert misses(bench) - before == 1
    assert page[index] & DIRTY


def test_a_stale_entry_is_used_until_invlpg(bench: Bench) -> None:
    bench.put(DATA, 0x11)
    bench.put(DATA + 0x1000, 0x22)
    assert bench.cpu.load(DATA, 8) == 0x11
    page, index = bench.entry_place(DATA)
    page[index] += 0x1000
    assert bench.cpu.load(DATA, 8) == 0x11
    assert bench.do("invlpg", "m", disp=DATA) is None
    assert bench.cpu.load(DATA, 8) == 0x22


def test_a_cached_refusal_is_no_refusal(bench: Bench) -> None:
    bench.change_entry(DATA, clear=WRITABLE)
    bench.cpu.load(DATA, 8)
    page, index = bench.entry_place(DATA)
    page[index] |= WRITABLE
    bench.cpu.store(DATA, 8, 7)  # more rights need no invalidation: SDM vol. 3A §4.10.4.3
    assert bench.word(DATA) == 7


@pytest.mark.parametrize(
    ("clear", "add", "cpl", "access", "refused"),
    [
        (USER, 0, 3, READ, True),
        (USER, 0, 0, READ, False),
        (WRITABLE, 0, 3, WRITE, True),
        (WRITABLE, 0, 0, WRITE, True),
        (0, NO_EXECUTE, 0, FETCH, True),
        (0, NO_EXECUTE, 0, READ, False),
        (PRESENT, 0, 0, READ, True),
    ],
)
def test_the_tlb_grants_what_the_tables_grant(
    bench: Bench, clear: int, add: int, cpl: int, access: Access, refused: bool
) -> None:
    bench.change_entry(DATA, clear=clear, add=add)
    bench.enter_ring(cpl)
    for _ in range(2):  # with a cold and with a warm TLB
        if refused:
            with pytest.raises(Trapped) as caught:
                bench.cpu.find_page(DATA, access)
            assert caught.value.trap.vector == PF
        else:
            bench.cpu.find_page(DATA, access)


def test_supervisor_entries_in_the_tlb_do_not_serve_user_mode(bench: Bench) -> None:
    bench.change_entry(DATA, clear=USER)
    bench.cpu.store(DATA, 8, 1)
    bench.enter_ring(3)
    with pytest.raises(Trapped):
        bench.cpu.load(DATA, 8)


def test_write_protection_of_the_supervisor_ends_when_wp_is_clear(bench: Bench) -> None:
    bench.change_entry(DATA, clear=WRITABLE)
    bench.cpu.regs[RAX] = bench.cpu.cr0 & ~CR0_WP
    assert bench.do("mov", "cr", a=0, b=RAX) is None
    bench.cpu.store(DATA, 8, 5)
    bench.cpu.regs[RAX] = bench.cpu.cr0 | CR0_WP
    assert bench.do("mov", "cr", a=0, b=RAX) is None
    with pytest.raises(Trapped):
        bench.cpu.store(DATA, 8, 6)
    assert bench.word(DATA) == 5


def test_loading_cr3_keeps_global_pages_only_while_pge_is_set(bench: Bench) -> None:
    bench.change_entry(DATA, add=GLOBAL)
    cr3 = bench.cpu.cr3
    for cr4, kept in ((0, False), (CR4_PGE, True)):
        bench.cpu.regs[RAX], bench.cpu.regs[RBX] = cr4, cr3
        bench.run(ins("mov", "cr", a=4, b=RAX))
        bench.cpu.load(DATA, 8)
        bench.run(ins("mov", "cr", a=3, b=RBX))
        assert (DATA >> PAGE_SHIFT in bench.mmu.tlb.entries) is kept


def test_invlpg_drops_a_global_page_too(bench: Bench) -> None:
    bench.change_entry(DATA, add=GLOBAL)
    bench.cpu.load(DATA, 8)
    bench.do("invlpg", "m", disp=DATA)
    assert DATA >> PAGE_SHIFT not in bench.mmu.tlb.entries


def test_remapping_a_large_page_takes_one_invlpg(bench: Bench) -> None:
    page, index = bench.entry_place(DATA, level=1)
    page[index] = 0x80_0000 | PRESENT | WRITABLE | USER | LARGE
    bench.mmu.flush()
    bench.put(0xA0_0000, 0xAA)
    bench.put(0xA0_1000, 0xBB)
    assert (bench.cpu.load(0x80_0000, 1), bench.cpu.load(0x80_1000, 1)) == (0, 0)
    page[index] = 0xA0_0000 | PRESENT | WRITABLE | USER | LARGE
    bench.mmu.invalidate(0x90_0000)
    assert (bench.cpu.load(0x80_0000, 1), bench.cpu.load(0x80_1000, 1)) == (0xAA, 0xBB)


def test_the_guard_sees_each_frame_that_is_touched(bench: Bench) -> None:
    seen: list[tuple[int, Access]] = []
    bench.cpu.guard = lambda frame, access: seen.append((frame, access))
    bench.do("mov", "mi", disp=DATA, imm=1)
    assert seen == [(CODE >> PAGE_SHIFT, FETCH), (DATA >> PAGE_SHIFT, WRITE)]


def test_a_page_fault_names_the_first_byte_that_cannot_be_reached(bench: Bench) -> None:
    for address, fails_at in ((UNMAPPED, UNMAPPED), (UNMAPPED - 4, UNMAPPED)):
        for access in (bench.cpu.load, lambda a, n: bench.cpu.store(a, n, 0)):
            with pytest.raises(Trapped) as caught:
                access(address, 8)
            assert caught.value.trap.address == fails_at
