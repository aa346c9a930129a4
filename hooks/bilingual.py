"""Both languages from one mkdocs.yml: Korean at the root of the site, English below en/.

The Korean build starts the English one when it is done. Each has a search index, a 404
page and a sitemap of its own.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import urlsplit

import mkdocs.commands.build
from mkdocs.config import load_config

PATHS = {"ko": "", "en": "en/"}


def on_config(config):
    """Words, navigation and addresses of the language whose folder is built."""
    lang = Path(config.docs_dir).name
    words = config.extra["languages"][lang]
    # one scope: a reader who chose dark keeps it in the other language
    config.extra |= {"lang": lang, "words": words, "scope": "/"}
    config.site_name, config.site_description = words["site_name"], words["site_description"]
    config.theme["language"] = lang
    for choice, name in zip(config.theme["palette"], words["palette"], strict=True):
        choice["toggle"]["name"] = name
    config.nav = _translated(config.nav, words["sections"])
    config.extra["versions"] = _versions(config)
    return config


def on_page_context(context, page, config, nav):
    """Tell the templates where this page is in the other language."""
    config.extra["versions"] = _versions(config, page.url, page.file.src_uri)
    return context


def on_post_build(config):
    """Build the other language, which shares what this build has made."""
    if config.extra["lang"] == "ko":
        other = load_config(
            config.config_file_path,
            docs_dir=str(Path(config.docs_dir).parent / "en"),
            site_dir=str(Path(config.site_dir) / "en"),
            site_url=config.site_url + PATHS["en"],
            strict=config.strict,
        )
        other.extra["workshop"] = config.extra["workshop"]
        mkdocs.commands.build.build(other)


def _versions(config, url="", source="index.md"):
    """Both languages of a page; the first page stands in for one that is missing.

    Without ``url`` the links are rooted: an error page may be shown at any address.
    """
    own = PATHS[config.extra["lang"]]
    site = config.site_url.removesuffix(own)
    found = []
    for lang, path in PATHS.items():
        exists = (Path(config.docs_dir).parent / lang / source).exists()
        page = path + (url if url and exists else "index.html")
        rooted = urlsplit(site).path + page
        link = posixpath.relpath(page, posixpath.dirname(own + url)) if url else rooted
        name = config.extra["languages"][lang]["name"]
        found.append({"lang": lang, "name": name, "link": link, "absolute": site + page})
    return found


def _translated(nav, sections):
    if isinstance(nav, list):
        return [_translated(entry, sections) for entry in nav]
    if isinstance(nav, dict):
        return {sections[title]: _translated(entry, sections) for title, entry in nav.items()}
    return nav
