"""Which image runs where, and who handles what in Xen's five modes: all of it by running."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from virtdocs.experiments.image_matrix import Cell, image_matrix
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.experiments.xen_modes import DIMENSIONS, MODES, PRIVILEGED, ModeCell, xen_modes
from virtdocs.guest.images import IMAGES
from virtdocs.guest.workloads import ALL_BUILDS


@cache
def matrix(vendor: str = "intel") -> dict[tuple[str, str], Cell]:
    return {(one.image, one.technique): one for one in image_matrix(vendor)}


@cache
def modes() -> dict[tuple[str, str], ModeCell]:
    return {(one.mode, one.dimension): one for one in xen_modes()}


def test_every_image_meets_every_preset() -> None:
    assert set(matrix()) == {(image, name) for image in IMAGES for name in TECHNIQUES}


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("image", ["closed", "legacy"])
def test_an_image_that_can_t_be_changed_runs_wherever_no_port_is_needed(
    image: str, vendor: str
) -> None:
    fails = {name for name in TECHNIQUES if not matrix(vendor)[image, name].runs}
    assert fails == {"xen_pv32", "xen_pv64", "xen_pvh"}


def test_an_image_with_source_runs_everywhere() -> None:
    assert all(matrix()["open", name].runs for name in TECHNIQUES)


@pytest.mark.parametrize(
    ("name", "builds"),
    [
        ("native", {"native", "enlightened"}),
        ("bt", {"native", "enlightened"}),
        ("kvm_virtio", {"native", "enlightened"}),
        ("xen_pv32", {"pv32"}),
        ("xen_pv64", {"pv64"}),
        ("xen_hvm", {"native", "enlightened", "pvhvm"}),
        ("xen_pvhvm", {"native", "enlightened", "pvhvm"}),
        ("xen_pvh", {"pvh"}),
    ],
)
def test_a_build_runs_where_it_was_made_for(name: str, builds: set[str]) -> None:
    cell = matrix()["open", name]
    assert set(cell.builds) == builds
    assert cell.unmodified is ("native" in builds)
    assert [attempt.build for attempt in cell.attempts] == list(ALL_BUILDS)


@pytest.mark.parametrize("name", ["xen_pv32", "xen_pv64"])
def test_an_unported_kernel_dies_at_its_first_privileged_instruction(name: str) -> None:
    native = matrix()["legacy", name].attempts[0]
    assert native.outcome == "fault"
    assert native.detail.startswith("unhandled #GP (vector 13) at rip")


@pytest.mark.parametrize("name", ["native", "hw_nested", "qemu_tcg"])
def test_a_ported_kernel_dies_at_its_first_hypercall_where_nobody_filled_its_page(
    name: str,
) -> None:
    for attempt in matrix()["open", name].attempts:
        if attempt.build in ("pv32", "pv64"):
            assert attempt.outcome == "fault"
            assert attempt.detail.startswith("unhandled #UD (vector 6) at rip")


def test_only_an_image_that_takes_drivers_gets_paravirtual_devices() -> None:
    for (image, name), cell in matrix().items():
        offers = TECHNIQUES[name].io in ("virtio", "vmware_pv", "vmbus", "xen_ring")
        assert cell.paravirtual_devices is (offers and IMAGES[image].pv_drivers)


@pytest.mark.parametrize("name", ["xen_pv32", "xen_pv64"])
@pytest.mark.parametrize(
    ("first", "vector"), [("cli", 13), ("hlt", 13), ("mov cr3, rax", 13), ("ud2", 6)]
)
def test_a_program_of_its_own_starts_from_the_domain_builder_s_state(
    name: str, first: str, vector: int, tmp_path: Path
) -> None:
    """It runs until what it may not do: nobody has registered a handler."""
    program = tmp_path / "own.s"
    program.write_text(f"    mov rbx, rsi\n    {first}\n    jmp again\nagain: jmp again\n")
    result = run(str(program), name, steps=100)
    assert result.outcome == "fault"
    assert f"(vector {vector}) at rip 0x100010" in result.outcome_detail


# Xen's modes --------------------------------------------------------------------------------------


def test_there_are_five_modes_by_five_dimensions() -> None:
    assert len(MODES) == len(DIMENSIONS) == 5
    assert set(modes()) == {(mode, name) for mode in MODES for name in DIMENSIONS}


HANDLERS = {
    "boot": ["domain_builder", "domain_builder", "firmware", "firmware", "domain_builder"],
    "interrupts": ["event_channel"] * 2 + ["interrupt_controller"] + ["event_channel"] * 2,
    "privileged": ["port", "port", "guest_mode", "guest_mode", "guest_mode"],
    "page_tables": ["hypercall", "hypercall", "nested", "nested", "nested"],
    "devices": ["ring", "ring", "registers", "ring", "ring"],
}


@pytest.mark.parametrize("dimension", HANDLERS)
def test_who_handles_a_dimension_in_each_mode(dimension: str) -> None:
    assert [modes()[mode, dimension].handler for mode in MODES] == HANDLERS[dimension]


def test_a_cell_that_was_not_run_says_so_and_cites() -> None:
    for cell in modes().values():
        assert cell.basis == "run" or (cell.basis, bool(cell.sources)) == ("sourced", True)
        assert cell.basis == "run" or cell.dimension == "devices"
        assert bool(cell.counts) is (cell.basis == "run")


def test_only_hardware_s_modes_exit_and_only_pv_modes_trap() -> None:
    for (mode, _), cell in modes().items():
        pv = mode in ("xen_pv32", "xen_pv64")
        assert not cell.counts.get("vm_exit", 0) or not pv
        assert not cell.counts.get("trap", 0) or pv


def test_pvh_is_pvhvm_but_for_its_start() -> None:
    for dimension in ("interrupts", "privileged", "page_tables"):
        one, other = (modes()[mode, dimension] for mode in ("xen_pvhvm", "xen_pvh"))
        assert (one.handler, one.counts) == (other.handler, other.counts)
    assert modes()["xen_pvhvm", "boot"].counts["runs_unmodified"] == 1
    assert modes()["xen_pvh", "boot"].counts["runs_unmodified"] == 0


def test_each_privileged_operation_is_counted_once() -> None:
    for mode in MODES:
        assert sum(modes()[mode, "privileged"].counts.values()) == len(PRIVILEGED)
