"""`virtdocs list KIND`: names with one-line descriptions."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import virtdocs
from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.arguments import one_of

if TYPE_CHECKING:
    from virtdocs.experiments.mixes import Mix
    from virtdocs.guest.workloads import Choice, Param

Rows: TypeAlias = Iterator[tuple[str, str, dict[str, Json]]]


def _workloads(_lang: str) -> Rows:
    from virtdocs.guest.workloads import WORKLOADS

    for name, one in WORKLOADS.items():
        yield name, one.about, {"ops": one.ops}


def _techniques(lang: str) -> Rows:
    from virtdocs.experiments.techniques import TECHNIQUES
    from virtdocs.render.catalogue import load

    words = load(lang)
    for name, one in TECHNIQUES.items():
        yield name, words.text(f"technique.{name}"), {"axes": dict(one.axes)}


def _params(_lang: str) -> Rows:
    """Every key of --param, by workload; those of the machine go with any, switches with costs."""
    from virtdocs.experiments.machine_options import MACHINE_PARAMS
    from virtdocs.experiments.mixes import mixes
    from virtdocs.experiments.switches import SWITCHES
    from virtdocs.guest.workloads import OPS, WORKLOADS

    every = {
        name: {"ops": replace(OPS, default=one.ops), **one.params}
        for name, one in WORKLOADS.items()
    }
    for workload, params in {**every, "any": MACHINE_PARAMS, "priced": SWITCHES}.items():
        for key, param in params.items():
            yield _param(workload, workload, key, param)
    for name, mix in mixes().items():  # some of them are called as a workload is
        for key, param in mix.takes.items():
            yield _param(f"predict {name}", name, key, param)
        yield from _chosen_device(mix)


def _param(
    label: str, workload: str, key: str, param: Param | Choice, without: str = ""
) -> tuple[str, str, dict[str, Json]]:
    """A row; ``without``: what holds when it is not given, where that is no value of its own."""
    unit = f" {param.unit}" if param.unit else ""
    span = f" {param.minimum}..{param.maximum}{unit}" if param.type == "int" else ""
    spec: dict[str, Json] = {
        "workload": workload,
        "type": param.type,
        "minimum": param.minimum,
        "maximum": param.maximum,
        "default": "" if without else param.default,
        "unit": param.unit,
    }
    text = f"{param.type}{span}, default {without or param.default}"
    return f"{label} {key}", text, {"key": key, **spec}


def _chosen_device(mix: Mix) -> Rows:
    from virtdocs.devices.registry import DEVICES
    from virtdocs.experiments.mix_device import IO, device_kind
    from virtdocs.guest.workloads import Choice

    names = tuple(name for name, one in DEVICES.items() if one.kind == device_kind(mix))
    if names:
        label, own = f"predict {mix.name}", "that of the technique"
        yield _param(label, mix.name, IO, Choice(names), own)


def _devices(_lang: str) -> Rows:
    from virtdocs.devices.registry import DEVICES

    for name, one in DEVICES.items():
        yield name, one.about, {"kind": one.kind, "drivers": list(one.drivers)}


def _exits(_lang: str) -> Rows:
    """Neutral names with the spellings of VMX and SVM."""
    from virtdocs.trace import ExitReason
    from virtdocs.vmm.vmcb import SVM_CODE
    from virtdocs.vmm.vmcs import VMX_REASON

    for reason in ExitReason:
        spellings = [
            f"{maker} {table[reason][1]}"
            for maker, table in (("VMX", VMX_REASON), ("SVM", SVM_CODE))
            if reason in table
        ]
        yield reason.value, ", ".join(spellings), {}


def _eras(_lang: str) -> Rows:
    """Names with page-table levels, and the sources that price them."""
    from virtdocs.experiments.costs import era_costs
    from virtdocs.experiments.eras import ERAS

    for name, one in ERAS.items():
        sources: list[Json] = [*sorted({cost.source for cost in era_costs(name).costs})]
        text = f"{one.levels}-level page tables; {', '.join(map(str, sources))}"
        yield name, text, {"levels": one.levels, "sources": sources}


def _terms(lang: str) -> Rows:
    from virtdocs.checks.termlist import read_terms

    for term in read_terms(Path(virtdocs.__file__).parent.parent):
        main, other = (term.ko, term.en) if lang == "ko" else (term.en, term.ko)
        yield main, ", ".join((other, *term.aliases)), {}


KINDS: Mapping[str, Callable[[str], Rows]] = MappingProxyType(
    {
        "workloads": _workloads,
        "techniques": _techniques,
        "devices": _devices,
        "eras": _eras,
        "params": _params,
        "exits": _exits,
        "terms": _terms,
    }
)


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `list`."""
    parser.add_argument(
        "kind", type=one_of("list", "kind of names", KINDS), metavar="|".join(KINDS)
    )


def listing(args: argparse.Namespace) -> Answer:
    """All names of one kind."""
    rows = list(KINDS[args.kind](args.lang))
    data: list[Json] = [{"name": name, "description": text, **more} for name, text, more in rows]
    return Answer({args.kind: data}, columns([(name, text) for name, text, _ in rows]))
