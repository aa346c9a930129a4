"""Exhibits by name and parameters, computed at most once for the same code and data."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

import virtdocs
from virtdocs import exhibits
from virtdocs.cache.declared import Declared, declaration, declarations
from virtdocs.cache.reach import Reach
from virtdocs.cache.shared import share
from virtdocs.cache.store import Store
from virtdocs.cache.text import imports_of
from virtdocs.errors import UnknownName, VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.exhibits.registry import Params
from virtdocs.views.model import ViewBundle

VARIABLE: Final = "VIRTDOCS_CACHE"  # a folder, or `off`
OFF: Final = "off"
FORM: Final = 3  # of the entries
# The engine is imported within this many seconds: a file that is younger than that when the
# cache is opened may not be the one that was imported.
IMPORTING: Final = 2.0


def default_folder() -> Path | None:
    """Where a checkout keeps its cache; None for an installed package, or when it is off."""
    said = os.environ.get(VARIABLE)
    if said:
        return None if said == OFF else Path(said)
    checkout = Path(virtdocs.__file__).parent.parent
    return checkout / "build" / "cache" if (checkout / "mkdocs.yml").is_file() else None


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry: what the exhibit shows with a hash of it, and the hash of its answer."""

    bundle: ViewBundle
    answer_hash: str
    shown: str


@dataclass(slots=True)
class Cache:
    """One build's exhibits. ``computed`` and ``found`` count what happened."""

    store: Store | None
    reach: Reach = field(default_factory=lambda: Reach(Path(virtdocs.__file__).parent))
    settled: float = field(default_factory=lambda: time.time() - IMPORTING)
    computed: int = 0
    found: int = 0
    _parts: dict[tuple[Path, ...], str] = field(default_factory=dict)
    _reached: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _declared: dict[str, Declared] = field(default_factory=dict)
    _shown: dict[tuple[str, Params], str] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path | None) -> Cache:
        """A cache in this folder; without one, everything is computed."""
        return cls(Store(folder) if folder is not None else None)

    def build(self, name: str, params: Mapping[str, object]) -> Built:
        """The exhibit; raises what computing it raises."""
        if found := self.kept(name, params):
            return found
        declared = self.declared(name)
        built = exhibits.build(name, params, declared.group)
        self.computed += 1
        key = self.key(declared, built.params)
        # What was edited meanwhile may have been imported before or after.
        if self.store is not None and key and self.reach.unchanged(self._files(declared.module)):
            self.store.put(key, Kept(built.bundle, built.answer_hash, self.shown(built)))
        return built

    def kept(self, name: str, params: Mapping[str, object]) -> Built | None:
        """The exhibit if it need not be computed."""
        declared = self.declared(name)
        resolved = declared.resolve(params)
        key = self.key(declared, resolved)
        found = self.store.get(key) if self.store is not None and key else None
        if not isinstance(found, Kept):
            return None
        self.found += 1
        self._shown[name, resolved] = found.shown
        return exhibits.finished(name, resolved, found.bundle, found.answer_hash)

    def shown(self, built: Built) -> str:
        """A hash of what an exhibit of this cache shows, its words left to the catalogue."""
        which = built.name, built.params
        if which not in self._shown:
            self._shown[which] = digest(repr((*which, built.bundle)))
        return self._shown[which]

    def resolve(self, name: str, params: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """Every parameter of the exhibit with its value; computes nothing."""
        return self.declared(name).resolve(params)

    def declared(self, name: str) -> Declared:
        """What the exhibit declares; UnknownName without one."""
        replaced = exhibits.replaced()
        if replaced is not None:
            return declaration(exhibits.named(name))
        if not self._declared:
            self._declared = {one.name: one for one in self._groups()}
        if name not in self._declared:
            raise UnknownName("exhibits", "exhibit", name, self._declared)
        return self._declared[name]

    def fill(self, wanted: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Compute what is not kept yet, in two processes: most of a build's time from nothing.

        A mistake in one of them is left for whoever asks for it with ``build``.
        """
        if self.store is not None:
            missing = [(name, dict(params)) for name, params in wanted if self.lacks(name, params)]
            share(self.together(missing), self.compute)

    def compute(self, wanted: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Build each; a mistake is left for whoever asks for it by itself."""
        for name, params in wanted:
            # An exhibit may raise anything; whoever builds it for a page reports that.
            with contextlib.suppress(Exception):
                self.build(name, params)

    def together(
        self, wanted: Iterable[tuple[str, dict[str, object]]]
    ) -> list[list[tuple[str, dict[str, object]]]]:
        """The same by module: the exhibits of one share many of their runs."""

        def module(one: tuple[str, dict[str, object]]) -> str:
            return self.declared(one[0]).module

        return [list(group) for _, group in groupby(sorted(wanted, key=module), module)]

    def lacks(self, name: str, params: Mapping[str, object]) -> bool:
        """Whether the exhibit exists, could be kept, and is not kept yet."""
        try:
            declared = self.declared(name)
            key = self.key(declared, declared.resolve(params))
        except VirtdocsError:
            return False
        return self.store is not None and bool(key) and not self.store.holds(key)

    def key(self, declared: Declared, params: tuple[tuple[str, str], ...]) -> str:
        """The hash of everything that the answer depends on; "" when it can't be kept."""
        reached = self._reach_of(declared.module) if self.store is not None else ()
        return digest("exhibit", declared.name, params, reached) if reached else ""

    def part(self, files: tuple[Path, ...]) -> str:
        """The hash of files that something depends on; "" for none, or when one is too young.

        A file that has just been edited may not be the one that was imported.
        """
        if files not in self._parts:
            lines = "".join(map(self.reach.line, files))
            young = max(map(self.reach.edited, files), default=0.0) > self.settled
            self._parts[files] = digest(lines) if files and not young else ""
        return self._parts[files]

    def _groups(self) -> tuple[Declared, ...]:
        """What all groups declare: found again, as importing them imports the engine."""
        names = [exhibits.module_of(group) for group in exhibits.GROUPS]
        reached = [self._reach_of(name) for name in names] if self.store is not None else []
        key = digest("declared", exhibits.GROUPS, reached) if reached and all(reached) else ""
        kept = self._kept_declarations(key)
        if kept is None:
            kept = tuple(one for group in exhibits.GROUPS for one in self._group(group))
            if self.store is not None and key and self.reach.unchanged(self._files(*names)):
                self.store.put(key, kept)
        return kept

    def _group(self, name: str) -> tuple[Declared, ...]:
        module = exhibits.module_of(name)
        reached = self._reach_of(module) if self.store is not None else ()
        key = digest("declared", name, reached) if reached else ""
        kept = self._kept_declarations(key)
        if kept is None:
            kept = declarations(name)
            if self.store is not None and key and self.reach.unchanged(self._files(module)):
                self.store.put(key, kept)
        return kept

    def _kept_declarations(self, key: str) -> tuple[Declared, ...] | None:
        kept = self.store.get(key) if self.store is not None and key else None
        whole = isinstance(kept, tuple) and all(isinstance(one, Declared) for one in kept)
        return kept if whole else None

    def _reach_of(self, module: str) -> tuple[str, ...]:
        """The hashes of the sources and of the data that a module reaches; () for neither."""
        if module not in self._reached:
            code = self.code(module)
            parts = (self.part(code), self.part(self.data_of(module))) if code else ()
            self._reached[module] = parts if all(parts) else ()
        return self._reached[module]

    def _files(self, *modules: str) -> tuple[Path, ...]:
        reached = (path for one in modules for path in (*self.code(one), *self.data_of(one)))
        return tuple(dict.fromkeys(reached))

    def code(self, module: str) -> tuple[Path, ...]:
        """The sources that a module reaches; what their texts say is found again too."""
        return self._remembering(self.reach.code, module)

    def data_of(self, module: str) -> tuple[Path, ...]:
        """The data that a module reaches."""
        return self._remembering(self.reach.data_of, module)

    def _remembering(
        self, files: Callable[[str], tuple[Path, ...]], module: str
    ) -> tuple[Path, ...]:
        assert self.store is not None
        if not self.reach.known:
            kept = self.store.get(self._said_key())
            self.reach.known = kept if isinstance(kept, dict) else {}
        found = files(module)
        if self.reach.learned:
            now = {self.reach.digest(path) for path in self.reach.modules().values()}
            known = {one: said for one, said in self.reach.known.items() if one in now}
            self.store.put(self._said_key(), known)
            self.reach.learned = False
        return found

    def _said_key(self) -> str:
        """For what the texts of the package say, as this code reads them, of its data files."""
        own = [
            self.reach.digest(Path(one.__code__.co_filename)) for one in (imports_of, Reach.code)
        ]
        return digest("texts", own, sorted(self.reach.data_names()))


def digest(*parts: object) -> str:
    """The key of an entry of this form, for this Python: of parts that JSON can write."""
    whole = [FORM, sys.version_info[:2], *parts]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()
