"""All gates by name, in the order in which `virtdocs check` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from virtdocs.checks import (
    catalogue,
    citations,
    coverage,
    exhibits,
    glossary,
    golden,
    links,
    markdown,
    mirror,
    numerals,
    particles,
    terms,
    values,
)
from virtdocs.checks.findings import Finding
from virtdocs.checks.values import Memo
from virtdocs.errors import UnknownName

Gate: TypeAlias = Callable[[Path], list[Finding]]
Computing: TypeAlias = Callable[[Path, Memo], list[Finding]]

GATES: Mapping[str, Gate] = MappingProxyType(
    {
        "mirror": mirror.check,
        "catalogue": catalogue.check,
        "exhibits": exhibits.check,
        "values": values.check,
        "golden": golden.check,
        "numerals": numerals.check,
        "terms": terms.check,
        "glossary": glossary.check,
        "citations": citations.check,
        "particles": particles.check,
        "markdown": markdown.check,
        "links": links.check,
        "coverage": coverage.check,
    }
)

# Gates over what the pages compute: one computes it for all.
COMPUTING: Mapping[str, Computing] = MappingProxyType(
    {"values": values.check, "golden": golden.check, "coverage": coverage.check}
)


def run_gates(root: Path, names: Iterable[str] = ()) -> list[Finding]:
    """Every finding of the named gates, of all without names; sorted by file and line."""
    wanted = tuple(names) or tuple(GATES)
    for name in wanted:
        if name not in GATES:
            raise UnknownName("check", "gate", name, GATES)
    memo = Memo()
    found: set[Finding] = set()
    for name in wanted:
        found |= {*(COMPUTING[name](root, memo) if name in COMPUTING else GATES[name](root))}
    return sorted(found)
