"""One site for each tool: pages of ten examples, chart and table in turn.

Written by `write`, built by `command`; `edit_sentence` and `edit_example` change one thing.
Those that are built by MkDocs have the same theme and the same plugins; Sphinx has its
own lightest theme. All write to ``site``.
"""

from __future__ import annotations

import re
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

ROOT = Path(__file__).parent.parent.parent.parent
PER_PAGE = 10
EDITED = 0  # the example that an edit changes: a chart
MKDOCS = """\
site_name: examples
use_directory_urls: false
docs_dir: {docs}
theme: {{name: material, font: false}}
plugins: [{plugins}]
markdown_extensions: [attr_list, md_in_html, tables, pymdownx.superfences]
{rest}
"""


@dataclass(slots=True)
class Site(ABC):
    """A site of ``count`` examples in ``folder``."""

    folder: Path
    count: int

    name: ClassVar[str]
    chart: ClassVar[str]  # a pattern that tells the charts of built pages apart
    docs: ClassVar[str] = "docs"
    suffix: ClassVar[str] = ".md"
    left: ClassVar[tuple[str, ...]] = ("site",)  # what a build leaves

    @property
    def command(self) -> list[str]:
        """What builds it."""
        return [sys.executable, "-m", "mkdocs", "-q", "build"]

    def write(self) -> None:
        """Every page and example."""
        for page in range(0, self.count, PER_PAGE):
            self._write_page(page, "")
        for n in range(self.count):
            self.example(n, 0)
        self.configure()

    def clean(self) -> None:
        """As if it had never been built."""
        for name in self.left:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def check(self) -> None:
        """Stop unless the built pages show every example: a tool may go on after a mistake."""
        built, text = self.folder / "site", self._pages()
        charts = len(set(re.findall(self.chart, text)))
        tables = len(re.findall(r"<t[hd][^>]*>(?:<p>)?case 7", text))
        wanted = sum(map(is_chart, range(self.count)))
        if charts < wanted or tables < self.count - wanted:
            raise SystemExit(f"{self.name}: {charts} charts and {tables} tables in {built}")

    def shows(self, sentence: str) -> bool:
        """Whether a built page has this sentence."""
        return sentence in self._pages()

    def pictures(self) -> frozenset[bytes]:
        """Every picture that is built: files, and drawings inside of pages."""
        files = [p for kind in ("svg", "png") for p in (self.folder / "site").rglob(f"*.{kind}")]
        inside = re.findall(r"<svg\b.*?</svg>", self._pages(), re.DOTALL)
        return frozenset([*(p.read_bytes() for p in files), *map(str.encode, inside)])

    def edit_sentence(self, times: int) -> str:
        """Change one sentence of the first page: to which."""
        sentence = f"A sentence, edited {times} times."
        self._write_page(0, sentence)
        return sentence

    def edit_example(self, times: int) -> None:
        """Change the code of one chart."""
        self.example(EDITED, times)

    def _pages(self) -> str:
        built = (self.folder / "site").rglob("*.html")
        return "".join(page.read_text(encoding="utf-8") for page in built)

    def _write_page(self, first: int, sentence: str) -> None:
        numbers = range(first, min(first + PER_PAGE, self.count))
        parts = [self.title(first // PER_PAGE), f"Text of a page. {sentence}"]
        parts += [part for n in numbers for part in (f"About example {n}.", self.placed(n))]
        self.put(f"{self.docs}/p{first:04}{self.suffix}", "\n\n".join(parts) + "\n")

    def put(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def title(self, page: int) -> str:
        """A page's heading."""
        return f"# Page {page}"

    @abstractmethod
    def placed(self, n: int) -> str:
        """Example n as its page shows it."""

    @abstractmethod
    def example(self, n: int, shift: int) -> None:
        """Write what example n is made from."""

    def configure(self) -> None:
        """Write the tool's configuration."""
        self.put("mkdocs.yml", MKDOCS.format(docs=self.docs, plugins="search", rest=""))


def is_chart(n: int) -> bool:
    """Charts and tables take turns."""
    return n % 2 == 0
