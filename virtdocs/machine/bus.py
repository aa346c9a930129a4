"""Ports and memory-mapped registers: devices subscribe to ranges.

An access that no device answers is recorded and reads as all ones, as on a PC's
bus; the run's report names it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from virtdocs.trace import EventKind, Party, Trace


class Device(Protocol):
    """A device's registers. ``offset`` counts from the start of the subscribed range."""

    @property
    def name(self) -> str:
        """The device's name in traces."""

    def read(self, offset: int, size: int) -> int:
        """The register's value; ``size`` in bytes."""

    def write(self, offset: int, size: int, value: int) -> None:
        """Write a register."""


@dataclass(frozen=True, slots=True)
class Range:
    """A subscribed range of ports or physical addresses."""

    start: int
    length: int
    device: Device
    counted: bool  # debug ports and virtio notifications count as no device access
    notification: bool = False  # a write says "look" and carries nothing: a host may queue it


@dataclass(slots=True)
class Bus:
    """Finds the device for an access and counts the access."""

    trace: Trace
    ports: list[Range] = field(default_factory=list)
    mmio: list[Range] = field(default_factory=list)
    # Told of each access before the device is: who has to be passed to get there.
    path: Callable[[Range | None], None] | None = None
    # General registers of the CPU that accesses a port: a backdoor takes its arguments there.
    registers: list[int] = field(default_factory=list)

    def add_ports(self, start: int, length: int, device: Device, counted: bool = True) -> None:
        """Subscribe ``device`` to ``length`` ports from ``start``."""
        self._add(self.ports, Range(start, length, device, counted))

    def add_mmio(
        self, start: int, length: int, device: Device, *, notification: bool = False
    ) -> None:
        """Subscribe ``device`` to physical addresses; notifications count for themselves."""
        self._add(self.mmio, Range(start, length, device, not notification, notification))

    @staticmethod
    def _add(ranges: list[Range], new: Range) -> None:
        for old in ranges:
            if new.start < old.start + old.length and old.start < new.start + new.length:
                raise ValueError(f"{new.device.name} overlaps {old.device.name}")
        ranges.append(new)

    def port_read(self, port: int, size: int) -> int:
        """Read a port."""
        return self._read(self.ports, "port", port, size)

    def port_write(self, port: int, size: int, value: int) -> None:
        """Write a port."""
        self._write(self.ports, "port", port, size, value)

    def mmio_read(self, address: int, size: int) -> int:
        """Read a physical address that is no memory."""
        return self._read(self.mmio, "mmio", address, size)

    def mmio_write(self, address: int, size: int, value: int) -> None:
        """Write a physical address that is no memory."""
        self._write(self.mmio, "mmio", address, size, value)

    @staticmethod
    def _find(ranges: list[Range], at: int) -> Range | None:
        for found in ranges:
            if found.start <= at < found.start + found.length:
                return found
        return None

    def _read(self, ranges: list[Range], space: str, at: int, size: int) -> int:
        found = self._passed(ranges, at)
        if found is None:
            self._unclaimed("read", space, at)
            return (1 << 8 * size) - 1
        if found.counted:
            self._count("read", found, at)
        return found.device.read(at - found.start, size) & (1 << 8 * size) - 1

    def _write(self, ranges: list[Range], space: str, at: int, size: int, value: int) -> None:
        found = self._passed(ranges, at)
        if found is None:
            self._unclaimed("write", space, at)
            return
        if found.counted:
            self._count("write", found, at)
        found.device.write(at - found.start, size, value & (1 << 8 * size) - 1)

    def _passed(self, ranges: list[Range], at: int) -> Range | None:
        found = self._find(ranges, at)
        if self.path is not None:
            self.path(found)
        return found

    def _count(self, what: str, found: Range, at: int) -> None:
        self.trace.record(
            EventKind.DEVICE_ACCESS, what, Party.DEVICE, device=found.device.name, at=at
        )

    def _unclaimed(self, what: str, space: str, at: int) -> None:
        self.trace.record(EventKind.UNCLAIMED, f"{space} {what} {at:#x}", Party.DEVICE)
