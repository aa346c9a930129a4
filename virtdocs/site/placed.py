"""What stands on a page: taken down by a build for its manifest, and read from one again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from virtdocs.exhibits.registry import Params
from virtdocs.views.answer import Plain

Entry: TypeAlias = Mapping[str, Plain]
FOLDERS: Final[Mapping[str, str]] = MappingProxyType({"ko": "", "en": "en/"})
"""Where the pages of a language lie in the site."""


@dataclass(frozen=True, slots=True)
class PlacedExhibit:
    """A figure of a page: ``number`` as its caption counts it, ``anchor`` its id.

    ``entry`` is what the manifest says of it.
    """

    name: str
    params: Params
    number: int
    anchor: str
    entry: Entry = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlacedValue:
    """A value bound into a sentence; ``params`` are those of the exhibit it was taken from."""

    name: str
    params: Params
    key: str
    fmt: str
    entry: Entry = field(repr=False)

    @property
    def in_attribute(self) -> bool:
        """Whether only an attribute shows it, as an alt text does."""
        return self.entry.get("in_attribute") is True


@dataclass(slots=True)
class PlacedPage:
    """One page: its source in the checkout, its path in the site, what stands on it."""

    source: str
    lang: str
    path: str
    exhibits: list[PlacedExhibit] = field(default_factory=list)
    values: list[PlacedValue] = field(default_factory=list)

    @property
    def files(self) -> str:
        """The folder of its downloads, seen from the page: ``rings/`` for ``x/rings.html``."""
        return f"{self.path.rpartition('/')[2].removesuffix('.html')}/"

    @property
    def folder(self) -> str:
        """The same, seen from the root of the site."""
        return f"{self.path.removesuffix('.html')}/"
