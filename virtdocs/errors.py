"""What a user did wrong, in one line: where, what, did you mean.

One class per mistake; its message is the line that the command prints after
``virtdocs:``. The command line turns them into exit status 2 and shows no
traceback without ``--debug``; the site's hooks collect them and list all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VirtdocsError(Exception):
    """A mistake in the input: ``where: what. Did you mean …?``"""

    def __init__(self, where: str, what: str, did_you_mean: str | None = None) -> None:
        self.where = where
        self.what = what
        self.did_you_mean = did_you_mean
        super().__init__(str(self))

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}. Did you mean {self.did_you_mean}?" if self.did_you_mean else line

    def at(self, where: str) -> VirtdocsError:
        """The same mistake seen from further out, for example with page and line."""
        inner = f"{self.where}: {self.what}" if self.where else self.what
        moved = type(self).__new__(type(self))
        VirtdocsError.__init__(moved, where, inner, self.did_you_mean)
        return moved


class UnknownName(VirtdocsError):
    """A name that no table holds: an exhibit, a technique, a workload, a parameter."""

    def __init__(self, where: str, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(where, f"unknown {kind} {name!r}", nearest(name, known))


class BadValue(VirtdocsError):
    """A known parameter with a value outside its type or range."""


class AssemblyError(VirtdocsError):
    """A guest program that does not assemble; ``where`` is file:line:column."""


class VirtdocsErrors(VirtdocsError):
    """Several mistakes found together, in ``errors``; the message is one line each."""

    def __init__(self, errors: Iterable[VirtdocsError]) -> None:
        self.errors = tuple(errors)
        super().__init__("", "\n".join(str(error) for error in self.errors))

    def at(self, where: str) -> VirtdocsError:
        """The same mistakes seen from further out."""
        return VirtdocsErrors(error.at(where) for error in self.errors)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None when nothing is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return close[0] if close else None
