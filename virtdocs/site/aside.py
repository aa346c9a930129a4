"""Parts of a page that the search is not to read, set aside until it has read the page.

Drawings repeat the words of their figure, and how a number was made is nothing to search
for. The search would leave them out by itself, but only after it has parsed them, and that
is most of what it does in a build.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from virtdocs.site.spans import spans

_UNSEARCHED = re.compile(r'<(svg(?= )|(?:details|ul)(?= class="vd-(?:provenance|files|legend)"))')
_PLACE = re.compile("<!--\uf8a4(\\d+)-->")  # a character that nobody types


@dataclass(slots=True)
class Aside:
    """The parts of one page, in the order of their places."""

    parts: list[str] = field(default_factory=list)

    def take(self, html: str) -> str:
        """The HTML without its drawings, its provenance, its legends and its downloads."""
        kept, done = [], 0
        for _, start, end in spans(html, _UNSEARCHED):
            kept += [html[done:start], self.take_whole(html[start:end])]
            done = end
        return "".join([*kept, html[done:]])

    def take_whole(self, html: str) -> str:
        """The place of a part."""
        if not html:
            return ""
        self.parts.append(html)
        return f"<!--\uf8a4{len(self.parts) - 1}-->"

    def put_back(self, html: str) -> str:
        """The page with every part in its place."""
        return _PLACE.sub(lambda match: self.parts[int(match[1])], html)
