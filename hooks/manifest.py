"""The manifest of a whole build without mistakes; any other build has none."""

from __future__ import annotations

from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority

DIRTY: set[bool] = set()  # MkDocs makes a new config for each rebuild; only the hook lasts


def on_startup(command, dirty):
    """Note whether the build renders only what has changed."""
    DIRTY.add(dirty)


@event_priority(-200)  # after the plugin `offline` (-100), the last to write into the site
def on_post_build(config):
    """Once both languages are there: Korean is the build that started the other."""
    workshop, extra = config.extra["workshop"], config.extra
    if extra["lang"] == "ko" and not (extra["preview"] or isinstance(workshop, Exception)):
        from virtdocs.errors import VirtdocsError
        from virtdocs.site import manifest

        (Path(config.site_dir) / manifest.NAME).unlink(missing_ok=True)
        if True not in DIRTY and not workshop.verdict():
            try:
                manifest.write(Path(config.site_dir), workshop.pages)
            except VirtdocsError as mistake:
                raise PluginError(str(mistake)) from mistake
