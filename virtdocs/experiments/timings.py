"""Records of times, as a benchmark wrote them on one computer on one day."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any, TypeVar

from virtdocs.errors import BadValue

T = TypeVar("T")


def timings(path: tuple[str, ...], command: str, read: Callable[[Mapping[str, Any]], T]) -> T:
    """What ``read`` makes of a record; BadValue when it is not there or lacks a part.

    ``command`` is what writes the record.
    """
    name = "/".join(path)
    try:
        text = files("virtdocs").joinpath(*path).read_text(encoding="utf-8")
        return read(tomllib.loads(text))
    except FileNotFoundError:
        raise BadValue(name, f"is not there; `{command}` writes it") from None
    except (KeyError, TypeError) as lack:
        raise BadValue(name, f"lacks {lack}; `{command}` writes it anew") from None
