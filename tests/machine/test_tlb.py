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
from virtdocs.machine.tlb import Tlb, TlbEntry
from virtdocs.machine.traps import Trapped
from virtdocs.trace import EventKind

READ, WRITE, FETCH = Access.READ, Access.WRITE, Access.FETCH


def entry(frame: int, global_page: bool = False, pages: int = 1) -> TlbEntry:
    return TlbEntry(frame, None, True, True, True, global_page, True, pages)


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


@pytest.fixture
def bench() -> Bench:
    return Bench()


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
