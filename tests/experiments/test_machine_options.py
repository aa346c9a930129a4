"""Parameters of the machine: they change counts and clocks, never what a guest computes."""

from __future__ import annotations

import pytest

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import run
from virtdocs.experiments.walk_grid import nested_walk

SHADOWED = ("hw_shadow", "bt")  # their hardware walks small pages whatever the guest has
OPS = {"memory": 32, "page_fault": 32, "fork": 4, "context_switch": 8, "tlb_miss": 512}


def ran(workload: str, technique: str, vendor: str = "intel", **params: str | int) -> ResultSet:
    ops = {"ops": OPS[workload]} if workload in OPS else {}
    return run(workload, technique, vendor=vendor, params={**ops, **params})


@pytest.mark.parametrize("technique", ["native", "hw_shadow", "hw_nested", "bt", "xen_pv64"])
@pytest.mark.parametrize("workload", OPS)
def test_a_walk_cache_saves_references_and_nothing_else(workload: str, technique: str) -> None:
    plain, cached = ran(workload, technique), ran(workload, technique, walk_cache=8)
    assert cached.state_hash == plain.state_hash
    assert cached.virtual_time == plain.virtual_time
    references = {"walk_refs"}
    assert {k: v for k, v in cached.counts.items() if k not in references} == {
        k: v for k, v in plain.counts.items() if k not in references
    }
    assert cached.counts["walk_refs"] < plain.counts["walk_refs"]


@pytest.mark.parametrize("technique", ["native", "hw_shadow", "hw_nested", "xen_pv32"])
def test_both_cores_count_alike_with_a_walk_cache(technique: str) -> None:
    results = [
        run("page_fault", technique, params={"ops": 64, "walk_cache": 4}, core=core)
        for core in ("fast", "reference")
    ]
    assert results[0].counts == results[1].counts
    assert results[0].state_hash == results[1].state_hash


def test_neighbours_cost_one_reference_in_each_dimension() -> None:
    # Bhargava et al. 2008 give the full walk; a hit in both caches leaves the last of each.
    assert len(nested_walk(4, 4).references) == 24
    assert ran("tlb_miss", "hw_nested", walk_cache=8).counts_per_op["walk_refs"] < 3


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_without_tags_every_exit_empties_the_tlb(vendor: str) -> None:
    with_tags = ran("cpuid", "hw_nested", vendor)
    without = ran("cpuid", "hw_nested", vendor, tlb_tags="off")
    assert with_tags.counts_per_op["tlb_miss"] == 0
    assert without.counts_per_op["tlb_miss"] >= without.counts_per_op["vm_exit"]["cpuid"] == 1
    assert without.state_hash == with_tags.state_hash


@pytest.mark.parametrize("workload", ["timer_tick", "read_time", "popf_wait"])
@pytest.mark.parametrize("technique", ["native", "hw_nested", "bt"])
def test_a_guest_that_sees_stolen_time_still_ends(workload: str, technique: str) -> None:
    assert ran(workload, technique, tsc="host").outcome == "halted"


def test_nobody_steals_time_on_bare_hardware() -> None:
    assert ran("red_pill", "native", tsc="host").state_hash == ran("red_pill", "native").state_hash


@pytest.mark.parametrize("technique", ["hw_nested", "hw_shadow", "bt"])
def test_both_cores_steal_the_same_time(technique: str) -> None:
    results = [
        run("red_pill", technique, params={"tsc": "host"}, core=core)
        for core in ("fast", "reference")
    ]
    assert results[0].state_hash == results[1].state_hash


@pytest.mark.parametrize("technique", ["native", "hw_shadow", "hw_nested", "bt", "qemu_tcg"])
@pytest.mark.parametrize("workload", OPS)
def test_large_pages_of_the_guest_change_what_is_counted_and_no_result(
    workload: str, technique: str
) -> None:
    small, large = ran(workload, technique), ran(workload, technique, guest_page="2M")
    assert large.result_hash == small.result_hash
    assert large.state_hash == ran(workload, "native", guest_page="2M").state_hash
    if technique not in SHADOWED:
        assert large.counts["walk_refs"] <= small.counts["walk_refs"]


def test_a_shadow_of_large_pages_is_made_of_small_ones() -> None:
    shadow = ran("tlb_miss", "hw_shadow", guest_page="2M")
    assert (
        shadow.counts_per_op["tlb_miss"] == ran("tlb_miss", "hw_shadow").counts_per_op["tlb_miss"]
    )
    assert ran("tlb_miss", "native", guest_page="2M").counts_per_op["tlb_miss"] == 0


def test_a_cache_for_both_dimensions_has_the_size_that_one_without_a_size_has() -> None:
    assert ran("cpuid", "hw_nested", walk_cache="2d").params["walk_cache"] == 16


def test_only_a_departure_is_a_parameter_of_the_answer() -> None:
    assert "walk_cache" not in ran("cpuid", "native", walk_cache=0).params
    assert ran("cpuid", "native", walk_cache=2).params["walk_cache"] == 2


@pytest.mark.parametrize(
    ("technique", "params", "error", "said"),
    [
        ("native", {"tlb_tags": "off"}, BadValue, "no guest mode"),
        ("hw_nested", {"tlb_tags": "of"}, UnknownName, "Did you mean off"),
        ("hw_nested", {"tsc": "hots"}, UnknownName, "Did you mean host"),
        ("hw_nested", {"walk_cache": 513}, BadValue, "between 0 and 512"),
        ("hw_nested", {"walk_cache": "3d"}, BadValue, "walk_cache='3d' is no integer and not 2d"),
        ("hw_nested", {"nested_page": "2m"}, UnknownName, "Did you mean 2M"),
        ("hw_shadow", {"nested_page": "2M"}, BadValue, "hw_shadow has no nested tables"),
        ("xen_pv64", {"guest_page": "2M"}, BadValue, "Xen offers no pages of 2 MiB to xen_pv64"),
        ("hw_nested", {"walk_cach": 1}, UnknownName, "Did you mean walk_cache"),
        ("hw_nested", {"dept": 2}, UnknownName, "Did you mean depth"),
        ("hw_nested", {"depth": 3}, BadValue, "depth=3 is not between 1 and 2"),
        ("hw_nested", {"depth": "two"}, BadValue, "no integer"),
        ("bt", {"depth": 2}, BadValue, "bt runs no guest hypervisor; hw_nested, kvm_virtio"),
        ("xen_hvm", {"depth": 2}, BadValue, "runs no guest hypervisor"),
        ("hw_nested", {"vmcs_shadowing": "off"}, BadValue, "wants depth=2"),
        ("hw_nested", {"depth": 2, "vmcs_shadowing": "of"}, UnknownName, "Did you mean off"),
    ],
)
def test_bad_input_is_named(technique, params, error, said) -> None:
    with pytest.raises(error, match=said):
        run("cpuid", technique, params=params)


def test_a_guest_hypervisor_is_one_of_intel_s() -> None:
    with pytest.raises(BadValue, match="--vendor intel"):
        ran("cpuid", "hw_nested", "amd", depth=2)


def test_a_workload_s_own_depth_is_no_hypervisor_s() -> None:
    found = ran("disk_read", "kvm_virtio", depth=2)
    assert found.params["depth"] == 2
    assert not any(key.startswith("l1.") for key in found.counts["vm_exit"])


@pytest.mark.parametrize(("era", "exits"), [("kvm-2012", 8), ("kvm-2020", 2)])
def test_the_era_decides_what_an_exit_becomes_at_depth_two(era: str, exits: int) -> None:
    found = run("cpuid", "kvm_emulated", era=era, params={"depth": 2, "ops": 50})
    assert sum(found.counts_per_op["vm_exit"].values()) == exits
    plain = run("cpuid", "kvm_emulated", era=era, params={"ops": 50})
    assert found.state_hash == plain.state_hash
    assert found.virtual_time == plain.virtual_time
    assert found.params["depth"] == 2


def test_shadowing_can_be_taken_from_the_processor() -> None:
    params = {"depth": 2, "ops": 50, "vmcs_shadowing": "off"}
    found = run("cpuid", "hw_nested", era="kvm-2020", params=params)
    assert found.counts_per_op["vm_exit"]["l1.vmread"] == 6
