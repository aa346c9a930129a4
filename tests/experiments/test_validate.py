"""The validation: what the project must show, and no miss without its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from virtdocs.experiments.targets import targets
from virtdocs.experiments.uncertainty import Spread
from virtdocs.experiments.validate import (
    Verdict,
    missed,
    orders,
    reasons,
    summary,
    validate,
    verdict,
)

Verdicts = tuple[Verdict, ...]


@pytest.fixture(scope="module")
def all_of_them() -> Verdicts:
    return validate()


def of(verdicts: Verdicts, name: str) -> Verdict:
    [found] = [one for one in verdicts if one.target.id == name]
    return found


def test_every_target_has_a_verdict_and_every_miss_a_reason(all_of_them: Verdicts) -> None:
    assert len(all_of_them) == len(targets())
    assert [one.target.id for one in missed(all_of_them) if not one.why] == []


def test_a_reason_is_given_for_misses_only(all_of_them: Verdicts) -> None:
    names = {f"{one.target.id} {one.target.technique}" for one in missed(all_of_them)}
    assert set(reasons()) == names


@pytest.mark.parametrize("work", ["forkwait", "kerncomp"])
def test_the_first_vt_x_is_within_the_gate_with_a_mix_fitted_on_bt(
    all_of_them: Verdicts, work: str
) -> None:
    bt, vt = (of(all_of_them, f"adams06.macro.{work}.{who}") for who in ("bt", "vt"))
    assert bt.fitted
    assert not bt.counted
    assert vt.counted
    assert vt.met
    assert vt.predicted is not None
    assert bt.predicted is not None
    assert vt.predicted.median > bt.predicted.median


def test_binary_translation_loses_on_system_calls(all_of_them: Verdicts) -> None:
    bt, vt = (of(all_of_them, f"adams06.macro.passmark_2d.{who}") for who in ("bt", "vt"))
    assert bt.predicted is not None
    assert vt.predicted is not None
    assert vt.predicted.median < bt.predicted.median


def test_a_fitted_row_is_never_counted(all_of_them: Verdicts) -> None:
    counts = summary(all_of_them)
    fitted = [one for one in all_of_them if one.fitted]
    assert counts["fitted"]["of"] == len(fitted) > 0
    assert {one.target.technique for one in fitted} <= {"bt", "workstation"}
    total = counts["micro"]["of"] + counts["macro"]["of"]
    assert total == len(all_of_them) - len(fitted)


def test_what_is_not_predicted_counts_as_missed(all_of_them: Verdicts) -> None:
    silent = [one for one in all_of_them if one.predicted is None]
    assert silent
    assert not any(one.met for one in silent)
    assert all(one.error for one in silent)


def test_gates_hold_where_they_say() -> None:
    [target] = [t for t in targets() if t.id == "xen03.lmbench.proc.null_io.Xen"]
    assert verdict(target).met
    # The same prediction held against a figure that is hundreds of times greater.
    other = replace(target, record="xen03.lmbench.proc.fork.Xen")
    assert not verdict(other).met


def test_an_order_that_the_prediction_turns_round_is_found(all_of_them: Verdicts) -> None:
    vt = of(all_of_them, "adams06.macro.forkwait.vt")
    bt = of(all_of_them, "adams06.macro.forkwait.bt")
    assert [order.met for order in orders((bt, vt))] == [True]
    wrong = replace(vt, predicted=Spread(1.0, 1.0, 1.0))
    assert [order.met for order in orders((bt, wrong))] == [False]
