"""A printed list, and the number that its text gives: they need not agree."""

from __future__ import annotations

from virtdocs.experiments.published_list import robin_irvine
from virtdocs.machine.instructions import BY_NAME
from virtdocs.render.citations import source


def test_the_text_says_seventeen_and_the_list_has_eighteen() -> None:
    found = robin_irvine()
    assert (found.claimed, len(found.entries)) == (17, 18)


def test_every_entry_names_an_instruction_of_this_machine_and_the_source_is_known() -> None:
    found = robin_irvine()
    assert found.names <= set(BY_NAME)
    assert len(found.names) == len(found.entries)
    assert source(found.source).status in ("read", "secondary")
