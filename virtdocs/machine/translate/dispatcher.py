"""The fast core of one CPU: heat, recording, running.

``run`` is asked between two instructions, when nothing is due. It runs translated
code for at most so many steps, or none at all; then the caller lets the reference
interpreter run one instruction, which is also how hot paths are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from virtdocs.machine.board import Board
from virtdocs.machine.cpu import Cpu
from virtdocs.machine.isa import INSTRUCTION_BYTES, Instruction
from virtdocs.machine.memory import PAGE_SHIFT, PhysicalMemory
from virtdocs.machine.mmu import HardwareMmu
from virtdocs.machine.registers import CR0_WP, DS, FS, GS, IF, MSR_EFER, SS, WORD_MASK
from virtdocs.machine.translate.compiled import compiled
from virtdocs.machine.translate.recorder import Effects, Ending, Recorder
from virtdocs.machine.translate.steps import LAST_PAGE, Mode
from virtdocs.machine.translate.through import Through
from virtdocs.machine.translate.trace import Standing, Trace, bind
from virtdocs.machine.translate.views import Views, Watch
from virtdocs.trace import EventKind

HOT: Final = 16  # runs of a place before it is worth a translation
LONGEST: Final = 256  # instructions of a trace
TRIAL: Final = 16  # times as many runs as before it: then a trace is looked at
MOSTLY: Final = 15  # of these 16: so many that left early speak against it
LONGEST_AGAIN: Final = 64  # instructions of a second recording: it goes through other traces
LIMITED_SEGMENTS: Final = (SS, DS, FS, GS)
LIMITED_WITHOUT_FS: Final = (SS, DS, GS)


def _nothing() -> None:
    """Nobody wants to know."""


class FastCore:
    """Runs the hot code of one CPU as Python functions."""

    def __init__(
        self,
        board: Board,
        cpu: Cpu,
        mmu: HardwareMmu,
        memory: PhysicalMemory,
        longest: int = LONGEST,
        hot: int = HOT,
        one: Callable[[Instruction], None] | None = None,
        went_on: Callable[[], None] = _nothing,
        under_mask: bool = False,
    ) -> None:
        self.board = board
        self.cpu = cpu
        self.mmu = mmu
        self.longest = longest
        self.hot = hot
        self.trial = TRIAL * hot
        self.went_on = went_on  # told when guest code ran here
        # Whether code may run while an interrupt waits for IF: nobody looks at it in between.
        self.under_mask = under_mask
        self.one = one  # the engine's way to run an instruction, in the middle of a trace too
        self.watch = Watch(memory)
        self.views: dict[Mode, Views] = {}
        self.traces: dict[Mode, dict[int, Trace]] = {}
        self.heat: dict[tuple[Mode, int], int] = {}
        self.never: set[tuple[Mode, int]] = set()
        # Traces that are to be recorded again, and the places where that was done: once each.
        self.given_up: dict[tuple[Mode, int], Trace] = {}
        self.recorded_again: set[tuple[Mode, int]] = set()
        self.recorder: Recorder | None = None
        self.epoch = 0
        self.accounted = 0  # steps of the running trace that the board has been told of
        self.interrupted = False  # the running trace did something and has to end
        self._masked = False  # an interrupt waits, and IF is clear
        self._retired = 0  # guest instructions that the board has not been told of yet
        self._cold = -1  # where straight cold code goes on: not a place that is jumped to
        self._state: tuple[int, int, int] | None = None
        self._mode: Mode | None = None
        self._modes: dict[tuple[int, bool, tuple[int, ...], int], Mode | None] = {}

    def run(self, limit: int) -> int:
        """Run translated code from rip on; how many steps it took, 0 when there is none."""
        cpu = self.cpu
        mode = self.mode()
        self._masked = bool(cpu.apic.requested)
        if mode is None or (self._masked and (not self.under_mask or cpu.rflags & IF)):
            self.recorder = None
            return 0
        if self.recorder is not None and not self._follow(mode):
            return 0
        if cpu.interrupt_shadow:
            return 0
        # The reference interpreter and the monitor may have changed anything since last time.
        self.epoch += 1
        self.watch.pinned.clear()
        self.interrupted = False
        done = self._run(mode, limit)
        if self._retired:
            self.board.retire_translated(self._retired)
            self._retired = 0
        if not done:
            self._warm(mode)
        return done

    def _run(self, mode: Mode, limit: int) -> int:
        """Trace after trace, as long as there is one and it fits."""
        cpu = self.cpu
        done = 0
        traces = self.traces[mode]
        while True:
            trace = traces.get(cpu.rip)
            if trace is None:
                return done
            if trace.length > limit - done:
                self._cold = -1
                return done
            if trace.checked != self.epoch and not self._admit(trace, mode):
                return done
            if self._masked and trace.unmasks:
                return done
            self.accounted = 0
            steps = trace.run(limit - done)
            done += steps
            self._retired += (
                steps - self.accounted if trace.code.retired is None else self._partly(trace, steps)
            )
            if steps > self.accounted:
                self.went_on()
            if self.interrupted:
                return done or 1  # also when its one instruction faulted
            if not steps:
                self._fruitless(trace, mode)
                return done
            trace.fruitless = 0
            trace.runs += 1
            if steps < trace.length:
                trace.early += 1
            if trace.runs == self.trial:
                self._reconsider(trace, mode)
            if trace.flushes:
                self.epoch += 1
                self.watch.pinned.clear()
            if cpu.interrupt_shadow:
                return done
            if cpu.cpl != mode.cpl:
                changed = self.mode()
                if changed is None:
                    return done
                mode = changed
                traces = self.traces[mode]

    def account(self, steps: int) -> None:
        """Tell the board of all that was done up to this step of the running trace."""
        count = self._retired + steps - self.accounted
        if count:
            self.board.retire_translated(count)
        self._retired = 0
        self.accounted = steps

    def _partly(self, trace: Trace, steps: int) -> int:
        """Guest instructions complete after so many steps of a monitor's code."""
        code = trace.code
        assert code.retired is not None
        rounds, rest = divmod(steps, trace.length)
        for index, name in code.inline:
            self.board.trace.add(EventKind.INLINE, name, rounds + (index < rest))
        return rounds * code.retired[-1] + code.retired[rest]

    def part(self, rip: int) -> tuple[bool, str]:
        """Whether the step at rip completes a guest instruction, and which one in place."""
        return True, ""

    # Modes --------------------------------------------------------------------------------------

    def mode(self) -> Mode | None:
        """The present mode; None where translated code cannot rely on segments."""
        cpu = self.cpu
        # In long mode three registers say it all; where limits hold, segments have to be asked.
        state = (cpu.cpl, cpu.cr0, cpu.msrs[MSR_EFER])
        if state == self._state:
            return self._mode
        limited = cpu.limits_hold
        self._state = None if limited else state
        protect = self.mmu.always_protects or bool(cpu.cr0 & CR0_WP)
        data = self.monitor_data()
        limits: tuple[int, ...] = ()
        if limited:
            names = LIMITED_WITHOUT_FS if data else LIMITED_SEGMENTS
            limits = tuple(cpu.segments[n].limit for n in names)
        key = (cpu.cpl, protect, limits, data)
        if key not in self._modes:
            self._modes[key] = self._new_mode(*key)
        self._mode = self._modes[key]
        return self._mode

    def monitor_data(self) -> int:
        """Linear address of the monitor's data while its own translated code runs, else 0."""
        return 0

    def _new_mode(self, cpl: int, protect: bool, limits: tuple[int, ...], data: int) -> Mode | None:
        last = LAST_PAGE
        if limits:
            # One limit for all of them, at the end of a page: then a page number tells.
            if len(set(limits)) > 1 or (limits[0] + 1) % (1 << PAGE_SHIFT):
                return None
            last = min(limits[0] >> PAGE_SHIFT, LAST_PAGE)
        mode = Mode(cpl, protect, last, bool(limits), data)
        self._views_of(mode)
        return mode

    def _views_of(self, mode: Mode) -> Views:
        views = self.views.get(mode)
        if views is None:
            views = Views(self.cpu, self.mmu, self.watch, mode)
            self.views[mode] = views
            self.traces[mode] = {}
        return views

    def ring_views(self) -> dict[int, Views]:
        """Views by ring for long mode with CR0.WP set."""
        return {ring: self._views_of(Mode(ring, True, LAST_PAGE, False)) for ring in range(4)}

    # Heat and recording ---------------------------------------------------------------------------

    def _warm(self, mode: Mode) -> None:
        """Count an arrival at a place without a translation; start recording when it is hot."""
        cpu = self.cpu
        rip = cpu.rip
        cold = self._cold
        self._cold = rip + INSTRUCTION_BYTES & WORD_MASK
        if rip == cold:
            return
        key = (mode, rip)
        if key in self.never or rip in self.traces[mode]:
            self._cold = -1  # what follows is reached from here only: a place of its own
            return
        heat = self.heat[key] = self.heat.get(key, 0) + 1
        if heat < self.hot:
            return
        del self.heat[key]
        instead = self.given_up.pop(key, None)
        longest = self.longest if instead is None else min(self.longest, LONGEST_AGAIN)
        recorder = Recorder(rip, mode, longest, through=self.one is not None, instead=instead)
        if recorder.expect(cpu, self.views[mode], mode, self._effects()):
            self.recorder = recorder
        else:
            self._fails(recorder, mode)

    def _follow(self, mode: Mode) -> bool:
        """One more instruction of a recording; False while it goes on."""
        recorder = self.recorder
        assert recorder is not None
        ending = self._ending(recorder, mode)
        if ending is Ending.OPEN:
            return False
        self.recorder = None
        self._cold = -1
        first = recorder.steps[0].mode if recorder.steps else recorder.mode
        if len(recorder.steps) < 2 and ending is not Ending.LOOP:
            self._fails(recorder, first)
        else:
            trace = self._translate(recorder, ending is Ending.LOOP)
            if trace is not None:
                trace.joins = ending is Ending.JOINS
                self._install(trace, first)
        return True

    def _fails(self, recorder: Recorder, mode: Mode) -> None:
        """Nothing comes of a recording: the place keeps the trace it had, or never has one."""
        if recorder.instead is not None:
            self._install(recorder.instead, mode)
        else:
            self.never.add((mode, recorder.head))
        self._cold = -1

    def _reconsider(self, trace: Trace, mode: Mode) -> None:
        """Record a trace again that is left early most times, or that only leads to the next.

        The path of its first recording may have been a rare one; and what joins another
        trace cannot see that both together are a loop. The second time goes through.
        """
        key = (mode, trace.head)
        if not (trace.joins or trace.early >= MOSTLY * self.hot):
            return
        if key in self.recorded_again:
            return
        self.recorded_again.add(key)
        self.given_up[key] = self.traces[mode].pop(trace.head)
        self.heat[key] = self.hot

    def _ending(self, recorder: Recorder, mode: Mode) -> Ending:
        cpu = self.cpu
        before = self.views[recorder.mode]
        effects = self._effects()
        if not recorder.ran(cpu, before, self.part(recorder.at), mode, effects):
            return Ending.BREAK
        first = recorder.steps[0].mode
        if mode == first and cpu.rip == recorder.head:
            return Ending.LOOP
        # One step alone would be no trace, and a second recording goes through (``_reconsider``).
        alone = recorder.instead is not None or len(recorder.steps) == 1
        if (cpu.rip in self.traces[mode] and not alone) or recorder.turns_back():
            return Ending.JOINS
        if len(recorder.steps) >= recorder.longest:
            return Ending.FULL
        expected = recorder.expect(cpu, self.views[mode], mode, effects)
        return Ending.OPEN if expected else Ending.BREAK

    def _effects(self) -> Effects:
        board = self.board
        total = board.trace.total
        return Effects(
            board.retired,
            board.faults + total(EventKind.IRQ),
            total(EventKind.DEVICE_ACCESS) + total(EventKind.APIC),
        )

    def _translate(self, recorder: Recorder, loop: bool) -> Trace | None:
        """The recording as a trace; None when its code is not what it was any more."""
        steps = tuple(recorder.steps)
        code = compiled(steps, loop and steps[-1].ins.spec.name != "sti")
        for mode in code.modes:
            self._views_of(mode)
        through = Through(self, self.one or self._nobody)
        return bind(code, self.cpu, self.views, recorder.pages, through)

    def _nobody(self, ins: Instruction) -> None:
        raise AssertionError("no step of such a trace goes through the engine")

    def _install(self, trace: Trace, mode: Mode) -> None:
        """From now on this trace runs whenever its head is reached in its mode."""
        self.traces[mode][trace.head] = trace

    # Running --------------------------------------------------------------------------------------

    def _admit(self, trace: Trace, mode: Mode) -> bool:
        """Check a trace once an epoch; one whose code or facts changed is forgotten."""
        standing = trace.standing(self.cpu)
        if standing is not Standing.HOLDS:
            if standing is Standing.CHANGED:
                del self.traces[mode][trace.head]
            return False
        trace.checked = self.epoch
        return True

    def _fruitless(self, trace: Trace, mode: Mode) -> None:
        """A trace that leaves at its first instruction every time is worth nothing."""
        trace.fruitless += 1
        if trace.fruitless >= HOT:
            del self.traces[mode][trace.head]
            self.never.add((mode, trace.head))
