"""How an exhibit is declared, how its parameters are read, what computing it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from virtdocs.errors import BadValue, UnknownName, VirtdocsError, nearest
from virtdocs.experiments.identity import engine_hash
from virtdocs.views.answer import Plain, answer_hash, plain
from virtdocs.views.model import Value, ViewBundle

Params: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an exhibit: its default and every value that it may have.

    ``several``: one of the choices, or more of them joined by ``+``.
    """

    default: str
    choices: tuple[str, ...]
    several: bool = False

    def check(self, where: str, key: str, value: str) -> str:
        """The value as given; BadValue for what is no choice."""
        for one in value.split("+") if self.several else (value,):
            if one not in self.choices:
                hint = ", joined by +" if self.several else ""
                raise BadValue(
                    where,
                    f"{key} can't be {one!r}; it is one of {', '.join(self.choices)}{hint}",
                    nearest(one, self.choices),
                )
        return value


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A name on a page and the function that computes what it shows.

    ``parameters`` in the order in which the function takes them. ``about`` is the
    catalogue key of its one-line description.
    """

    name: str
    compute: Callable[..., ViewBundle]
    parameters: tuple[tuple[str, Parameter], ...] = ()

    @property
    def about(self) -> str:
        """The catalogue key of its one-line description."""
        return f"about.{self.name}"

    def resolve(self, given: Mapping[str, object]) -> Params:
        """Every parameter with its value, defaults filled in; raises for unknown ones."""
        return resolved(self.name, self.parameters, given)


def resolved(
    name: str, parameters: tuple[tuple[str, Parameter], ...], given: Mapping[str, object]
) -> Params:
    """The parameters of the exhibit ``name`` with their values, defaults filled in."""
    where = f"exhibit {name}"
    known = dict(parameters)
    for key in given:
        if key not in known:
            raise UnknownName(where, "parameter", str(key), known)
    found = []
    for key, parameter in parameters:
        value = str(given.get(key, parameter.default))
        found.append((key, parameter.check(where, key, value)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Built:
    """A computed exhibit: what it shows and everything needed to compute it again."""

    name: str
    params: Params
    bundle: ViewBundle
    engine_hash: str
    answer_hash: str

    @property
    def command(self) -> str:
        """The command line that gives this exhibit's data."""
        params = "".join(f" --param {key}={value}" for key, value in self.params)
        return f"virtdocs exhibit {self.name}{params} --format json"

    @property
    def values(self) -> Mapping[str, Value]:
        """What inline tags of this exhibit may show, by key."""
        return MappingProxyType(self.bundle.values)

    def data(self) -> dict[str, Plain]:
        """The answer without words: the JSON of `virtdocs exhibit … --format json`."""
        return {
            **_answer(self.name, self.params, self.bundle),
            "engine_hash": self.engine_hash,
            "answer_hash": self.answer_hash,
        }


def _answer(name: str, params: Params, bundle: ViewBundle) -> dict[str, Plain]:
    inputs = {} if bundle.inputs is None else {"inputs": plain(bundle.inputs)}
    return {
        "exhibit": name,
        "params": dict(params),
        "view": plain(bundle.view),
        "values": plain(bundle.values),
        "sources": list(bundle.sources),
        "commands": list(bundle.commands),
        **inputs,
    }


def compute(exhibit: Exhibit, given: Mapping[str, object]) -> Built:
    """Run the exhibit with these parameters."""
    params = exhibit.resolve(given)
    return finish(exhibit.name, params, exhibit.compute(**dict(params)))


def finish(name: str, params: Params, bundle: ViewBundle, known: str = "") -> Built:
    """What the exhibit shows, with its hashes; ``known``: that of its answer."""
    return Built(name, params, bundle, engine_hash(), known or answer_hash_of(name, params, bundle))


def answer_hash_of(name: str, params: Params, bundle: ViewBundle) -> str:
    """The hash of the answer without words."""
    return answer_hash(_answer(name, params, bundle))


def collect(groups: Iterable[tuple[Exhibit, ...]]) -> Mapping[str, Exhibit]:
    """All exhibits by name; two of the same name are a mistake."""
    found: dict[str, Exhibit] = {}
    for exhibit in (one for group in groups for one in group):
        if exhibit.name in found:
            raise VirtdocsError("exhibits", f"two exhibits are called {exhibit.name!r}")
        found[exhibit.name] = exhibit
    return MappingProxyType(found)
