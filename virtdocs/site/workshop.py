"""One build of the site in both languages: exhibits computed once, mistakes collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from virtdocs import exhibits
from virtdocs.cache import Cache, default_folder
from virtdocs.checks.findings import Finding
from virtdocs.errors import VirtdocsError
from virtdocs.exhibits import Built
from virtdocs.site.placed import PlacedPage

GATE = "exhibits"
Params: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Workshop:
    """Built exhibits by name and parameters; what is wrong, by file and line.

    The memo lives as long as one build; what outlives it is the cache, whose keys hold all
    that an exhibit reaches, so an edit of the engine can never leave a stale figure behind.
    """

    made: dict[tuple[str, Params], Built | VirtdocsError] = field(default_factory=dict)
    findings: set[Finding] = field(default_factory=set)
    pages: list[PlacedPage] = field(default_factory=list)
    cache: Cache = field(default_factory=lambda: Cache.at(default_folder()))

    def build(self, name: str, params: Mapping[str, object]) -> Built:
        """The exhibit; whatever goes wrong is a VirtdocsError, a programming error too."""
        key = (name, exhibits.resolve(name, params))
        if key not in self.made:
            self.made[key] = _attempt(self.cache, name, params)
        built = self.made[key]
        if isinstance(built, VirtdocsError):
            raise built
        return built

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
        return VirtdocsError(f"exhibit {name!r}", f"raised {type(broken).__name__}: {broken}")
