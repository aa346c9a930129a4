"""The virtio transport: modern PCI's register structures (OASIS virtio 1.2, §4.1.4).

PCI's configuration space is not modelled: the structures lie at fixed addresses, in
the order of the specification. Once a queue runs, only the notification region is
written (a kick), and the ISR status is read where the interrupt is a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, runtime_checkable

from virtdocs.devices.interrupts import ENTRY_BYTES, Line, MessageTable
from virtdocs.devices.virtqueue import RingError, Virtqueue
from virtdocs.machine.board import Board
from virtdocs.machine.dma import DmaError
from virtdocs.trace import EventKind, Party

BASE: Final = 0xFE00_0000
COMMON: Final = 0x000
ISR: Final = 0x100
DEVICE_CONFIG: Final = 0x200
MESSAGES: Final = 0x800
NOTIFY: Final = 0x1000  # a page of its own: a hypervisor may watch it apart
NOTIFY_STRIDE: Final = 4
REGION_BYTES: Final = 0x2000

VERSION_1: Final = 1 << 32
INDIRECT_DESC: Final = 1 << 28
EVENT_IDX: Final = 1 << 29
FEATURES: Final = VERSION_1 | INDIRECT_DESC | EVENT_IDX

FEATURES_OK: Final = 8
DRIVER_OK: Final = 4
NEEDS_RESET: Final = 64
NO_VECTOR: Final = 0xFFFF
ISR_QUEUE: Final = 1
ISR_CONFIG: Final = 2

# Common configuration, offset -> field (struct virtio_pci_common_cfg).
FIELDS: Final = {
    0: "device_feature_select", 4: "device_feature", 8: "driver_feature_select",
    12: "driver_feature", 16: "config_msix_vector", 18: "num_queues", 20: "device_status",
    21: "config_generation", 22: "queue_select", 24: "queue_size", 26: "queue_msix_vector",
    28: "queue_enable", 30: "queue_notify_off", 32: "queue_desc", 36: "queue_desc_high",
    40: "queue_driver", 44: "queue_driver_high", 48: "queue_device", 52: "queue_device_high",
}  # fmt: skip
ADDRESSES: Final = {
    "queue_desc": "descriptors", "queue_driver": "available", "queue_device": "used"
}  # fmt: skip
HIGH: Final = "_high"


class VirtioDevice(Protocol):
    """What a kind of device adds to the transport."""

    name: str
    features: int
    queues: list[Virtqueue]

    def config(self, offset: int, size: int) -> int:
        """The device-specific configuration."""

    def kicked(self, queue: int) -> None:
        """The driver notified a queue; RingError where its ring breaks the rules."""


@runtime_checkable
class Configurable(Protocol):
    """A device whose configuration the driver may write to."""

    def configure(self, offset: int, size: int, value: int) -> None:
        """Write to the device-specific configuration."""


class Transport:
    """Registers of one virtio device on a board."""

    def __init__(self, board: Board, device: VirtioDevice) -> None:
        self.board = board
        self.device = device
        self.name = device.name
        self.messages = MessageTable(board, device.name, len(device.queues) + 1)
        self.line = Line(board, device.name)
        self.features = FEATURES | device.features
        self._reset()
        board.bus.add_mmio(BASE, MESSAGES, self)
        board.bus.add_mmio(BASE + MESSAGES, ENTRY_BYTES * (len(device.queues) + 1), self.messages)
        board.bus.add_mmio(
            BASE + NOTIFY, NOTIFY_STRIDE * len(device.queues), Notify(self), notification=True
        )

    def _reset(self) -> None:
        self.status = 0
        self.isr = 0
        self.accepted = 0
        self.generation = 0
        self.selected: dict[str, int] = {"device": 0, "driver": 0, "queue": 0}
        self.vectors = [NO_VECTOR] * len(self.device.queues)
        self.config_vector = NO_VECTOR
        for queue in self.device.queues:
            queue.reset()

    # Registers ------------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> int:
        """Common configuration, ISR status (cleared by reading) or device configuration."""
        if offset >= DEVICE_CONFIG:
            return self.device.config(offset - DEVICE_CONFIG, size)
        if offset == ISR:
            isr, self.isr = self.isr, 0
            self.line.set(False)
            return isr
        return self._read_common(FIELDS.get(offset, ""))

    def _read_common(self, field: str) -> int:
        queue = self._queue
        if field == "device_feature":
            return self.features >> 32 * self.selected["device"] & 0xFFFF_FFFF
        if field == "driver_feature":
            return self.accepted >> 32 * self.selected["driver"] & 0xFFFF_FFFF
        if field.removesuffix(HIGH) in ADDRESSES:
            value: int = getattr(queue, ADDRESSES[field.removesuffix(HIGH)]) if queue else 0
            return value >> 32 if field.endswith(HIGH) else value & 0xFFFF_FFFF
        return {
            "num_queues": len(self.device.queues),
            "device_status": self.status,
            "config_msix_vector": self.config_vector,
            "config_generation": self.generation,
            "device_feature_select": self.selected["device"],
            "driver_feature_select": self.selected["driver"],
            "queue_select": self.selected["queue"],
            "queue_size": queue.size if queue else 0,
            "queue_msix_vector": self.vectors[self.selected["queue"]] if queue else NO_VECTOR,
            "queue_enable": int(queue.enabled) if queue else 0,
            "queue_notify_off": self.selected["queue"],
        }.get(field, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """Common configuration, or the device's; everything else here is read-only."""
        if offset >= DEVICE_CONFIG:
            if isinstance(self.device, Configurable):
                self.device.configure(offset - DEVICE_CONFIG, size, value)
            return
        field = FIELDS.get(offset, "") if offset < ISR else ""
        queue = self._queue
        if field.endswith("_select"):
            self.selected[field.removesuffix("_select").removesuffix("_feature")] = value
        elif field == "driver_feature":
            shift = 32 * self.selected["driver"]
            self.accepted = self.accepted & ~(0xFFFF_FFFF << shift) | value << shift
        elif field == "device_status":
            self._write_status(value)
        elif field == "config_msix_vector":
            self.config_vector = value
        elif queue is not None:
            self._write_queue(queue, field, value)

    def _write_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        if value & FEATURES_OK and self.accepted & ~self.features:
            value &= ~FEATURES_OK  # the driver took what was not offered (§2.2)
        self.status = value | self.status & NEEDS_RESET
        for queue in self.device.queues:
            queue.event_idx = bool(self.accepted & EVENT_IDX)
            queue.indirect = bool(self.accepted & INDIRECT_DESC)

    def _write_queue(self, queue: Virtqueue, field: str, value: int) -> None:
        if field == "queue_size" and 0 < value <= queue.max_size and value & value - 1 == 0:
            queue.size = value
        elif field == "queue_msix_vector":
            self.vectors[self.selected["queue"]] = value
        elif field == "queue_enable":
            queue.enabled = bool(value)
        elif field.removesuffix(HIGH) in ADDRESSES:
            name = ADDRESSES[field.removesuffix(HIGH)]
            old: int = getattr(queue, name)
            high, low = old >> 32, old & 0xFFFF_FFFF
            high, low = (value, low) if field.endswith(HIGH) else (high, value)
            setattr(queue, name, high << 32 | low)

    @property
    def _queue(self) -> Virtqueue | None:
        number = self.selected["queue"]
        return self.device.queues[number] if number < len(self.device.queues) else None

    # Working --------------------------------------------------------------------------------

    def kick(self, number: int) -> None:
        """The driver notified queue ``number``; a broken device looks at nothing."""
        self.board.trace.record(
            EventKind.KICK, self.name, Party.DEVICE, time=self.board.agenda.now, queue=number
        )
        if self.device.queues[number].enabled:
            self.guarded(lambda: self.device.kicked(number))

    def guarded(self, work: Callable[[], bool | None]) -> bool:
        """Do the device's work; a broken ring stops the device instead of its host.

        What ``work`` says of itself, False where it could not be done.
        """
        if self.status & NEEDS_RESET or not self.status & DRIVER_OK:
            return False
        try:
            return bool(work())
        except (RingError, DmaError):
            self.status |= NEEDS_RESET
            self._interrupt(self.config_vector, ISR_CONFIG)
            return False

    def completed(self, number: int) -> None:
        """Interrupt for queue ``number`` if its driver wants to hear."""
        if self.device.queues[number].wants_interrupt():
            self._interrupt(self.vectors[number], ISR_QUEUE)

    def configuration_changed(self) -> None:
        """The device has changed its configuration: the driver hears of it (§4.1.5.4)."""
        self.generation = self.generation + 1 & 0xFF
        if self.status & DRIVER_OK:
            self._interrupt(self.config_vector, ISR_CONFIG)

    def _interrupt(self, vector: int, cause: int) -> None:
        if not self.messages.in_use:
            self.isr |= cause
            self.line.set(True)
        elif vector != NO_VECTOR:
            self.messages.send(vector)


class Notify:
    """The notification region: each queue's address, to which the driver writes to kick."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.name = transport.name

    def read(self, offset: int, size: int) -> int:
        """Nothing to read."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """A kick."""
        self.transport.kick(offset // NOTIFY_STRIDE)
