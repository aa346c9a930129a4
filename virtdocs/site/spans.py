"""Elements of finished HTML, whole, from the tag that opens them to the one that closes them."""

from __future__ import annotations

import re
from collections.abc import Iterator


def spans(html: str, opening: re.Pattern[str]) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each element whose opening tag matches; its name is group 1.

    The next closing tag of that name ends it: for elements that hold none of their own kind.
    """
    end = 0
    while match := opening.search(html, end):
        closing = f"</{match[1]}>"
        end = html.index(closing, match.end()) + len(closing)
        yield match[1], match.start(), end
