"""The site of virtdocs, and plain MkDocs with its figures or with pictures ready."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

from tests.benchmarks.tools import examples
from tests.benchmarks.tools.sites import MKDOCS, ROOT, Site, is_chart

WORDS = {"caption": "Sample", "alt": "Samples.", "axis": "count", "column": "column"}
CONFIG = """\
hooks: [hooks/engine.py, hooks/templates.py, hooks/exhibits.py]
extra: {lang: ko, languages: {ko: {name: ko}}}
extra_css: [assets/css/exhibits.css]
"""
READY = """\
import re
from pathlib import Path

READY = Path(__file__).parent / "ready"

def on_page_content(html, page, config, files):
    name = lambda match: (READY / match[1]).read_text(encoding="utf-8")
    return re.sub(r'<div data-ready="([^"]+)"></div>', name, html)
"""
# In the site of virtdocs: every figure as its page shows it, and what it links to.
LEAVE = """\
import sys
from pathlib import Path
from virtdocs import exhibits
from virtdocs.render import page

ready, docs = Path("ready"), Path("ready-docs")
for n, name in enumerate(exhibits.GROUPS):
    built = exhibits.build(name, {}, name)
    anchor, of = page.slug(built), f"p{n // 10 * 10:04}"
    for folder in (ready, docs / of):
        folder.mkdir(parents=True, exist_ok=True)
    html = page.exhibit_html(built, "ko", 1, anchor, f"{of}/")
    (ready / f"{name}.html").write_text(html, encoding="utf-8")
    for file, text in page.downloads(built, "ko", anchor).items():
        (docs / of / file).write_text(text, encoding="utf-8")
(docs / "exhibits.css").write_text(page.stylesheet(), encoding="utf-8")
"""


def named(n: int) -> str:
    """An exhibit's name, and its module's."""
    return f"sample_{n:04}"


class Virtdocs(Site):
    """This project: its hooks and its package, with the examples in place of its exhibits."""

    name = "virtdocs"
    chart = r'data-exhibit="(sample_\d+)"'
    docs = "docs/ko"
    left = ("site", "cache")

    def write(self) -> None:
        super().write()
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-c", LEAVE]
        subprocess.run(command, cwd=self.folder, env=environment, check=True)

    def placed(self, n: int) -> str:
        return f"```exhibit\nname: {named(n)}\n```"

    def example(self, n: int, shift: int) -> None:
        text = examples.virtdocs(named(n), n, is_chart(n), shift)
        self.put(f"virtdocs/exhibits/{named(n)}.py", text)

    def configure(self) -> None:
        for part in ("hooks", "virtdocs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, self.folder / part, ignore=ignored, dirs_exist_ok=True)
        exhibits = self.folder / "virtdocs" / "exhibits" / "__init__.py"
        before, rest = exhibits.read_text(encoding="utf-8").split("GROUPS: Final = (", 1)
        after = rest.split("\n)\n", 1)[1]
        groups = "".join(f'    "{named(n)}",\n' for n in range(self.count))
        exhibits.write_text(f"{before}GROUPS: Final = (\n{groups})\n{after}", encoding="utf-8")
        words = self.folder / "virtdocs" / "catalogue" / "ko.toml"
        text = words.read_text(encoding="utf-8")
        for table, word in WORDS.items():
            text = text.replace(f"\n[{table}]\n", f'\n[{table}]\nsample = "{word}"\n', 1)
        words.write_text(text, encoding="utf-8")
        self.put("mkdocs.yml", MKDOCS.format(docs=self.docs, plugins="search", rest=CONFIG))
        settled = 1_700_000_000  # no file of a checkout has been edited this very moment
        for path in self.folder.rglob("*"):
            os.utime(path, (settled, settled))


@dataclass(slots=True)
class PlainFigures(Site):
    """Plain MkDocs: the same pages with the same figures and downloads, all ready."""

    source: Virtdocs
    name: ClassVar[str] = "plain MkDocs, the same figures ready"
    chart: ClassVar[str] = Virtdocs.chart

    def placed(self, n: int) -> str:
        return f'<div data-ready="{named(n)}.html"></div>'

    def example(self, n: int, shift: int) -> None:
        """Ready before the pages are written."""

    def configure(self) -> None:
        own = self.source.folder
        shutil.copytree(own / "ready", self.folder / "ready")
        shutil.copytree(own / "ready-docs", self.folder / "docs", dirs_exist_ok=True)
        self.put("ready.py", READY)
        rest = "hooks: [ready.py]\nextra_css: [exhibits.css]"
        self.put("mkdocs.yml", MKDOCS.format(docs=self.docs, plugins="search", rest=rest))


@dataclass(slots=True)
class PlainPictures(Site):
    """Plain MkDocs: each chart a picture beside the page, each table in Markdown, all ready."""

    source: Virtdocs
    name: ClassVar[str] = "plain MkDocs, pictures ready"
    chart: ClassVar[str] = r'src="(sample_\d+\.svg)"'

    def placed(self, n: int) -> str:
        if is_chart(n):
            return f"![Chart]({named(n)}.svg)"
        heads, values = examples.table(n, 0)
        rows = ["| | a | b | c |", "|---|---|---|---|"]
        rows += [
            f"| {head} | {' | '.join(map(str, row))} |"
            for head, row in zip(heads, values, strict=True)
        ]
        return "\n".join(rows)

    def example(self, n: int, shift: int) -> None:
        if is_chart(n):
            of = f"p{n // 10 * 10:04}"
            drawn = self.source.folder / "ready-docs" / of / f"{named(n)}.svg"
            self.put(f"docs/{named(n)}.svg", drawn.read_text(encoding="utf-8"))
