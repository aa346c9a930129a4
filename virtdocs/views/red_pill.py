"""What a guest can notice of the monitor: each probe's answer against bare hardware's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Basis,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_label,
    technique_value,
    term,
    yes_no,
)
from virtdocs.views.outcomes import run_commands

if TYPE_CHECKING:
    from virtdocs.experiments.red_pill import Answers

WHO = ("kernel", "program")
# Probes that ask for the same thing share a column.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "cs": ("mov_cs", "push_cs"),
    "ss": ("mov_ss",),
    "sgdt": ("sgdt",),
    "sidt": ("sidt",),
    "str": ("str",),
    "sldt": ("sldt",),
    "smsw": ("smsw",),
    "flag": ("if_after_cli", "if_after_sti"),
    "cpuid": ("cpuid_bit", "cpuid_name"),
    "time": ("cpuid_time",),
}
TINT = Fraction(3, 10)


def noticed(native: Answers, others: Sequence[Answers]) -> ViewBundle:
    """Per technique: does a probe read something else than on bare hardware?"""
    rows = tuple(_row(native, one, who) for who in WHO for one in others)
    values = _words(native)
    counts: dict[str, dict[str, int]] = {who: {} for who in WHO}
    for one in others:
        values |= _words(one)
        for who in WHO:
            told = {probe: _told(native, one, who, (probe,)) for probe in getattr(one, who)}
            counts[who][one.technique] = sum(bool(found) for found in told.values())
            values[f"{one.technique}.{who}.noticed"] = number(
                counts[who][one.technique], Basis.DERIVED
            )
            values |= {
                f"{one.technique}.{who}.{probe}": yes_no(bool(found), Basis.DERIVED)
                for probe, found in told.items()
            }
    both = {one.technique: sum(counts[who][one.technique] for who in WHO) for one in others}
    most = max(both, key=both.__getitem__)
    summary = {
        "techniques": number(len(others), Basis.DERIVED),
        "hidden": number(sum(count == 0 for count in both.values()), Basis.DERIVED),
        "most": technique_value(most),
        "most_count": number(both[most], Basis.DERIVED),
    }
    return ViewBundle(
        caption=Label("caption.red_pill"),
        alt=Label("alt.red_pill", tuple(summary.items())),
        view=Table(
            Label("column.technique"),
            tuple(Label(f"probe.{key}") for key in COLUMNS),
            rows,
            (Label("note.host_time"), Label("note.pv_knows")),
            Label("column.who"),
            dense=True,
        ),
        values=values | summary,
        commands=run_commands("red_pill", [one.technique for one in (native, *others)], tsc="host"),
    )


def _row(native: Answers, one: Answers, who: str) -> Row:
    found = [_told(native, one, who, probes) for probes in COLUMNS.values()]
    return Row(
        technique_label(one.technique),
        tuple(
            term("absent", Basis.DERIVED) if told is None else yes_no(told, Basis.DERIVED)
            for told in found
        ),
        one.technique,
        Label(f"who.{who}"),
        tuple(TINT if told else Fraction(0) for told in found),
    )


def _told(native: Answers, one: Answers, who: str, probes: tuple[str, ...]) -> bool | None:
    """Whether any of the probes differs from bare hardware; None when none was made."""
    here, there = getattr(one, who), getattr(native, who)
    made = [probe for probe in probes if probe in here and probe in there]
    return any(here[probe] != there[probe] for probe in made) if made else None


def _words(one: Answers) -> dict[str, Value]:
    return {
        f"{one.technique}.{who}.{probe}_word": code(f"{word:#x}", Basis.RUN)
        for who in WHO
        for probe, word in getattr(one, who).items()
    }
