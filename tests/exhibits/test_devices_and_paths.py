"""The exhibits of devices and of the way of a request, computed and rendered in both languages."""

from __future__ import annotations

import pytest

from tests.exhibits.rendered import renders_everywhere
from virtdocs.devices.registry import DEVICES
from virtdocs.exhibits import Built, build
from virtdocs.experiments.io_request import PATHS
from virtdocs.views.device_counts import tag_name
from virtdocs.views.model import Basis, Chart, Curves, Flow, Form, Table, Value
from virtdocs.views.tabular import table_of

EXHIBITS: list[tuple[str, dict[str, str], type]] = [
    ("device_exits", {"kind": "net"}, Chart),
    ("device_counts", {}, Table),
    ("exits_by_depth", {}, Curves),
    ("interrupts_by_burst", {}, Curves),
    ("measured_counts", {"kinds": "net+con"}, Table),
    ("io_parties", {}, Table),
    *(("io_flow", {"path": path}, Flow) for path in PATHS),
]


@pytest.fixture(
    scope="module", params=EXHIBITS, ids=lambda one: "-".join([one[0], *one[1].values()])
)
def computed(request: pytest.FixtureRequest) -> tuple[Built, type]:
    name, params, shape = request.param
    return build(name, params), shape


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_exhibit_renders_in_every_format(computed: tuple[Built, type], lang: str) -> None:
    built, shape = computed
    assert isinstance(built.bundle.view, shape)
    renders_everywhere(built, lang)


def test_a_cell_was_run_derived_or_measured_with_its_place(computed: tuple[Built, type]) -> None:
    built, _ = computed
    cells = [cell for row in table_of(built.bundle.view).rows for cell in row.cells]
    found = [one for one in (*cells, *built.values.values()) if isinstance(one, Value)]
    allowed = {Basis.RUN, Basis.DERIVED}
    if built.name == "measured_counts":
        allowed |= {Basis.MEASURED}
        assert set(built.bundle.sources) <= {"MEASURED-REF", "MEASURED-TCG"}
    assert {one.basis for one in found} <= allowed
    assert all(
        one.where for one in found if one.basis is Basis.MEASURED and one.form is Form.NUMBER
    )


def test_the_table_of_devices_has_every_registered_disk_network_card_and_console() -> None:
    values = build("device_counts", {}).values
    kinds = ("disk", "net", "console")
    shown = {tag_name(name) for name, device in DEVICES.items() if device.kind in kinds}
    assert values["devices"].raw == len(shown)
    assert {key.rpartition(".")[0] for key in values if key.endswith(".exits")} == shown


def test_the_chart_and_the_table_of_devices_say_the_same() -> None:
    table, chart = (build(name, {}).values for name in ("device_counts", "device_exits"))
    for key in chart:
        if key.endswith(".exits"):
            assert chart[key] == table[key]


def test_the_record_is_equal_wherever_it_was_always_the_same() -> None:
    values = build("measured_counts", {}).values
    assert values["exact"].raw == values["exact_equal"].raw
    assert values["rows"].raw == sum(
        int(values[key].raw) for key in ("equal", "structure", "differs")
    )


def test_one_interrupt_more_costs_as_much_here_as_in_the_record() -> None:
    values = build("measured_counts", {"kinds": "net"}).values
    assert values["e1000.engine_per_interrupt"].raw == 5
    assert values["vmxnet3.engine_per_interrupt"].raw == 1
    for device in ("e1000", "vmxnet3"):
        ours, theirs = (
            float(values[f"{device}.{side}_per_interrupt"].raw) for side in ("engine", "recorded")
        )
        assert theirs == pytest.approx(ours, rel=0.02)


def test_the_matrix_has_a_row_for_each_path_and_the_flows_agree_with_it() -> None:
    matrix = build("io_parties", {})
    assert isinstance(matrix.bundle.view, Table)
    assert len(matrix.bundle.view.rows) == len(PATHS)
    for path in ("xen_pv64", "kvm_vhost"):
        flow = build("io_flow", {"path": path})
        for key in ("handovers", "dom0", "host_kernel_there"):
            assert flow.values[key] == matrix.values[f"{path}.{key}"]


def test_one_write_under_pv_goes_to_dom0_once_and_by_emulation_for_each_register() -> None:
    values = build("io_parties", {}).values
    assert values["xen_pv64.dom0_there"].raw == values["xen_pvh.dom0_there"].raw == 1
    assert int(values["xen_hvm.dom0_there"].raw) > 10
    assert values["kvm_virtio.dom0"].raw == 0
    assert values["kvm_vhost.device_model"].raw == 0
    assert (values["kvm_vhost.disk"].raw, values["kvm_vhost.device"].raw) == ("virtio-blk", 1)


def test_a_matrix_of_some_paths_shows_those_in_their_order() -> None:
    view = build("io_parties", {"paths": "passthrough+native"}).bundle.view
    assert isinstance(view, Table)
    assert [row.technique for row in view.rows] == ["native", "passthrough"]
