"""A list of critical instructions as a paper prints it, from ``data/published_lists.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class PublishedList:
    """``entries``: what is printed -> the name of the instruction that stands for it here.

    ``claimed`` is the number that the text gives; the list need not have as many.
    """

    source: str
    locator: str
    claimed: int
    entries: tuple[tuple[str, str], ...]

    @property
    def names(self) -> frozenset[str]:
        """The instructions of this machine that are on the list."""
        return frozenset(here for _, here in self.entries)


def robin_irvine() -> PublishedList:
    """Sensitive, unprivileged instructions of the Pentium (Robin and Irvine 2000)."""
    text = (files("virtdocs") / "data" / "published_lists.toml").read_text("utf-8")
    found = tomllib.loads(text)["robin_irvine"]
    entries = tuple((one["printed"], one["here"]) for one in found["entries"])
    return PublishedList(found["source"], found["locator"], found["claimed"], entries)
