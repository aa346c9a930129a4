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

from virtdocs.experiments.stage import RINGS, SCENES, VARIATIONS, Observation, Setting, Stage
from virtdocs.machine.instructions import SPECS
from virtdocs.machine.isa import Instruction, Spec
from virtdocs.machine.registers import CONTROL_NAMES, RBX, RSI, SEGMENT_NAMES

EXECUTION: Final = "execution"  # the cause of a change that the instruction itself makes
RING: Final = "cpl"
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

    ``faults`` are (cpl, vector name) met in at least one prepared state, ``runs_at`` the rings in
    which it completes in at least one; ``exits`` the (cpl, reason) at which the hardware
    asks a VMX or SVM hypervisor's controls.
    """

    spec: Spec
    privileged: bool
    sensitive: bool
    runs_at: tuple[int, ...]
    faults: tuple[tuple[int, str], ...]
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
def classify(setting: Setting | None = None) -> tuple[Classified, ...]:
    """Every instruction of the machine, in the order of its opcodes."""
    stage = Stage(setting or Setting())
    return tuple(_classify(stage, spec) for spec in SPECS)


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


def _classify(stage: Stage, spec: Spec) -> Classified:
    seen: dict[tuple[str, int], set[str]] = {}
    runs_at: set[int] = set()
    faults: set[tuple[int, str]] = set()
    runs_inside = refused_outside = True
    for ins in _encodings(spec):
        for scene in SCENES:
            plain = {cpl: stage.run(ins, scene, cpl) for cpl in RINGS}
            runs_at |= {cpl for cpl, found in plain.items() if found.done}
            faults |= {(cpl, found.fault) for cpl, found in plain.items() if not found.done}
            if plain[0].done:
                refused_outside &= all(plain[cpl].fault == "gp" for cpl in RINGS if cpl)
            for cpl, found in plain.items():
                if found.done:
                    _note(seen, EXECUTION, cpl, set(found.control))
                    if cpl and plain[0].done:
                        _note(seen, RING, cpl, found.differs_from(plain[0]))
                    for name in VARIATIONS:
                        varied = stage.run(ins, scene, cpl, name)
                        if varied.done:
                            _note(seen, EXECUTION, cpl, set(varied.control))
                            _note(seen, name, cpl, varied.differs_from(found))
    runs_inside = 0 in runs_at
    return Classified(
        spec,
        privileged=runs_inside and refused_outside and runs_at == {0},
        sensitive=bool(seen),
        runs_at=tuple(sorted(runs_at)),
        faults=tuple(sorted(faults)),
        evidence=tuple(
            Evidence(cause, cpl, tuple(sorted(names)))
            for (cause, cpl), names in sorted(seen.items())
        ),
        exits=tuple(sorted(_exits(stage, spec))),
    )


def _note(seen: dict[tuple[str, int], set[str]], cause: str, cpl: int, changed: set[str]) -> None:
    if changed:
        seen.setdefault((cause, cpl), set()).update(changed)


def _exits(stage: Stage, spec: Spec) -> set[tuple[int, str]]:
    """What the hardware asks a hypervisor about, in guest mode, ring by ring."""
    return {
        (cpl, reason)
        for ins in _encodings(spec)
        for scene in SCENES
        for cpl in RINGS
        for reason in stage.asked(ins, scene, cpl)
    }


def differences(one: Observation, other: Observation) -> set[str]:
    """Names of what two runs left differently."""
    return one.differs_from(other)
