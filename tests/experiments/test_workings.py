"""What the provenance lists is what `predict` adds up."""

from __future__ import annotations

import pytest

from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.mixes import mix
from virtdocs.experiments.models.extra_cycles import extra_cycles
from virtdocs.experiments.uncertainty import combine, samples, spread
from virtdocs.experiments.workings import Asked, Working, working, workings


def total(made: Working) -> float:
    """The median of all counts times all costs."""
    columns = [
        tuple(one.count * x for x in samples(cost)) for one in made.counts for cost in one.costs
    ]
    return spread(combine(lambda *parts: sum(parts), *columns)).median


@pytest.mark.parametrize(
    ("name", "technique", "era"),
    [
        ("netperf_rr", "kvm_virtio", "kvm-2012"),
        ("lmbench.exec", "xen_pv32", "xen-2003"),
        ("kernel_build", "hw_shadow", "p4-2006"),
    ],
)
def test_counts_times_costs_are_the_extra_cycles(name: str, technique: str, era: str) -> None:
    made = working(Asked(name, technique, era))
    assert made is not None
    there = extra_cycles(mix(name), technique, era, cost_model(era)).cycles
    assert total(made) == pytest.approx(spread(there).median, rel=1e-9)


@pytest.mark.parametrize(("segmentation", "size"), [("off", 1496), ("on", 1512)])
def test_what_a_link_carries_has_the_size_that_the_model_asks_for(
    segmentation: str, size: int
) -> None:
    params = (("mtu", 1500), ("direction", "tx"), ("segmentation", segmentation))
    made = working(Asked("ttcp", "kvm_virtio", "kvm-2012", params))
    assert made is not None
    model = cost_model("kvm-2012")
    extra = extra_cycles(mix("ttcp"), "kvm_virtio", "kvm-2012", model, {"size": size})
    assert total(made) == pytest.approx(spread(extra.cycles).median, rel=1e-9)


def test_walks_name_the_two_published_figures_that_they_are_made_of() -> None:
    made = working(Asked("compress", "kvm_virtio", "kvm-2012"))
    assert made is not None
    assert made.figures == ("bhargava08.perfect.IntCpu", "bhargava08.walk.IntCpu")


def test_what_cannot_be_predicted_is_left_out_and_nothing_stands_twice() -> None:
    asked = Asked("cpuid", "hw_nested", "kvm-2012")
    impossible = Asked("cpuid", "hw_nested", "xen-2003")
    assert [one.asked for one in workings([asked, impossible, asked])] == [asked]
    assert asked.command == "virtdocs predict cpuid --technique hw_nested --era kvm-2012"
