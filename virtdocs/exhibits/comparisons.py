"""Exhibits of the source document's comparisons, each row held to runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from virtdocs.exhibits.registry import Exhibit
from virtdocs.experiments.comparisons import findings
from virtdocs.experiments.comparisons.full_weaknesses import FIRST_ERA
from virtdocs.experiments.comparisons.model import SURE
from virtdocs.experiments.comparisons.types import KINDS
from virtdocs.experiments.priced_work import ERA, priced
from virtdocs.experiments.source_comparisons import claimed_rows
from virtdocs.experiments.workings import less
from virtdocs.views import comparisons
from virtdocs.views.model import ViewBundle

ERAS: Final = MappingProxyType({"era": ERA, "first_era": FIRST_ERA})
LIMITS: Final = MappingProxyType({"sure": SURE * 100})
NO_KINDS: Final[Mapping[str, str]] = MappingProxyType({})


def type_comparison() -> ViewBundle:
    """Type 1 against type 2."""
    return _comparison("type_comparison", KINDS)


def full_strengths() -> ViewBundle:
    """What is said for full virtualization."""
    return _comparison("full_strengths")


def full_weaknesses() -> ViewBundle:
    """What is said against it."""
    return _comparison("full_weaknesses")


def para_strengths() -> ViewBundle:
    """What is said for paravirtualization."""
    return _comparison("para_strengths")


def para_weaknesses() -> ViewBundle:
    """What is said against it."""
    return _comparison("para_weaknesses")


def _comparison(name: str, kinds: Mapping[str, str] = NO_KINDS) -> ViewBundle:
    found = findings(name)
    asked = (one for row in found for cell in row.cells.values() for one in cell.work)
    work = {one: less(priced(*one).lines, ()) for one in dict.fromkeys(asked)}
    return comparisons.table(name, found, claimed_rows(name), LIMITS, kinds, ERAS, work)


EXHIBITS = (
    Exhibit("type_comparison", type_comparison),
    Exhibit("full_strengths", full_strengths),
    Exhibit("full_weaknesses", full_weaknesses),
    Exhibit("para_strengths", para_strengths),
    Exhibit("para_weaknesses", para_weaknesses),
)
