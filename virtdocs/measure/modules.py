"""Which modules a driver needs, and in which order to load them.

A module names what it depends on in its section ``.modinfo`` (``depends=a,b``), so no
``modules.dep`` has to be made; what is built into the kernel has no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from virtdocs.errors import BadValue

_DEPENDS: Final = re.compile(rb"\0depends=([^\0]*)\0")


def in_order(directory: Path, wanted: Iterable[str]) -> list[Path]:
    """The files of ``wanted`` and of all that they depend on, dependencies first."""
    files = {_name(path.stem): path for path in directory.rglob("*.ko")}
    found: dict[str, Path] = {}

    def add(name: str) -> None:
        if name in found or name not in files:
            return
        for other in depends(files[name]):
            add(other)
        found[name] = files[name]

    for name in wanted:
        if _name(name) not in files and not _built_in(directory, name):
            raise BadValue("measure", f"the kernel in {directory} has no module {name}")
        add(_name(name))
    return list(found.values())


def depends(module: Path) -> list[str]:
    """The names of the modules that this one needs."""
    found = _DEPENDS.search(module.read_bytes())
    names = found[1].decode() if found else ""
    return [_name(name) for name in names.split(",") if name]


def _name(name: str) -> str:
    """In file names ``-`` and ``_`` are the same."""
    return name.replace("-", "_")


def _built_in(directory: Path, name: str) -> bool:
    listing = directory / "modules.builtin"
    if not listing.exists():
        return False
    return any(_name(Path(line).stem) == _name(name) for line in listing.read_text().splitlines())
