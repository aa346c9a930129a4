"""Figures of pages: drawn, or found again as long as nothing that drawing reaches has changed.

    Figures(cache, langs).place(built, lang, number, anchor, files) -> (html, downloads)

The key holds what the exhibit shows, whatever computed it; the code that draws, the words
of the language, and the versions of the libraries that charts are made with.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TypeAlias

from virtdocs.cache import Cache, digest
from virtdocs.cache.beside import Beside
from virtdocs.cache.shared import LEAST, share
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.render.placed import Unplaced
from virtdocs.views.model import Chart, Panels

DRAWS: Final = "virtdocs.render.drawn"  # the module that draws, for what it reaches
DATA: Final = ("data/sources.toml", "catalogue/{lang}.toml")  # files that drawing reads
LIBRARIES: Final = ("matplotlib", "numpy", "pylopdf-fonts-ko")
BY_MATPLOTLIB: Final = (Chart, Panels)
Which: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str]  # name, parameters, language


@dataclass(slots=True)
class Figures:
    """One build's figures in ``langs``. ``drawn`` and ``found`` count what happened."""

    cache: Cache
    langs: tuple[str, ...]
    drawn: int = 0
    found: int = 0
    _made: dict[Which, Unplaced] = field(default_factory=dict)
    _keys: dict[Which, str] = field(default_factory=dict)
    _drawing: dict[str, str] = field(default_factory=dict)
    _beside: Beside[tuple[Built, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._beside = Beside(lambda task: self._draw(*task), _import_what_draws)

    def foresee(self, engine_hash: str) -> None:
        """Let another process import what draws, when the last build was of another engine.

        Most edits of one change a figure, and its page may be the first to be read.
        """
        key, store = digest("engine of the last build"), self.cache.store
        last = store.get(key) if store is not None else engine_hash
        if store is not None and last != engine_hash:
            store.put(key, engine_hash)
            if last is not None and "matplotlib" not in sys.modules:
                self._beside.start()

    def begin(self, built: Built) -> None:
        """Have a chart drawn while its page is read, by a process that imports matplotlib.

        The import takes longer than the rest of a build with one chart to draw.
        """
        if isinstance(built.bundle.view, BY_MATPLOTLIB) and "matplotlib" not in sys.modules:
            for lang in self.langs:
                if self.lacks(built, (lang,)):
                    self._beside.begin((built, lang))

    def end(self) -> None:
        """Every page is written: nothing is drawn any more."""
        self._beside.end()

    def place(
        self, built: Built, lang: str, number: int, anchor: str, files: str
    ) -> tuple[str, dict[str, str]]:
        """The figure as one place shows it, and its downloads by file name."""
        which = built.name, built.params, lang
        if which not in self._made:
            self._made[which] = self.draw(built, lang)
        return self._made[which].place(number, anchor, files, built.engine_hash)

    def lacks(self, built: Built, langs: Iterable[str]) -> bool:
        """Whether a drawing could be kept and is not kept yet."""
        keys = [self._key(built, lang) for lang in langs]
        store = self.cache.store
        return store is not None and any(key and not store.holds(key) for key in keys)

    def fill(self, wanted: Iterable[tuple[str, dict[str, object]]]) -> None:
        """Compute and draw what is not kept yet, in two processes where that pays."""
        here = list(wanted)
        missing = [one for one in here if self.cache.lacks(*one)]
        undrawn = [[one] for one in here if one not in missing and self._undrawn(*one)]
        tasks = [*self.cache.together(missing), *undrawn]
        if len(tasks) >= LEAST:  # few are computed and drawn when their page asks for them
            share(tasks, self.make)

    def make(self, wanted: Iterable[tuple[str, dict[str, object]]]) -> None:
        """Compute and draw each; a mistake is left for the page that shows it."""
        for name, params in wanted:
            with contextlib.suppress(Exception):
                built = self.cache.build(name, params)
                for lang in self.langs:
                    self._kept_or_drawn(built, lang)

    def draw(self, built: Built, lang: str) -> Unplaced:
        """The figure for any place, found again if possible; raises what drawing it raises."""
        self._beside.wait((built, lang))
        return self._kept_or_drawn(built, lang)

    def _kept_or_drawn(self, built: Built, lang: str) -> Unplaced:
        store, key = self.cache.store, self._key(built, lang)
        kept = store.get(key) if store is not None and key else None
        if isinstance(kept, Unplaced):
            self.found += 1
            return kept
        self.drawn += 1
        return self._draw(built, lang)

    def _draw(self, built: Built, lang: str) -> Unplaced:
        from virtdocs.render.drawn import unplaced  # with everything that draws

        store, key = self.cache.store, self._key(built, lang)
        found = unplaced(built, lang)
        if store is not None and key and self.cache.reach.unchanged(self._files(lang)):
            store.put(key, found)
        return found

    def _undrawn(self, name: str, params: dict[str, object]) -> bool:
        with contextlib.suppress(VirtdocsError):  # the page says which
            built = self.cache.kept(name, params)
            return built is not None and self.lacks(built, self.langs)
        return False

    def _key(self, built: Built, lang: str) -> str:
        """The hash of everything that the drawing depends on; "" when it can't be kept."""
        if self.cache.store is None:
            return ""
        which = built.name, built.params, lang
        if which not in self._keys:
            if lang not in self._drawing:
                code = self.cache.part(self._files(lang))
                versions = [_version(library) for library in LIBRARIES]
                self._drawing[lang] = code and digest("drawing", lang, code, versions)
            drawing, shown = self._drawing[lang], self.cache.shown(built)
            self._keys[which] = drawing and digest("figure", drawing, shown, built.answer_hash)
        return self._keys[which]

    def _files(self, lang: str) -> tuple[Path, ...]:
        data = (self.cache.reach.root / name.format(lang=lang) for name in DATA)
        return (*self.cache.code(DRAWS), *data)


def _import_what_draws() -> None:
    from virtdocs.render.drawn import ready

    ready()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
