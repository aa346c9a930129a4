"""Run a workload or a program under a technique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Final

from virtdocs.devices.registry import DeviceType, Options
from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.builders.assembled import Assembled
from virtdocs.experiments.devices import attach, device_for
from virtdocs.experiments.machine_options import (
    MACHINE_PARAMS,
    USUAL,
    MachineOptions,
    options_of,
    taken,
)
from virtdocs.experiments.machines import assemble
from virtdocs.experiments.results import Counts, ResultSet, Work, counts_of, per_op, work_per_op
from virtdocs.experiments.techniques import Technique, technique
from virtdocs.guest.assembler import assemble as assemble_text
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, WORKLOADS, build
from virtdocs.trace import EventKind, Trace
from virtdocs.vmm.acceleration import fast_cores
from virtdocs.vmm.exit_loop import Outcome
from virtdocs.vmm.exit_loop import run as run_engines

DEFAULT_STEPS: Final = 50_000_000
NO_PARAMS: Final[Mapping[str, str | int]] = MappingProxyType({})
NO_OPTIONS: Final[Options] = MappingProxyType({})
CORES: Final = ("fast", "reference")
DEFAULT_CORE: Final = "fast"


@dataclass(frozen=True, slots=True)
class Finished:
    """A machine after its run."""

    machine: Assembled
    outcome: Outcome


def execute(
    preset: Technique,
    program: Program,
    vendor: str,
    steps: int,
    record: bool = False,
    device: DeviceType | None = None,
    options: Options = NO_OPTIONS,
    core: str = DEFAULT_CORE,
    machine_options: MachineOptions = USUAL,
) -> Finished:
    """Put the machine together, with a device if one is given, and run it to its end."""
    trace = Trace(recording=record)
    machine = assemble(preset, program, vendor, trace, machine_options)
    if device is not None:
        attach(machine, preset, device, options)
    # Events are recorded one by one, by the core that takes one instruction at a time.
    fast = core == "fast" and not record
    cores = fast_cores(machine.board, machine.engines) if fast else ()
    return Finished(machine, run_engines(machine.board, machine.engines, steps, cores))


def run(
    workload: str,
    technique_name: str = "hw_nested",
    *,
    vendor: str = "intel",
    io: str | None = None,
    params: Mapping[str, str | int] = NO_PARAMS,
    core: str = DEFAULT_CORE,
    steps: int = DEFAULT_STEPS,
    record: bool = False,
    era: str | None = None,
) -> ResultSet:
    """One result: a named workload (with counts per op), or a program FILE.s.

    ``params`` may hold ``ops`` and the machine's beside the workload's own; with an era the
    technique is as it was then. Raises UnknownName and
    BadValue for wrong input, AssemblyError for a program that does not assemble.
    """
    preset = technique(technique_name, vendor, era)
    if core not in CORES:
        raise UnknownName("--core", "core", core, CORES)
    if steps < 1:
        raise BadValue("--steps", f"{steps} is not at least 1")
    if workload in WORKLOADS:
        return _run_workload(workload, preset, vendor, io, dict(params), steps, record, core, era)
    if io is not None:
        raise BadValue("--io", "a program of its own has no driver for a device")
    return _run_file(workload, preset, vendor, dict(params), steps, record, core, era)


def _run_workload(
    name: str,
    preset: Technique,
    vendor: str,
    io: str | None,
    params: dict[str, str | int],
    steps: int,
    record: bool,
    core: str,
    era: str | None,
) -> ResultSet:
    found = WORKLOADS[name]
    departures = taken(params, preset, found.params)
    machine_options = options_of(departures, era)
    given = params.pop("ops", found.ops)
    try:
        ops = int(given)
    except ValueError:
        raise BadValue(name, f"ops={given!r} is no integer") from None
    checked = found.checked_params(params, MACHINE_PARAMS)
    if found.device:
        device: DeviceType | None = device_for(preset, found.device, io)
    elif io is not None:
        raise BadValue("--io", f"{name} uses no device")
    else:
        device = None
    drivers = device.drivers if device is not None else ()
    options = found.constants(checked)

    def one(n: int, budget: int, record: bool = False) -> tuple[Program, Finished]:
        program = build(name, preset.build, params, n, preset.levels, drivers)
        return program, execute(
            preset, program, vendor, budget, record, device, options, core, machine_options
        )

    program, once = one(ops, steps, record)
    _, twice = one(2 * ops, 2 * steps)
    tally, double = once.machine.trace.counts, twice.machine.trace.counts
    more = twice.machine.board.retired - once.machine.board.retired
    work = work_per_op(_with_calls(once), _with_calls(twice), more, ops)
    shown = {**checked, **departures}
    return _result(
        name, preset, shown, ops, program, once, per_op(tally, double, ops), work, device
    )


def _with_calls(finished: Finished) -> Counter[tuple[EventKind, str]]:
    """All counts, with the system calls: no event of a monitor where they reach the kernel."""
    board, trace = finished.machine.board, finished.machine.trace
    calls = sum(cpu.system_calls for cpu in board.cpus)
    return trace.counts + Counter({(EventKind.SYSCALL, ""): calls})


def _run_file(
    path: str,
    preset: Technique,
    vendor: str,
    params: dict[str, str | int],
    steps: int,
    record: bool,
    core: str,
    era: str | None,
) -> ResultSet:
    departures = taken(params, preset)
    for name in params:
        raise UnknownName(path, "parameter", name, MACHINE_PARAMS)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise BadValue(path, f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadValue(path, "is not UTF-8 text") from None
    # The selectors of the starting state have names (interface.md, "Guest programs").
    constants = {**BUILDS["native"].constants, "LEVELS": preset.levels}
    program = assemble_text(text, path, constants=constants)
    options = options_of(departures, era)
    finished = execute(preset, program, vendor, steps, record, core=core, machine_options=options)
    board = finished.machine.board
    work = work_per_op(Counter(), _with_calls(finished), board.retired, 1)
    return _result(path, preset, departures, None, program, finished, {}, work)


def _result(
    name: str,
    preset: Technique,
    params: Mapping[str, int | str],
    ops: int | None,
    program: Program,
    finished: Finished,
    counts_per_op: Counts,
    work: Work,
    device: DeviceType | None = None,
) -> ResultSet:
    board, trace = finished.machine.board, finished.machine.trace
    retired = board.retired
    return ResultSet(
        workload=name,
        technique=preset.name,
        axes=preset.axes,
        params=params,
        ops=ops,
        instructions=retired,
        virtual_time=board.agenda.now,
        counts=counts_of(trace.counts),
        counts_per_op=counts_per_op,
        monitor_free_share=Fraction(retired - board.disturbed, retired) if retired else Fraction(1),
        translated_share=Fraction(board.translated, retired) if retired else Fraction(0),
        state_hash=board.state_hash(),
        result_hash=board.result_hash(program.result),
        outcome=str(finished.outcome.kind),
        outcome_detail=finished.outcome.detail,
        console=board.console.decode("latin-1"),
        events=tuple(trace.events),
        device=device.name if device is not None else None,
        work=work,
    )
