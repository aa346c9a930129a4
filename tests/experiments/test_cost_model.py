"""Counts times costs, the same draws for every technique, and nothing priced in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtdocs.experiments.cost_model import CostModel, cost_model
from virtdocs.experiments.costs import EraCosts, era_costs
from virtdocs.experiments.results import Work
from virtdocs.experiments.run import run
from virtdocs.experiments.techniques import technique
from virtdocs.experiments.uncertainty import DRAWS, combine, p_less, samples, spread

VT = technique("hw_shadow", era_name="p4-2006")
BT = technique("bt", era_name="p4-2006")


def test_a_cost_s_draws_have_its_value_as_median_and_its_range_as_5_to_95_percent() -> None:
    [cost] = era_costs("p4-2006").of("callout", ("binary_translation",))
    found = spread(samples(cost))
    assert len(samples(cost)) == DRAWS == 2000
    assert found.median == pytest.approx(cost.value, rel=0.05)
    assert found.p5 == pytest.approx(cost.low, rel=0.1)
    assert found.p95 == pytest.approx(cost.high, rel=0.1)


def test_one_draw_serves_every_technique_and_a_loan_follows_its_origin() -> None:
    [then] = era_costs("p4-2006").of("shadow_fill", ("shadow",))
    [now] = era_costs("kvm-2012").of("shadow_fill", ("shadow",))
    ranks = [sorted(range(100), key=list(samples(c)[:100]).__getitem__) for c in (then, now)]
    assert ranks[0] == ranks[1]


def test_a_system_call_under_binary_translation_costs_what_was_published() -> None:
    work = run("syscall", "bt", era="p4-2006", params={"ops": 20}).work
    priced = cost_model("p4-2006").price(work, BT, instructions=False)
    assert spread(priced.total).median == pytest.approx(2308 - 242, rel=0.1)
    assert priced.unpriced == ()


def test_what_has_no_cost_is_named() -> None:
    work = Work(10, {"hypercall.sched_op": 1, "vm_exit.io": 2, "emulate.io": 2})
    priced = cost_model("p4-2006").price(work, VT)
    assert priced.unpriced == ("hypercall.sched_op",)
    assert [line.event for line in priced.lines] == ["instruction", "vm_exit.io"]
    assert priced.sources == ("AA06",)


@given(
    st.dictionaries(
        st.sampled_from(["vm_exit.io", "vm_exit.cpuid", "exception.pf"]), st.integers(0, 50)
    )
)
def test_cycles_are_linear_in_the_counts(counts: dict[str, int]) -> None:
    model = cost_model("p4-2006")
    once = model.price(Work(7, counts), VT).total[:5]
    twice = model.price(Work(14, {k: 2 * n for k, n in counts.items()}), VT).total[:5]
    assert twice == pytest.approx([2 * x for x in once])


def test_changing_one_cost_moves_what_depends_on_it_and_nothing_else() -> None:
    before = era_costs("p4-2006")
    changed = EraCosts(
        before.era,
        before.ghz,
        tuple(
            replace(c, value=2 * c.value, low=2 * c.low, high=2 * c.high)
            if c.event == "vm_exit.io"
            else c
            for c in before.costs
        ),
    )
    io, fault = Work(0, {"vm_exit.io": 1}), Work(0, {"vm_exit.page_fault": 1})
    old, new = CostModel(before), CostModel(changed)
    assert spread(new.price(io, VT).total).median == pytest.approx(
        2 * spread(old.price(io, VT).total).median
    )
    assert new.price(fault, VT).total == old.price(fault, VT).total


def test_probability_of_being_faster() -> None:
    assert p_less((1, 2, 3), (2, 2, 2)) == 0.5
    assert p_less((1, 1), (2, 2)) == 1
    assert combine(lambda a, b: a / b, (4, 6), (2, 3)) == (2, 2)
