"""Exhibits about what the source document itself prints."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit
from virtdocs.experiments.source_document import step_counts
from virtdocs.experiments.source_document import table_7_4 as results
from virtdocs.views import source_tables
from virtdocs.views.model import ViewBundle


def table_7_4() -> ViewBundle:
    """Section 7.4's figures, the gain of each row, and whether it fits the stated range."""
    return source_tables.result_table(results())


def table_7_4_gain() -> ViewBundle:
    """The same gains as a chart."""
    return source_tables.gain_chart(results())


def source_steps() -> ViewBundle:
    """How the document counts the steps of a privileged instruction."""
    return source_tables.step_table(step_counts())


EXHIBITS = (
    Exhibit("table_7_4", table_7_4),
    Exhibit("table_7_4_gain", table_7_4_gain),
    Exhibit("source_steps", source_steps),
)
