"""The frozen list: complete, growing only, and every figure with its source."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from virtdocs.errors import VirtdocsError
from virtdocs.experiments import published, targets
from virtdocs.experiments.eras import ERAS
from virtdocs.experiments.published import records
from virtdocs.experiments.techniques import technique
from virtdocs.render.citations import source

# Of Xen's own rows of lmbench these three set costs (calibration); all others are predictions.
XEN_CALIBRATES = ("null_call", "prot_fault", "page_fault")
# Rows of native runs are what others are divided by; two systems are not built here.
DENOMINATORS = (".native", ".L", ".Linux")
ELSEWHERE = (".UML", ".U", ".docker")


def to_predict() -> set[str]:
    """Ids of all totals, by the rule of the list."""
    found = {name for name, one in records().items() if one.role == "validation"}
    found |= {
        name
        for name in records()
        if name.startswith("xen03.lmbench.")
        and name.endswith(".Xen")
        and name.split(".")[-2] not in XEN_CALIBRATES
    }
    return {name for name in found if not name.endswith((*DENOMINATORS, *ELSEWHERE))}


def test_every_published_total_is_on_the_list_and_nothing_else() -> None:
    assert {t.record for t in targets.targets()} == to_predict()


def test_the_list_only_grows() -> None:
    text = (files("virtdocs") / "data" / "targets.lock").read_text(encoding="utf-8")
    for line in text.splitlines():
        length, fingerprint = line.split()
        assert targets.fingerprint(int(length)) == fingerprint
    assert int(text.splitlines()[-1].split()[0]) == len(targets.targets())


def test_every_record_has_a_known_source_that_somebody_opened() -> None:
    for one in records().values():
        assert source(one.source).status in ("read", "secondary"), one.id
        assert one.locator, one.id


def test_every_target_names_an_era_and_a_technique_of_it() -> None:
    for t in targets.targets():
        assert t.era in ERAS
        for name in filter(None, (t.technique, t.rival)):
            technique(name, era_name=t.era)


def test_figures_of_several_parts_are_listed_part_by_part_or_as_a_range() -> None:
    listed = {(t.id, t.technique, t.workload) for t in targets.targets()}
    assert ("dvh20.notify#1", "kvm_virtio", "virtio_notify") in listed
    by_id = {t.id: t for t in targets.targets()}
    assert by_id["felter15.fio.lat"].published() == (2, 3)


@pytest.mark.parametrize(
    ("target", "ratio"),
    [
        ("adams06.macro.forkwait.vt", 106.4 / 6.02),
        ("adams06.macro.apache_lin_128.bt", 2201.9 / 985.28),
        ("adams06.macro.kerncomp.rel#vt", 100 / 54.8),
        ("adams06.macro.specint.slow#mean_vt", 1.05),
        ("bhargava08.perfect.IntCpu#1", 1.486 / 1.114),
        ("felter15.nuttcp_rx#2", 9340.23 / 9264.94),
        ("felter15.mysql", 1 / 0.6),
        ("xen.git.18173843#0", 112 / 103),
    ],
)
def test_a_figure_becomes_a_ratio_of_times(target: str, ratio: float) -> None:
    [found] = [t for t in targets.targets() if t.id == target]
    low, high = found.published() or (0, 0)
    assert low == high == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('scale = "nano"\nmeasure = "time"', "unknown scale 'nano'"),
        ('scale = "micro"\nmeasure = "tim"', "unknown measure 'tim'. Did you mean time?"),
        ('scale = "micro"\nmeasure = "time"\nover = "adams06.nano"', "unknown record"),
        ('scale = "micro"\nmeasure = "time"', "measure 'time' and over do not fit"),
        ('scale = "micro"\nmeasure = "cycles"\nwhy = ""', "unexpected keyword argument 'why'"),
    ],
)
def test_a_wrong_entry_is_named(text: str, message: str) -> None:
    head = 'record = "kvm20.vmcall.skx"\nworkload = "vmcall"\ntechnique = "bt"\nera = "p4-2006"'
    with pytest.raises(VirtdocsError) as wrong:
        targets.read(tomllib.loads(f"[[target]]\n{head}\npart = 0\n{text}"))
    assert str(wrong.value).startswith(("targets.toml: target 1:", "virtdocs/data/published:"))
    assert message in str(wrong.value)


def test_a_figure_from_memory_cannot_be_loaded() -> None:
    text = """
    [[set]]
    source = "AA06"
    locator = "?"
    year = 2006
    status = "unverified"
    role = "calibration"
    unit = "cycles"
    values = { guess = 1000 }
    """
    with pytest.raises(VirtdocsError, match=r"x\.toml: set 1: status 'unverified' is none of"):
        list(published.read("x.toml", tomllib.loads(text)))
