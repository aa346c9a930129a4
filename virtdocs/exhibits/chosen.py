"""Which techniques a table shows: the main ones, all of them, or those that a page names."""

from __future__ import annotations

from typing import Final

from virtdocs.exhibits.registry import Parameter
from virtdocs.experiments.techniques import TECHNIQUES

# One for each mechanism; the other presets differ from these in devices, interrupts or boot.
MAIN: Final = ("native", "trap_emulate", "bt", "hw_shadow", "hw_nested", "xen_pv32", "xen_pv64")
MAIN_WORD: Final = "main"
ALL_WORD: Final = "all"
TECHNIQUES_SHOWN: Final = Parameter(MAIN_WORD, (MAIN_WORD, ALL_WORD, *TECHNIQUES), several=True)


def chosen(techniques: str) -> tuple[str, ...]:
    """The names behind a value of `TECHNIQUES_SHOWN`, always in the order of the presets."""
    words = techniques.split("+")
    if ALL_WORD in words:
        return tuple(TECHNIQUES)
    wanted = {*words, *(MAIN if MAIN_WORD in words else ())}
    return tuple(name for name in TECHNIQUES if name in wanted)


def with_native(techniques: str) -> tuple[str, ...]:
    """The same with native first, for what is compared with it."""
    return tuple(dict.fromkeys(("native", *chosen(techniques))))
