"""Exhibit fences: a YAML body with ``name`` and the exhibit's parameters."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import yaml

from virtdocs.checks.pages import Fence, Page

EXHIBIT = "exhibit"
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former where libyaml is
LANGUAGES = (
    "asm bash c console css csv diff html ini javascript json make markdown nasm python sh svg"
    " text toml xml yaml"
).split()
"""Info words of fences that show code; any other word is a mistake, not a language."""


@dataclass(frozen=True, slots=True)
class Placement:
    """One exhibit as a page places it; ``problem`` and its line when the body is wrong."""

    line: int
    name: str = ""
    params: tuple[tuple[str, object], ...] = ()
    problem: str = ""


def info_word(fence: Fence) -> str:
    """The language or ``exhibit``: ``python title="x"`` and ``{.python}`` are python."""
    words = fence.info.strip("{}").split()
    return words[0].lstrip(".") if words else ""


def placements(page: Page) -> list[Placement]:
    """The exhibits that a page places, in order, unreadable ones included."""
    return [read_placement(fence) for fence in page.fences if info_word(fence) == EXHIBIT]


def read_placement(fence: Fence) -> Placement:
    """The name and parameters of an exhibit fence."""
    try:
        body = _parsed(fence.body)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = fence.line + 1 + (mark.line if mark else 0)
        return Placement(line, problem=f"bad YAML: {error.problem or error.context}")
    except yaml.YAMLError as error:
        return Placement(fence.line, problem=f"bad YAML: {str(error).splitlines()[0]}")
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return Placement(fence.line, problem="an exhibit's body is YAML with `name: EXHIBIT`")
    if not all(isinstance(key, str) for key in body):
        return Placement(fence.line, problem="parameter names are words")
    params = tuple(sorted((str(k), v) for k, v in body.items() if k != "name"))
    return Placement(fence.line, body["name"], params)


def _parsed(text: str) -> object:
    with contextlib.suppress(yaml.YAMLError):
        return yaml.load(text, LOADER)
    return yaml.safe_load(text)  # says what is wrong in the same words everywhere
