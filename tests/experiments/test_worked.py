"""Three predictions worked out by hand are what the engine says."""

from __future__ import annotations

import pytest

from virtdocs.experiments.cost_model import cost_model
from virtdocs.experiments.predict import predict
from virtdocs.experiments.uncertainty import spread
from virtdocs.experiments.worked import CELLS, worked


@pytest.mark.parametrize("name", CELLS)
def test_counts_times_costs_are_the_engines_median(name: str) -> None:
    found, cell = worked(name), CELLS[name]
    asked = predict(cell.workload, cell.technique, cell.era)
    said = spread(asked.value if asked.ratio is None else asked.ratio).median
    total = sum(float(line.count) * line.cycles for line in found.lines)
    assert total == pytest.approx(found.cycles)
    if found.native_us:
        by_hand = 1 + total / (cost_model(cell.era).costs.ghz * 1000) / found.native_us
    elif found.ghz:
        by_hand = total / (cost_model(cell.era).costs.ghz * 1000)
    else:
        by_hand = total
    assert by_hand == pytest.approx(said, rel=1e-9)
    assert found.answer == pytest.approx(said, rel=1e-9)


@pytest.mark.parametrize("name", CELLS)
def test_each_cost_of_the_middle_draw_lies_near_its_range(name: str) -> None:
    for line in worked(name).lines:
        assert line.cost.low / 2 < line.cycles < line.cost.high * 2


def test_what_native_does_as_well_cancels_out() -> None:
    assert "exception.pf" not in {line.cost.event for line in worked("mix").lines}
    assert {line.cost.event for line in worked("mix").lines} >= {"trap", "hypercall.mmu_update"}


def test_a_cell_of_one_exit_is_transition_and_handler_once_each() -> None:
    lines = worked("micro").lines
    assert [(line.cost.part, line.count) for line in lines] == [("mechanism", 1), ("handler", 1)]
