"""What a campaign over random or hostile guests found, in lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from virtdocs.machine.instructions import SPECS

RAN: Final = "ran:"
ENDED: Final = "ended:"


def missing(tally: Mapping[str, int]) -> list[str]:
    """Instructions that no guest ran."""
    return [spec.name for spec in SPECS if not tally.get(RAN + spec.name)]


def of_random_guests(tally: Mapping[str, int]) -> list[str]:
    """Programs, faults, instruction coverage, ends."""
    guests, instructions = tally["guests"], tally["instructions"]
    covered = len(SPECS) - len(missing(tally))
    return [
        f"{guests} random guests, {tally['comparisons']} comparisons with bare hardware",
        f"{instructions} instructions, {tally['faults']} exceptions "
        f"({1000 * tally['faults'] / instructions:.1f} per 1000 instructions), "
        f"{tally['interrupts']} interrupts",
        f"{100 * tally['faulting'] / guests:.1f} % of the guests fault, "
        f"{covered} of {len(SPECS)} instructions ran",
        _ends(tally),
    ]


def of_hostile_guests(tally: Mapping[str, int]) -> list[str]:
    """Guests by technique, what they tried, ends."""
    techniques = {k.removeprefix("on:"): n for k, n in tally.items() if k.startswith("on:")}
    return [
        f"{tally['guests']} hostile guests: "
        + ", ".join(f"{name} {n}" for name, n in sorted(techniques.items())),
        f"{tally['instructions']} instructions, {tally['faults']} exceptions, "
        f"{tally['hypercalls']} hypercalls",
        _ends(tally),
    ]


def _ends(tally: Mapping[str, int]) -> str:
    ends = {k.removeprefix(ENDED): n for k, n in tally.items() if k.startswith(ENDED)}
    return "ended: " + ", ".join(f"{name} {n}" for name, n in sorted(ends.items()))
