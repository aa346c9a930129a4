"""The sites of the tools that run the examples of a page."""

from __future__ import annotations

import sys

from tests.benchmarks.tools import examples
from tests.benchmarks.tools.sites import EDITED, MKDOCS, PER_PAGE, Site, is_chart


class MarkdownExec(Site):
    """markdown-exec: the code stands in the page, and what it prints is shown."""

    name = "markdown-exec"
    chart = r'<clipPath id="([^"]+)"'
    shift = 0

    def placed(self, n: int) -> str:
        shift = self.shift if n == EDITED else 0
        if is_chart(n):
            code = examples.drawn(n, shift) + (
                "from io import StringIO\nbuffer = StringIO()\n"
                "figure.savefig(buffer, format='svg')\nplt.close(figure)\n"
                "text = buffer.getvalue()\nprint(text[text.index('<svg'):])\n"
            )
            return f'```python exec="1" html="1"\n{code}```'
        code = examples.data(n, False, shift) + examples.MARKDOWN_TABLE + "print(text)\n"
        return f'```python exec="1"\n{code}```'

    def example(self, n: int, shift: int) -> None:
        """Nothing beside the page."""

    def edit_example(self, times: int) -> None:
        self.shift = times
        self._write_page(0, "")

    def configure(self) -> None:
        plugins = "search, markdown-exec"
        self.put("mkdocs.yml", MKDOCS.format(docs=self.docs, plugins=plugins, rest=""))


class GenFiles(Site):
    """mkdocs-gen-files: a script for each example writes a picture or a part of a page."""

    name = "mkdocs-gen-files"
    chart = r'src="(e\d+\.svg)"'

    def placed(self, n: int) -> str:
        return f"![Chart](e{n:04}.svg)" if is_chart(n) else f"{{{{ e{n:04} }}}}"

    def example(self, n: int, shift: int) -> None:
        if is_chart(n):
            text = examples.drawn(n, shift) + (
                "import mkdocs_gen_files\n"
                f"with mkdocs_gen_files.open('e{n:04}.svg', 'w') as file:\n"
                "    figure.savefig(file, format='svg')\nplt.close(figure)\n"
            )
        else:
            page = f"p{n // PER_PAGE * PER_PAGE:04}.md"
            text = (
                examples.data(n, False, shift)
                + examples.MARKDOWN_TABLE
                + (
                    "import mkdocs_gen_files\n"
                    f"with mkdocs_gen_files.open('{page}', 'r') as file:\n    page = file.read()\n"
                    f"with mkdocs_gen_files.open('{page}', 'w') as file:\n"
                    f"    file.write(page.replace('{{{{ e{n:04} }}}}', text))\n"
                )
            )
        self.put(f"scripts/e{n:04}.py", text)

    def configure(self) -> None:
        scripts = ", ".join(f"scripts/e{n:04}.py" for n in range(self.count))
        plugins = f"search, gen-files: {{scripts: [{scripts}]}}"
        self.put("mkdocs.yml", MKDOCS.format(docs=self.docs, plugins=plugins, rest=""))


class Sphinx(Site):
    """What both Sphinx extensions share; doctrees and pages are kept between builds."""

    suffix = ".rst"
    left = ("site", "doctrees")
    extensions: str
    settings = ""

    @property
    def command(self) -> list[str]:
        own = ["-q", "-b", "html", "-d", "doctrees", self.docs, "site"]
        return [sys.executable, "-m", "sphinx", *own]

    def title(self, page: int) -> str:
        return f"Page {page}\n{'=' * 12}"

    def configure(self) -> None:
        listed = "".join(f"   p{n:04}\n" for n in range(0, self.count, PER_PAGE))
        self.put(f"{self.docs}/index.rst", f"Index\n=====\n\n.. toctree::\n\n{listed}")
        self.put(
            f"{self.docs}/conf.py",
            f"project = 'examples'\nhtml_theme = 'alabaster'\nextensions = [{self.extensions}]\n"
            + self.settings,
        )


class PlotDirective(Sphinx):
    """Sphinx's plot_directive: scripts beside the pages; it makes no tables, so those are ready.

    Sphinx does not learn from it which scripts a page shows, and leaves the old picture of an
    edited one; only a page that is newer itself is read again, so the page is touched too.
    """

    name = "Sphinx plot_directive"
    left = ("site", "doctrees", "plot_directive")
    chart = r'src="[^"]*?(e\d+\.svg)"'
    extensions = "'matplotlib.sphinxext.plot_directive'"
    settings = (
        "plot_formats = ['svg']\nplot_html_show_formats = False\n"
        "plot_html_show_source_link = False\nplot_rcparams = {'svg.fonttype': 'none'}\n"
    )

    def placed(self, n: int) -> str:
        if is_chart(n):
            return f".. plot:: e{n:04}.py"
        heads, values = examples.table(n, 0)
        rows = [", ".join([head, *map(str, row)]) for head, row in zip(heads, values, strict=True)]
        return ".. csv-table::\n   :header: ,a,b,c\n\n" + "\n".join(f"   {row}" for row in rows)

    def example(self, n: int, shift: int) -> None:
        if is_chart(n):
            self.put(f"docs/e{n:04}.py", examples.drawn(n, shift))

    def edit_example(self, times: int) -> None:
        super().edit_example(times)
        (self.folder / self.docs / f"p{EDITED:04}{self.suffix}").touch()


class Gallery(Sphinx):
    """sphinx-gallery: a script is a page of its own, beside an index with thumbnails."""

    name = "sphinx-gallery"
    chart = r"(sphx_glr_e\d+_001)\.png"
    left = ("site", "doctrees", "docs/made")
    extensions = "'sphinx_gallery.gen_gallery'"
    settings = (
        "sphinx_gallery_conf = {'examples_dirs': '../scripts', 'gallery_dirs': 'made',\n"
        "    'filename_pattern': 'e', 'show_memory': False}\n"
    )

    def placed(self, n: int) -> str:
        return f":doc:`made/e{n:04}`"

    def example(self, n: int, shift: int) -> None:
        head = f'"""\nExample {n}\n{"=" * 12}\n\nAbout it.\n"""\n'
        body = (
            examples.drawn(n, shift)
            if is_chart(n)
            else examples.data(n, False, shift) + examples.HTML_TABLE
        )
        self.put(f"scripts/e{n:04}.py", head + body)

    def configure(self) -> None:
        self.put("scripts/README.rst", "Examples\n========\n")
        super().configure()
        index = self.folder / "docs" / "index.rst"
        index.write_text(index.read_text(encoding="utf-8") + "   made/index\n", encoding="utf-8")


OTHERS: tuple[type[Site], ...] = (MarkdownExec, GenFiles, PlotDirective, Gallery)
