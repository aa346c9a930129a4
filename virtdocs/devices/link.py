"""What stands behind every network controller: a cable, and a peer that answers.

For each frame the peer sends a number of replies: the frame again, with the reply's
number added to its first eight bytes. Latency is virtual time: what the controller
takes to send, and what the peer takes to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.trace import EventKind, Party

HEAD_BYTES: Final = 8
LONGEST: Final = 1514  # Ethernet header and 1,500 bytes


@dataclass(slots=True)
class Link:
    """``replies`` frames for each one sent, ``gap`` apart."""

    board: Board
    latency: int
    replies: int
    gap: int = 0
    receiver: tuple[str, Callable[[bytes], bool]] | None = None
    sent: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, board: Board, options: Mapping[str, int]) -> Link:
        """The link that a workload's parameters describe."""
        replies, gap = options.get("replies", 0), options.get("gap", 0)
        return cls(board, options["latency"], replies, gap)

    def later(self, action: Callable[[], object]) -> None:
        """Do what the controller needs its time for."""
        self.board.agenda.schedule(self.board.agenda.now + self.latency, action)

    def send(self, frame: bytes) -> None:
        """A frame leaves; the replies are on their way."""
        self.board.passed_on()
        self.sent.append(frame)
        number = int.from_bytes(frame[:HEAD_BYTES], "little")
        arrival = self.board.agenda.now + self.latency
        for reply in range(self.replies):
            head = (number + reply & (1 << 64) - 1).to_bytes(HEAD_BYTES, "little")
            self.board.agenda.schedule(
                arrival + self.gap * reply, partial(self._arrive, head + frame[HEAD_BYTES:])
            )

    def plug(self, device: str, receive: Callable[[bytes], bool]) -> None:
        """``receive`` takes what arrives; False when it could not."""
        self.receiver = device, receive

    def _arrive(self, frame: bytes) -> None:
        self.board.passed_back()
        self.arrive(frame)

    def arrive(self, frame: bytes) -> None:
        """A frame arrives; one that the controller cannot take is lost, and reported."""
        device, receive = self.receiver or ("nobody", lambda _frame: False)
        if not receive(frame):
            self.board.trace.record(EventKind.UNCLAIMED, f"frame for {device}", Party.DEVICE)
