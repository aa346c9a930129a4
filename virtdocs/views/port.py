"""What a paravirtual port changes in the guest's kernel: counted by file, and line by line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from virtdocs.errors import BadValue
from virtdocs.views.model import (
    Basis,
    Label,
    Listing,
    Mark,
    Row,
    Table,
    Value,
    ViewBundle,
    code,
    number,
    term,
)

if TYPE_CHECKING:
    from virtdocs.guest.ports import FileDifference

ALL = "all"


def port(name: str, files: Sequence[FileDifference]) -> ViewBundle:
    """Lines of the kernel that a port keeps, loses and gets, file by file."""
    columns = ("kept", "removed", "added")
    # files that belong to other ports are empty in both
    files = [one for one in files if any(getattr(one, key) for key in columns)]
    total = {key: sum(getattr(one, key) for one in files) for key in columns}
    native = total["kept"] + total["removed"]
    rows = [
        Row(
            code(one.file, Basis.RUN),
            (
                *(number(getattr(one, key), Basis.RUN) for key in columns),
                _share(one.removed, one.removed + one.kept),
            ),
        )
        for one in files
    ]
    rows.append(
        Row(
            Label("row.total"),
            (
                *(number(total[key], Basis.DERIVED) for key in columns),
                _share(total["removed"], native),
            ),
        )
    )
    most = max(files, key=lambda one: one.removed + one.added)
    values = {
        **{key: number(count, Basis.DERIVED) for key, count in total.items()},
        **{
            f"{_short(one.file)}.{key}": number(getattr(one, key), Basis.RUN)
            for one in files
            for key in columns
        },
        "native_lines": number(native, Basis.DERIVED),
        "port_lines": number(total["kept"] + total["added"], Basis.DERIVED),
        "removed_share": _share(total["removed"], native),
        "files": number(len(files), Basis.DERIVED),
        "most_changed": code(most.file, Basis.DERIVED),
    }
    head = ("port", term(f"port.{name}", Basis.RUN))
    alt = ("native_lines", "kept", "removed", "added", "most_changed")
    return ViewBundle(
        caption=Label("caption.pv_port", (head,)),
        alt=Label("alt.pv_port", tuple((key, values[key]) for key in alt)),
        view=Table(
            Label("column.file"),
            (*(Label(f"column.lines_{key}") for key in columns), Label("column.share_lost")),
            tuple(rows),
            (Label("note.code_lines"),),
        ),
        values=values | dict((head,)),
    )


def excerpt(name: str, changed: FileDifference, hunk: str) -> ViewBundle:
    """One place of a port's diff, or all places of a file; BadValue for one that is not there."""
    lines = _marked(changed.diff)
    places = [at for at, (mark, _) in enumerate(lines) if mark is Mark.PLACE]
    if hunk != ALL:
        if not 1 <= int(hunk) <= len(places):
            raise BadValue("hunk", f"{changed.file} has {len(places)} changed places, not {hunk}")
        end = places[int(hunk)] if int(hunk) < len(places) else len(lines)
        lines = lines[places[int(hunk) - 1] : end]
    values = {
        "places": number(len(places), Basis.RUN),
        "removed": number(sum(mark is Mark.REMOVED for mark, _ in lines), Basis.RUN),
        "added": number(sum(mark is Mark.ADDED for mark, _ in lines), Basis.RUN),
    }
    heads = (("port", term(f"port.{name}", Basis.RUN)), ("file", code(changed.file, Basis.RUN)))
    return ViewBundle(
        caption=Label("caption.pv_port_excerpt", heads),
        alt=Label("alt.pv_port_excerpt", (*heads, *values.items())),
        view=Listing(lines),
        values=values | dict(heads),
    )


def _marked(diff: Sequence[str]) -> tuple[tuple[Mark, str], ...]:
    """A unified diff without its two lines of file names."""
    signs = {"+": Mark.ADDED, "-": Mark.REMOVED, "@": Mark.PLACE}
    return tuple(
        (mark, line if mark is Mark.PLACE else line[1:])
        for line in diff[2:]
        for mark in (signs.get(line[:1], Mark.SAME),)
    )


def _short(file: str) -> str:
    """kernel/entry.s -> entry"""
    return file.rpartition("/")[2].partition(".")[0]


def _share(part: int, whole: int) -> Value:
    """In percent; a file that only the port has lost nothing."""
    if not whole:
        return term("absent", Basis.DERIVED)
    return number(Fraction(part * 100, whole), Basis.DERIVED, "percent", 1)
