"""Exhibits by name and parameters, computed at most once for the same code and data."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import virtdocs
from virtdocs import exhibits
from virtdocs.cache.reach import Reach
from virtdocs.cache.store import Store
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.views.model import ViewBundle

VARIABLE: Final = "VIRTDOCS_CACHE"  # a folder, or `off`
OFF: Final = "off"
FORM: Final = 1  # of the entries
PROCESSES: Final = 2
LEAST_SHARED: Final = 8  # exhibits: for fewer, starting processes costs more than it saves
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


@dataclass(slots=True)
class Cache:
    """One build's exhibits. ``computed`` and ``found`` count what happened."""

    store: Store | None
    reach: Reach = field(default_factory=lambda: Reach(Path(virtdocs.__file__).parent))
    settled: float = field(default_factory=lambda: time.time() - IMPORTING)
    computed: int = 0
    found: int = 0

    @classmethod
    def at(cls, folder: Path | None) -> Cache:
        """A cache in this folder; without one, everything is computed."""
        return cls(Store(folder) if folder is not None else None)

    def build(self, name: str, params: Mapping[str, object]) -> Built:
        """The exhibit; raises what computing it raises."""
        exhibit = exhibits.named(name)
        resolved = exhibit.resolve(params)
        files = self.reach.files(exhibit.compute.__module__) if self.store is not None else ()
        if self.store is None or not files or self._edited(files):
            self.computed += 1
            return exhibits.build(name, params)
        key = self.key(name, resolved, files)
        kept = self.store.get(key)
        if isinstance(kept, ViewBundle):
            self.found += 1
            return exhibits.finished(name, resolved, kept)
        built = exhibits.build(name, params)
        self.computed += 1
        # What was edited meanwhile may have been imported before or after.
        if self.reach.unchanged(files):
            self.store.put(key, built.bundle)
        return built

    def fill(self, wanted: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        """Compute what is not kept yet, in two processes: most of a build's time from nothing.

        A mistake in one of them is left for whoever asks for it with ``build``.
        """
        if self.store is None or (os.cpu_count() or 1) < PROCESSES:
            return
        folder = self.store.folder
        missing = [
            (folder, name, dict(params)) for name, params in wanted if self._lacks(name, params)
        ]
        if len(missing) < LEAST_SHARED:
            return
        # Spawned, so that no lock or thread of this process comes along.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(PROCESSES, context) as pool:
            for _ in pool.map(_compute, missing):
                pass

    def _lacks(self, name: str, params: Mapping[str, object]) -> bool:
        assert self.store is not None
        try:
            exhibit = exhibits.named(name)
            resolved = exhibit.resolve(params)
        except VirtdocsError:
            return False
        files = self.reach.files(exhibit.compute.__module__)
        kept = files and not self._edited(files) and self.key(name, resolved, files)
        return bool(kept) and not (self.store.folder / str(kept)).is_file()

    def key(self, name: str, params: tuple[tuple[str, str], ...], files: tuple[Path, ...]) -> str:
        """The hash of everything that the answer depends on."""
        root = self.reach.root
        reached = [(path.relative_to(root).as_posix(), self.reach.digest(path)) for path in files]
        whole = [FORM, sys.version_info[:2], name, params, reached]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

    def _edited(self, files: tuple[Path, ...]) -> bool:
        """Whether one of the files is so young that another text of it may be running."""
        return any(path.stat().st_mtime > self.settled for path in files if path.is_file())


@lru_cache(maxsize=1)
def _opened(folder: Path) -> Cache:
    """A process of its own has a cache of its own, for everything that it is given."""
    return Cache.at(folder)


def _compute(wanted: tuple[Path, str, dict[str, object]]) -> None:
    folder, name, params = wanted
    # An exhibit may raise anything; whoever builds it for a page reports that.
    with contextlib.suppress(Exception):
        _opened(folder).build(name, params)
