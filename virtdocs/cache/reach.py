"""Which files a module's answer can depend on: its imports, and theirs, and the data they name.

Imports are read from the text, wherever in a file they stand; those for type checkers
alone are left out. A data file belongs to whoever reaches a module that has its name or its
folder's in quotes, for whatever reason; one that nobody names belongs to all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from virtdocs.cache.text import imports_of, names_in

DATA_SUFFIXES: Final = (".toml", ".csv", ".s", ".lock")
# It names every exhibit, so it imports all of them; what one computes does not depend on that.
LISTS: Final = frozenset({"virtdocs.exhibits"})
# Words and their languages come after an answer.
WORDS: Final = ("catalogue/",)
DATA: Final = "data"  # the folder of the files that modules name
State: TypeAlias = tuple[int, int, int]  # when written (ns), bytes, place on disk
Said: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # what a text imports; data it names


@dataclass(slots=True)
class Reach:
    """The files of one package as they were when it was first asked, by module.

    ``root`` is the package's folder, ``known`` what texts import and quote, by their digest:
    reading it from a text takes longer than everything else here, and a text stays as it is.
    """

    root: Path
    known: dict[str, Said] = field(default_factory=dict)
    learned: bool = False  # whether ``known`` has grown
    _files: tuple[Path, ...] | None = None
    _data: tuple[Path, ...] | None = None
    _modules: dict[str, Path] | None = None
    _read: dict[Path, tuple[str, float, State]] = field(default_factory=dict)
    _lines: dict[Path, str] = field(default_factory=dict)
    _needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _namers: dict[Path, frozenset[Path]] | None = None
    _data_names: frozenset[str] | None = None
    _reached: dict[str, tuple[Path, ...]] = field(default_factory=dict)

    def files(self, module: str) -> tuple[Path, ...]:
        """Everything that ``module`` reaches; empty for one outside the package."""
        return (*self.code(module), *self.data_of(module))

    def data_of(self, module: str) -> tuple[Path, ...]:
        """The data alone."""
        reached = frozenset(self.code(module))
        return tuple(
            path
            for path, namers in self.namers().items()
            if reached and (not namers or namers & reached)
        )

    def namers(self) -> Mapping[Path, frozenset[Path]]:
        """For each data file the sources that name it; none for one that belongs to all."""
        if self._namers is None:
            who: dict[str, set[Path]] = {}
            for path in self.modules().values():
                for name in self._said(path)[1]:
                    who.setdefault(name, set()).add(path)
            self._namers = {
                path: frozenset(one for name in self._names(path) for one in who.get(name, ()))
                for path in self.data()
            }
        return self._namers

    def data_names(self) -> frozenset[str]:
        """Every name that a text may mean a data file by."""
        if self._data_names is None:
            self._data_names = frozenset(n for path in self.data() for n in self._names(path))
        return self._data_names

    def _names(self, path: Path) -> list[str]:
        """What a data file may be meant by: its own name, and its folders' within the data."""
        top, *names = self.named(path).split("/")
        return names if top == DATA else []

    def code(self, module: str) -> tuple[Path, ...]:
        """The sources alone, sorted by module."""
        if module not in self._reached:
            self._reached[module] = self._follow(module)
        return self._reached[module]

    def _follow(self, module: str) -> tuple[Path, ...]:
        modules, needs = self.modules(), self._needs
        reached = {module} if module in modules else set()
        waiting = list(reached)
        while waiting:
            name = waiting.pop()
            new = [one for one in needs.get(name) or self._needed(name) if one not in reached]
            reached.update(new)
            waiting += new
        return tuple(modules[name] for name in sorted(reached))

    def modules(self) -> Mapping[str, Path]:
        """Every module of the package by its full name."""
        if self._modules is None:
            self._modules = {
                _module(self.root.name, self.named(path)): path
                for path in self._listed()
                if path.suffix == ".py"
            }
        return self._modules

    def data(self) -> tuple[Path, ...]:
        """Data files and guest images of the package."""
        if self._data is None:
            self._data = tuple(
                path
                for path in self._listed()
                if path.suffix in DATA_SUFFIXES and not self.named(path).startswith(WORDS)
            )
        return self._data

    def digest(self, path: Path) -> str:
        """SHA-256 of a file as it was when first asked for."""
        return self._known(path)[0]

    def line(self, path: Path) -> str:
        """A file's name and digest, as one line of what a key is made of."""
        if path not in self._lines:
            self._lines[path] = f"{self.digest(path)} {self.named(path)}\n"
        return self._lines[path]

    def edited(self, path: Path) -> float:
        """When the file that ``digest`` speaks of was last written, in seconds of the epoch."""
        return self._known(path)[1]

    def unchanged(self, paths: Iterable[Path]) -> bool:
        """Whether these files are what they were when they were first asked for.

        One that has the same time, size and place on disk is taken to be: an edit within the
        grain of a file's time would have made it too young to be trusted at all.
        """
        return all(
            _state(path) == self._known(path)[2] or self.digest(path) == now(path) for path in paths
        )

    def named(self, path: Path) -> str:
        """A file's name within the package, the same in every folder."""
        return str(path)[len(str(self.root)) + 1 :].replace(os.sep, "/")

    def _known(self, path: Path) -> tuple[str, float, State]:
        if path not in self._read:
            digest = now(path)
            # The time is asked for last: an edit in between makes the file look too young.
            state = _state(path)
            self._read[path] = digest, state[0] / 1e9, state
        return self._read[path]

    def _needed(self, module: str) -> tuple[str, ...]:
        """Modules of the package that this one imports, and the packages around them."""
        if module not in self._needs:
            found = {name for one in self._said(self.modules()[module])[0] for name in _around(one)}
            self._needs[module] = tuple(
                sorted(one for one in found if one not in LISTS and one in self.modules())
            )
        return self._needs[module]

    def _said(self, path: Path) -> Said:
        digest = self.digest(path)
        if digest not in self.known:
            text = path.read_text(encoding="utf-8")
            try:
                imported = set(imports_of(text))
            except SyntaxError:  # being edited: whoever imports it fails, and keeps nothing
                return (), ()
            own = {one for one in imported if one.partition(".")[0] == self.root.name}
            said = tuple(sorted(own)), tuple(sorted(names_in(text) & self.data_names()))
            if now(path) != digest:  # edited in between: nobody may remember this
                return said
            self.known[digest] = said
            self.learned = True
        return self.known[digest]

    def _listed(self) -> tuple[Path, ...]:
        if self._files is None:
            self._files = tuple(
                sorted(
                    Path(folder, name)
                    for folder, _, names in os.walk(self.root)
                    for name in names
                    if name.endswith((".py", *DATA_SUFFIXES))
                )
            )
        return self._files


def _state(path: Path) -> State:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _module(package: str, name: str) -> str:
    parts = [package, *name.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def now(path: Path) -> str:
    """SHA-256 of a file's bytes; of nothing when it is gone."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return hashlib.sha256(b"").hexdigest()


def _around(name: str) -> Iterator[str]:
    """``a.b.c``, ``a.b`` and ``a``: importing a module runs the packages that it lies in."""
    while name:
        yield name
        name = name.rpartition(".")[0]
