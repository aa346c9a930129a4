"""Accesses near each other: one base register, distances that are known.

The first of them looks its page and its word up; those that follow take the same page
and count on from the same word. Past the end of the page, and once the page may have
left the TLB, that is an IndexError: then the access does what the first one did.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

PLACE: Final = re.compile(r"@P(\d+)@")
GONE: Final = "[]"  # what a page is once it may have left the TLB


Near = tuple[dict[int, int], dict[tuple[str, int], int], int]


@dataclass(slots=True)
class Place:
    """One access to a word: the view it needs, and the accesses that it follows."""

    view: str
    address: str
    disp: int
    base: str
    first: int  # the access that found the word; itself, if none did before
    page: int  # the access that found the page; itself, if none did before
    gives_word: bool = False
    gives_page: bool = False


@dataclass(slots=True)
class Neighbours:
    """All such accesses of a trace, by number; the text has a placeholder for each."""

    places: list[Place] = field(default_factory=list)
    _words: dict[int, int] = field(default_factory=dict)  # base register -> access
    _moved: dict[int, int] = field(default_factory=dict)  # base register -> since its first access
    _pages: dict[tuple[str, int], int] = field(default_factory=dict)  # view and base -> access

    def access(self, view: str, base: int, disp: int, address: str) -> str:
        """The placeholder of an access at base + disp, whose whole address is given too."""
        disp += self._moved.get(base, 0)
        number = len(self.places)
        first, page = self._words.get(base, number), self._pages.get((view, base), number)
        if first != number and not self._after(first, disp):
            first = page = number
        if page != number and (disp < self.places[page].disp or self.places[page].first != first):
            page = number
        if first != number:
            self.places[first].gives_word = True
        if page != number:
            self.places[page].gives_page = True
        else:
            self._pages[view, base] = number
        if first == number:
            self._words[base] = number
        self.places.append(Place(view, address, disp, f"r{base}", first, page))
        return f"@P{number}@"

    def _after(self, number: int, disp: int) -> bool:
        distance = disp - self.places[number].disp
        return distance >= 0 and distance % 8 == 0

    def moved(self, base: int) -> None:
        """The register is another one: what follows is near nothing."""
        self._words.pop(base, None)
        self._moved.pop(base, None)
        for key in [key for key in self._pages if key[1] == base]:
            del self._pages[key]

    def advanced(self, base: int, distance: int, near: Near) -> None:
        """The register is greater by so much than it was: what was near then still is."""
        words, pages, moved = near
        self._words |= words
        self._pages |= pages
        self._moved[base] = moved + distance

    def kept(self, base: int) -> Near:
        """What is near the register, for ``advanced``."""
        words = {base: self._words[base]} if base in self._words else {}
        pages = {key: number for key, number in self._pages.items() if key[1] == base}
        return words, pages, self._moved.get(base, 0)

    def forget(self) -> None:
        """The TLB may be another one."""
        self._words.clear()
        self._moved.clear()
        self._pages.clear()

    # The text -----------------------------------------------------------------------------------

    def plain(self, body: str) -> str:
        """The line with each access looked up on its own."""
        return PLACE.sub(lambda found: self._lookup(int(found[1])), body)

    def near(self, body: str) -> str | None:
        """The line with accesses counted on from earlier ones; None when there is none."""
        numbers = [int(number) for number in PLACE.findall(body)]
        if all(self.places[number].first == number for number in numbers):
            return None
        return PLACE.sub(lambda found: self._near(int(found[1])), body)

    def gone(self, places: int) -> str:
        """The statement after a miss: no page that the first so many accesses found may be used."""
        pages = [f"q{n}" for n, place in enumerate(self.places[:places]) if place.gives_page]
        return f"{' = '.join(pages)} = {GONE}; " if pages else ""

    def _lookup(self, number: int) -> str:
        place = self.places[number]
        if place.address.isalnum():
            page, word = f"{place.view}[{place.address} >> 12]", f"T8[{place.address} & 4095]"
        else:
            page = f"{place.view}[(a := {place.address}) >> 12]"
            word = "T8[a & 4095]"
        if place.gives_page:
            page = f"(q{number} := {page})"
        if place.gives_word:
            word = f"(j{number} := {word})"
        return f"{page}[{word}]"

    def _near(self, number: int) -> str:
        place = self.places[number]
        if place.first == number:
            return self._lookup(number)
        distance = (place.disp - self.places[place.first].disp) // 8
        word = f"j{place.first} + {distance}" if distance else f"j{place.first}"
        if place.page != number:
            return f"q{place.page}[{word}]"
        page = f"{place.view}[{place.address} >> 12]"
        if place.gives_page:
            page = f"(q{number} := {page})"
        return f"{page}[{word}]"
