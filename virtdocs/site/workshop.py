"""One build of the site in both languages: exhibits computed once, mistakes collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import TypeAlias

from virtdocs.cache import Cache, default_folder
from virtdocs.checks.fences import placements
from virtdocs.checks.findings import Finding
from virtdocs.checks.pages import LANGUAGES, read_pages
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.site.figures import Figures
from virtdocs.site.placed import PlacedPage

GATE = "exhibits"
Params: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Workshop:
    """Built exhibits by name and parameters; what is wrong, by file and line.

    The memo lives as long as one build; what outlives it is the cache, whose keys hold all
    that an exhibit reaches, so an edit of the engine can never leave a stale figure behind.
    ``root`` is the checkout whose pages are built, when it is known, ``langs`` their languages.
    """

    made: dict[tuple[str, Params], Built | VirtdocsError] = field(default_factory=dict)
    findings: set[Finding] = field(default_factory=set)
    pages: list[PlacedPage] = field(default_factory=list)
    cache: Cache = field(default_factory=lambda: Cache.at(default_folder()))
    root: Path | None = None
    langs: InitVar[tuple[str, ...]] = LANGUAGES
    figures: Figures = field(init=False)

    def __post_init__(self, langs: tuple[str, ...]) -> None:
        self.figures = Figures(self.cache, langs)

    def build(self, name: str, params: Mapping[str, object]) -> Built:
        """The exhibit; whatever goes wrong is a VirtdocsError, a programming error too."""
        try:
            key = (name, self.cache.resolve(name, params))
        except VirtdocsError:
            raise
        except Exception as broken:  # a module of exhibits that can't be imported
            raise _raised(name, broken) from broken
        if key not in self.made:
            if self.cache.lacks(name, params):
                self._prepare()
            self.made[key] = _attempt(self.cache, name, params)
        built = self.made[key]
        if isinstance(built, VirtdocsError):
            raise built
        return built

    def begin(self, built: Built) -> None:
        """A page will place this exhibit: its figures may be begun, where there are few."""
        if self.figures.lacks(built, self.figures.langs):
            self._prepare()
            self.figures.begin(built)

    def place(
        self, built: Built, lang: str, number: int, anchor: str, files: str
    ) -> tuple[str, dict[str, str]]:
        """The figure's HTML for one place of a page, and its downloads by file name."""
        if self.figures.lacks(built, (lang,)):
            self._prepare()
        return self.figures.place(built, lang, number, anchor, files)

    def _prepare(self) -> None:
        """Compute and draw, in two processes, all that the pages show and nobody has kept.

        Once in a build, and only in one that finds something missing.
        """
        if self.root is None:
            return
        root, self.root = self.root, None
        wanted = {
            (one.name, one.params): (one.name, dict(one.params))
            for lang in self.figures.langs
            for page in read_pages(root, lang)
            for one in placements(page)
            if not one.problem
        }
        self.figures.fill(wanted.values())

    def report(self, file: str, line: int, message: str) -> None:
        """Remember one mistake; the same one twice counts once."""
        self.findings.add(Finding(file, line, GATE, message))

    def lines(self) -> list[str]:
        """``docs/ko/x.md:12: message`` for each mistake, sorted by page and line."""
        return [f"{f.file}:{f.line}: {f.message}" for f in sorted(self.findings)]

    def verdict(self) -> str:
        """One sentence that ends a build with mistakes; empty without any."""
        count = len(self.findings)
        return f"mistakes in the pages: {count}, listed above" if count else ""


def _attempt(cache: Cache, name: str, params: Mapping[str, object]) -> Built | VirtdocsError:
    try:
        return cache.build(name, params)
    except VirtdocsError as mistake:
        return mistake
    except Exception as broken:  # an exhibit may raise anything; the page must say so
        return _raised(name, broken)


def _raised(name: str, broken: Exception) -> VirtdocsError:
    return VirtdocsError(f"exhibit {name!r}", f"raised {type(broken).__name__}: {broken}")
