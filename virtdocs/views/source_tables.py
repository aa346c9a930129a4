"""The source document's own tables and step counts, and what its numbers really say."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from virtdocs.experiments import means
from virtdocs.experiments.ethernet import tcp_payload_rate
from virtdocs.experiments.source_document import Measurement, ResultTable, StepCount
from virtdocs.views.model import (
    Band,
    Bar,
    Basis,
    Chart,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    number,
    term,
    yes_no,
)


def result_table(table: ResultTable) -> ViewBundle:
    """Table 7.4 row by row, each with the gain that it shows and whether it fits the claim."""
    rows = tuple(
        Row(
            Label(f"benchmark.{row.key}"),
            (
                *(_quoted(row, raw) for raw in (row.native, row.full, row.para)),
                _gain(row.gain),
                yes_no(table.in_claimed_range(row.gain), Basis.DERIVED),
            ),
        )
        for row in table.rows
    )
    view = Table(
        corner=Label("column.benchmark"),
        columns=tuple(
            Label(f"column.{key}")
            for key in ("native_claimed", "full_claimed", "para_claimed", "gain", "in_range")
        ),
        rows=rows,
        notes=(Label("note.invented_figures"), Label("note.same_cpu_technique")),
    )
    values = result_values(table)
    claim = tuple((key, values[key]) for key in ("claimed_low", "claimed_high"))
    return ViewBundle(
        caption=Label("caption.table_7_4"),
        alt=Label(
            "alt.table_7_4",
            (
                ("rows", values["rows"]),
                ("rows_in_range", values["rows_in_range"]),
                *claim,
                ("mean", values["arithmetic_mean"]),
            ),
        ),
        view=view,
        values=values,
        sources=("SRC",),
    )


def gain_chart(table: ResultTable) -> ViewBundle:
    """The gains of table 7.4 as bars against the claimed range."""
    values = result_values(table)
    bars = tuple(Bar(Label(f"benchmark.{row.key}"), _gain(row.gain)) for row in table.rows)
    band = Band(values["claimed_low"], values["claimed_high"], Label("band.claimed"))
    return ViewBundle(
        caption=Label("caption.table_7_4_gain"),
        alt=Label(
            "alt.table_7_4_gain",
            tuple(
                (key, values[key])
                for key in (
                    "min_row",
                    "min_gain",
                    "max_row",
                    "max_gain",
                    "claimed_low",
                    "claimed_high",
                    "rows_in_range",
                )
            ),
        ),
        view=Chart(
            axis=Label("axis.gain"), bars=bars, band=band, notes=(Label("note.invented_figures"),)
        ),
        values=values,
        sources=("SRC",),
    )


def result_values(table: ResultTable) -> dict[str, Value]:
    """Every figure that a sentence about table 7.4 may need, by the key of its inline tag."""
    ratios = {row.key: 1 + row.gain / 100 for row in table.rows}
    everything = list(ratios.values())
    io = [ratios[key] for key in ("network", "disk", "mysql")]
    devices = [ratios[key] for key in ("network", "disk")]
    lowest = min(table.rows, key=lambda row: row.gain)
    highest = max(table.rows, key=lambda row: row.gain)
    inside = [row for row in table.rows if table.in_claimed_range(row.gain)]
    full, para = (
        means.arithmetic([Fraction(getattr(row, side), row.native) for row in table.rows])
        for side in ("full", "para")
    )
    points = {row.key: row.points for row in table.rows}
    payload, payload_timestamps = (
        tcp_payload_rate(table.link_mbps, timestamps=on) for on in (False, True)
    )
    claimed_network = next(row for row in table.rows if row.key == "network")
    return {
        "rows": number(len(table.rows), Basis.DERIVED),
        "rows_in_range": number(len(inside), Basis.DERIVED),
        "claimed_low": _claimed(table, table.claimed_low),
        "claimed_high": _claimed(table, table.claimed_high),
        "arithmetic_mean": _mean(means.arithmetic(everything)),
        "geometric_mean": _mean(means.geometric(everything)),
        "harmonic_mean": _mean(means.harmonic(everything)),
        "median": _mean(means.median(everything)),
        "io_rows_arithmetic_mean": _mean(means.arithmetic(io)),
        "io_rows_geometric_mean": _mean(means.geometric(io)),
        "device_rows_arithmetic_mean": _mean(means.arithmetic(devices)),
        "device_rows_geometric_mean": _mean(means.geometric(devices)),
        "ratio_of_mean_scores": _mean(para / full),
        "points_mean": _points(means.arithmetic(list(points.values()))),
        "rows_in_range_points": number(
            sum(map(table.in_claimed_range, points.values())), Basis.DERIVED
        ),
        **{f"points_{key}": _points(found) for key, found in points.items()},
        "min_row": term(f"benchmark.{lowest.key}", Basis.DERIVED),
        "min_gain": _gain(lowest.gain),
        "max_row": term(f"benchmark.{highest.key}", Basis.DERIVED),
        "max_gain": _gain(highest.gain),
        "link": number(
            table.link_mbps, Basis.SOURCED, "mbps", where=(f"SRC L{table.environment_line}",)
        ),
        "max_payload": number(payload, Basis.DERIVED, "mbps", 2),
        "max_payload_timestamps": number(payload_timestamps, Basis.DERIVED, "mbps", 2),
        "native_network_too_high": yes_no(claimed_network.native > payload, Basis.DERIVED),
        **{f"gain_{row.key}": _gain(row.gain) for row in table.rows},
        **{
            f"{side}_{row.key}": _quoted(row, getattr(row, side))
            for row in table.rows
            for side in ("native", "full", "para")
        },
    }


def step_table(counts: Sequence[StepCount]) -> ViewBundle:
    """Each place where the document counts steps: what it draws and which number it prints."""
    rows = tuple(
        Row(
            Label(f"source_steps.{one.key}"),
            (
                number(one.boxes, Basis.DERIVED, where=_where(one.id, one.line)),
                number(one.arrows, Basis.DERIVED, where=_where(one.id, one.line))
                if one.shape != "list"
                else term("absent", Basis.DERIVED),
                number(one.claimed, Basis.SOURCED, where=_claim_where(one))
                if one.claimed is not None
                else term("absent", Basis.SOURCED),
            ),
        )
        for one in counts
    )
    values = {
        f"{one.key}_{what}": number(raw, basis, where=where)
        for one in counts
        for what, raw, basis, where in (
            ("boxes", one.boxes, Basis.DERIVED, _where(one.id, one.line)),
            ("arrows", one.arrows, Basis.DERIVED, _where(one.id, one.line)),
            ("claimed", one.claimed, Basis.SOURCED, _claim_where(one)),
        )
        if raw is not None and not (what == "arrows" and one.shape == "list")
    }
    by_side = {
        side: sorted({one.boxes for one in counts if one.side == side}) for side in ("full", "para")
    }
    spread = {
        f"{edge}_{side}": number(found, Basis.DERIVED)
        for side, boxes in by_side.items()
        for edge, found in (("fewest", boxes[0]), ("most", boxes[-1]))
    }
    return ViewBundle(
        caption=Label("caption.source_steps"),
        alt=Label("alt.source_steps", tuple(spread.items())),
        view=Table(
            corner=Label("column.place"),
            columns=tuple(Label(f"column.{key}") for key in ("boxes", "arrows", "claimed_steps")),
            rows=rows,
            notes=(Label("note.boxes_are_no_cost"),),
        ),
        values=values | spread,
        sources=("SRC",),
    )


def _where(part: str, line: int) -> tuple[str, ...]:
    return (f"SRC {part} L{line}",)


def _claim_where(one: StepCount) -> tuple[str, ...]:
    return _where(one.claimed_id, one.claimed_line)


def _quoted(row: Measurement, raw: int) -> Value:
    return number(raw, Basis.SOURCED, row.unit, where=_where(row.id, row.line))


def _claimed(table: ResultTable, raw: int) -> Value:
    where = _where(table.conclusion, table.conclusion_line)
    return number(raw, Basis.SOURCED, "percent", where=where)


def _gain(gain: Fraction) -> Value:
    return number(gain, Basis.DERIVED, "percent", 2, signed=True)


def _points(points: Fraction) -> Value:
    return number(points, Basis.DERIVED, "points", 0 if points.denominator == 1 else 2)


def _mean(ratio: Fraction) -> Value:
    return number((ratio - 1) * 100, Basis.DERIVED, "percent", 2)
