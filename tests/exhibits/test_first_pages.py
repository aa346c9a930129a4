"""The exhibits of the first pages, computed by the engine and rendered in both languages."""

from __future__ import annotations

import json

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.exhibits import Built, build
from virtdocs.exhibits.chosen import MAIN, chosen, with_native
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.render import formats
from virtdocs.views.model import Basis, Flow, Form, Table, Value
from virtdocs.views.tabular import table_of

CHEAP = [
    ("popf_wait", {}),
    ("guest_rings", {}),
    ("privileged_steps", {"instruction": "cli"}),
    *(("ring_map", {"technique": name}) for name in TECHNIQUES),
    *(("privileged_flow", {"technique": name, "instruction": "out"}) for name in TECHNIQUES),
    ("table_7_4", {}),
    ("source_steps", {}),
]


@pytest.fixture(scope="module", params=CHEAP, ids=lambda one: f"{one[0]}-{one[1]}")
def computed(request: pytest.FixtureRequest) -> Built:
    name, params = request.param
    return build(name, params)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_exhibit_renders_in_every_format(computed: Built, lang: str) -> None:
    renders_everywhere(computed, lang)


def test_computing_an_exhibit_again_gives_the_same_answer(computed: Built) -> None:
    again = build(computed.name, dict(computed.params))
    assert again.answer_hash == computed.answer_hash
    assert formats.export(again, "csv", "ko") == formats.export(computed, "csv", "ko")


def test_no_cell_claims_to_be_measured_or_judged(computed: Built) -> None:
    cells = [cell for row in table_of(computed.bundle.view).rows for cell in row.cells]
    found = {cell.basis for cell in cells if isinstance(cell, Value)}
    assert found <= {Basis.RUN, Basis.DERIVED, Basis.SOURCED}


def test_a_sourced_number_says_where_it_stands_in_its_source(computed: Built) -> None:
    for value in computed.values.values():
        if value.basis is Basis.SOURCED and value.form is Form.NUMBER:
            assert value.where, value


def test_popf_hangs_only_where_it_does_not_trap() -> None:
    values = build("popf_wait", {}).values
    hung = [name for name in MAIN if values[f"{name}.outcome"].raw == "outcome.hung"]
    assert hung == ["trap_emulate"]
    assert values["trap_emulate.if_at_end"].raw == 0


def test_one_cli_enters_the_monitor_only_under_trap_and_emulate() -> None:
    values = build("privileged_steps", {"instruction": "cli"}).values
    entered = {name for name in MAIN if values[f"{name}.transitions"].raw}
    assert entered == {"trap_emulate"}


def test_one_out_crosses_the_border_and_comes_back_wherever_there_is_a_monitor() -> None:
    for name in TECHNIQUES:
        view = build("privileged_flow", {"technique": name, "instruction": "out"}).bundle.view
        assert isinstance(view, Flow)
        crossings = sum(step.crossing for step in view.steps)
        assert crossings % 2 == 0, name
        # An emulator has no border to cross: the guest's instructions are its own data.
        assert (crossings > 0) is (name not in ("native", "qemu_tcg")), name


def test_unmodified_guests_end_in_native_s_state_except_where_x86_was_not_virtualizable() -> None:
    bundle = build("equivalence", {"workload": "syscall"}).bundle
    assert isinstance(bundle.view, Table)
    equal = {n for n in MAIN if bundle.values[f"{n}.state_equal"].raw == "answer.yes"}
    assert {"native", "bt", "hw_shadow", "hw_nested"} <= equal
    assert "trap_emulate" not in equal
    assert all(bundle.values[f"{name}.result_equal"].raw == "answer.yes" for name in MAIN)


def test_json_gives_the_exact_fraction_beside_the_decimal_one() -> None:
    found = json.loads(formats.export(build("table_7_4", {}), "json", "ko"))
    assert found["values"]["gain_cpu"]["exact"] == "40/19"
    assert found["values"]["gain_cpu"]["value"] == pytest.approx(2.105263157894737)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("main", MAIN),
        ("all", tuple(TECHNIQUES)),
        ("bt+native", ("native", "bt")),  # the order is the presets', not the page's
        ("main+bt", MAIN),
    ],
)
def test_a_page_names_the_techniques_of_a_table(given: str, shown: tuple[str, ...]) -> None:
    assert chosen(given) == shown


def test_what_is_compared_with_native_always_has_native_first() -> None:
    assert with_native("bt+hw_nested") == ("native", "bt", "hw_nested")


def test_a_table_shows_the_techniques_that_the_page_names_and_no_other() -> None:
    view = build("guest_rings", {"techniques": "bt+hw_nested"}).bundle.view
    assert isinstance(view, Table)
    assert [row.technique for row in view.rows] == ["bt", "hw_nested"]
