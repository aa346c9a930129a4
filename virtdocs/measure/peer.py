"""The other end of the guest's cable: QEMU's ``-netdev socket,udp=`` sends each frame here."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Final

ETHERTYPE: Final = b"\x88\xb5"  # local experiments (IEEE 802); guest/work.c sends no other
HEADER_BYTES: Final = 14
HOST: Final = "127.0.0.1"


class Peer:
    """Sends each frame back as often as its first byte after the header says."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((HOST, 0))
            self._guest = free.getsockname()

    @property
    def options(self) -> tuple[str, str]:
        """QEMU's options for a network that ends here."""
        here, there = self._socket.getsockname()[1], self._guest[1]
        return "-netdev", f"socket,id=net,udp={HOST}:{here},localaddr={HOST}:{there}"

    def __enter__(self) -> Peer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A datagram that is no frame ends the thread, which then owns nothing any more.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        while frame := self._socket.recv(65536):
            if frame[12:HEADER_BYTES] == ETHERTYPE and len(frame) > HEADER_BYTES:
                back = frame[6:12] + frame[6:12] + frame[12:]
                for _ in range(frame[HEADER_BYTES]):
                    self._socket.sendto(back, self._guest)
