"""Events that another event's price already holds (data/costs/RULES.md, D6 and D7).

A figure measures a whole path. What the machine counts on that path beside the event has
no price of its own: `in` under binary translation was measured with the port's answer, so
the device access that is counted with it is paid already. Each occurrence holds at most
one event of each kind; what is counted beyond that is priced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Final

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.eras import ERAS
from virtdocs.trace import EventKind

if TYPE_CHECKING:
    from virtdocs.experiments.costs import Sourced

KINDS: Final = tuple(str(kind) for kind in EventKind)


def kind(event: str) -> str:
    """``device_access`` of ``device_access.read``."""
    return event.partition(".")[0]


def covers(name: str, event: str) -> bool:
    """Whether an entry's name means an event: the same, or its kind."""
    return name in (event, kind(event))


def parsed(entry: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The events that an entry holds; BadValue for what it can't."""
    names = entry.get("holds", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadValue(where, "holds is a list of events")
    for name in names:
        if kind(name) not in KINDS:
            raise UnknownName(where, "held event", name, KINDS)
        if covers(name, entry["event"]) or covers(entry["event"], name):
            raise BadValue(where, f"{entry['event']} can't hold {name}, which is itself")
        for key in ("value", "low", "high"):
            if any(_taken_away(word, name) for word in str(entry.get(key, "")).split()):
                raise BadValue(where, f"{name} is in {key} already: it can't be held as well")
    return tuple(names)


def _taken_away(word: str, name: str) -> bool:
    if not word.startswith("cost:"):
        return False
    event = word.removeprefix("cost:").partition(".")[2]
    return covers(name, event) or covers(event, name)


def settled(costs: Sequence[Sourced], era: str, file: str) -> tuple[Sourced, ...]:
    """Of two entries that hold each other's event only one does (D7); BadValue for a ring."""
    found = tuple(_settled(one, costs, era) for one in costs)
    after = {
        number: [n for n, other in enumerate(found) if _holds(one, other)]
        for number, one in enumerate(found)
    }
    try:
        TopologicalSorter(after).prepare()
    except CycleError as ring:
        names = " → ".join(found[number].event for number in ring.args[1])
        raise BadValue(file, f"these entries hold each other: {names}") from None
    return found


def _settled(one: Sourced, costs: Sequence[Sourced], era: str) -> Sourced:
    stronger = [
        other.event
        for other in costs
        if _holds(one, other) and _holds(other, one) and _order(other, era) < _order(one, era)
    ]
    kept = tuple(
        name
        for name in one.holds
        if not any(covers(name, event) or covers(event, name) for event in stronger)
    )
    return replace(one, holds=kept)


def _holds(one: Sourced, other: Sourced) -> bool:
    return any(covers(name, other.event) or covers(other.event, name) for name in one.holds)


def _order(cost: Sourced, era: str) -> tuple[bool, int]:
    """The era's own figures first, then loans from the earliest era."""
    return cost.origin != era, tuple(ERAS).index(cost.origin)


def without_held(
    counts: Mapping[str, Fraction], holds: Mapping[str, Iterable[str]]
) -> Mapping[str, Fraction]:
    """``counts`` less what other events hold; ``holds``: the names that each event holds.

    Holders that are held themselves hold as many as are left of them. No ring in ``holds``.
    """
    left = dict(counts)
    holders = {
        event: {other for name in names for other in counts if covers(name, other)}
        for event, names in holds.items()
        if event in counts
    }
    # What an event is held by comes before it.
    before: dict[str, set[str]] = {event: set() for event in counts}
    for event, held in holders.items():
        for other in held:
            before[other].add(event)
    for event in TopologicalSorter(before).static_order():
        for one_kind in sorted({kind(other) for other in holders.get(event, ())}):
            named = [other for other in sorted(holders[event]) if kind(other) == one_kind]
            total = sum((left[other] for other in named), Fraction(0))
            paid = min(total, left[event])
            if paid > 0:
                left |= {other: left[other] * (total - paid) / total for other in named}
    return left
