"""Fusion-MPT's doorbell: messages of a controller that has no queues yet, word by word.

The driver says how many words come, then writes each to the one register and looks in
between whether it was taken; the reply is read from the same register in halves of a word
(Linux 6.1, drivers/message/fusion/mptbase.c: mpt_handshake_req_reply_wait,
WaitForDoorbellReply; QEMU at 07e070a, hw/scsi/mptsas.c: mptsas_doorbell_write,
mptsas_doorbell_read).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

HANDSHAKE: Final = 0x42  # the function in a doorbell's highest byte
ACTIVE: Final = 1 << 27


class Doorbell:
    """A handshake: nothing, a message on its way in, or a reply on its way out.

    ``message`` takes a whole message and gives the reply, or nothing; ``rings`` is whether
    the doorbell interrupts.
    """

    def __init__(self, message: Callable[[bytes], bytes]) -> None:
        self.message = message
        self.reset()

    def reset(self) -> None:
        """No handshake."""
        self.wanted = 0
        self.words = bytearray()
        self.reply = b""
        self.replying = False
        self.rings = False

    @property
    def writing(self) -> bool:
        """Whether what is written now is a word of a message."""
        return self.wanted > 0

    def read(self) -> int:
        """The register without the controller's state: in use, and the next half of a word."""
        if not self.replying:
            return ACTIVE if self.writing else 0
        half, self.reply = self.reply[:2], self.reply[2:]
        return ACTIVE | int.from_bytes(half, "little")

    def begin(self, value: int) -> None:
        """A handshake of so many words; one of none is nothing."""
        self.reset()
        self.wanted = value >> 16 & 0xFF
        self.rings = self.writing

    def write(self, value: int) -> None:
        """A word of the message; after the last one the controller answers."""
        self.words += value.to_bytes(4, "little")
        if len(self.words) < 4 * self.wanted:
            return
        message = bytes(self.words)
        self.reset()
        self.reply = self.message(message)
        self.replying = self.rings = bool(self.reply)

    def cleared(self) -> None:
        """The driver clears the interrupt: it stays while there is more of a reply to read, and
        once more behind the end of it."""
        if not self.replying:
            self.rings = False
        elif not self.reply:
            self.replying = False
