"""Figures say exactly what their data says, as real text, for eyes and for screen readers."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.render.conftest import BUNDLES, built
from virtdocs.exhibits import Built
from virtdocs.render import alt, figure, mpl, svg
from virtdocs.render.catalogue import load
from virtdocs.render.numbers import label_text, value_text
from virtdocs.render.page import stylesheet
from virtdocs.views.model import Chart, Curves, Flow, Listing, Panels, Rings, WalkGrid

SVG = "{http://www.w3.org/2000/svg}"
LANGUAGES = ("ko", "en")
TABLES = ("table", "endings", "steps", "grouped", "dense", "grid", "translation", "listing")
DRAWINGS = [
    (name, lang, shape) for name in BUNDLES for lang in LANGUAGES for shape in ("wide", "narrow")
]


def drawn(name: str, lang: str, shape: str = "wide", prefix: str = "p") -> ElementTree.Element:
    found = getattr(figure, shape)(built(name), load(lang), prefix)
    return ElementTree.fromstring(found or "<svg/>")


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(("name", "lang", "shape"), DRAWINGS)
def test_a_figure_is_one_image_with_title_and_description(name: str, lang: str, shape: str) -> None:
    root = drawn(name, lang, shape)
    if root.tag == "svg":
        return  # this view has one drawing for both widths
    assert root.get("role") == "img"
    ids = {one.get("id") for one in root.iter() if one.get("id")}
    assert set(root.get("aria-labelledby", "").split()) <= ids
    assert all(one and one.startswith("p-") for one in ids)
    assert root.findtext(f"{SVG}title") == alt.caption(built(name), load(lang))
    assert root.findtext(f"{SVG}desc") == alt.description(built(name), load(lang))


@pytest.mark.parametrize(("name", "lang", "shape"), DRAWINGS)
def test_no_text_is_smaller_than_11_px_where_it_is_shown(name: str, lang: str, shape: str) -> None:
    markup = getattr(figure, shape)(built(name), load(lang), "p")
    sizes = [float(one) for one in re.findall(r'font-size(?:="|: )([\d.]+)', markup)]
    width = float(re.findall(r'viewBox="0 0 ([\d.]+)', markup)[0]) if markup else 1.0
    # A narrow drawing, and one that serves both widths, is shown 343 px wide on a phone; the
    # style sheet shows a wide one from 680 px on. A drawn table is for downloads only.
    alone = name.startswith("rings")
    shown = 343 if shape == "narrow" or alone else width if name in TABLES else 680
    assert [size for size in sizes if size * min(1.0, shown / width) < 11] == []


def test_the_style_sheet_shows_a_wide_drawing_from_680_px_on() -> None:
    assert (
        "@container (max-width: 680px) {\n  .vd-both > .vd-wide { display: none; }" in stylesheet()
    )


@pytest.mark.parametrize(("name", "lang", "shape"), DRAWINGS)
def test_text_takes_the_colour_of_the_page_and_shapes_take_variables(
    name: str, lang: str, shape: str
) -> None:
    markup = getattr(figure, shape)(built(name), load(lang), "p")
    for colour in re.findall(r"#[0-9a-f]{6}\b", markup):
        assert "var(--vd-" in markup[: markup.index(colour)][-60:], colour


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("name", ["flow", "trap", "bare", "lanes"])
def test_a_flow_numbers_every_step_in_order_and_names_it(name: str, lang: str, shape: str) -> None:
    view = built(name).bundle.view
    assert isinstance(view, Flow)
    found = texts(drawn(name, lang, shape))
    numbers = [int(one) for one in found if one.isdigit()]
    assert numbers == list(range(1, len(view.steps) + 1))
    squeezed = "".join(found).replace(" ", "")
    for step in view.steps:
        assert label_text(step.label, load(lang)).replace(" ", "") in squeezed
    for party in view.parties:
        assert load(lang).text(f"party.{party}") in found


@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize(("name", "crossings"), [("flow", 2), ("trap", 2), ("bare", 0)])
def test_every_crossing_of_the_border_is_drawn_strong_in_the_technique_s_colour(
    name: str, shape: str, crossings: int
) -> None:
    view = built(name).bundle.view
    assert isinstance(view, Flow)
    strong = [one for one in drawn(name, "en", shape).iter() if one.get("class") == "vd-crossing"]
    assert len(strong) == crossings == sum(step.crossing for step in view.steps)
    for one in strong:
        assert f"--vd-{view.technique}" in one.get("style", "")
        assert float(one.get("stroke-width", "0")) > 3


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["flow", "lanes"])
def test_boxes_stay_inside_their_lane_and_text_inside_its_box(name: str, lang: str) -> None:
    root = drawn(name, lang)
    width = float(root.get("width", "0"))
    boxes = [one for one in root.iter(f"{SVG}rect") if one.get("rx") == "7"]
    for one in boxes:
        assert 0 <= float(one.get("x", "")) <= width - float(one.get("width", ""))
    for one in root.iter(f"{SVG}text"):
        end = float(one.get("x", "")) + svg.text_width("".join(one.itertext()), 13)
        assert end <= width + 60 or one.get("text-anchor")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["rings", "rings_one_mode"])
def test_a_ring_diagram_names_every_occupant_and_every_ring(name: str, lang: str) -> None:
    view = built(name).bundle.view
    assert isinstance(view, Rings)
    found = texts(drawn(name, lang))
    modes = 2 if view.two_modes else 1
    for ring in range(4):
        assert found.count(load(lang).text("ui.ring", {"n": str(ring)})) == modes
    for one in view.occupants:
        assert load(lang).text(f"party_short.{one.party}") in found


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["wide", "narrow"])
def test_a_chart_writes_every_value_beside_its_bar(lang: str, shape: str) -> None:
    view = built("chart").bundle.view
    assert isinstance(view, Chart)
    found = texts(drawn("chart", lang, shape))
    for bar in view.bars:
        assert value_text(bar.value, load(lang)) in found
        assert label_text(bar.head, load(lang)) in found


def test_a_chart_says_when_its_axis_is_logarithmic() -> None:
    view = built("chart").bundle.view
    assert isinstance(view, Chart)
    assert view.log
    assert any("log scale" in one for one in texts(drawn("chart", "en")))
    assert any("로그 눈금" in one for one in texts(drawn("chart", "ko")))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_alt_text_of_a_chart_names_its_largest_mark_and_counts_those_without_any(
    lang: str,
) -> None:
    one = built("chart")
    found = alt.description(one, load(lang))
    for key in ("max_technique", "max_value", "without", "techniques"):
        assert value_text(one.values[key], load(lang)) in found


def test_two_figures_on_one_page_share_no_id() -> None:
    ids = [
        one.get("id")
        for prefix in ("a", "b")
        for name in ("chart", "flow")
        for one in drawn(name, "ko", prefix=f"{prefix}-{name}").iter()
        if one.get("id")
    ]
    assert len(ids) == len(set(ids))


def test_a_chart_brings_no_style_sheet_into_the_page() -> None:
    markup = figure.wide(built("chart"), load("ko"), "p")
    assert "<style" not in markup
    assert "<!" not in markup
    assert "xlink" not in markup


def test_a_chart_has_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys; from tests.render.conftest import built; from virtdocs.render import figure;"
        "from virtdocs.render.catalogue import load;"
        "sys.stdout.buffer.write(figure.wide(built('chart'), load('ko'), 'p').encode())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": ":".join(filter(None, sys.path)),
            "HOME": "/nonexistent",
            "MPLCONFIGDIR": "",
        },
    )
    assert other.stdout.decode() == figure.wide(built("chart"), load("ko"), "p")


def test_every_bar_takes_the_colour_of_its_technique() -> None:
    view = built("chart").bundle.view
    assert isinstance(view, Chart)
    markup = mpl.chart(view, load("en"), "p", "t", "d")
    for name in ("native", "trap_emulate", "hw_nested", "xen_pv32"):
        assert f"var(--vd-{name}, " in markup


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("한글 넷 자리", 60, ["한글 넷", "자리"]),
        ("abcdefghij", 30, ["abcd", "efgh", "ij"]),
        ("", 30, []),
        ("one", 300, ["one"]),
    ],
)
def test_lines_break_at_spaces_and_inside_a_word_that_is_too_long(
    text: str, width: float, lines: list[str]
) -> None:
    assert svg.wrap(text, 13, width) == lines


def test_a_hangul_syllable_is_one_em_wide_and_latin_is_narrower() -> None:
    assert svg.text_width("가나", 10) == 20
    assert svg.text_width("ab", 10) < svg.text_width("AB", 10) < 20


def test_the_built_fixture_is_an_exhibit(any_built: Built) -> None:
    assert any_built.bundle.caption.key.startswith("caption.")


@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_panels_write_every_value_and_title_each_panel(lang: str, shape: str) -> None:
    view = built("panels").bundle.view
    assert isinstance(view, Panels)
    found = texts(drawn("panels", lang, shape))
    squeezed = "".join(found).replace(" ", "")
    for chart in view.charts:
        words = label_text(chart.axis, load(lang)).split()
        assert all(word in squeezed for word in words)
        for bar in chart.bars:
            assert value_text(bar.value, load(lang)) in found
    heads = [label_text(bar.head, load(lang)) for bar in view.charts[0].bars]
    # side by side the heads stand once, one above the other with each panel
    assert {found.count(head) for head in heads} == ({1} if shape == "wide" else {2})


def test_every_bar_of_every_panel_takes_the_colour_of_its_technique() -> None:
    markup = figure.wide(built("panels"), load("en"), "p")
    assert not re.findall(r"(?<!\()#0a\w{4}", markup)
    assert markup.count("var(--vd-hw_nested, ") == 2


@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_walk_numbers_every_reference_once_in_the_order_of_reading(lang: str, shape: str) -> None:
    view = built("walk").bundle.view
    assert isinstance(view, WalkGrid)
    root = drawn("walk", lang, shape)
    numbers = [int(one) for one in texts(root) if one.isdigit()]
    assert numbers == list(range(1, len(view.references) + 1))
    circles, squares = (len(list(root.iter(f"{SVG}{tag}"))) for tag in ("circle", "rect"))
    own = sum(column == view.nested_levels for _, column in view.references)
    # the guest's own entries are squares, and so is the band behind the nested ones
    assert (circles, squares) == (len(view.references) - own, own + 1)


@pytest.mark.parametrize("shape", ["wide", "narrow"])
def test_the_marks_of_a_walk_stay_inside_the_drawing_and_apart(shape: str) -> None:
    root = drawn("walk", "ko", shape)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    places = [
        (float(one.get("x", "")), float(one.get("y", "")))
        for one in root.iter(f"{SVG}text")
        if "".join(one.itertext()).isdigit()
    ]
    for x, y in places:
        assert 15 < x < width - 15
        assert 15 < y < height - 5
    assert len({(round(x), round(y)) for x, y in places}) == len(places)


def test_a_drawn_listing_keeps_indentation_signs_and_special_characters() -> None:
    view = built("listing").bundle.view
    assert isinstance(view, Listing)
    found = [one.replace("\u00a0", " ") for one in texts(drawn("listing", "ko"))]
    assert found[2:] == ["-     cli", "+     mov qword [rax], 1 < 2"]


def test_a_drawn_table_gives_each_line_of_code_a_line() -> None:
    found = texts(drawn("translation", "en"))
    for line in ("8: jne 10", "9: jmp <next>"):
        assert line in found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_line_of_text_is_wider_than_its_box_where_lanes_are_narrow(lang: str) -> None:
    root = drawn("lanes", lang)
    boxes = [
        tuple(float(one.get(key, "")) for key in ("x", "y", "width", "height"))
        for one in root.iter(f"{SVG}rect")
        if one.get("rx") == "7"
    ]
    inside = 0
    for one in root.iter(f"{SVG}text"):
        x, y, size = (float(one.get(key, "")) for key in ("x", "y", "font-size"))
        for left, top, width, height in boxes:
            if (
                one.get("text-anchor") is None
                and left < x < left + width
                and top < y < top + height
            ):
                inside += 1
                assert x + svg.text_width("".join(one.itertext()), size) <= left + width
    assert inside >= len(boxes) > 5


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("name", ["curves", "bursts"])
def test_curves_name_every_line_once_with_its_last_value(name: str, shape: str, lang: str) -> None:
    view = built(name).bundle.view
    assert isinstance(view, Curves)
    found = " ".join(texts(drawn(name, lang, shape)))
    for curve in view.curves:
        heads = ", ".join(label_text(head, load(lang)) for head in curve.heads)
        assert f"{heads}: {value_text(curve.values[-1], load(lang))}" in found
    for place in view.places:
        assert value_text(place, load(lang)) in found
    for word in label_text(view.axis, load(lang)).split():
        assert word in found


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("shape", ["wide", "narrow"])
def test_no_text_of_curves_leaves_the_drawing(shape: str, lang: str) -> None:
    root = drawn("curves", lang, shape)
    for one in root.iter(f"{SVG}text"):
        if one.get("text-anchor") is None:
            size = float(one.get("font-size", "0")) * (1.1 if one.get("font-weight") else 1)
            end = float(one.get("x", "")) + svg.text_width("".join(one.itertext()), size)
            assert end <= float(root.get("width", "0"))


def test_devices_with_the_same_counts_share_a_line() -> None:
    view = built("curves").bundle.view
    assert isinstance(view, Curves)
    assert [len(curve.heads) for curve in view.curves] == [1, 2]


@pytest.mark.parametrize("shape", ["wide", "narrow"])
@pytest.mark.parametrize("name", ["curves", "bursts"])
def test_a_greater_value_stands_higher(name: str, shape: str) -> None:
    view = built(name).bundle.view
    assert isinstance(view, Curves)
    lines = [
        [tuple(map(float, point.split())) for point in one.get("d", "M")[1:].split("L")]
        for one in drawn(name, "en", shape).iter(f"{SVG}path")
        if one.get("stroke-linejoin") == "round" and "L" in one.get("d", "")
    ]
    assert len(lines) == len(view.curves)
    points = [
        (float(value.raw), y)
        for curve, line in zip(view.curves, lines, strict=True)
        for value, (_, y) in zip(curve.values, line, strict=True)
    ]
    for value, y in points:
        for other, height in points:
            assert (value > other) <= (y < height)


def test_names_beside_lines_stand_apart() -> None:
    heights = sorted(
        float(one.get("y", ""))
        for one in drawn("curves", "ko").iter(f"{SVG}text")
        if ":" in "".join(one.itertext())
    )
    assert all(b - a >= 15 for a, b in itertools.pairwise(heights))
