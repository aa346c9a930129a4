"""The exhibits of the machine and of every technique, computed and rendered in both languages."""

from __future__ import annotations

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.errors import BadValue
from virtdocs.exhibits import Built, build
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.render import formats
from virtdocs.views.model import Basis, Form, Listing, Panels, Table, Value, WalkGrid
from virtdocs.views.tabular import table_of

EXHIBITS: list[tuple[str, dict[str, str], type]] = [
    ("walk_grid", {}, Table),
    ("walk_2d", {}, WalkGrid),
    ("instruction_classes", {}, Table),
    ("critical_instructions", {}, Table),
    ("red_pill", {"techniques": "bt+hw_nested"}, Table),
    ("efficiency", {"of": "op", "techniques": "native+hw_nested"}, Table),
    ("three_pagings", {"techniques": "native+hw_shadow+hw_nested"}, Panels),
    ("translation_costs", {"techniques": "native+hw_nested"}, Table),
    ("bt_listing", {}, Table),
    ("pv_port", {"port": "pv64"}, Table),
    ("pv_port_excerpt", {"file": "entry", "hunk": "all"}, Listing),
    ("hypercall_abi", {}, Table),
    ("technique_axes", {}, Table),
    ("technique_reasons", {"technique": "xen_pvh"}, Table),
    ("image_matrix", {}, Table),
    ("xen_modes", {}, Table),
    ("balloon", {"pages": "64"}, Panels),
]


@pytest.fixture(scope="module", params=EXHIBITS, ids=lambda one: one[0])
def computed(request: pytest.FixtureRequest) -> tuple[Built, type]:
    name, params, shape = request.param
    return build(name, params), shape


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_exhibit_renders_in_every_format(computed: tuple[Built, type], lang: str) -> None:
    built, shape = computed
    assert isinstance(built.bundle.view, shape)
    renders_everywhere(built, lang)


def test_every_cell_was_run_derived_or_quoted_with_its_place(computed: tuple[Built, type]) -> None:
    built, _ = computed
    cells = [cell for row in table_of(built.bundle.view).rows for cell in row.cells]
    found = [one for one in (*cells, *built.values.values()) if isinstance(one, Value)]
    # an editor's own reason for a preset is the only opinion here
    opinions = {Basis.JUDGED} if built.name == "technique_reasons" else set()
    assert {one.basis for one in found} <= {Basis.RUN, Basis.DERIVED, Basis.SOURCED} | opinions
    assert all(one.where for one in found if one.basis is Basis.SOURCED and one.form is Form.NUMBER)


def test_a_four_level_walk_under_a_four_level_monitor_reads_24_entries() -> None:
    values = build("walk_2d", {}).values
    assert [values[key].raw for key in ("references", "guest_references", "nested_references")] == [
        24, 4, 20,
    ]  # fmt: skip
    grid = build("walk_grid", {}).values
    assert (grid["nested_4x4"].raw, grid["native_4"].raw) == (24, 4)
    assert grid["as_formula"].raw == grid["walks"].raw == 25


def test_shadow_paging_enters_the_monitor_and_nested_paging_reads_more() -> None:
    values = build("three_pagings", {}).values
    assert values["hw_nested.entries"].raw == 0
    assert values["most_entries"].raw == "technique.hw_shadow"
    assert values["most_refs"].raw == "technique.hw_nested"
    assert values["hw_nested.refs_per_miss"].raw == 24
    assert values["hw_shadow.refs_per_miss"].raw == values["xen_pv64.refs_per_miss"].raw == 4


def test_only_a_kernel_under_trap_and_emulate_reads_its_real_ring() -> None:
    values = build("red_pill", {"techniques": "trap_emulate+bt+hw_nested"}).values
    told = {
        name: values[f"{name}.kernel.mov_cs"].raw for name in ("trap_emulate", "bt", "hw_nested")
    }
    assert told == {"trap_emulate": "answer.yes", "bt": "answer.no", "hw_nested": "answer.no"}
    # translated kernels don't notice, but programs run untranslated
    assert values["bt.kernel.sgdt"].raw == "answer.no"
    assert values["bt.program.sgdt"].raw == "answer.yes"


def test_the_classes_add_up_and_umip_moves_five_instructions() -> None:
    values = build("instruction_classes", {}).values
    count = {key: value.raw for key, value in values.items() if isinstance(value.raw, int)}
    kinds = ("privileged", "critical", "innocuous", "undefined")
    assert sum(count[kind] for kind in kinds) == count["all"]
    assert count["critical"] - count["critical_umip"] == 5
    assert count["published_critical"] == count["published_listed"] == 18
    assert count["published_claimed"] == 17


def test_a_port_keeps_most_of_the_kernel() -> None:
    values = build("pv_port", {}).values
    kept, lost = (values[key].raw for key in ("kept", "removed"))
    assert isinstance(kept, int)
    assert isinstance(lost, int)
    assert 0 < lost < kept


def test_only_ports_run_where_the_hypervisor_has_taken_ring_0_or_the_firmware_away() -> None:
    values = build("image_matrix", {}).values
    assert values["refusing"].raw == "technique.xen_pv32 technique.xen_pv64 technique.xen_pvh"
    assert values["xen_pv64.open.builds"].raw == "pv64"
    assert values["kvm_virtio.closed.pv_devices"].raw == "answer.yes"
    assert values["kvm_virtio.legacy.pv_devices"].raw == "answer.no"


def test_every_technique_has_a_reason_on_every_axis_in_both_languages() -> None:
    for name in TECHNIQUES:
        built = build("technique_reasons", {"technique": name})
        assert isinstance(built.bundle.view, Table)
        assert len(built.bundle.view.rows) == 5
        for lang in ("ko", "en"):
            assert formats.export(built, "md", lang)


def test_an_excerpt_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(BadValue, match="changed places, not 20"):
        build("pv_port_excerpt", {"file": "calls", "hunk": "20"})
