"""Tables on a page: groups, tints, code over several lines; and the same as text."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from io import StringIO

import pytest

from tests.render.conftest import built
from virtdocs.exhibits import Built
from virtdocs.render import formats, listing, table
from virtdocs.render.catalogue import load
from virtdocs.render.page import exhibit_html
from virtdocs.views.model import Label, Listing, Row, Table


def view(name: str) -> Table:
    found = built(name).bundle.view
    assert isinstance(found, Table)
    return found


def test_each_group_has_a_body_of_its_own_under_a_head_over_all_columns() -> None:
    markup = table.html(view("grouped"), load("en"), "x")
    assert markup.count("<tbody>") == 2
    heads = re.findall(r'<th scope="rowgroup" colspan="(\d+)"><span>([^<]+)</span>', markup)
    width = 1 + len(view("grouped").columns)
    assert heads == [(str(width), "Workload pte_churn"), (str(width), "Workload tlb_miss")]


def test_a_table_without_groups_has_one_body_and_no_group_heads() -> None:
    markup = table.html(view("table"), load("en"), "x")
    assert markup.count("<tbody>") == 1
    assert "rowgroup" not in markup


def test_the_group_is_the_first_column_for_spreadsheets_and_markdown() -> None:
    lines = list(csv.reader(StringIO(table.comma_separated(view("grouped"), load("en")))))
    assert lines[0][:2] == ["Workload", "Technique"]
    assert [line[0] for line in lines[1:]] == ["Workload pte_churn"] * 3 + ["Workload tlb_miss"] * 3
    assert {len(line) for line in lines} == {len(lines[0])}
    drawn = table.markdown(view("grouped"), load("en")).splitlines()
    assert {line.count(" | ") for line in (drawn[0], *drawn[2:])} == {drawn[0].count(" | ")}


def test_a_tinted_cell_carries_its_strength_and_its_value_as_text() -> None:
    markup = table.html(view("dense"), load("en"), "x")
    cells = re.findall(r'style="--vd-shade: (\d+)%"><data value="[^"]+">([^<]+)<', markup)
    assert cells == [("0", "100%"), ("0", "100%"), ("0", "100%"), ("45", "97.0%")]


def test_a_dense_table_of_one_basis_says_so_once() -> None:
    markup = exhibit_html(built("dense"), "en", 1, "a")
    assert "vd-basis-run" not in markup
    assert markup.count("run: counted by this site") == 1


@pytest.mark.parametrize("name", ["table", "translation"])
def test_every_other_table_marks_each_value(name: str) -> None:
    markup = table.html(view(name), load("en"), "x")
    cells = sum(len(row.cells) for row in view(name).rows)
    assert markup.count('class="vd-basis ') == cells


def test_code_keeps_its_lines_and_nothing_in_it_becomes_markup() -> None:
    markup = table.html(view("translation"), load("en"), "x")
    assert "<code>8: jne 10<br/>9: jmp &lt;next&gt;<br/>10: int 0xf1</code>" in markup
    assert "8: jne 10<br>9: jmp <next>" in table.markdown(view("translation"), load("en"))


def test_a_listing_says_what_became_of_a_line_by_element_sign_and_word() -> None:
    found = built("listing").bundle.view
    assert isinstance(found, Listing)
    markup = listing.html(found, load("en"), "x")
    assert markup.count("<ins ") == markup.count("<del ") == 1
    added = re.search(r"<ins (?P<attributes>[^>]+)>(?P<body>.*?)</ins>", markup, re.DOTALL)
    assert added is not None
    assert 'title="added"' in added["attributes"]
    assert "1 &lt; 2" in added["body"]
    assert ">+</span>" in added["body"]


def test_a_listing_on_a_page_has_its_data_table_below() -> None:
    markup = exhibit_html(built("listing"), "ko", 1, "a")
    assert 'class="vd-exhibit vd-exhibit-figure"' in markup
    assert '<details class="vd-data">' in markup


def anchored() -> Built:
    """The table with an anchor on its last row."""
    found = built("table")
    shown = view("table")
    rows = (*shown.rows[:-1], replace(shown.rows[-1], anchor="xen-pv32"))
    return replace(found, bundle=replace(found.bundle, view=replace(shown, rows=rows)))


def test_a_row_with_an_anchor_has_an_id_below_its_figure_s_and_no_other_row_has_one() -> None:
    markup = exhibit_html(anchored(), "en", 1, "techniques-all")
    assert re.findall(r'<tr[^>]* id="([^"]+)"', markup) == ["techniques-all-xen-pv32"]
    assert '<figure class="vd-exhibit vd-exhibit-table" id="techniques-all"' in markup


@pytest.mark.parametrize("format", ["md", "csv", "svg"])
def test_an_anchor_shows_on_a_page_only(format: str) -> None:
    plain = formats.export(built("table"), format, "en")
    assert formats.export(anchored(), format, "en") == plain


@pytest.mark.parametrize("name", ["3-1", "Xen", "xen_pv32", "xen pv", "xen-", "-xen", "한글"])
def test_what_no_html_id_should_hold_is_no_anchor(name: str) -> None:
    with pytest.raises(ValueError, match="no anchor of a row"):
        Row(Label("column.value"), (), anchor=name)
