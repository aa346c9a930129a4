"""Three axes: full, mixed and paravirtual by what a guest must know, held against runs."""

from __future__ import annotations

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.hypervisor_types import hypervisor_types
from virtdocs.experiments.io_request import PATHS, one_request
from virtdocs.experiments.place import places
from virtdocs.experiments.taxonomy import GROUPS, group, paravirtual_axes
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.experiments.write_path import GUEST, SYSTEMS, write_path
from virtdocs.trace import Party

EXPECTED = {
    "native": "none",
    "trap_emulate": "full",
    "bt": "full",
    "hw_shadow": "full",
    "hw_nested": "full",
    "xen_pv32": "para",
    "xen_pv64": "para",
    "xen_hvm": "full",
    "xen_pvhvm": "mixed",
    "xen_pvh": "mixed",
    "kvm_virtio": "mixed",
    "kvm_emulated": "full",
    "esxi": "mixed",
    "hyperv": "mixed",
    "workstation": "full",
    "qemu_tcg": "full",
    "passthrough": "full",
}


def test_every_technique_has_its_place() -> None:
    assert {name: group(one) for name, one in TECHNIQUES.items()} == EXPECTED
    assert set(EXPECTED.values()) == set(GROUPS)


def test_kvm_with_virtio_and_xen_s_pvhvm_are_mixed_alike_but_for_devices_and_interrupts() -> None:
    kvm, pvhvm = TECHNIQUES["kvm_virtio"], TECHNIQUES["xen_pvhvm"]
    assert group(kvm) == group(pvhvm) == "mixed"
    assert paravirtual_axes(kvm) == ("io",)
    assert paravirtual_axes(pvhvm) == ("io", "irq")
    assert [axis for axis in kvm.axes if kvm.axes[axis] != pvhvm.axes[axis]] == ["io", "irq"]


def test_a_kernel_for_bare_hardware_boots_unless_the_guest_must_be_built_for_the_start() -> None:
    for one in places():
        assert one.unmodified is ("boot" not in one.paravirtual), one.key


def test_what_is_full_runs_an_unmodified_kernel_and_what_is_para_does_not() -> None:
    for one in places():
        if one.group in ("full", "para"):
            assert one.unmodified is (one.group == "full"), one.key


def test_a_product_s_mode_of_an_era_has_a_place_of_its_own() -> None:
    found = {one.key: one for one in places()}
    assert found["workstation_then"].preset.cpu == "binary_translation"
    assert found["workstation_then"].used_by == ("workstation",)
    assert found["xen_pv32_then"].preset.io == "xen_internal"


def test_where_the_editors_see_a_product_so_nothing_says_that_it_uses_the_preset() -> None:
    for one in places():
        assert not set(one.used_by) & set(one.seen_as), one.key
        assert bool(one.used_by) is bool(one.sources), one.key


# The flow with vhost has a parameter that no preset has by itself.
@pytest.mark.parametrize("path", [name for name, one in PATHS.items() if not one.params])
def test_the_parties_of_a_write_are_those_that_the_flow_shows(path: str) -> None:
    ends = (*GUEST, Party.DEVICE)
    between = tuple(party for party in one_request(path).handovers if party not in ends)
    assert write_path(technique(PATHS[path].technique)).between == between


def test_an_emulator_s_write_passes_the_host_s_kernel() -> None:
    assert write_path(TECHNIQUES["qemu_tcg"]).systems == (Party.HOST_KERNEL,)


def test_with_drivers_in_the_hypervisor_a_write_passes_no_other_system() -> None:
    then = write_path(technique("xen_pv32", era_name="xen-2003"))
    assert then.between == (Party.HYPERVISOR,)
    assert write_path(TECHNIQUES["xen_pv32"]).systems == (Party.DOM0,)


def test_an_operating_system_on_the_way_is_no_mark_of_type_2() -> None:
    found = {one.product.name: one for one in hypervisor_types()}
    assert found["hyperv"].path.systems == (Party.ROOT_PARTITION,)
    assert found["xen"].path.systems == (Party.DOM0,)
    assert found["esxi"].path.systems == ()
    assert found["workstation"].path.systems == (Party.HOST_KERNEL,)
    assert {one.value for one in (*found["hyperv"].readings, *found["xen"].readings)} == {"type1"}
    assert all(party in SYSTEMS for one in found.values() for party in one.path.systems)


def test_a_preset_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(VirtdocsError, match="Did you mean esxi"):
        technique("esx1")
