"""MkDocs' events, handed to the glossary: links in prose, the glossary's page, the search.

Before hooks/exhibits.py, so that figures, which no term is linked in, are not there yet.
"""

from __future__ import annotations

from pathlib import Path


def on_config(config):
    """Read the terms and their definitions in the language that is built."""
    config.extra["glossary"] = None
    if not isinstance(config.extra["workshop"], Exception):
        from virtdocs.site.glossary import read_glossary

        root = Path(config.config_file_path).parent
        config.extra["glossary"] = read_glossary(root, config.extra["lang"])
    return config


def on_page_content(content, page, config, files):
    """Link the terms of a page; complete the glossary's own."""
    if (glossary := config.extra["glossary"]) is None:
        return content
    from virtdocs.checks.glossary import PAGE
    from virtdocs.site.glossary_page import complete
    from virtdocs.site.tooltips import link_terms

    if page.file.src_uri == PAGE:
        return complete(content, glossary)
    there = files.get_file_from_path(PAGE)
    return link_terms(content, glossary, there.url_relative_to(page.file))


def on_post_build(config):
    """After the search plugin has written the index, before it is copied for reading from disk."""
    if (glossary := config.extra["glossary"]) is not None:
        from virtdocs.site.synonyms import with_synonyms

        index = Path(config.site_dir) / "search" / "search_index.json"
        text = with_synonyms(index.read_text(encoding="utf-8"), glossary)
        index.write_text(text, encoding="utf-8")
