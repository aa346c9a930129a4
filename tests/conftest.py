"""Figures that tests leave for people: printed after a run, from all workers together."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.properties import figures

LINES = {
    "random guests": figures.of_random_guests,
    "hostile guests": figures.of_hostile_guests,
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what each part recorded under the same name."""
    totals: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name in LINES and getattr(report, "when", "") == "call":
                    totals.setdefault(name, Counter()).update(value)
    for name, total in totals.items():
        terminalreporter.section(name)
        for line in LINES[name](total):
            terminalreporter.line(line)
