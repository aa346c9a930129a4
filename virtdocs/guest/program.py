"""An assembled guest program: what goes where in memory, and which line it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceLine:
    """The line of text that produced the bytes at an address."""

    file: str
    number: int
    text: str
    length: int
    instruction: bool


@dataclass(frozen=True, slots=True)
class Program:
    """``chunks`` are (physical address, bytes), sorted, without overlap; addresses in bytes.

    ``entry`` is the address of the first instruction to run, ``result`` the declared
    region (address, length) that equal ports must fill equally. ``text`` is what counted
    of the source after ``.if``: (file, line number, line).
    """

    name: str
    chunks: tuple[tuple[int, bytes], ...]
    entry: int
    labels: Mapping[str, int]
    result: tuple[int, int] | None
    lines: Mapping[int, SourceLine]
    text: tuple[tuple[str, int, str], ...] = ()

    @property
    def size(self) -> int:
        """How many bytes the program puts into memory."""
        return sum(len(data) for _, data in self.chunks)

    def bytes_at(self, address: int, length: int) -> bytes:
        """Assembled bytes; KeyError outside the chunks."""
        for start, data in self.chunks:
            if start <= address and address + length <= start + len(data):
                return data[address - start : address - start + length]
        raise KeyError(address)
