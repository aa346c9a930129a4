"""MkDocs' templates: compiled once, and pages made whole just before they go into theirs."""

from __future__ import annotations

from mkdocs.plugins import event_priority


def on_env(env, config, files):
    """Keep the compiled templates where the exhibits are kept."""
    workshop = config.extra["workshop"]
    store = None if isinstance(workshop, Exception) else workshop.cache.store
    if store is not None:
        from virtdocs.site.templates import Templates

        env.bytecode_cache = Templates(store)
    return env


@event_priority(-50)  # after the search, which reads the page in the same event
def on_page_context(context, page, config, nav):
    """Put what the search was not to read into its places."""
    if aside := config.extra.get("aside", {}).pop(page.file.src_uri, None):
        page.content = aside.put_back(page.content)
    return context
