"""The board that a guest finds itself on: CPUs, memory, bus, console, disk, clock.

The same class is the real machine of a native run and the virtual machine that a
monitor presents; what differs is the memory below it and who runs the CPUs.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Final

from virtdocs.machine.agenda import Agenda
from virtdocs.machine.apic import Apic
from virtdocs.machine.bus import Bus
from virtdocs.machine.cpu import PLAIN_MSRS, Cpu, Identity
from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import WORDS_PER_PAGE, Memory, Page, read_physical
from virtdocs.machine.mmu import Mmu
from virtdocs.machine.reclaim import NobodyBelow, Reclaim
from virtdocs.trace import EventKind, Party, Trace

RAM_FRAMES: Final = 4096  # 16 MiB
DEBUG_EXIT_PORT: Final = 0xF4  # as with QEMU's isa-debug-exit
CONSOLE_PORT: Final = 0xE9  # as with QEMU's isa-debugcon
SECTOR_BYTES: Final = 512
DISK_SECTORS: Final = 2048

VENDOR_WORDS: Final = {
    "intel": (0x756E6547, 0x6C65746E, 0x49656E69),  # GenuineIntel in ebx, ecx, edx
    "amd": (0x68747541, 0x444D4163, 0x69746E65),  # AuthenticAMD
}


def bare_identity(vendor: str) -> Identity:
    """What cpuid says on bare hardware: vendor, and no hypervisor bit (leaf 1, ecx 31)."""
    b, c, d = VENDOR_WORDS[vendor]
    return {0: (1, b, c, d), 1: (0x0006_0F01, 0, 1 << 21, 1 << 9)}


class DebugExit:
    """Port 0xf4: the guest ends the run with a code."""

    name = "debug-exit"

    def __init__(self, board: Board) -> None:
        self.board = board

    def read(self, offset: int, size: int) -> int:
        """Nothing to read."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """End the run."""
        self.board.exit_code = value


class DebugConsole:
    """Port 0xe9: each byte written appears on the console."""

    name = "debug-console"

    def __init__(self, board: Board) -> None:
        self.board = board

    def read(self, offset: int, size: int) -> int:
        """The port answers its own number, as QEMU's does."""
        return CONSOLE_PORT

    def write(self, offset: int, size: int, value: int) -> None:
        """Append the bytes."""
        self.board.console += value.to_bytes(size, "little")


class Board:
    """One machine as its guest sees it."""

    def __init__(self, memory: Memory, levels: int, trace: Trace, vendor: str = "intel") -> None:
        self.memory = memory
        self.levels = levels
        self.trace = trace
        self.vendor = vendor
        self.agenda = Agenda()
        self.bus = Bus(trace)
        self.dma = Dma(memory, trace)
        self.reclaim: Reclaim = NobodyBelow(self.dma)
        self.cpus: list[Cpu] = []
        self.console = bytearray()
        self.disk = bytearray(SECTOR_BYTES * DISK_SECTORS)
        # Who a request passes behind the device model, from there to the physical device.
        self.backend: tuple[Party, ...] = ()
        self.exit_code: int | None = None
        self.retired = 0
        self.translated = 0  # of these, in the fast core's code
        self.faults = 0  # exceptions delivered to the guest
        self.disturbed = 0  # retired instructions that made the monitor act
        self._interventions = 0
        self.bus.add_ports(DEBUG_EXIT_PORT, 1, DebugExit(self), counted=False)
        self.bus.add_ports(CONSOLE_PORT, 1, DebugConsole(self), counted=False)

    def add_cpu(self, mmu: Mmu, identity: Identity | None = None) -> Cpu:
        """Add a processor with its interrupt controller."""
        apic = Apic(self.agenda, self.trace, identity=len(self.cpus), send=self._send)
        cpu = Cpu(
            mmu, self.bus, apic, self.agenda, self.vendor, identity or bare_identity(self.vendor)
        )
        self.cpus.append(cpu)
        return cpu

    def _send(self, destination: int, vector: int) -> None:
        if destination >= len(self.cpus):
            self.trace.record(EventKind.UNCLAIMED, f"ipi to cpu {destination:#x}", Party.DEVICE)
            return
        self.trace.record(EventKind.DEVICE_IRQ, "ipi", Party.DEVICE, vector=vector)
        self.cpus[destination].apic.request(vector)

    def interrupt(self, vector: int, device: str) -> None:
        """A device asks the first CPU for an interrupt; one still waiting absorbs the next."""
        if self.cpus[0].apic.requested >> vector & 1:
            return
        self.trace.record(
            EventKind.DEVICE_IRQ, device, Party.DEVICE, time=self.agenda.now, vector=vector
        )
        self.cpus[0].apic.request(vector)

    def passed_on(self) -> None:
        """A request goes from the device model to the physical device."""
        self._backend("request", self.backend)

    def passed_back(self) -> None:
        """A request is done: the way back."""
        self._backend("completion", self.backend[::-1])

    def _backend(self, what: str, parties: tuple[Party, ...]) -> None:
        for party in parties:
            self.trace.record(EventKind.BACKEND, what, party, time=self.agenda.now)

    def retire(self) -> None:
        """One guest instruction is complete: virtual time moves."""
        self.retired += 1
        self.agenda.now += 1
        interventions = self.trace.interventions
        if interventions != self._interventions:
            self._interventions = interventions
            self.disturbed += 1

    def retire_translated(self, count: int) -> None:
        """As ``retire`` so many times, for instructions that the monitor took no part in."""
        self.retired += count
        self.translated += count
        self.agenda.now += count
        interventions = self.trace.interventions
        if interventions != self._interventions:
            self._interventions = interventions
            self.disturbed += 1

    @property
    def progress(self) -> int:
        """What the guest itself has seen happen, equal under every technique."""
        return self.retired + self.faults

    def state_hash(self) -> str:
        """SHA-256 of RAM, registers, control registers, disk and console, as the guest sees it."""
        digest = hashlib.sha256()
        for frame in self.memory.touched():
            page = self.memory.page(frame)
            if page is not None and any(page):
                digest.update(frame.to_bytes(8, "little"))
                digest.update(pack_page(page))
        for cpu in self.cpus:
            digest.update(repr(cpu_state(cpu)).encode())
        digest.update(self.disk)
        digest.update(self.console)
        return digest.hexdigest()

    def result_hash(self, region: tuple[int, int] | None) -> str:
        """SHA-256 of the declared result region (physical address, length), disk and console."""
        digest = hashlib.sha256()
        if region is not None:
            digest.update(read_physical(self.memory, *region) or b"")
        digest.update(self.disk)
        digest.update(self.console)
        return digest.hexdigest()


def cpu_state(cpu: Cpu) -> list[tuple[str, object]]:
    """The architectural state of a CPU, in a fixed order, by name."""
    state: list[tuple[str, object]] = [("regs", tuple(cpu.regs)), ("rip", cpu.rip)]
    state += [("rflags", cpu.rflags), ("segments", tuple(s.selector for s in cpu.segments))]
    state += [(name, getattr(cpu, name)) for name in ("cr0", "cr2", "cr3", "cr4")]
    state += [(name, getattr(cpu, name)) for name in ("gdtr", "idtr", "ldtr", "task_selector")]
    state += [("msrs", tuple(cpu.msrs[number] for number in PLAIN_MSRS))]
    apic = cpu.apic
    state += [("apic", (apic.task_priority, apic.requested, apic.in_service))]
    state += [("timer", (apic.timer_register, apic.initial_count, apic.deadline))]
    return state


def pack_page(page: Page) -> bytes:
    """The 4096 bytes of a page."""
    return struct.pack(f"<{WORDS_PER_PAGE}Q", *page)


def different_state(one: Board, other: Board) -> Iterable[str]:
    """Names of what differs between two boards: for tests and for the curious."""
    for frame in sorted({*one.memory.touched(), *other.memory.touched()}):
        if (one.memory.page(frame) or []) != (other.memory.page(frame) or []):
            yield f"frame {frame:#x}"
    for number, (a, b) in enumerate(zip(one.cpus, other.cpus, strict=True)):
        for (name, mine), (_, theirs) in zip(cpu_state(a), cpu_state(b), strict=True):
            if mine != theirs:
                yield f"cpu{number}.{name}: {mine} / {theirs}"
    if one.disk != other.disk:
        yield "disk"
    if one.console != other.console:
        yield "console"
