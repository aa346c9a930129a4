"""The engine of one build: imported afresh under ``mkdocs serve``, so that its edits show.

Leaves in ``config.extra`` the workshop that both languages share, or, in a preview, the
exception that kept the engine from being imported: the page shows it and the server goes on.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

from mkdocs.plugins import event_priority

log = logging.getLogger("mkdocs.hooks.engine")
COMMANDS: set[str] = set()  # MkDocs makes a new config for each rebuild; only the hook lasts


def on_startup(command, dirty):
    """Note the command; a preview must not trust byte code, whose times count whole seconds."""
    COMMANDS.add(command)
    sys.dont_write_bytecode |= "serve" in COMMANDS


def on_config(config):
    """Open the workshop, unless the other language has brought its own."""
    config.extra["preview"] = "serve" in COMMANDS
    if "workshop" not in config.extra:
        try:
            config.extra["workshop"] = _open_workshop(config)
        except Exception as broken:
            if not config.extra["preview"]:
                raise
            log.error("".join(traceback.format_exception(broken)))
            config.extra["workshop"] = broken
    return config


@event_priority(-300)  # after all that comes with the end of the outer build
def on_post_build(config):
    """Let the process that draws end: a preview lives on."""
    if config.extra["lang"] == "ko" and not isinstance(config.extra["workshop"], Exception):
        config.extra["workshop"].figures.end()


def on_serve(server, config, builder):
    """Watch both languages, the texts around the pages, and the engine."""
    for folder in ("docs", "virtdocs"):
        server.watch(str(Path(config.config_file_path).parent / folder))
    return server


def _open_workshop(config):
    if config.extra["preview"]:
        for name in [m for m in sys.modules if m.split(".")[0] == "virtdocs"]:
            del sys.modules[name]
    from virtdocs.experiments.identity import engine_hash
    from virtdocs.site.workshop import Workshop

    languages = tuple(config.extra["languages"])
    workshop = Workshop(root=Path(config.config_file_path).parent, langs=languages)
    workshop.figures.foresee(engine_hash())
    return workshop
