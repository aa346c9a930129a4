"""What a request costs, against what Linux's drivers cost on QEMU's device models, row by row.

The rows: virtdocs/data/measured/*.csv, recorded as its README tells; how a row is read and
which laws hold where numbers depend on the host: virtdocs/experiments/measured.py.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from virtdocs.devices.registry import DEVICES
from virtdocs.experiments import measured
from virtdocs.experiments.measured import Counts, Law, Recorded, compare, engine, recorded

ROWS = recorded()
EXACT = [row for row in ROWS if row.exact]
TIMED = [row for row in ROWS if not row.exact]
# One row whose numbers are close to nothing: a column is the median of its own four repeats.
SCATTERED = [("e1000", "tx")]


def named(row: Recorded) -> str:
    return f"{row.file}-{row.device}-{row.workload}"


@pytest.mark.parametrize("technique", ["native", "hw_nested"])
@pytest.mark.parametrize("row", EXACT, ids=named)
def test_counts_equal_those_of_linux_on_qemu(row: Recorded, technique: str) -> None:
    assert engine(row, technique) == row.counts


@pytest.mark.parametrize("row", TIMED, ids=named)
def test_where_numbers_depend_on_the_host_the_structure_holds(row: Recorded) -> None:
    scattered = (row.device, row.workload) in SCATTERED
    assert compare(row).verdict in ({"differs"} if scattered else {"equal", "structure"})


def reference(device: str) -> list[Recorded]:
    """A device's rows that depend on the host's timing, of the file that all hosts compare with."""
    return [row for row in TIMED if row.file == measured.REFERENCE and row.device == device]


@pytest.mark.parametrize("row", reference("e1000"), ids=named)
def test_e1000_costs_two_tails_and_five_accesses_an_interrupt(row: Recorded) -> None:
    for counts, slack in ((engine(row), Fraction(0)), (row.counts, Fraction(3, 100))):
        assert abs(counts.reads - 3 * counts.interrupts) <= slack
        assert abs(counts.writes - 2 - 2 * counts.interrupts) <= slack


@pytest.mark.parametrize("row", reference("vmxnet3"), ids=named)
def test_vmxnet3_costs_a_producer_and_a_mask_an_interrupt(row: Recorded) -> None:
    for counts in (engine(row), row.counts):
        assert (counts.reads, counts.writes) == (0, 1 + counts.interrupts)


@pytest.mark.parametrize("row", reference("virtio-net"), ids=named)
def test_virtio_net_kicks_once_and_touches_no_register(row: Recorded) -> None:
    for counts in (engine(row), row.counts):
        assert (counts.kicks, counts.exits) == (1, 1)


def test_every_device_of_the_files_is_modelled() -> None:
    assert {row.device for row in ROWS} <= set(DEVICES)
    assert {row.file for row in ROWS} == {path.stem for path in measured.FOLDER.glob("*.csv")}
    assert len({row.file for row in ROWS}) > 1


def test_a_device_with_rows_that_depend_on_the_host_has_laws() -> None:
    assert {row.device for row in TIMED} <= set(measured.LAWS)


@pytest.mark.parametrize(
    ("law", "counts", "holds"),
    [
        (Law(reads=1, interrupts=-3), (6, 0, 0, 2), True),
        (Law(reads=1, interrupts=-3), (7, 0, 0, 2), False),
        (Law(kicks=1, low=0, high=1), (0, 0, 1, 0), True),
        (Law(kicks=1, low=0, high=1), (0, 0, 2, 0), False),
        (Law(writes=1, interrupts=-2, low=1, high=None), (0, 9, 0, 1), True),
        (Law(writes=1, interrupts=-2, low=1, high=None), (0, 2, 0, 1), False),
    ],
)
def test_a_law_bounds_a_sum_of_counts(
    law: Law, counts: tuple[int, int, int, int], holds: bool
) -> None:
    assert law.holds(Counts(*map(Fraction, counts))) is holds
