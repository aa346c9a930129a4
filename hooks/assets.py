"""Fonts, styles and scripts: once, at the root of the site, for both languages."""

from __future__ import annotations

import posixpath
from fnmatch import fnmatch
from pathlib import Path

from jinja2 import pass_context
from markupsafe import Markup
from mkdocs.structure.files import File, InclusionLevel

TOOLS = ("vendor.py", "vendor.toml", "SHA256SUMS", "screenshot.png")  # not for readers
# Source maps; and search scripts of languages that need a stemmer or a segmenter of their own.
UNUSED = ("*.map", "assets/javascripts/lunr/*")


def on_files(files, config):
    """Add docs/assets; leave out what the site never asks for."""
    folder = Path(config.docs_dir).parent
    for path in sorted((folder / "assets").rglob("*")):
        if path.is_file() and path.name not in TOOLS:
            uri = path.relative_to(folder).as_posix()
            included = InclusionLevel.INCLUDED
            files.append(File(uri, str(folder), config.site_dir, False, inclusion=included))
    for file in list(files):
        unused = any(fnmatch(file.src_uri, pattern) for pattern in UNUSED)
        if unused or (config.extra["lang"] == "en" and _shared(file.src_uri)):
            files.remove(file)
    return files


def on_env(env, config, files):
    """Let English pages take the assets from the root."""
    if config.extra["lang"] == "en":
        own_url, own_script = env.filters["url"], env.filters["script_tag"]

        @pass_context
        def url(context, value):
            path = str(value)
            if not _shared(path):
                return own_url(context, value)
            return posixpath.normpath(f"{context['base_url']}/../{path}")

        @pass_context
        def script_tag(context, script):
            tag = str(own_script(context, script))
            return Markup(tag.replace(own_url(context, script), url(context, script)))

        env.filters |= {"url": url, "script_tag": script_tag}
    return env


def _shared(uri):
    return uri.startswith("assets/")
