"""What a group of exhibits declares, without the engine that its functions import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from virtdocs.exhibits import group
from virtdocs.exhibits.registry import Exhibit, Parameter, Params, resolved


@dataclass(frozen=True, slots=True)
class Declared:
    """An exhibit's name, its parameters, its group, and the module of its function."""

    name: str
    parameters: tuple[tuple[str, Parameter], ...]
    group: str
    module: str

    def resolve(self, given: Mapping[str, object]) -> Params:
        """Every parameter with its value, defaults filled in; raises for unknown ones."""
        return resolved(self.name, self.parameters, given)


def declaration(exhibit: Exhibit, group: str = "") -> Declared:
    """What an exhibit declares."""
    return Declared(exhibit.name, exhibit.parameters, group, exhibit.compute.__module__)


def declarations(name: str) -> tuple[Declared, ...]:
    """Those of one group; imports it."""
    return tuple(declaration(one, name) for one in group(name))
