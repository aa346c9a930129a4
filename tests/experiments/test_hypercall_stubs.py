"""The instruction that enters the hypervisor, decoded from what a guest was given."""

from __future__ import annotations

import pytest

from virtdocs.experiments.hypercall_stubs import stub, techniques_with_hypercalls


@pytest.mark.parametrize(
    ("technique", "vendor", "enters", "by_exit"),
    [
        ("xen_pv32", "intel", "int 0x82", False),
        ("xen_pv32", "amd", "int 0x82", False),
        ("xen_pv64", "intel", "syscall", False),
        ("xen_pv64", "amd", "syscall", False),
        ("xen_pvhvm", "intel", "vmcall", True),
        ("xen_pvhvm", "amd", "vmmcall", True),
        ("xen_pvh", "intel", "vmcall", True),
        ("xen_pvh", "amd", "vmmcall", True),
    ],
)
def test_the_way_in_follows_from_ring_mode_and_vendor(
    technique: str, vendor: str, enters: str, by_exit: bool
) -> None:
    found = stub(technique, vendor)
    assert found is not None
    assert found.enters == enters
    assert found.instructions[-1] == "ret"
    assert found.calls > 0
    assert bool(found.exits) is by_exit


def test_a_guest_that_knows_no_hypervisor_has_no_page_of_stubs() -> None:
    assert stub("hw_nested", "intel") is None
    assert "hw_nested" not in techniques_with_hypercalls()
