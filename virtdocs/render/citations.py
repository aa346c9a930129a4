"""The sources that an exhibit or a sentence cites, from ``data/sources.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from types import MappingProxyType

from virtdocs.errors import UnknownName
from virtdocs.render.catalogue import Catalogue

STATUSES = ("read", "secondary", "unverified")


@dataclass(frozen=True, slots=True)
class Source:
    """One document: what it is, where in it, when it was read and how far it was verified.

    ``status`` is ``read`` (the text itself), ``secondary`` (seen quoted elsewhere) or
    ``unverified``; ``address`` is the original's, never a copy's; ``read`` an ISO date.
    """

    key: str
    title: str
    authors: str
    read: str
    status: str
    venue: str = ""
    locator: str = ""
    address: str = ""
    note: str = ""


@lru_cache(maxsize=1)
def sources() -> Mapping[str, Source]:
    """All sources, by citation key."""
    text = (files("virtdocs") / "data" / "sources.toml").read_text("utf-8")
    return MappingProxyType(
        {key: Source(key=key, **fields) for key, fields in tomllib.loads(text).items()}
    )


def source(key: str) -> Source:
    """The source of a citation key, or UnknownName."""
    if key not in sources():
        raise UnknownName("virtdocs/data/sources.toml", "source", key, sources())
    return sources()[key]


def status_words(words: Catalogue) -> dict[str, str]:
    """How each status reads before the date."""
    return {status: words.text(f"status.{status}") for status in STATUSES}


def html(key: str, status_words: Mapping[str, str], places: Iterable[str] = ()) -> str:
    """Authors, title (linked), venue, locators, date read; says so when not read itself."""
    one = source(key)
    title = f"<cite>{escape(one.title)}</cite>"
    if one.address:
        title = f'<a href="{escape(one.address)}">{title}</a>'
    parts = [escape(one.authors), title, escape(one.venue), escape(one.locator)]
    parts += [escape(place) for place in places]
    return (
        f'<span class="vd-source" data-cite="{escape(key)}">{", ".join(filter(None, parts))} '
        f"({escape(status_words[one.status])} {escape(one.read)})</span>"
    )


def plain(key: str, status_words: Mapping[str, str]) -> str:
    """The same without markup."""
    one = source(key)
    parts = filter(None, (one.authors, one.title, one.venue, one.locator, one.address))
    return f"{', '.join(parts)} ({status_words[one.status]} {one.read})"
