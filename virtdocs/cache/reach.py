"""Which files a module's answer can depend on: its imports, and theirs, and the data.

Imports are read from the text, wherever in a file they stand; those for type checkers
alone are left out. Data files have no imports: all of them belong to every module.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DATA_SUFFIXES: Final = (".toml", ".csv", ".s", ".lock")
# It names every exhibit, so it imports all of them; what one computes does not depend on that.
LISTS: Final = frozenset({"virtdocs.exhibits"})
# Words and their languages come after an answer.
WORDS: Final = ("catalogue",)


def imports_of(text: str) -> Iterator[str]:
    """Dotted names of everything that a module imports when it runs."""
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            # No import stands inside an expression, and most of a file is expressions.
            children = ast.iter_child_nodes(node)
            waiting += [child for child in children if not isinstance(child, ast.expr)]


@dataclass(slots=True)
class Reach:
    """The files of one package as they were when it was first asked, by module.

    ``root`` is the package's folder.
    """

    root: Path
    _hashes: dict[Path, str] = field(default_factory=dict)
    _imports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _reached: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    _data: tuple[Path, ...] | None = None

    def files(self, module: str) -> tuple[Path, ...]:
        """Everything that ``module`` reaches, sorted; empty for one outside the package."""
        if module not in self._reached:
            self._reached[module] = self._follow(module) if self._file(module) is not None else ()
        return self._reached[module]

    def _follow(self, module: str) -> tuple[Path, ...]:
        reached: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            if name in reached:
                continue
            reached.add(name)
            waiting += self._needed(name)
        found = {path for name in reached if (path := self._file(name)) is not None}
        return tuple(sorted({*found, *self.data()}))

    def data(self) -> tuple[Path, ...]:
        """Data files and guest images of the package."""
        if self._data is None:
            self._data = tuple(
                sorted(
                    path
                    for path in self.root.rglob("*")
                    if path.suffix in DATA_SUFFIXES
                    and path.relative_to(self.root).parts[0] not in WORDS
                )
            )
        return self._data

    def digest(self, path: Path) -> str:
        """SHA-256 of a file as it was when first asked for."""
        if path not in self._hashes:
            self._hashes[path] = now(path)
        return self._hashes[path]

    def unchanged(self, paths: tuple[Path, ...]) -> bool:
        """Whether these files are what they were when they were first asked for."""
        return all(self.digest(path) == now(path) for path in paths)

    def _needed(self, module: str) -> tuple[str, ...]:
        """Modules of the package that this one imports, and the packages around them."""
        if module not in self._imports:
            path = self._file(module)
            text = path.read_text(encoding="utf-8") if path is not None else ""
            found = {name for one in imports_of(text) for name in _around(one)}
            self._imports[module] = tuple(
                sorted(one for one in found if one not in LISTS and self._file(one) is not None)
            )
        return self._imports[module]

    def _file(self, module: str) -> Path | None:
        first, _, rest = module.partition(".")
        if first != self.root.name:
            return None
        base = self.root.joinpath(*rest.split(".")) if rest else self.root
        return next(
            (path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()),
            None,
        )


def now(path: Path) -> str:
    """SHA-256 of a file's bytes; of nothing when it is gone."""
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()


def _around(name: str) -> Iterator[str]:
    """``a.b.c``, ``a.b`` and ``a``: importing a module runs the packages that it lies in."""
    while name:
        yield name
        name = name.rpartition(".")[0]
