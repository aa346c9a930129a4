"""Which particle belongs after a word whose Korean reading is settled.

The readings are the renderer's, so that prose and values follow one convention.
Words that readers say in two ways (SLAT as 슬랫 or letter by letter) are left alone.
"""

from __future__ import annotations

from virtdocs.errors import VirtdocsError
from virtdocs.render import particles

UNDECIDED = frozenset({"SLAT", "NIC", "APIC", "APICv", "AVIC", "RAM", "ROM", "BIOS", "x86", "x64"})

_PAIRS = ("은/는", "이/가", "을/를", "과/와", "으로/로")
PAIR_OF = {form: pair for pair in _PAIRS for form in pair.split("/")}


def right_particle(word: str, particle: str) -> str | None:
    """The particle that belongs after ``word`` instead of this one, None when it may stand."""
    if word in UNDECIDED:
        return None
    try:
        right = particles.choose(word, PAIR_OF[particle])
    except VirtdocsError:  # nobody has settled how to read this word
        return None
    return None if right == particle else right
