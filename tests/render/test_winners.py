"""The map of winners can be read without colour, wide and narrow, and holds all of its data."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from virtdocs.render import winners_svg
from virtdocs.render.catalogue import load
from virtdocs.render.winners_svg import NARROW_WIDTH, SMALL
from virtdocs.views.model import Basis, Label, Winner, WinnerMap, number
from virtdocs.views.tabular import table_of

PLACES = tuple(number(rate, Basis.JUDGED) for rate in (100, 1_000_000))
CHANCES = (("bt", 100), ("bt", 60), ("hw_shadow", 90), ("hw_shadow", 100))


def a_map() -> WinnerMap:
    winners = [
        Winner(name, number(chance, Basis.DERIVED, "percent"), chance < 75)
        for name, chance in CHANCES
    ]
    rows = (tuple(winners[:2]), tuple(winners[2:]))
    across, up = Label("rate.syscalls"), Label("rate.requests")
    return WinnerMap(across, up, PLACES, PLACES, ("bt", "hw_shadow"), rows)


def texts(drawn: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(drawn).iter() if one.tag.endswith("text")]


@pytest.mark.parametrize("draw", [winners_svg.wide, winners_svg.narrow])
def test_a_letter_and_a_number_stand_in_each_square_and_the_letters_are_explained(
    draw: object,
) -> None:
    assert callable(draw)
    said = [one.text for one in texts(draw(a_map(), load("en"), "m", "title", "desc"))]
    assert said.count("A") == said.count("B") == 3  # two squares and the key
    assert {f"{chance}%" for _, chance in CHANCES} <= set(said)
    assert load("en").text("technique.bt") in said


def test_only_what_is_too_close_to_call_is_hatched() -> None:
    drawn = winners_svg.wide(a_map(), load("ko"), "m", "title", "desc")
    hatched = [one for one in ElementTree.fromstring(drawn).iter() if one.tag.endswith("path")]
    assert len(hatched) == 2  # one square and the key


def test_nothing_of_the_narrow_map_stands_outside_of_it() -> None:
    for one in texts(winners_svg.narrow(a_map(), load("ko"), "m", "title", "desc")):
        if one.attrib.get("text-anchor") == "end":
            assert float(one.attrib["x"]) > len(one.text or "") * SMALL * 0.5
        assert float(one.attrib["x"]) < NARROW_WIDTH


def test_the_table_has_the_highest_rate_first_and_every_winner() -> None:
    rows = table_of(a_map()).rows
    [head] = [value for _, value in rows[0].head.args] if isinstance(rows[0].head, Label) else []
    assert head.raw == 1_000_000
    cells = [cell for row in rows for cell in row.cells if isinstance(cell, Label)]
    assert {dict(cell.args)["technique"].raw for cell in cells} == {
        "technique.bt", "technique.hw_shadow"
    }  # fmt: skip
