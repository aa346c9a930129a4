"""Exhibits of the presets: what they are made of, what boots under them, Xen's five modes."""

from __future__ import annotations

from virtdocs.exhibits.chosen import ALL_WORD, TECHNIQUES_SHOWN, chosen
from virtdocs.exhibits.registry import Exhibit, Parameter
from virtdocs.experiments import image_matrix as image_runs
from virtdocs.experiments import xen_modes as xen_runs
from virtdocs.experiments.reasons import reasons
from virtdocs.experiments.techniques import TECHNIQUES
from virtdocs.views import images, presets
from virtdocs.views import xen_modes as xen_view
from virtdocs.views.model import ViewBundle

EVERY = Parameter(ALL_WORD, TECHNIQUES_SHOWN.choices, several=True)
ONE = Parameter("hw_nested", tuple(TECHNIQUES))


def technique_axes(techniques: str) -> ViewBundle:
    """The values of techniques on the five axes."""
    return presets.axes({name: reasons(TECHNIQUES[name]) for name in chosen(techniques)})


def technique_reasons(technique: str) -> ViewBundle:
    """Why one technique has its five values."""
    return presets.why(technique, reasons(TECHNIQUES[technique]))


def image_matrix(techniques: str) -> ViewBundle:
    """Which image boots under which technique."""
    names = chosen(techniques)
    return images.matrix([one for one in image_runs.image_matrix() if one.technique in names])


def xen_modes() -> ViewBundle:
    """Five modes of Xen by five dimensions."""
    return xen_view.five_by_five(xen_runs.xen_modes())


EXHIBITS = (
    Exhibit("technique_axes", technique_axes, (("techniques", EVERY),)),
    Exhibit("technique_reasons", technique_reasons, (("technique", ONE),)),
    Exhibit("image_matrix", image_matrix, (("techniques", EVERY),)),
    Exhibit("xen_modes", xen_modes),
)
