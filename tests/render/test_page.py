"""An exhibit on a page: complete, escaped, and the same as on the command line."""

from __future__ import annotations

import csv
import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest

from tests.render.conftest import built
from virtdocs.errors import BadValue, UnknownName
from virtdocs.exhibits import Built
from virtdocs.exhibits import build as build_exhibit
from virtdocs.render import alt, formats, page, palette, table
from virtdocs.render.catalogue import load
from virtdocs.render.numbers import raw_text, value_text
from virtdocs.views.model import Basis, Table, Value, code
from virtdocs.views.tabular import table_of

LANGUAGES = ("ko", "en")
VOID = {"path", "rect", "circle", "meta", "use"}


class Balance(HTMLParser):
    """Collects ids and text; fails on a tag that closes out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(one: Built, lang: str, anchor: str = "x") -> Balance:
    found = Balance()
    found.feed(page.exhibit_html(one, lang, 3, anchor))
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_figure_closes_what_it_opens_and_repeats_no_id(any_built: Built, lang: str) -> None:
    found = parsed(any_built, lang)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.ids[0] == "x"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_figure_carries_caption_summary_hashes_commands_and_downloads(
    any_built: Built, lang: str
) -> None:
    markup = page.exhibit_html(any_built, lang, 3, "x", "x-files/")
    words = load(lang)
    kind = page.caption_kind(any_built)
    assert html.escape(words.text(f"ui.{kind}_number", {"n": "3"})) in markup
    assert html.escape(alt.caption(any_built, words)) in markup
    assert html.escape(alt.summary(any_built, words)) in markup
    for part in (any_built.engine_hash, any_built.answer_hash, html.escape(any_built.command)):
        assert part in markup
    assert f'data-exhibit="{any_built.name}"' in markup
    for name in page.downloads(any_built, lang, "x"):
        assert f'href="x-files/{name}" download' in markup


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_data_table_holds_every_value_with_its_mark_and_a_legend(
    any_built: Built, lang: str
) -> None:
    words = load(lang)
    rows = table_of(any_built.bundle.view)
    markup = page.exhibit_html(any_built, lang, 1, "x")
    cells = [cell for row in rows.rows for cell in row.cells if isinstance(cell, Value)]
    # a dense table whose cells all stand on the same says so in the legend alone
    quiet = rows.dense and len(table.bases(rows)) == 1
    assert markup.count('<span class="vd-basis vd-basis-') >= (0 if quiet else len(cells))
    for cell in cells:
        assert f'<data value="{html.escape(raw_text(cell))}">' in markup
        assert html.escape(value_text(cell, words)) in markup
    for basis in table.bases(rows):
        assert html.escape(words.text(f"basis_long.{basis}")) in markup


def test_two_languages_show_the_same_numbers(any_built: Built) -> None:
    def numbers(lang: str) -> list[str]:
        return re.findall(r'<data value="([^"]*)"', page.exhibit_html(any_built, lang, 1, "x"))

    assert numbers("ko") == numbers("en")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("format", formats.FORMATS)
def test_what_the_page_offers_is_what_the_command_line_prints(
    any_built: Built, lang: str, format: str
) -> None:
    text = formats.export(any_built, format, lang)
    assert text.endswith("\n")
    assert text == formats.export(any_built, format, lang)
    if format in page.DOWNLOADS:
        assert page.downloads(any_built, lang, "y")[f"y.{format}"] == text


def test_json_is_the_same_in_both_languages_and_names_both_hashes(any_built: Built) -> None:
    found = json.loads(formats.export(any_built, "json", "ko"))
    assert found == json.loads(formats.export(any_built, "json", "en"))
    assert found["exhibit"] == any_built.name
    assert (found["engine_hash"], found["answer_hash"]) == ("e" * 64, "a" * 64)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_csv_gives_raw_values_with_unit_and_basis(lang: str) -> None:
    rows = list(csv.reader(StringIO(formats.export(build_exhibit("table_7_4", {}), "csv", lang))))
    assert {len(row) for row in rows} == {1 + 3 * 5}
    assert rows[3][1:4] == ["950", "mbps", "sourced"]
    assert float(rows[3][10]) == pytest.approx(13.5802469)
    assert rows[3][12] == "derived"


def test_an_unknown_format_is_a_mistake(any_built: Built) -> None:
    with pytest.raises(BadValue, match="svg"):
        formats.export(any_built, "svgg", "ko")


def test_markup_in_a_value_is_escaped() -> None:
    one = built("table")
    view = one.bundle.view
    assert isinstance(view, Table)
    evil = code('<script>"&', Basis.RUN)
    row = replace(view.rows[0], cells=(evil, *view.rows[0].cells[1:]))
    bundle = replace(one.bundle, view=replace(view, rows=(row, *view.rows[1:])), values={"e": evil})
    one = replace(one, bundle=bundle)
    assert "<script>" not in page.exhibit_html(one, "ko", 1, "x")
    assert "<script>" not in formats.export(one, "svg", "ko")
    shown = page.value_html("e", "", one, "ko")
    assert shown == (
        '<data data-value="table.e" value="&lt;script&gt;&quot;&amp;">'
        "&lt;script&gt;&quot;&amp;</data>"
    )


def test_an_inline_value_carries_its_name_and_its_raw_form() -> None:
    one = build_exhibit("table_7_4", {})
    assert page.value_html("median", ".1", one, "ko") == (
        '<data data-value="table_7_4.median" value="13.580246913580247">13.6%</data>'
    )
    assert page.value_text("median", "", one, "en") == "13.58%"


def test_an_unknown_value_is_a_mistake_that_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean median\?"):
        page.value_html("medain", "", build_exhibit("table_7_4", {}), "ko")


def test_the_style_sheet_sets_every_variable_that_a_figure_uses(any_built: Built) -> None:
    used = set(re.findall(r"var\((--vd-[a-z0-9_]+)", page.exhibit_html(any_built, "ko", 1, "x")))
    sheet = page.stylesheet()
    light, dark = sheet.split("[data-md-color-scheme", 1)
    for name in used - {"--vd-c"}:
        assert f"{name}:" in light
        assert f"{name}:" in dark


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize("name", sorted(palette.COLOURS))
def test_every_technique_stands_out_from_the_page_by_at_least_4_5_to_1(
    name: str, scheme: int
) -> None:
    one, paper = (_luminance(pair[scheme]) for pair in (palette.COLOURS[name], palette.PAPER))
    low, high = sorted((one, paper))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_no_two_techniques_share_a_colour() -> None:
    for scheme in (0, 1):
        found = [pair[scheme] for pair in palette.COLOURS.values()]
        assert len(found) == len(set(found))


def test_an_unknown_technique_has_no_colour() -> None:
    with pytest.raises(UnknownName, match="hw_nested"):
        palette.variable("hw_nestd")
