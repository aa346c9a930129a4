"""Which images a technique boots: each build booted once for each technique."""

from __future__ import annotations

from functools import lru_cache

from virtdocs.experiments.comparisons.model import DERIVED, Cell, Figure
from virtdocs.experiments.image_matrix import PARAVIRTUAL, Attempt, attempt
from virtdocs.experiments.other_machine import runs_other_machine
from virtdocs.experiments.techniques import technique
from virtdocs.guest.images import IMAGES
from virtdocs.guest.ports import port_diff


@lru_cache(maxsize=128)
def tried(port: str, name: str) -> Attempt:
    """One build under one technique."""
    return attempt(port, technique(name))


def unmodified(name: str) -> Cell:
    """How many images run in the build for bare hardware; and one of another machine."""
    runs = sum(tried("native", name).runs for image in IMAGES.values() if "native" in image.builds)
    other = "answer.yes" if runs_other_machine(name) else "answer.no"
    figures = {"runs": Figure(runs), "of": Figure(len(IMAGES)), "other": Figure((other,))}
    return Cell("unmodified", figures)


def kinds(name: str) -> Cell:
    """The images that run, in whichever build there is of them."""
    found = running(name)
    words = tuple(f"image.{image}" for image in found) or ("answer.none",)
    return Cell("kinds", {"kinds": Figure(words), "runs": Figure(len(found))})


def devices(name: str) -> Cell:
    """How many images run, and how many of those can have the technique's PV devices."""
    found = running(name)
    offers = technique(name).io in PARAVIRTUAL
    with_drivers = sum(offers and IMAGES[image].pv_drivers for image in found)
    figures = {
        "runs": Figure(len(found)),
        "of": Figure(len(IMAGES)),
        "with_drivers": Figure(with_drivers),
    }
    return Cell("devices", figures)


def running(name: str) -> tuple[str, ...]:
    """Names of the images of which some build runs."""
    return tuple(
        image.name
        for image in IMAGES.values()
        if any(tried(port, name).runs for port in image.builds)
    )


def changed_lines(name: str) -> Cell:
    """Lines of the kernel that the technique's build has not, or has beside the native one's."""
    port = port_diff(technique(name).build)
    files = sum(bool(file.removed or file.added) for file in port.files)
    native = port.kept + port.removed
    figures = {
        "removed": Figure(port.removed),
        "added": Figure(port.added),
        "native": Figure(native),
        "files": Figure(files),
    }
    return Cell("changed_lines" if files else "unchanged_lines", figures, DERIVED)
