"""Which of the glossary's terms a text names, in any of their forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from virtdocs.checks.termlist import Term
from virtdocs.checks.terms import alternatives


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The terms by form: where forms overlap, the longest that stands there counts."""

    owner: Mapping[str, str]
    every_form: re.Pattern[str]
    forms: Mapping[str, re.Pattern[str]]

    @classmethod
    def of(cls, terms: Iterable[Term]) -> Vocabulary:
        """All forms of all terms, aliases included: the source uses them."""
        forms = {one.id: {*one.names, *one.aliases, *one.flagged} for one in terms}
        forms = {id_: own | {_plural(form) for form in own} for id_, own in forms.items()}
        owner = {form.casefold(): id_ for id_, own in forms.items() for form in own}
        each = {id_: _any_case(own) for id_, own in forms.items()}
        return cls(owner, _any_case(form for own in forms.values() for form in own), each)

    def named(self, text: str) -> set[str]:
        """Ids of the terms that a text names."""
        found = {" ".join(match.group().split()) for match in self.every_form.finditer(text)}
        return {self.owner[form.casefold()] for form in found}

    def lost(self, source: str, page: str) -> list[str]:
        """Ids of the terms of ``source`` that stand in ``page`` in no form."""
        return sorted(id_ for id_ in self.named(source) if not self.forms[id_].search(page))


def _plural(form: str) -> str:
    """The English plural; a Korean form stays as it is."""
    return f"{form[:-1]}ies" if re.search("[a-z]y$", form) else re.sub("(?<=[A-Za-z])$", "s", form)


def _any_case(forms: Iterable[str]) -> re.Pattern[str]:
    """A sentence may begin with a term."""
    return re.compile(alternatives(forms).pattern, re.IGNORECASE)
