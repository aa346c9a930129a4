"""A mix on another device than the technique's own, and what a request costs the CPU there."""

from __future__ import annotations

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.mix_device import with_device
from virtdocs.experiments.mixes import mix
from virtdocs.experiments.models import link, request_cost
from virtdocs.experiments.models.extra_cycles import Extra, extra_cycles
from virtdocs.experiments.predict import predict
from virtdocs.experiments.published import figure
from virtdocs.experiments.targets import targets
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS, spread
from virtdocs.experiments.workings import Asked, working

ERA = "kvm-2012"


def test_the_techniques_own_device_by_name_changes_nothing() -> None:
    for name, own in (("disk_read", "pvscsi"), ("ttcp", "vmxnet3")):
        assert predict(name, "esxi", ERA, {"io": own}) == predict(name, "esxi", ERA)


def test_only_the_technique_changes_its_device_and_not_native() -> None:
    preset = technique("esxi", era_name=ERA)
    chosen, rest = with_device(mix("disk_read"), preset, {"io": "lsilogic", "size": 4096})
    assert rest == {"size": 4096}
    model = cost_model(ERA)
    more = extra_cycles(chosen, "esxi", ERA, model, {"size": 4096})
    less = extra_cycles(mix("disk_read"), "esxi", ERA, model, {"size": 4096})
    # Two reads more, and each of them exits (drivers/message/fusion/mptbase.c: mpt_interrupt).
    assert more.exits - less.exits == 2
    assert all(a > b for a, b in zip(more.cycles, less.cycles, strict=True))


@pytest.mark.parametrize(
    ("name", "io", "message"),
    [
        ("disk_read", "lsilogik", "unknown device 'lsilogik'. Did you mean lsilogic?"),
        ("disk_read", "vmxnet2", "vmxnet2 is no disk device"),
        ("ttcp", "xen-net", "esxi has no xen-net device"),
        ("kernel_build", "pvscsi", "kernel_build: has no device that io could choose"),
        ("web_static", "vmxnet3", "web_static: has no device that io could choose"),
    ],
)
def test_a_device_that_it_cannot_have_is_said_in_one_line(name: str, io: str, message: str) -> None:
    with pytest.raises(VirtdocsError) as wrong:
        predict(name, "esxi", ERA, {"io": io})
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_the_cpus_share_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """On made-up events: what native does is the share of the link's time, and they come on top."""
    monkeypatch.setattr(link, "SHARE", (0.5, 0.5 * (1 + 1e-12)))
    monkeypatch.setattr(
        request_cost, "extra_cycles", lambda *_: Extra((1000.0,) * DRAWS, 3.0, (), ())
    )
    found = predict("disk_read", "esxi", ERA, {"size": 8192})
    rate = figure(mix("disk_read").native[ERA])[1]
    native = 0.5 * 8192 / rate * cost_model(ERA).costs.ghz * 1000
    assert spread(found.value).median == pytest.approx(native + 1000)
    assert found.ratio is not None
    assert spread(found.ratio).median == pytest.approx(1 + 1000 / native)
    assert (found.unit, found.exits) == ("cycles", 3)


def test_an_era_without_a_rate_of_the_disk_has_no_prediction() -> None:
    with pytest.raises(VirtdocsError, match="published native rate in kvm-2012, not in kvm-2020"):
        predict("disk_read", "esxi", "kvm-2020")


def test_provenance_adds_up_on_that_device_too() -> None:
    made = working(Asked("disk_read", "esxi", ERA, (("io", "lsilogic"),)))
    assert made is not None
    plain = working(Asked("disk_read", "esxi", ERA))
    assert plain is not None
    counts = [{one.event: one.count for one in found.counts} for found in (made, plain)]
    assert counts[0]["vm_exit.mmio"] - counts[1]["vm_exit.mmio"] == 2
    assert made.figures == (mix("disk_read").native[ERA].partition("#")[0],)


def test_a_targets_rival_has_the_device_that_it_is_compared_with() -> None:
    found = {t.id: (t.own_params, t.rival_params) for t in targets() if "rival_io" in t.params}
    assert found == {
        "vmware.pvscsi#fc": ({}, {"io": "lsilogic"}),
        "vmware.pvscsi#iscsi": ({}, {"io": "lsilogic"}),
        "vmware.vmxnet3": (
            {"direction": "rx"}, {"direction": "rx", "io": "vmxnet2"},
        ),
    }  # fmt: skip
    for target in targets():
        if "rival_io" not in target.params:
            assert target.own_params == target.rival_params == dict(target.params)
