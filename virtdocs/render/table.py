"""A table as HTML, Markdown, CSV and SVG; every cell shows what it stands on."""

from __future__ import annotations

import csv
from fractions import Fraction
from html import escape
from io import StringIO
from itertools import groupby

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import MARKS, label_text, raw_text, value_text
from virtdocs.views.model import Basis, Form, Label, Row, Table, Value

ANSWER = "answer."  # a word or two, or a dash: no sentence


def cell_text(cell: Value | Label, words: Catalogue) -> str:
    """A cell as a reader sees it, without its mark."""
    return label_text(cell, words) if isinstance(cell, Label) else value_text(cell, words)


def bases(table: Table) -> list[Basis]:
    """Every basis that occurs in the table, in a fixed order."""
    cells = [cell for row in table.rows for cell in (row.head, *row.cells)]
    found = {cell.basis for cell in cells if isinstance(cell, Value)}
    found |= {value.basis for c in cells if isinstance(c, Label) for _, value in c.args}
    return [basis for basis in Basis if basis in found]


def html(table: Table, words: Catalogue, label_id: str, figure_id: str = "") -> str:
    """A table named by the element ``label_id``; scrolls inside its own box.

    With the id of its figure, a row that has an anchor can be linked to: FIGURE-ANCHOR.
    """
    kinds = _kinds(table)
    heads = "".join(
        f'<th scope="col" class="{kind}">{_breakable(label_text(one, words))}</th>'
        for one, kind in zip((table.corner, *table.columns), ("vd-word", *kinds), strict=True)
    )
    quiet = table.dense and len(bases(table)) == 1
    body = "".join(
        _body(
            group,
            [_row(row, words, kinds, quiet, figure_id) for row in rows],
            words,
            len(kinds) + 1,
        )
        for group, rows in groupby(table.rows, key=lambda row: row.group)
    )
    dense = " vd-dense" if table.dense else ""
    dense += " vd-heat" if table.dense and any(row.shades for row in table.rows) else ""
    return (
        f'<div class="vd-scroll" tabindex="0" role="region" aria-labelledby="{escape(label_id)}">'
        f'<table class="vd-table{dense}"><thead><tr>{heads}</tr></thead>{body}</table></div>'
    )


def _breakable(text: str) -> str:
    """A head that may break after an underscore, as names of workloads have none but those."""
    return escape(text).replace("_", "_<wbr/>")


def _body(group: Label | None, rows: list[str], words: Catalogue, width: int) -> str:
    """The rows of one group under its label."""
    head = ""
    if group is not None:
        text = f"<span>{escape(label_text(group, words))}</span>"
        head = f'<tr class="vd-group"><th scope="rowgroup" colspan="{width}">{text}</th></tr>'
    return f"<tbody>{head}{''.join(rows)}</tbody>"


def _kinds(table: Table) -> list[str]:
    """Per column: ``vd-num`` (set at the right) when any of its cells is a number."""
    return [
        "vd-num"
        if any(isinstance(one, Value) and one.form is Form.NUMBER for one in column)
        else "vd-word"
        for column in zip(*(row.cells for row in table.rows), strict=True)
    ]


def _row(row: Row, words: Catalogue, kinds: list[str], quiet: bool, figure_id: str) -> str:
    """``quiet``: the legend alone says what the cells stand on, as it is the same for all."""
    place = f' id="{escape(figure_id)}-{row.anchor}"' if row.anchor and figure_id else ""
    colour = f' style="--vd-c: {palette.variable(row.technique)}"' if row.technique else ""
    shades = row.shades or (None,) * len(row.cells)
    cells = "".join(
        _cell(cell, words, kind, quiet, shade)
        for cell, kind, shade in zip(row.cells, kinds, shades, strict=True)
    )
    kind = "vd-technique" if row.technique else "vd-long" if isinstance(row.head, Value) else ""
    kind = kind or ("vd-lines" if "\n" in cell_text(row.head, words) else "")
    named = f' class="{kind}"' if kind else ""
    return f'<tr{place}{colour}><th scope="row"{named}>{_content(row.head, words)}</th>{cells}</tr>'


def _cell(
    cell: Value | Label, words: Catalogue, kind: str, quiet: bool, shade: Fraction | None
) -> str:
    tint = "" if shade is None else f' style="--vd-shade: {float(shade):.0%}"'
    kind = kind if shade is None else f"{kind} vd-shade"
    sentence = isinstance(cell, Label) and not cell.args and not cell.key.startswith(ANSWER)
    kind = f"{kind} vd-prose" if sentence else kind
    ground = basis_of(cell)
    # a word joiner: no line begins with a lonely mark
    joined = "" if quiet or ground is None else f"\u2060{mark(ground, words)}"
    return f'<td class="{kind}"{tint}>{_content(cell, words)}{joined}</td>'


def basis_of(cell: Value | Label) -> Basis | None:
    """What a cell stands on; for a label what all of its values stand on."""
    if isinstance(cell, Value):
        return cell.basis
    found = {value.basis for _, value in cell.args}
    return found.pop() if len(found) == 1 else None


def _content(cell: Value | Label, words: Catalogue) -> str:
    text = escape(cell_text(cell, words)).replace("\n", "<br/>")
    if isinstance(cell, Label):
        return text
    if cell.form in (Form.CODE, Form.HASH):
        text = f"<code>{text}</code>"
    return f'<data value="{escape(raw_text(cell))}">{text}</data>'


def mark(basis: Basis, words: Catalogue) -> str:
    """The small symbol of a basis, named for assistive technology."""
    name = escape(words.text(f"basis.{basis}"))
    return (
        f'<span class="vd-basis vd-basis-{basis}" role="img" aria-label="({name})" '
        f'title="{name}">{MARKS[basis]}</span>'
    )


def legend(table: Table, words: Catalogue) -> str:
    """What the marks of this table mean."""
    found = "".join(
        f'<li><span class="vd-basis" aria-hidden="true">{MARKS[basis]}</span> '
        f"{escape(words.text(f'basis_long.{basis}'))}</li>"
        for basis in bases(table)
    )
    return f'<ul class="vd-legend">{found}</ul>' if found else ""


def markdown(table: Table, words: Catalogue) -> str:
    """The table for a Markdown reader, marks behind the values."""
    lines = _grid(table, words)
    drawn = [
        "| " + " | ".join(one.replace("|", "\\|").replace("\n", "<br>") for one in line) + " |"
        for line in lines
    ]
    rule = "|" + " --- |" * len(lines[0])
    return "\n".join([drawn[0], rule, *drawn[1:]]) + "\n"


def comma_separated(table: Table, words: Catalogue) -> str:
    """CSV for a spreadsheet: raw values, and beside each its unit and basis."""
    out = StringIO()
    write = csv.writer(out, lineterminator="\n")
    heads = [label_text(one, words) for one in (table.groups, table.corner) if one]
    for column in table.columns:
        head = label_text(column, words)
        heads += [head, f"{head} ({words.text('ui.unit')})", f"{head} ({words.text('ui.basis')})"]
    write.writerow(heads)
    for row in table.rows:
        cells = _heads(table, row, words)
        for cell in row.cells:
            if isinstance(cell, Label) or cell.form in (Form.TERM, Form.TERMS):
                basis = "" if isinstance(cell, Label) else cell.basis.value
                cells += [cell_text(cell, words), "", basis]
            else:
                cells += [raw_text(cell), cell.unit, cell.basis.value]
        write.writerow(cells)
    return out.getvalue()


def drawn(table: Table, words: Catalogue, prefix: str, title: str, description: str) -> str:
    """The table as one SVG, for slides and documents."""
    size, pad, leading, inner = 13.0, 12.0, 30.0, 18.0
    grid = _grid(table, words)
    widths = [
        max(svg.text_width(text, size) for line in grid for text in line[column].split("\n")) * 1.06
        + 2 * pad
        for column in range(len(grid[0]))
    ]
    total, top = sum(widths), 0.0
    body = ""
    for index, line in enumerate(grid):
        extra = inner * max(cell.count("\n") for cell in line)
        strong = 700 if index == 0 else None
        body += _drawn_line(line, widths, top + 20, strong)
        y = top + 20 + extra
        body += svg.element(
            "path",
            d=f"M0 {y + 10:g}H{total:g}",
            stroke="currentColor",
            stroke_opacity=0.7 if index == 0 else 0.2,
        )
        technique = table.rows[index - 1].technique if index else ""
        if technique:
            body += svg.element(
                "rect",
                x=0,
                y=top + 6,
                width=4,
                height=leading + extra - 10,
                style=f"fill:{palette.variable(technique)}",
            )
        top += leading + extra
    return svg.document(prefix, total, top + 8, title, description, body, "vd-svg vd-drawn-table")


def _drawn_line(line: list[str], widths: list[float], y: float, strong: int | None) -> str:
    left, found = 0.0, ""
    for column, (content, width) in enumerate(zip(line, widths, strict=True)):
        weight = 700 if column == 0 else strong
        found += svg.lines(left + 12, y, content.split("\n"), 13, 18 / 13, weight=weight)
        left += width
    return found


def _grid(table: Table, words: Catalogue) -> list[list[str]]:
    """Heads and cells as text with marks, the group as a first column where there are groups."""
    heads = [label_text(one, words) for one in (table.groups, table.corner) if one]
    grid = [heads + [label_text(one, words) for one in table.columns]]
    for row in table.rows:
        grid.append(_heads(table, row, words) + [_marked(cell, words) for cell in row.cells])
    return grid


def _heads(table: Table, row: Row, words: Catalogue) -> list[str]:
    group = [label_text(row.group, words) if row.group else ""] if table.groups else []
    return [*group, cell_text(row.head, words)]


def _marked(cell: Value | Label, words: Catalogue) -> str:
    text, ground = cell_text(cell, words), basis_of(cell)
    return text if ground is None else f"{text} {MARKS[ground]}"
