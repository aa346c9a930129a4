"""The guest's first files, as the kernel takes them: a cpio archive of the ``newc`` format.

(Linux, Documentation/driver-api/early-userspace/buffer-format.rst: a header of 110
characters, the name, the content, each filled up to four bytes.)
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Final

FILE: Final = 0o100755
DIRECTORY: Final = 0o040755
CONSOLE: Final = 0o020600  # a character device: the kernel opens it for the first program
CONSOLE_NUMBER: Final = (5, 1)
TRAILER: Final = "TRAILER!!!"


def archive(files: Mapping[str, bytes]) -> bytes:
    """A compressed archive of ``files`` by name, with the directories that they need."""
    folders = {"dev"}
    for name in files:
        above = name.split("/")[:-1]
        folders |= {"/".join(above[: n + 1]) for n in range(len(above))}
    parts = [_entry(n, name, DIRECTORY) for n, name in enumerate(sorted(folders), start=1)]
    parts.append(_entry(len(parts) + 1, "dev/console", CONSOLE, number=CONSOLE_NUMBER))
    for n, (name, data) in enumerate(files.items(), start=len(parts) + 1):
        parts.append(_entry(n, name, FILE, data))
    parts.append(_entry(0, TRAILER, 0))
    return gzip.compress(b"".join(parts), compresslevel=1, mtime=0)


def _entry(
    inode: int, name: str, mode: int, data: bytes = b"", number: tuple[int, int] = (0, 0)
) -> bytes:
    raw_name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *number, len(raw_name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _filled(header + raw_name) + _filled(data)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
