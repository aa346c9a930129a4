"""Exhibits of what makes a machine virtualizable, and of Popek and Goldberg's properties."""

from __future__ import annotations

from virtdocs.exhibits.chosen import TECHNIQUES_SHOWN, chosen
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments.classification import Classified, classify
from virtdocs.experiments.efficiency import (
    PER_OP_OPS,
    WHOLE_RUN_OPS,
    monitor_free_share,
    monitor_free_share_per_op,
)
from virtdocs.experiments.published_list import robin_irvine
from virtdocs.experiments.red_pill import answers
from virtdocs.experiments.stage import Setting
from virtdocs.views import efficiency as efficiency_view
from virtdocs.views import instruction_classes as classes_view
from virtdocs.views import red_pill as red_pill_view
from virtdocs.views.model import ViewBundle

SHOWN = ("techniques", TECHNIQUES_SHOWN)
NATIVE = "native"
WHOLE_RUN = "run"


def instruction_classes() -> ViewBundle:
    """Every instruction's class, found by running it, and what changes with UMIP, TSD, IOPL."""
    return classes_view.classes(_settings(), robin_irvine())


def critical_instructions() -> ViewBundle:
    """The sensitive instructions that don't trap, one by one, beside a published list."""
    return classes_view.reasons(_settings(), robin_irvine())


def efficiency(of: str, techniques: str) -> ViewBundle:
    """The share of instructions that run without the monitor, of a run or of one operation."""
    whole = of == WHOLE_RUN
    ops = WHOLE_RUN_OPS if whole else PER_OP_OPS
    share = monitor_free_share if whole else monitor_free_share_per_op
    shares = {
        name: {workload: share(workload, name, count) for workload, count in ops.items()}
        for name in chosen(techniques)
    }
    return efficiency_view.shares(shares, ops, whole)


def red_pill(techniques: str) -> ViewBundle:
    """Which probes tell a guest that it has a monitor."""
    others = [answers(name) for name in chosen(techniques) if name != NATIVE]
    return red_pill_view.noticed(answers(NATIVE), others)


def _settings() -> dict[str, tuple[Classified, ...]]:
    return {
        classes_view.PLAIN: classify(),
        "umip": classify(Setting(umip=True)),
        "tsd": classify(Setting(tsd=True)),
    }


EXHIBITS = (
    Exhibit("instruction_classes", instruction_classes),
    Exhibit("critical_instructions", critical_instructions),
    Exhibit("efficiency", efficiency, (("of", Parameter(WHOLE_RUN, (WHOLE_RUN, "op"))), SHOWN)),
    Exhibit("red_pill", red_pill, (SHOWN,)),
)
