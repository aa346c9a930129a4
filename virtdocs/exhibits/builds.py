"""Exhibits of how long a build takes: recorded figures, no runs."""

from __future__ import annotations

from virtdocs.exhibits.registry import Exhibit
from virtdocs.experiments.builds import CASES, OWN, PICTURES, PLAIN, builds, targets
from virtdocs.views import builds as view
from virtdocs.views.asked import asked
from virtdocs.views.model import ViewBundle


def builds_tools() -> ViewBundle:
    """The same charts and tables with this project, with others, and ready in plain MkDocs."""
    plain = {PLAIN: "plain_figures", PICTURES: "plain_pictures"}
    return view.tools(builds(), OWN, CASES, plain)


def builds_targets() -> ViewBundle:
    """What was asked for, and what was measured."""
    found = builds()
    return asked("builds_targets", targets(found), view.when(found), view.COMMAND, 2)


def builds_growth() -> ViewBundle:
    """From a few examples to very many."""
    return view.growth(builds())


def builds_whole() -> ViewBundle:
    """This site, after different changes."""
    return view.whole(builds())


EXHIBITS = (
    Exhibit("builds_tools", builds_tools),
    Exhibit("builds_targets", builds_targets),
    Exhibit("builds_growth", builds_growth),
    Exhibit("builds_whole", builds_whole),
)
