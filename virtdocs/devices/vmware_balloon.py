"""VMware's balloon: a backdoor port, and arguments in registers.

``in eax, dx`` on port 0x5670 with a magic number in eax is a call: the command in ecx,
arguments in ebx and esi, status and result back in eax and ebx (START: ecx). One call
gives or takes one page, or a page of up to 512 numbers, if the host offers batches.
(Linux: drivers/misc/vmw_balloon.c.)

    >>> from virtdocs.experiments.run import run
    >>> found = [run("balloon", "esxi", params={"commands": how}) for how in ("batched", "basic")]
    >>> [int(512 * one.counts_per_op["device_access"]["read"]) for one in found]
    [4, 514]

That is 512 pages moved, in two batches or one by one, and a look at the wish before
each way. The driver has no interrupt and looks again and again: Linux once a second,
here once a tick. The host changes its mind when it sees the size that it wished for.

A page inside that is touched gets a fresh frame and pops the balloon: the next call
is answered with RESET, and the driver begins anew (Waldspurger 2002, §3.2). Pages of
2 MiB and the doorbell are not offered; as the machine's ports obey IOPL, so does this
one, which VMware lets user mode use as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from virtdocs.devices.balloon import Balloon, BalloonError
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError
from virtdocs.machine.memory import PAGE_SHIFT
from virtdocs.machine.registers import RAX, RBX, RCX, RSI

PORT: Final = 0x5670
MAGIC: Final = 0x456C6D6F
START, GET_TARGET, LOCK, UNLOCK, GUEST_ID = range(5)
BATCHED_LOCK, BATCHED_UNLOCK = 6, 7
BASIC_COMMANDS: Final = 1 << 1  # capabilities
BATCHED_COMMANDS: Final = 1 << 2
SUCCESS, INVALID_COMMAND, INVALID_PAGE, LOCKED, UNLOCKED = range(5)
RESET: Final = 7
FAILURE: Final = 0xFFFF_FFFF
WITH_CAPABILITIES: Final = 0x0300_0000
ENTRY_BYTES: Final = 8
STATUS_BITS: Final = 0x1F
LONGEST: Final = 512  # entries that a page holds
NO_DEVICE: Final = 0xFFFF_FFFF
LOW_HALF: Final = 0xFFFF_FFFF


class VmwareBalloon:
    """The hypervisor's side of the port. ``pause``: instructions before the next wish."""

    name = "vmware-balloon"

    def __init__(self, board: Board, pages: int, pause: int, batched: bool) -> None:
        self.board = board
        self.offered = BASIC_COMMANDS | (BATCHED_COMMANDS if batched else 0)
        self.capabilities = 0
        self.started = False
        self.balloon = Balloon(board, pages, pause, lambda: None)
        board.reclaim.touched = self._touched
        board.bus.add_ports(PORT, 4, self)

    def read(self, offset: int, size: int) -> int:
        """A call; without the magic number there is nothing here."""
        registers = self.board.bus.registers
        if offset or size != 4 or registers[RAX] & LOW_HALF != MAGIC:
            return NO_DEVICE
        command = registers[RCX] & LOW_HALF
        if command == START:
            return self._start(registers)
        if not self.started:
            return RESET
        status = self._perform(command, registers[RBX] & LOW_HALF, registers[RSI] & LOW_HALF)
        registers[RBX] = self.balloon.target
        self.balloon.reached(len(self.balloon.inside))
        return status

    def write(self, offset: int, size: int, value: int) -> None:
        """Nothing is written to this port."""

    def _start(self, registers: list[int]) -> int:
        """The driver begins anew: what was inside is the guest's."""
        self.balloon.take(sorted(self.balloon.inside))
        self.capabilities = registers[RBX] & self.offered
        self.started = bool(self.capabilities)
        registers[RCX] = self.capabilities
        return WITH_CAPABILITIES

    def _perform(self, command: int, argument: int, count: int) -> int:
        if command in (GET_TARGET, GUEST_ID):
            return SUCCESS
        if command in (LOCK, UNLOCK) and self.capabilities & BASIC_COMMANDS:
            return self._move(command == LOCK, argument)
        if command in (BATCHED_LOCK, BATCHED_UNLOCK) and self.capabilities & BATCHED_COMMANDS:
            return self._batch(command == BATCHED_LOCK, argument, count)
        return INVALID_COMMAND

    def _batch(self, lock: bool, page: int, count: int) -> int:
        """Each entry has a status of its own in its low bits."""
        if not 0 < count <= LONGEST:
            return FAILURE
        dma = self.board.dma
        try:
            for n in range(count):
                at = (page << PAGE_SHIFT) + ENTRY_BYTES * n
                entry = dma.load(at, ENTRY_BYTES)
                status = self._move(lock, entry >> PAGE_SHIFT)
                dma.store(at, ENTRY_BYTES, entry & ~STATUS_BITS | status)
        except DmaError:
            return INVALID_PAGE
        return SUCCESS

    def _move(self, lock: bool, page: int) -> int:
        balloon = self.balloon
        move: Callable[[Sequence[int]], None] = balloon.give if lock else balloon.take
        if lock and page in balloon.inside:
            return LOCKED
        try:
            move((page,))
        except BalloonError:
            return INVALID_PAGE if lock else UNLOCKED
        return SUCCESS

    def _touched(self, frame: int) -> bool:
        """There is memory again; if the guest had not asked for it, its balloon is no more."""
        if frame in self.balloon.inside:
            self.started = False
        return True
