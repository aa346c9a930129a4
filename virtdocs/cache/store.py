"""A folder of kept values: whole, or as if they were not there.

An entry is written beside its place and then moved there, so a process that is killed leaves
none or a whole one, and two that write the same do not meet. Its first bytes are the hash of
its key and of the others: what is cut short, altered or put elsewhere is not read. Only
classes of this package, and fractions, come out of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import tempfile
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

HASH_BYTES: Final = hashlib.sha256().digest_size
MOST_ENTRIES: Final = 20_000
MOST_BYTES: Final = 500_000_000
OWN: Final = "virtdocs."
PLAIN: Final = frozenset({("fractions", "Fraction")})


def _member(kind: type[Enum], name: str) -> Enum:
    """A member of an enumeration, and nothing else that ``getattr`` would give."""
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        raise pickle.UnpicklingError(f"{kind!r} is no enumeration")
    return kind[name]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Classes of the package only."""
        if (module, name) == ("builtins", "getattr"):
            return _member  # how Python 3.11.2 writes a member of an enumeration
        if module.startswith(OWN) or (module, name) in PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")


class _Pickler(pickle.Pickler):
    def reducer_override(self, given: Any) -> Any:
        """A dataclass as a call of its class: the way of frozen ones reads much slower."""
        if is_dataclass(given) and not isinstance(given, type):
            return type(given), tuple(getattr(given, one.name) for one in fields(given))
        return NotImplemented


def _hash(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).digest()


class Store:
    """Values by key, a hexadecimal text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._trimmed = False

    def holds(self, key: str) -> bool:
        """Whether there is an entry, whole or damaged."""
        return (self.folder / key).is_file()

    def get(self, key: str) -> Any:
        """The value, or None when there is none or it is damaged."""
        try:
            entry = (self.folder / key).read_bytes()
        except OSError:
            return None
        digest, payload = entry[:HASH_BYTES], entry[HASH_BYTES:]
        if _hash(key, payload) != digest:
            return None
        try:
            return _Unpickler(io.BytesIO(payload)).load()
        except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, IndexError,
                KeyError, TypeError, ValueError):  # fmt: skip
            return None

    def put(self, key: str, value: object) -> None:
        """Keep a value. A folder that can't be written keeps nothing, and that is all."""
        written = io.BytesIO()
        _Pickler(written, protocol=5).dump(value)
        payload = written.getvalue()
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._trim()
            handle, beside = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_hash(key, payload) + payload)
                os.replace(beside, self.folder / key)
            except OSError:
                os.unlink(beside)
                raise

    def _trim(self) -> None:
        """Before the first entry is added: drop the oldest half when there are too many."""
        if self._trimmed:
            return
        self._trimmed = True
        with os.scandir(self.folder) as found:
            entries = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path)
                             for entry in found)  # fmt: skip
        if len(entries) > MOST_ENTRIES or sum(size for _, size, _ in entries) > MOST_BYTES:
            for _, _, path in entries[: -(-len(entries) // 2)]:
                Path(path).unlink(missing_ok=True)
