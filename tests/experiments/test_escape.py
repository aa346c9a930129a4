"""A guest that tries to get out does not; without a monitor's check it does, and is seen."""

from __future__ import annotations

import pytest

from virtdocs.experiments.escape import MONITORS, NEIGHBOURS, TRIES, program, tries
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.other_machine import runs_other_machine
from virtdocs.experiments.techniques import TECHNIQUES, technique
from virtdocs.experiments.translated_share import translated_shares
from virtdocs.trace import Trace
from virtdocs.vmm.deprivileged import DeprivilegedEngine
from virtdocs.vmm.direct_paging import DirectPaging
from virtdocs.vmm.host import GUEST, NEIGHBOUR
from virtdocs.vmm.permission_maps import PortMap

HOSTED = ("trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64", "workstation")


@pytest.mark.parametrize("name", HOSTED)
def test_no_try_gets_out(name: str) -> None:
    found = tries(name)
    assert [one.what for one in found] == list(TRIES)
    assert [one for one in found if one.out] == []


def test_a_paravirtual_guest_is_refused_what_another_names_without_meaning_it() -> None:
    """A PV guest uses the host's frame numbers; to another guest they are its own."""
    endings = {name: tries(name)[0].ending for name in ("hw_nested", "xen_pv64")}
    assert endings == {"hw_nested": "exit code 0", "xen_pv64": "exit code 1"}


@pytest.mark.parametrize(
    ("owner", "check", "instead", "name", "out"),
    [
        (DirectPaging, "owns", lambda *_: True, "xen_pv32", "read_neighbour"),
        (DirectPaging, "owns", lambda *_: True, "xen_pv32", "write_monitor"),
        (
            DeprivilegedEngine,
            "truncated",
            staticmethod(lambda limit: (1 << 64) - 1),
            "trap_emulate",
            "monitor_region",
        ),
        (PortMap, "exits", lambda *_: False, "hw_nested", "host_port"),
    ],
)
def test_without_a_check_the_try_gets_out(
    owner: type,
    check: str,
    instead: object,
    name: str,
    out: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, check, instead)
    assert out in {one.what for one in tries(name) if one.out}


@pytest.mark.parametrize("name", ["hw_nested", "xen_pv32"])
def test_the_tries_aim_at_frames_of_others(name: str) -> None:
    preset = technique(name)
    host = assemble(preset, program("host_port", preset), "intel", Trace()).host
    assert host is not None
    assert host.memory.owner(NEIGHBOURS) == NEIGHBOUR
    assert host.memory.owner(MONITORS) not in (GUEST, NEIGHBOUR)


def test_bare_hardware_has_nobody_to_protect() -> None:
    with pytest.raises(ValueError, match="native has no host"):
        tries("native")


def test_no_technique_runs_a_program_of_another_machine() -> None:
    assert [name for name in TECHNIQUES if runs_other_machine(name)] == []


def test_only_a_kernel_is_translated_and_little_of_it_changed() -> None:
    program, call = (translated_shares(workload, "bt") for workload in ("cpu", "syscall"))
    assert (program.translated, program.changed) == (0, 0)
    assert 0.5 < call.translated < 1
    assert 0 < call.changed < call.translated / 2
    assert translated_shares("syscall", "hw_nested").translated == 0
