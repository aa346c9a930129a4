"""An exhibit drawn once, for whichever place of whichever page shows it.

What differs from place to place, and the hash of an engine that may change without the
exhibit, are stand-ins until then: characters of Unicode's private use area. `drawn` makes
one; nothing that draws is imported to put it into its place.
"""

from __future__ import annotations

from dataclasses import dataclass

ANCHOR, NUMBER, FILES, ENGINE = "\uf8a0", "\uf8a1", "\uf8a2", "\uf8a3"


@dataclass(frozen=True, slots=True)
class Unplaced:
    """The figure's HTML and, by file name, its downloads, with stand-ins."""

    html: str
    downloads: tuple[tuple[str, str], ...]

    def place(
        self, number: int, anchor: str, files: str, engine_hash: str
    ) -> tuple[str, dict[str, str]]:
        """What `page.exhibit_html` and `page.downloads` give for this place."""
        put = {ANCHOR: anchor, NUMBER: str(number), FILES: files, ENGINE: engine_hash}
        found = {_put(put, name): _put(put, text) for name, text in self.downloads}
        return _put(put, self.html), found


def _put(what: dict[str, str], text: str) -> str:
    for stand_in, said in what.items():
        text = text.replace(stand_in, said)
    return text
