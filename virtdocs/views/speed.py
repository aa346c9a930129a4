"""How fast the engine is: beside peers, in the whole machine, against what was asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.views.model import (
    Bar,
    Basis,
    Chart,
    Label,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    technique_value,
    term,
    trimmed,
)

if TYPE_CHECKING:
    from virtdocs.experiments.speed import Speed, Workload

COMMAND = "make bench"
HUNDREDTHS = 100


def kernels(found: Speed, own: str) -> ViewBundle:
    """A row for everybody: MIPS on each kernel, and how often the fast core has that."""
    names = tuple(found.kernels[own])
    cells = {
        who: {name: _mips(speeds[name]) for name in names if name in speeds}
        for who, speeds in found.kernels.items()
    }
    ratios = {
        who: {name: _times(found.kernels[own][name] / speeds[name]) for name in speeds}
        for who, speeds in found.kernels.items()
        if who != own
    }
    rows = []
    for who, speeds in cells.items():
        over = ratios.get(who, {})
        mips = [speeds.get(name, Label("answer.none")) for name in names]
        rows.append(Row(
            code(who, Basis.MEASURED),
            (*mips, *(over.get(name, Label("answer.none")) for name in names)),
            "native" if who == own else "",
        ))  # fmt: skip
    summary = {name: cells[own][name] for name in names}
    return ViewBundle(
        caption=Label("caption.speed_kernels"),
        alt=Label("alt.speed_kernels", tuple(summary.items())),
        view=Table(
            Label("column.emulator"),
            (
                *(Label("column.kernel_mips", (("kernel", _name(n)),)) for n in names),
                *(Label("column.kernel_times", (("kernel", _name(n)),)) for n in names),
            ),
            tuple(rows),
            (Label("note.speed_ratio"), when(found)),
        ),
        values=summary
        | {f"{_key(who)}.{name}": one for who, by in ratios.items() for name, one in by.items()}
        | recorded(found),
        commands=(COMMAND,),
    )


def machine(found: Speed, bare: str, vm: str) -> ViewBundle:
    """Each workload on bare hardware and under a hypervisor."""
    names = tuple(one.name for one in found.workloads if one.technique == bare)
    pairs = {name: (found.workload(name, bare), found.workload(name, vm)) for name in names}
    cells = {name: _pair(*pair) for name, pair in pairs.items()}
    columns = ("bare_mips", "vm_mips", "bare_us", "vm_us", "exits_per_op")
    slowest = min(names, key=lambda name: pairs[name][1].mips)
    summary: dict[str, Value] = {
        "slowest": _name(slowest),
        "slowest_mips": cells[slowest]["vm_mips"],
        "exit": _us(found.us_per_exit),
    }
    return ViewBundle(
        caption=Label("caption.speed_machine"),
        alt=Label("alt.speed_machine", tuple(summary.items())),
        view=Table(
            Label("column.workload"),
            tuple(Label(f"column.{key}") for key in columns),
            tuple(Row(_name(name), tuple(cells[name][c] for c in columns)) for name in names),
            (Label("note.speed_machine", (("technique", technique_value(vm)),)), when(found)),
        ),
        values=summary | {f"{n}.{c}": one for n, by in cells.items() for c, one in by.items()}
        | _exhibits(found),
        commands=(COMMAND, "virtdocs bench"),
    )  # fmt: skip


def exit_parts(found: Speed) -> ViewBundle:
    """Where the time of an exit goes, part by part of the engine."""
    parts = {name: _percent(share) for name, share in found.exit_parts.items()}
    first, second, *_ = parts
    summary = {
        "first": term(f"engine_part.{first}", Basis.MEASURED),
        "first_share": parts[first],
        "second": term(f"engine_part.{second}", Basis.MEASURED),
        "second_share": parts[second],
    }
    return ViewBundle(
        caption=Label("caption.speed_exit"),
        alt=Label("alt.speed_exit", tuple(summary.items())),
        view=Chart(
            Label("axis.exit_share"),
            tuple(Bar(Label(f"engine_part.{name}"), share) for name, share in parts.items()),
            notes=(Label("note.speed_exit"), when(found)),
        ),
        values=summary | parts | {"microseconds": _us(found.us_per_exit)},
        commands=(COMMAND,),
    )


def recorded(found: Speed) -> dict[str, Value]:
    """When and where it was measured."""
    return {
        "date": code(str(found.recorded["date"]), Basis.MEASURED),
        "cpu": code(str(found.recorded["cpu"]), Basis.MEASURED),
        "cores": number(int(found.recorded["cores"]), Basis.MEASURED),
        "python": code(str(found.recorded["python"]), Basis.MEASURED),
        "pyodide": code(str(found.pyodide["version"]), Basis.MEASURED),
    }


def _pair(bare: Workload, vm: Workload) -> dict[str, Value]:
    return {
        "bare_mips": _mips(bare.mips),
        "vm_mips": _mips(vm.mips),
        "bare_us": _us(bare.us_per_op),
        "vm_us": _us(vm.us_per_op),
        "exits_per_op": trimmed(_fraction(vm.exits_per_op), Basis.RUN),
    }


def _exhibits(found: Speed) -> dict[str, Value]:
    before, after = found.exhibits["reference"], found.exhibits["fast"]
    return {
        "exhibits.count": number(int(found.exhibits["count"]), Basis.MEASURED),
        "exhibits.reference": _seconds(before),
        "exhibits.fast": _seconds(after),
        "exhibits.times": _times(before / after),
        "first_result": number(round(found.first_result_ms), Basis.MEASURED, "ms"),
    }


def when(found: Speed) -> Label:
    """A note: when and where it was measured."""
    return Label("note.speed_recorded", tuple(recorded(found).items()))


def _key(who: str) -> str:
    return who.split()[0].rstrip(",") if not who.startswith("virtdocs") else "reference"


def _fraction(number_: float) -> Fraction:
    return Fraction(str(number_))


def _mips(mips: float) -> Value:
    return number(_fraction(mips), Basis.MEASURED, "mips", 1 if mips >= 1 else 2)


def _us(us: float) -> Value:
    return number(_fraction(us), Basis.MEASURED, "us", 1)


def _seconds(seconds: float) -> Value:
    return number(round(seconds), Basis.MEASURED, "seconds")


def _times(ratio: float) -> Value:
    return number(_fraction(round(ratio, 2)), Basis.DERIVED, "times", 0 if ratio >= 10 else 1)


def _percent(share: float) -> Value:
    return number(_fraction(share) * HUNDREDTHS, Basis.MEASURED, "percent")


def _name(name: str) -> Value:
    return code(name, Basis.MEASURED)
