"""What a device writes into memory reaches the monitor that follows that memory."""

from __future__ import annotations

import pytest

from virtdocs.devices.registry import DeviceType
from virtdocs.experiments.run import execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import BUILDS
from virtdocs.machine.board import Board
from virtdocs.machine.dma import Dma, DmaError
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.paging import FRAME_MASK
from virtdocs.trace import Trace

TECHNIQUES = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested")
WAIT = """
    mov rcx, 400
wait:
    dec rcx
    jne wait
"""
REMAPPED = f"""
start:
    mov qword [0x901000], 7
    mov rax, [0x900000]
{WAIT}
    invlpg [0x900000]
    mov rax, [0x900000]
    out 0xf4, eax
"""
REWRITTEN = f"""
start:
    mov rbx, 2
again:
    call answer
{WAIT}
    dec rbx
    jne again
    call answer
    out 0xf4, eax
    .align 4096
answer:
    mov rax, 1
    ret
"""


def entry_of(board: Board, address: int) -> int:
    """Physical address of the last-level entry that maps ``address``."""
    table = board.cpus[0].cr3 >> PAGE_SHIFT
    for level in range(board.levels - 1, 0, -1):
        page = board.memory.page(table)
        assert page is not None
        table = (page[address >> PAGE_SHIFT + 9 * level & 511] & FRAME_MASK) >> PAGE_SHIFT
    return (table << PAGE_SHIFT) + 8 * (address >> PAGE_SHIFT & 511)


def run_with_write(text: str, name: str, write: DeviceType) -> str:
    """Exit code of a program on a board with a device that writes once."""
    program = assemble(text, constants={**BUILDS["native"].constants, "LEVELS": 4})
    return execute(technique(name), program, "intel", 100_000, device=write).outcome.detail


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_page_table_entry_written_by_a_device_counts_after_invlpg(name: str) -> None:
    def plug(board: Board, _options: object) -> None:
        def write() -> None:
            at = entry_of(board, 0x900000)
            board.dma.store(at, 8, board.dma.load(at, 8) + 0x1000)

        board.agenda.schedule(300, write)

    assert run_with_write(REMAPPED, name, DeviceType("w", "", "", (), plug)) == "exit code 7"


@pytest.mark.parametrize("name", TECHNIQUES)
def test_code_written_by_a_device_runs_as_written(name: str) -> None:
    label = assemble(REWRITTEN, constants={}).labels["answer"]

    def plug(board: Board, _options: object) -> None:
        board.agenda.schedule(300, lambda: board.dma.store(label + 8, 8, 5))

    assert run_with_write(REWRITTEN, name, DeviceType("w", "", "", (), plug)) == "exit code 5"


def test_dma_crosses_pages_and_unaligned_words() -> None:
    dma = Dma(PhysicalMemory(4), Trace())
    data = bytes(range(1, 251)) * 20
    dma.write(0xFF3, data)
    assert dma.read(0xFF3, len(data)) == data
    assert dma.read(0xFF0, 3) == bytes(3)
    assert dma.load(0xFFE, 4) == int.from_bytes(data[11:15], "little")


@pytest.mark.parametrize(("address", "length"), [(0x3FFF, 2), (0x4000, 1), (1 << 60, 8), (0, 0)])
def test_an_address_without_memory_is_a_dma_error(address: int, length: int) -> None:
    dma = Dma(PhysicalMemory(4), Trace())
    with pytest.raises(DmaError):
        dma.write(address, bytes(length))
    with pytest.raises(DmaError):
        dma.read(address, length)
