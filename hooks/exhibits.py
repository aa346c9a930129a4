"""MkDocs' events, handed to virtdocs.site: fences become figures, tags become values.

Everything of virtdocs is imported inside functions; hooks/engine.py says why.
"""

from __future__ import annotations

import html
import logging
import posixpath
import traceback
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, InclusionLevel

log = logging.getLogger("mkdocs.hooks.exhibits")


def on_config(config):
    """Register the fence and the tags."""
    if _sound(config):
        from virtdocs.experiments.identity import engine_hash
        from virtdocs.site.inline import TagExtension

        fence = {"name": "exhibit", "class": "exhibit", "validator": _accept}
        fence["format"] = lambda body, *rest, **_: config.extra["page"].fence(body, rest[2])
        fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
        fences.setdefault("custom_fences", []).append(fence)
        config.markdown_extensions.append(TagExtension(lambda tag: config.extra["page"].value(tag)))
        config.extra["engine_hash"] = engine_hash()
    return config


def on_files(files, config):
    """Add the style sheet of the exhibits, once for both languages."""
    if _sound(config) and config.extra["lang"] == "ko":
        from virtdocs.render.stylesheet import stylesheet

        files.append(_file(config, "assets/css/exhibits.css", stylesheet()))
    return files


def on_page_markdown(markdown, page, config, files):
    """Open the page with its raw file: lines count from there."""
    if _sound(config):
        from virtdocs.checks.pages import Page
        from virtdocs.site.page import PageExhibits
        from virtdocs.site.placed import FOLDERS, PlacedPage

        root = Path(config.config_file_path).parent
        file = Path(page.file.abs_src_path).relative_to(root).as_posix()
        raw = Page(file, page.file.src_uri, config.extra["lang"], page.file.content_string)
        placed = PlacedPage(file, raw.lang, FOLDERS[raw.lang] + page.file.dest_uri)
        config.extra["page"] = PageExhibits(raw, config.extra["workshop"], placed)


def on_page_content(content, page, config, files):
    """Leave the figures until the page is written: some are being drawn meanwhile."""
    if not _sound(config):
        text = html.escape("".join(traceback.format_exception(config.extra["workshop"])))
        return f'<pre class="vd-error" role="alert">{text}</pre>{content}'
    config.extra.setdefault("unfinished", {})[page.file.src_uri] = config.extra["page"]
    return content


@event_priority(50)  # before the search, which reads the page in the same event
def on_page_context(context, page, config, nav):
    """Put the figures in (their drawings: hooks/templates.py), and write their downloads."""
    if exhibits := config.extra.get("unfinished", {}).pop(page.file.src_uri, None):
        page.content = exhibits.finish(page.content)
        config.extra["workshop"].pages.append(exhibits.placed)
        config.extra.setdefault("aside", {})[page.file.src_uri] = exhibits.aside
        page.present_anchor_ids |= exhibits.anchors
        for name, text in exhibits.downloads.items():
            _file(config, f"{posixpath.splitext(page.file.dest_uri)[0]}/{name}", text).copy_file()
    return context


def on_post_build(config):
    """After both languages: list every mistake, then fail; a preview only lists them."""
    if _sound(config) and config.extra["lang"] == "ko":
        for line in config.extra["workshop"].lines():
            log.error(line)
        if (verdict := config.extra["workshop"].verdict()) and not config.extra["preview"]:
            raise PluginError(verdict)


def _sound(config):
    return not isinstance(config.extra["workshop"], Exception)


def _accept(language, inputs, options, attrs, md):
    options.update(inputs)
    return True


def _file(config, path, text):
    return File.generated(config, path, content=text, inclusion=InclusionLevel.INCLUDED)
