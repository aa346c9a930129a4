"""Which engine gave an answer: a hash of everything in the wheel that can change one."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import virtdocs

SUFFIXES = (".py", ".toml", ".csv", ".s")


def engine_hash(root: Path | None = None) -> str:
    """SHA-256 over sorted relative paths and bytes of the package's sources and data.

    The same for a checkout, an installed wheel and a browser, whatever their folder;
    each part is preceded by its length, so that no two trees run into one another.
    Without ``root`` it is that of the running package, read once: what runs stays the same.
    """
    return _hash_of(root) if root else _own()


@lru_cache(maxsize=1)
def _own() -> str:
    return _hash_of(Path(virtdocs.__file__).parent)


def _hash_of(root: Path) -> str:
    found = sorted(
        (os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/"), folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith(SUFFIXES)
    )
    total = hashlib.sha256()
    for named, folder, name in found:
        with open(os.path.join(folder, name), "rb") as file:
            whole = file.read()
        for part in (named.encode(), whole):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return total.hexdigest()
