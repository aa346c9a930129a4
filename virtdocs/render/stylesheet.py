"""The style sheet of all exhibits: one file of the site."""

from __future__ import annotations

from importlib.resources import files as package_files

from virtdocs.render import palette


def stylesheet() -> str:
    """The colours of both schemes and the rules of every exhibit."""
    rules = (package_files("virtdocs") / "render" / "exhibits.css").read_text("utf-8")
    return palette.css() + rules
