"""The same charts and tables, written as each tool wants its examples.

Chart n is eight bars with their values, table n eight rows of three numbers; both come from
``random.Random(n)``, drawn anew by whoever runs the example. ``shift`` is what an edit of an
example changes. Charts of the others are drawn once each, by pyplot, as SVG with text; those
of virtdocs twice (for a wide page and for a phone), with a data table and three downloads.
"""

from __future__ import annotations

from textwrap import indent

ROWS, COLUMNS = 8, 3

DATA = """\
import random

chance = random.Random({n})
heads = [f"case {{row}}" for row in range({rows})]
"""
CHART = """\
values = [chance.randrange(10, 1000) + {shift} for _ in heads]
"""
TABLE = """\
values = [[chance.randrange(10, 1000) + {shift} for _ in range({columns})] for _ in heads]
"""
DRAW = """\
figure, axes = plt.subplots(figsize=(7, 4))
axes.bar_label(axes.barh(heads, values))
axes.set_xlabel("count")
axes.grid(axis="x", alpha=0.14)
"""
PYPLOT = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
AS_TEXT = "plt.rcParams['svg.fonttype'] = 'none'\n"
VIRTDOCS = """\
from virtdocs.exhibits.registry import Exhibit
from virtdocs.views.model import (
    Bar, Basis, Chart, Label, Row, Table, ViewBundle, number, plain_label,
)

def compute():
{body}
    return ViewBundle(Label("caption.sample"), Label("alt.sample"), view, {{}})

EXHIBITS = (Exhibit("{name}", compute),)
"""
VIRTDOCS_CHART = """\
bars = [Bar(plain_label(h), number(v, Basis.RUN)) for h, v in zip(heads, values)]
view = Chart(Label("axis.sample"), tuple(bars))
"""
VIRTDOCS_TABLE = """\
rows = [
    Row(plain_label(h), tuple(number(one, Basis.RUN) for one in v)) for h, v in zip(heads, values)
]
view = Table(Label("column.sample"), (Label("column.sample"),) * {columns}, tuple(rows))
"""
MARKDOWN_TABLE = """\
lines = ["| | a | b | c |", "|---|---|---|---|"]
for head, row in zip(heads, values):
    lines.append("| " + " | ".join([head, *map(str, row)]) + " |")
text = "\\n".join(lines)
"""
HTML_TABLE = """\
class Shown:
    def _repr_html_(self):
        rows = ("<td>".join([f"<tr><th>{h}", *map(str, v)]) for h, v in zip(heads, values))
        return "<table>" + "".join(rows) + "</table>"

Shown()
"""


def data(n: int, chart: bool, shift: int) -> str:
    """The lines that compute what example n shows."""
    text = DATA + (CHART if chart else TABLE)
    return text.format(n=n, rows=ROWS, columns=COLUMNS, shift=shift)


def drawn(n: int, shift: int) -> str:
    """A whole script that leaves chart n as pyplot's current figure."""
    return PYPLOT + AS_TEXT + data(n, True, shift) + DRAW


def virtdocs(name: str, n: int, chart: bool, shift: int) -> str:
    """A module that declares the exhibit ``name``."""
    view = VIRTDOCS_CHART if chart else VIRTDOCS_TABLE.format(columns=COLUMNS)
    body = indent(data(n, chart, shift) + view, "    ")
    return VIRTDOCS.format(body=body, name=name)


def table(n: int, shift: int) -> tuple[list[str], list[list[int]]]:
    """Heads and values of table n, computed here: for tools that make no tables."""
    found: dict[str, object] = {}
    exec(data(n, False, shift), found)
    heads, values = found["heads"], found["values"]
    assert isinstance(heads, list)
    assert isinstance(values, list)
    return heads, values
