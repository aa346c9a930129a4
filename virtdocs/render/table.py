"""A table as HTML, Markdown, CSV and SVG; every cell shows what it stands on."""

from __future__ import annotations

import csv
from html import escape
from io import StringIO

from virtdocs.render import palette, svg
from virtdocs.render.catalogue import Catalogue
from virtdocs.render.numbers import label_text, raw_text, value_text
from virtdocs.views.model import Basis, Form, Label, Row, Table, Value

# Filled for what was observed, hollow for what was made of it.
MARKS = {
    Basis.RUN: "●",
    Basis.DERIVED: "○",
    Basis.MEASURED: "◆",
    Basis.SOURCED: "□",
    Basis.JUDGED: "△",
}


def cell_text(cell: Value | Label, words: Catalogue) -> str:
    """A cell as a reader sees it, without its mark."""
    return label_text(cell, words) if isinstance(cell, Label) else value_text(cell, words)


def bases(table: Table) -> list[Basis]:
    """Every basis that occurs in the table, in a fixed order."""
    found = {c.basis for row in table.rows for c in row.cells if isinstance(c, Value)}
    return [basis for basis in Basis if basis in found]


def html(table: Table, words: Catalogue, label_id: str) -> str:
    """A table named by the element ``label_id``; scrolls inside its own box."""
    heads = "".join(
        f'<th scope="col" class="{kind}">{escape(label_text(one, words))}</th>'
        for one, kind in zip(
            (table.corner, *table.columns), ("vd-word", *_kinds(table)), strict=True
        )
    )
    body = "".join(_row(row, words, _kinds(table)) for row in table.rows)
    drawn_table = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return (
        f'<div class="vd-scroll" tabindex="0" role="region" aria-labelledby="{escape(label_id)}">'
        f'<table class="vd-table">{drawn_table}</table></div>'
    )


def _kinds(table: Table) -> list[str]:
    """Per column: ``vd-num`` (set at the right) when any of its cells is a number."""
    return [
        "vd-num"
        if any(isinstance(one, Value) and one.form is Form.NUMBER for one in column)
        else "vd-word"
        for column in zip(*(row.cells for row in table.rows), strict=True)
    ]


def _row(row: Row, words: Catalogue, kinds: list[str]) -> str:
    colour = f' style="--vd-c: {palette.variable(row.technique)}"' if row.technique else ""
    cells = "".join(_cell(cell, words, kind) for cell, kind in zip(row.cells, kinds, strict=True))
    head = escape(label_text(row.head, words))
    mark = ' class="vd-technique"' if row.technique else ""
    return f'<tr{colour}><th scope="row"{mark}>{head}</th>{cells}</tr>'


def _cell(cell: Value | Label, words: Catalogue, kind: str) -> str:
    text = escape(cell_text(cell, words))
    if isinstance(cell, Label):
        return f'<td class="{kind}">{text}</td>'
    if cell.form in (Form.CODE, Form.HASH):
        text = f"<code>{text}</code>"
    data = f'<data value="{escape(raw_text(cell))}">{text}</data>'
    return f'<td class="{kind}">{data}{mark(cell.basis, words)}</td>'


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
    lines = [[label_text(one, words) for one in (table.corner, *table.columns)]]
    for row in table.rows:
        cells = [
            cell_text(c, words) + (f" {MARKS[c.basis]}" if isinstance(c, Value) else "")
            for c in row.cells
        ]
        lines.append([label_text(row.head, words), *cells])
    drawn = ["| " + " | ".join(one.replace("|", "\\|") for one in line) + " |" for line in lines]
    rule = "|" + " --- |" * len(lines[0])
    return "\n".join([drawn[0], rule, *drawn[1:]]) + "\n"


def comma_separated(table: Table, words: Catalogue) -> str:
    """CSV for a spreadsheet: raw values, and beside each its unit and basis."""
    out = StringIO()
    write = csv.writer(out, lineterminator="\n")
    heads = [label_text(table.corner, words)]
    for column in table.columns:
        head = label_text(column, words)
        heads += [head, f"{head} ({words.text('ui.unit')})", f"{head} ({words.text('ui.basis')})"]
    write.writerow(heads)
    for row in table.rows:
        cells = [label_text(row.head, words)]
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
    size, pad, leading = 13.0, 12.0, 30.0
    grid = [[label_text(one, words) for one in (table.corner, *table.columns)]]
    for row in table.rows:
        grid.append([label_text(row.head, words), *(_marked(c, words) for c in row.cells)])
    widths = [
        max(svg.text_width(line[column], size) for line in grid) * 1.06 + 2 * pad
        for column in range(len(grid[0]))
    ]
    total, height = sum(widths), leading * len(grid) + 8
    body = ""
    for index, line in enumerate(grid):
        y = leading * index + 20
        strong = 700 if index == 0 else None
        body += _drawn_line(line, widths, y, strong)
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
                y=y - 14,
                width=4,
                height=leading - 10,
                style=f"fill:{palette.variable(technique)}",
            )
    return svg.document(prefix, total, height, title, description, body, "vd-svg vd-drawn-table")


def _drawn_line(line: list[str], widths: list[float], y: float, strong: int | None) -> str:
    left, found = 0.0, ""
    for column, (content, width) in enumerate(zip(line, widths, strict=True)):
        found += svg.text(left + 12, y, content, 13, weight=700 if column == 0 else strong)
        left += width
    return found


def _marked(cell: Value | Label, words: Catalogue) -> str:
    text = cell_text(cell, words)
    return text if isinstance(cell, Label) else f"{text} {MARKS[cell.basis]}"
