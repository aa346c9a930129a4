"""The exhibits of products: every cell with its ground, every fact with its source, every row
with an address of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.checks.inventory import read_parts
from virtdocs.checks.termlist import read_terms
from virtdocs.checks.vocabulary import Vocabulary
from virtdocs.exhibits import EXHIBITS, Built, build
from virtdocs.experiments.product_lists import LISTS as OF_THE_DOCUMENT
from virtdocs.experiments.product_lists import listed
from virtdocs.experiments.products import products
from virtdocs.render import page
from virtdocs.render.catalogue import load
from virtdocs.render.numbers import label_text
from virtdocs.render.table import cell_text
from virtdocs.views.model import Basis, Row, Table, Value

LISTS = dict(EXHIBITS["products"].parameters)["list"].choices
LANGUAGES = ("ko", "en")
ROOT = Path(__file__).parents[2]


def places() -> dict[str, list[tuple[str, str]]]:
    """The rows where a part of the source document may stand, (list, product): a list's item in
    its list, a product in any that has it."""
    rows_of = {name: {one.product.name for one in listed(name)} for name in LISTS}
    found: dict[str, list[tuple[str, str]]] = {}
    for one in products().values():
        for part in one.covers:
            own = [name for name, start in OF_THE_DOCUMENT.items() if part.startswith(start)]
            shown = [(name, one.name) for name in own or LISTS if one.name in rows_of[name]]
            found.setdefault(part, []).extend(shown)
    return found


PLACES = places()
SHOWN = [
    *(("products", {"list": name}) for name in LISTS),
    *(("taxonomy", {"axes": name}) for name in ("three", "five")),
    ("hypervisor_type", {}),
]


@pytest.fixture(scope="module", params=SHOWN, ids=lambda one: "-".join((one[0], *one[1].values())))
def computed(request: pytest.FixtureRequest) -> Built:
    name, params = request.param
    return build(name, params)


def rows(built: Built) -> tuple[Row, ...]:
    assert isinstance(built.bundle.view, Table)
    return built.bundle.view.rows


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_renders_in_every_format(computed: Built, lang: str) -> None:
    renders_everywhere(computed, lang)


def test_every_cell_has_its_ground(computed: Built) -> None:
    for row in rows(computed):
        assert all(isinstance(cell, Value) for cell in row.cells), row.anchor


def test_every_sourced_cell_says_where_and_the_exhibit_cites_it(computed: Built) -> None:
    for row in rows(computed):
        for cell in row.cells:
            assert isinstance(cell, Value)
            if cell.basis is Basis.SOURCED and cell.where:
                keys = {place.split()[0] for place in cell.where}
                assert keys <= set(computed.bundle.sources), row.anchor


def test_only_a_preset_is_ever_the_editors_choice(computed: Built) -> None:
    judged = [
        (row.anchor, cell.raw)
        for row in rows(computed)
        for cell in row.cells
        if isinstance(cell, Value) and cell.basis is Basis.JUDGED
    ]
    if computed.name == "taxonomy":
        assert {anchor for anchor, _ in judged} == {"workstation", "xen-pvhvm"}
    else:
        chosen = {one.name.replace("_", "-"): one.preset for one in products().values()}
        assert all(chosen[anchor] == raw for anchor, raw in judged)


def test_every_row_can_be_linked_to(computed: Built) -> None:
    anchors = [row.anchor for row in rows(computed)]
    assert all(anchors)
    assert len(anchors) == len(set(anchors))
    markup = page.exhibit_html(computed, "ko", 1, page.slug(computed))
    ids = re.findall(r'<tr id="([^"]+)"', markup)
    assert ids == [f"{page.slug(computed)}-{anchor}" for anchor in anchors]


def test_all_products_are_shown_and_none_twice() -> None:
    found = build("products", {"list": "all"})
    assert {row.anchor.replace("-", "_") for row in rows(found)} == set(products())
    assert found.values["products"].raw == len(products())


def test_a_type_on_which_sources_differ_is_not_decided() -> None:
    values = build("products", {"list": "type1"}).values
    assert values["kvm.type"].raw == "hypervisor_type.contested"
    assert {place.split()[0] for place in values["kvm.type"].where} == {"RH-KVM", "DALL16"}
    assert values["hyperv.type"].raw == "hypervisor_type.type1"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("centos_7", "support_ended"),
        ("ubuntu_20_04", "support_ended"),
        ("windows_10", "support_ended"),
        ("windows_2003", "support_ended"),
        ("ubuntu_22_04", "supported"),
        ("windows_server_2019", "supported"),
    ],
)
def test_support_has_ended_when_its_last_day_is_before_the_fact_s_date(
    name: str, status: str
) -> None:
    value = build("products", {"list": "guests"}).values[f"{name}.status"]
    assert (value.raw, value.basis) == (f"product_status.{status}", Basis.DERIVED)


def test_azure_is_no_xen_and_no_kvm() -> None:
    values = build("products", {"list": "clouds"}).values
    assert values["azure.model"].raw == "hyperv"
    assert values["gcp.model"].raw == "kvm_virtio"


def test_kvm_with_virtio_stands_in_one_place_only() -> None:
    found = build("taxonomy", {"axes": "five"})
    assert found.values["kvm_virtio.group"].raw == "taxonomy_group.mixed"
    assert found.values["xen_pvhvm.group"].raw == "taxonomy_group.mixed"
    assert found.values["xen_pvh.group"].raw == "taxonomy_group.mixed"
    assert found.values["shared_axes"].raw == 3
    assert found.values["differing_axes"].raw == "column.axis_io column.axis_irq"
    groups = [row.group.key for row in rows(found) if row.group]
    assert list(dict.fromkeys(groups)) == [
        f"taxonomy_group.{name}" for name in ("none", "full", "mixed", "para")
    ]
    assert groups == sorted(groups, key=list(dict.fromkeys(groups)).index)


def test_an_os_of_its_own_on_the_way_is_found_under_both_types() -> None:
    values = build("hypervisor_type", {}).values
    assert values["type1_with_system"].raw
    assert values["type2_with_system"].raw == values["type2"].raw
    assert values["esxi.has_system"].raw == "answer.no"
    assert values["xen.system_on_path"].raw == "party.dom0"
    assert values["hyperv.system_on_path"].raw == "party.root_partition"
    assert values["xen.kernel_cpl"].raw == 3


def test_what_costs_nothing_is_of_both_types() -> None:
    values = build("hypervisor_type", {}).values
    assert values["type1_free"].raw
    assert values["type2_free"].raw
    assert values["type2_paid"].raw


@pytest.fixture(scope="module")
def texts() -> dict[tuple[str, str, str], str]:
    """What a reader sees of each row, with the heads above it: by list, language, product."""
    found = {}
    for name in LISTS:
        view = build("products", {"list": name}).bundle.view
        caption = build("products", {"list": name}).bundle.caption
        assert isinstance(view, Table)
        for lang in LANGUAGES:
            words = load(lang)
            heads = [label_text(one, words) for one in (caption, *view.columns)]
            for row in view.rows:
                cells = [cell_text(cell, words) for cell in (row.head, *row.cells)]
                found[name, lang, row.anchor.replace("-", "_")] = "\n".join([*heads, *cells])
    return found


@pytest.mark.parametrize("part", PLACES)
def test_a_row_holds_the_terms_of_the_part_that_it_covers_in_both_languages(
    part: str, texts: dict[tuple[str, str, str], str]
) -> None:
    text, terms = read_parts(ROOT)[part].text, Vocabulary.of(read_terms(ROOT))
    lost = {
        (name, product): [terms.lost(text, texts[name, lang, product]) for lang in LANGUAGES]
        for name, product in PLACES[part]
    }
    assert any(not any(found) for found in lost.values()), lost
