"""How a device interrupts: by message (MSI, MSI-X), or by a line that it holds (INTx).

A message is an edge: it names a vector and leaves nothing behind. A line stays up
until the driver clears its cause in the device, so the handler has to read why; an
end of interrupt with the line still up interrupts again (PCI 3.0 §2.2.6, §6.8).
"""

from __future__ import annotations

from typing import Final

from virtdocs.machine.board import Board

# The board routes the one line of each device to this vector, as firmware programs an I/O APIC.
LINE_VECTOR: Final = 0x60
ENTRY_BYTES: Final = 16
DATA: Final = 8  # offset of an entry's message data, whose low byte is the vector
CONTROL: Final = 12
MASKED: Final = 1


class EdgeLine:
    """An ISA bus's line, edge-triggered: it asks when it rises, whatever becomes of it then."""

    def __init__(self, board: Board, device: str, vector: int = LINE_VECTOR) -> None:
        self.board = board
        self.device = device
        self.vector = vector
        self.held = False

    def set(self, held: bool) -> None:
        """Raise or drop the line; raising it asks for an interrupt."""
        if held and not self.held:
            self.board.interrupt(self.vector, self.device)
        self.held = held


class Line(EdgeLine):
    """A PCI bus's line, level-triggered: while it is held, it asks again after each answer."""

    def __init__(self, board: Board, device: str, vector: int = LINE_VECTOR) -> None:
        super().__init__(board, device, vector)
        board.cpus[0].apic.lines[vector] = lambda: self.held


class MessageTable:
    """An MSI-X table: for each of the device's causes the message to send (PCI 3.0 §6.8.2)."""

    def __init__(self, board: Board, device: str, entries: int) -> None:
        self.board = board
        self.name = device
        self.words = [0] * (entries * ENTRY_BYTES // 4)
        for entry in range(entries):
            self.words[(entry * ENTRY_BYTES + CONTROL) // 4] = MASKED

    @property
    def size(self) -> int:
        """Length of the table in bytes."""
        return 4 * len(self.words)

    def read(self, offset: int, size: int) -> int:
        """A 32-bit part of an entry."""
        return self.words[offset // 4]

    def write(self, offset: int, size: int, value: int) -> None:
        """Set a 32-bit part of an entry."""
        self.words[offset // 4] = value

    def enabled(self, entry: int) -> bool:
        """Whether the driver has set this entry up."""
        at = entry * ENTRY_BYTES
        return at < self.size and not self.words[(at + CONTROL) // 4] & MASKED

    @property
    def in_use(self) -> bool:
        """Whether the driver chose messages: it has set an entry up."""
        return any(self.enabled(entry) for entry in range(self.size // ENTRY_BYTES))

    def send(self, entry: int) -> None:
        """Send the entry's message unless it is masked."""
        if self.enabled(entry):
            vector = self.words[(entry * ENTRY_BYTES + DATA) // 4] & 0xFF
            self.board.interrupt(vector, self.name)
