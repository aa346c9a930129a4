"""Where a guest kernel really runs, and what it can read of that."""

from __future__ import annotations

import pytest

from virtdocs.errors import UnknownName
from virtdocs.experiments.interrupt_flag import interrupt_flag
from virtdocs.experiments.ring_levels import ring_levels


@pytest.mark.parametrize(
    ("name", "real", "read"),
    [
        ("native", 0, 0),
        ("trap_emulate", 1, 1),  # deprivileged, and mov rax, cs tells: ring aliasing
        ("bt", 1, 0),  # deprivileged, and the translator hides it
        ("hw_nested", 0, 0),  # ring 0 of guest mode: nothing to hide
    ],
)
def test_what_a_kernel_reads_of_its_ring_depends_on_the_technique(
    name: str, real: int, read: int
) -> None:
    found = ring_levels(name)
    assert (found.kernel_cpl, found.read_cpl) == (real, read)
    assert (found.app_cpl, found.app_read_cpl) == (3, 3)


@pytest.mark.parametrize(
    ("name", "monitor", "host_mode"),
    [("native", None, False), ("bt", 0, False), ("hw_nested", 0, True)],
)
def test_only_hardware_assist_gives_the_monitor_a_mode_of_its_own(
    name: str, monitor: int | None, host_mode: bool
) -> None:
    found = ring_levels(name)
    assert (found.monitor_cpl, found.host_mode) == (monitor, host_mode)


def test_both_vendors_run_the_guest_kernel_in_ring_0_of_guest_mode() -> None:
    assert ring_levels("hw_nested", "intel") == ring_levels("hw_nested", "amd")


def test_an_unknown_technique_is_a_mistake() -> None:
    with pytest.raises(UnknownName, match="native"):
        ring_levels("nativ")


@pytest.mark.parametrize(
    ("name", "open_at_the_end"),
    [("native", True), ("trap_emulate", False), ("bt", True), ("hw_nested", True)],
)
def test_popf_that_does_not_trap_leaves_interrupts_closed(name: str, open_at_the_end: bool) -> None:
    assert interrupt_flag("popf_wait", name) is open_at_the_end
