"""A device overwrites code that runs translated: what runs next is the new code."""

from __future__ import annotations

import pytest

from tests.fast.compare import Plugged, differences, ran
from tests.fast.test_programs import program
from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.techniques import technique
from virtdocs.guest.workloads import LATENCY
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.registers import RBX
from virtdocs.machine.translate.trace import Trace

DISK = Plugged(DEVICES["ide-dma"], {"latency": LATENCY.default})
ROUNDS, CALLS, BEFORE, AFTER = 4, 20, 1, 5
# Saves the code at ``other`` as sector 0, then runs ``patch`` hot and has the disk overwrite it:
# by and by the driver is hot as well. Bus master and task file as in ``drivers/ide.s``.
TEXT = f"""
start:
    xor rbx, rbx
    mov rax, 2                  ; Device Control: no interrupts
    out 0x3f6, al
    mov rdi, other
    mov rsi, 0xca               ; WRITE DMA
    mov rdx, 1
    call transfer
    mov rbp, {ROUNDS}
round:
    mov rcx, {CALLS}
hot:
    call patch
    dec rcx
    jne hot
    mov rdi, patch
    mov rsi, 0xc8               ; READ DMA
    mov rdx, 9
    call transfer
    dec rbp
    jne round
    mov rax, rbx
    out 0xf4, eax

transfer:                       ; sector 0 from or to rdi
    mov rax, {512 << 32 | 1 << 63}
    or rax, rdi
    mov [0x300000], rax
    mov rax, 0x300000
    out 0xc004, eax
    mov rax, 1
    out 0x1f2, al
    xor rax, rax
    out 0x1f3, al
    out 0x1f4, al
    out 0x1f5, al
    mov rax, 0xe0
    out 0x1f6, al
    mov rax, rsi
    out 0x1f7, al
    mov rax, rdx
    out 0xc000, al
busy:
    in al, 0x3f6
    and rax, 0x80
    jne busy
    xor rax, rax
    out 0xc000, al
    ret

    .align 4096
patch:
    add rbx, {BEFORE}
    ret
    .align 4096
other:
    add rbx, {AFTER}
    ret
    .align 4096
"""
EXPECTED = CALLS * (BEFORE + (ROUNDS - 1) * AFTER)


@pytest.mark.parametrize("technique_name", ["native", "bt", "hw_shadow", "hw_nested"])
@pytest.mark.parametrize("hot", [1, 4])
def test_code_that_a_disk_overwrote_is_translated_anew(technique_name: str, hot: int) -> None:
    guest, preset = program(TEXT), technique(technique_name)
    assert differences(preset, guest, hot=hot, device=DISK) == {}
    board = ran(preset, guest, hot=hot, device=DISK).board
    assert board.cpus[0].regs[RBX] == EXPECTED
    assert board.translated > CALLS


def test_nothing_else_than_the_comparison_of_code_prevents_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it the old code goes on: the test above does test it."""

    def unchanged(trace: Trace, cpu: Cpu) -> bool:
        return True

    monkeypatch.setattr(Trace, "unchanged", unchanged)
    board = ran(technique("native"), program(TEXT), hot=1, device=DISK).board
    assert board.cpus[0].regs[RBX] != EXPECTED
