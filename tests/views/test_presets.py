"""Presets by axes, images by technique, Xen's modes by dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from virtdocs.views import presets, xen_modes
from virtdocs.views.images import matrix
from virtdocs.views.model import Basis, Label, Table, Value


@dataclass(frozen=True)
class Reason:
    axis: str
    value: str
    key: str = "reason.bt.cpu"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Booted:
    image: str
    technique: str
    runs: bool = True
    unmodified: bool = True
    builds: tuple[str, ...] = ("native",)
    paravirtual_devices: bool = False


@dataclass(frozen=True)
class ModeCell:
    mode: str
    dimension: str
    handler: str
    counts: Mapping[str, int | Fraction] = field(default_factory=dict)
    basis: str = "run"
    sources: tuple[str, ...] = ()


FIVE = (
    Reason("cpu", "vmx", sources=("UHLIG05",)), Reason("mmu", "nested"), Reason("io", "emulated"),
    Reason("irq", "apic"), Reason("boot", "bios"),
)  # fmt: skip


def raws(view: object) -> list[list[object]]:
    assert isinstance(view, Table)
    return [[one.raw for one in row.cells if isinstance(one, Value)] for row in view.rows]


def test_each_technique_is_five_values() -> None:
    bundle = presets.axes({"hw_nested": FIVE, "kvm_emulated": FIVE})
    five = ["axis_cpu.vmx", "mmu.nested", "axis_io.emulated", "axis_irq.apic", "axis_boot.bios"]
    assert raws(bundle.view) == [five, five]
    assert bundle.values["cpu_values"].raw == 1
    assert bundle.sources == ("UHLIG05",)


def test_a_reason_without_a_source_is_marked_as_the_editors_own() -> None:
    view = presets.why("hw_nested", FIVE).view
    assert isinstance(view, Table)
    grounds = [row.cells[-1].basis for row in view.rows if isinstance(row.cells[-1], Value)]
    assert grounds == [Basis.SOURCED] + [Basis.JUDGED] * 4
    assert all(row.cells[1] == Label("reason.bt.cpu") for row in view.rows)


def test_an_image_runs_as_it_is_or_rebuilt_or_not_at_all() -> None:
    cells = [
        Booted("open", "kvm_virtio", paravirtual_devices=True),
        Booted("legacy", "kvm_virtio"),
        Booted("open", "xen_pv64", unmodified=False, builds=("pv64",)),
        Booted("legacy", "xen_pv64", runs=False, unmodified=False, builds=()),
    ]
    bundle = matrix(cells)
    assert raws(bundle.view) == [
        ["boots.unmodified boots.pv_devices", "boots.unmodified", "native"],
        ["boots.rebuilt", "answer.no", "pv64"],
    ]
    assert bundle.values["refuse_unmodified"].raw == 1
    assert bundle.values["refusing"].raw == "technique.xen_pv64"
    assert isinstance(bundle.view, Table)
    assert [bool(tint) for tint in bundle.view.rows[1].shades] == [False, True, False]


def test_a_mode_s_cell_names_who_handles_it_and_counts_what_is_not_zero() -> None:
    cells = [
        ModeCell("xen_hvm", "boot", "firmware", {"runs_unmodified": 1}),
        ModeCell("xen_hvm", "page_tables", "nested", {"hypercall": 0, "vm_exit": 0}),
        ModeCell("xen_pv64", "boot", "domain_builder", {"runs_unmodified": 0}),
        ModeCell("xen_pv64", "page_tables", "hypercall", {"hypercall": Fraction(33, 16)}),
    ]
    bundle = xen_modes.five_by_five(cells)
    assert isinstance(bundle.view, Table)
    boot, tables = (row.cells for row in bundle.view.rows)
    assert [cell.key for cell in boot if isinstance(cell, Label)] == ["mode_cell.1"] * 2
    assert isinstance(tables[0], Value)
    assert tables[0].raw == "handler.nested"
    assert isinstance(tables[1], Label)
    assert dict(tables[1].args)["value1"].raw == Fraction(33, 16)
    assert bundle.values["unmodified"].raw == 1
    assert bundle.values["xen_pv64.boot.runs_unmodified"].raw == "answer.no"


def test_what_was_not_run_says_that_it_is_quoted() -> None:
    cells = [ModeCell("xen_pvh", "devices", "ring", {}, "sourced", ("XEN-SPLIT",))]
    bundle = xen_modes.five_by_five(cells)
    assert isinstance(bundle.view, Table)
    [cell] = bundle.view.rows[0].cells
    assert isinstance(cell, Value)
    assert (cell.basis, cell.where) == (Basis.SOURCED, ("XEN-SPLIT",))
    assert bundle.sources == ("XEN-SPLIT",)
