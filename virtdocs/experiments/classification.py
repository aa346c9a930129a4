"""Which instructions are privileged, sensitive, critical or innocuous: found by running them.

Popek and Goldberg (1974) call an instruction *privileged* when it traps outside the
highest privilege level and does not trap there, and *sensitive* when it changes
control state, or gives another result when only the privilege level, the control
state or the place in memory differs. Sensitive and not privileged is *critical*: no
trap tells a monitor (Robin and Irvine 2000). Here each instruction of the machine
runs in many prepared states, once plainly and once with each thing varied, and
nothing but what was observed decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from virtdocs.experiments.stage import (
    GUEST_MODE,
    RELOCATION,
    RINGS,
    SCENES,
    VARIATIONS,
    Observation,
    Setting,
    Stage,
)
from virtdocs.machine.instructions import SPECS
from virtdocs.machine.isa import Instruction, Spec
from virtdocs.machine.registers import CONTROL_NAMES, RBX, RSI, SEGMENT_NAMES

EXECUTION: Final = "execution"  # the cause of a change that the instruction itself makes
RING: Final = "cpl"
PLAIN_SETTING: Final = Setting()
PRIVILEGED, CRITICAL, INNOCUOUS, UNDEFINED = "privileged", "critical", "innocuous", "undefined"
IMMEDIATE: Final = 0x80  # a vector with a gate, a port with a device, a number, a target


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen: ``changed`` names state that the instruction changed (cause ``execution``)
    or that came out differently at ``cpl`` when only ``cause`` differed."""

    cause: str
    cpl: int
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Classified:
    """One instruction with all that its class rests on.

    ``runs_at`` are the rings in which it completes in at least one prepared state, ``faults`` the
    (cpl, vector name) met in at least one, ``opened_by`` the (cpl, variation) in which a state
    that faults completes, ``exits`` the (cpl, reason) at which the hardware asks a
    hypervisor's controls in guest mode.
    """

    spec: Spec
    privileged: bool
    sensitive: bool
    runs_at: tuple[int, ...]
    faults: tuple[tuple[int, str], ...]
    opened_by: tuple[tuple[int, str], ...]
    evidence: tuple[Evidence, ...]
    exits: tuple[tuple[int, str], ...]

    @property
    def kind(self) -> str:
        """``privileged``, ``critical``, ``innocuous``, or ``undefined`` where it never runs."""
        if not self.runs_at:
            return UNDEFINED
        if self.privileged:
            return PRIVILEGED
        return CRITICAL if self.sensitive else INNOCUOUS

    @property
    def causes(self) -> tuple[str, ...]:
        """Why it is sensitive: ``execution`` and the things on which its result depends."""
        return tuple(sorted({found.cause for found in self.evidence}))


@cache
def classify(setting: Setting = PLAIN_SETTING) -> tuple[Classified, ...]:
    """Every instruction of the machine, in the order of the set."""
    stages = _stages(setting)
    return tuple(_Study(stages, spec).conclude() for spec in SPECS)


def classify_one(spec: Spec, setting: Setting = PLAIN_SETTING) -> Classified:
    """One instruction, which need not be one of the machine's own."""
    return _Study(_stages(setting), spec).conclude()


def _stages(setting: Setting) -> tuple[Stage, Stage]:
    return Stage(setting), Stage(setting, relocated=True)


def _encodings(spec: Spec) -> Iterator[Instruction]:
    """Each operand form, with every segment and control register in its place."""
    for form in spec.forms:
        firsts, seconds = _choices(form, 0, RBX), _choices(form, 1, RSI)
        size = 1 if "a" in form else 8
        imm = IMMEDIATE if "i" in form else 0
        for a in firsts:
            for b in seconds:
                yield Instruction(spec, form, a, b, disp=Stage.OPERAND, size=size, imm=imm)


def _choices(form: str, place: int, register: int) -> tuple[int, ...]:
    letters = [letter for letter in form if letter in "rsc"]
    if place >= len(letters) or "a" in form:
        return (0,)
    if letters[place] == "s":
        return tuple(range(len(SEGMENT_NAMES)))
    return tuple(CONTROL_NAMES) if letters[place] == "c" else (register,)


class _Study:
    """All runs of one instruction, and what they show."""

    def __init__(self, stages: tuple[Stage, Stage], spec: Spec) -> None:
        self.stage, self.elsewhere = stages
        self.spec = spec
        self.seen: dict[tuple[str, int], set[str]] = {}
        self.runs_at: set[int] = set()
        self.faults: set[tuple[int, str]] = set()
        self.opened_by: set[tuple[int, str]] = set()
        self.exits: set[tuple[int, str]] = set()
        self.refused_outside = True
        for ins in _encodings(spec):
            for scene in SCENES:
                self._rings(ins, scene)

    def _rings(self, ins: Instruction, scene: int) -> None:
        plain = {cpl: self.stage.run(ins, scene, cpl) for cpl in RINGS}
        inside = plain[0]
        for cpl, found in plain.items():
            if found.done:
                self.runs_at.add(cpl)
                self._note(EXECUTION, cpl, set(found.control))
                if inside.done:
                    self._note(RING, cpl, found.differs_from(inside))
            else:
                self.faults.add((cpl, found.fault))
            if inside.done and cpl and found.fault != "gp":
                self.refused_outside = False
            for name in VARIATIONS:
                self._vary(ins, scene, cpl, name, found)

    def _vary(self, ins: Instruction, scene: int, cpl: int, name: str, plain: Observation) -> None:
        stage = self.elsewhere if name == RELOCATION else self.stage
        varied = stage.run(ins, scene, cpl, name)
        if name == GUEST_MODE and stage.controls.asked:
            self.exits |= {(cpl, reason) for reason in stage.controls.asked}
            stage.controls.asked.clear()
        if varied.done and plain.done:
            self._note(EXECUTION, cpl, set(varied.control))
            self._note(name, cpl, varied.differs_from(plain))
        elif varied.done:
            self.opened_by.add((cpl, name))

    def _note(self, cause: str, cpl: int, changed: set[str]) -> None:
        if changed:
            self.seen.setdefault((cause, cpl), set()).update(changed)

    def conclude(self) -> Classified:
        """The class follows from what was seen."""
        return Classified(
            self.spec,
            privileged=self.runs_at == {0} and self.refused_outside,
            sensitive=bool(self.seen),
            runs_at=tuple(sorted(self.runs_at)),
            faults=tuple(sorted(self.faults)),
            opened_by=tuple(sorted(self.opened_by)),
            evidence=tuple(
                Evidence(cause, cpl, tuple(sorted(names)))
                for (cause, cpl), names in sorted(self.seen.items())
            ),
            exits=tuple(sorted(self.exits)),
        )
