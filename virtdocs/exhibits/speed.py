"""Exhibits of how fast the engine is: recorded figures, no runs."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit
from virtdocs.experiments.bench import BARE, VM
from virtdocs.experiments.speed import OWN, speed, targets
from virtdocs.views import speed as view
from virtdocs.views.asked import asked
from virtdocs.views.model import ViewBundle


def speed_kernels() -> ViewBundle:
    """The same loops on this machine and on three others."""
    return view.kernels(speed(), OWN)


def speed_machine() -> ViewBundle:
    """Workloads in the whole machine, on bare hardware and under a hypervisor."""
    return view.machine(speed(), BARE, VM)


def speed_exit() -> ViewBundle:
    """Where the time of a VM exit goes."""
    return view.exit_parts(speed())


def speed_targets() -> ViewBundle:
    """What was asked for, and what was measured."""
    return asked("speed_targets", targets(speed()), view.when(speed()), view.COMMAND)


EXHIBITS = (
    Exhibit("speed_kernels", speed_kernels),
    Exhibit("speed_machine", speed_machine),
    Exhibit("speed_exit", speed_exit),
    Exhibit("speed_targets", speed_targets),
)
