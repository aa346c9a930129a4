"""A manifest as it was handed over, read with care: what it says may have been altered.

A manifest that can't be read at all is bad input; one that says something wrong is for
`virtdocs.site.verify` to find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from virtdocs.errors import VirtdocsError
from virtdocs.site.manifest import FORM, NAME
from virtdocs.site.placed import PlacedExhibit, PlacedPage, PlacedValue
from virtdocs.site.published import Site


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a site says of itself."""

    version: str
    engine_hash: str
    files: Mapping[str, str]
    pages: tuple[PlacedPage, ...]


def read_manifest(site: Site) -> Manifest:
    """The manifest of a site; VirtdocsError when it has not the form of one."""
    where = f"{site.where}: {NAME}"
    try:
        found = json.loads(site.read(NAME))
        if found["form"] != FORM:
            raise VirtdocsError(where, f"its form is {found['form']!r}, this program reads {FORM}")
        return Manifest(
            _text(found["version"]),
            _text(found["engine_hash"]),
            {_text(name): _text(digest) for name, digest in _mapping(found["files"]).items()},
            tuple(_page(name, page) for name, page in sorted(_mapping(found["pages"]).items())),
        )
    except (ValueError, RecursionError) as bad:
        raise VirtdocsError(where, f"is no JSON: {bad}") from bad
    except (KeyError, TypeError) as bad:
        raise VirtdocsError(where, f"is no manifest: {type(bad).__name__} at {bad}") from bad


def _page(path: str, page: Any) -> PlacedPage:
    found = PlacedPage(_text(page["source"]), _text(page["lang"]), path)
    for one in page["exhibits"]:
        name, anchor = _text(one["name"]), _text(one["anchor"])
        place = PlacedExhibit(name, _params(one["params"]), _whole(one["number"]), anchor, one)
        found.exhibits.append(place)
    for one in page["values"]:
        name, _, key = _text(one["value"]).partition(".")
        params, fmt = _params(one["params"]), _text(one["format"])
        found.values.append(PlacedValue(name, params, key, fmt, one))
    return found


def _params(found: Any) -> tuple[tuple[str, str], ...]:
    return tuple((key, _text(value)) for key, value in _mapping(found).items())


def _mapping(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError(repr(found)[:60])
    return found


def _text(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(repr(found)[:60])
    return found


def _whole(found: Any) -> int:
    if not isinstance(found, int):
        raise TypeError(repr(found)[:60])
    return found
