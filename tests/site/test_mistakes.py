"""Breaking a page breaks the build, with page and line, wherever the mistake stands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from textwrap import indent

import pytest

from tests.site.conftest import Project

# An exhibit that raises, as a programming error in the engine would.
HOOK = """
import virtdocs.exhibits
from virtdocs.exhibits.registry import Exhibit

def explode():
    raise ZeroDivisionError("no frames left")

def on_config(config):
    virtdocs.exhibits.EXHIBITS = {
        **virtdocs.exhibits.EXHIBITS, "explodes": Exhibit("explodes", explode)
    }
"""

# name: (Markdown, line of the mistake in it, what the message says)
MISTAKES = {
    "misspelt-exhibit": (
        "```exhibit\nname: tabel_7_4\n```",
        1,
        "unknown exhibit 'tabel_7_4'. Did you mean table_7_4?",
    ),
    "bad-yaml": ("```exhibit\nname: table_7_4\n  of: [1\n```", 3, "bad YAML"),
    "unknown-parameter": (
        "```exhibit\nname: table_7_4\nsize: 3\n```",
        1,
        "unknown parameter 'size'",
    ),
    "no-name": ("```exhibit\nsize: 3\n```", 1, "`name: "),
    "exhibit-that-raises": (
        "```exhibit\nname: explodes\n```",
        1,
        "raised ZeroDivisionError: no frames left",
    ),
    "parameters-on-the-fence": (
        '```exhibit title="x"\nname: table_7_4\n```',
        1,
        "parameters stand in the body",
    ),
    "unknown-value": (
        "Text.\n\nMean {{ table_7_4.medain }} here.",
        3,
        "unknown value 'medain'. Did you mean median?",
    ),
    "unknown-exhibit-of-a-value": ("{{ tabel_7_4.median }}", 1, "unknown exhibit 'tabel_7_4'"),
    "unknown-format": ("{{ table_7_4.median|romn }}", 1, "romn"),
    "malformed-tag": ("{{ table_7_4 median }}", 1, "is not EXHIBIT.KEY"),
    "tag-cut-short": ("Mean {{ table_7_4.median } here.", 1, "not a value tag"),
    "particle-without-a-value": ("Word{은/는} here.", 1, "not a value tag"),
    "unknown-particle": ("{{ table_7_4.median }}{를/을} x", 1, "{를/을}"),
    "misspelt-fence": (
        "```exhibt\nname: table_7_4\n```",
        1,
        "unknown fence 'exhibt'. Did you mean exhibit?",
    ),
    "unknown-citation": ('Known<span data-cite="NOBODY99"></span>.', 1, "NOBODY99"),
}
AROUND = {
    "alone": ("", ""),
    "list": ("1. First\n\n", "    "),
    "tab": ('=== "Tab"\n\n', "    "),
    "admonition": ("!!! note\n\n", "    "),
    "list-in-admonition": ("!!! note\n\n    - Item\n\n", "        "),
}
CASES = [(mistake, around) for mistake in MISTAKES for around in AROUND]
HEAD = "---\ntitle: A page\n---\n# A page {#a-page}\n\n"


def page_with(mistake: str, around: str) -> tuple[str, int]:
    """The page, and the line on which its mistake stands."""
    before, margin = AROUND[around]
    text, line, _ = MISTAKES[mistake]
    start = HEAD + before
    return start + indent(text, margin) + "\n", start.count("\n") + line


@pytest.fixture(scope="module")
def broken(make_project: Callable[..., Project]) -> subprocess.CompletedProcess[str]:
    pages = {f"{m}/{a}.md": page_with(m, a)[0] for m, a in CASES}
    return make_project(pages, hook=HOOK).build()


@pytest.mark.parametrize(("mistake", "around"), CASES)
@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_mistake_is_listed_with_page_and_line(
    broken: subprocess.CompletedProcess[str], lang: str, mistake: str, around: str
) -> None:
    _, line = page_with(mistake, around)
    place = f"docs/{lang}/{mistake}/{around}.md:"
    listed = [text for text in broken.stderr.splitlines() if place in text]
    assert listed, broken.stderr[-2000:]
    assert all(f"{place}{line}: " in text for text in listed)
    assert any(MISTAKES[mistake][2] in text for text in listed)


def test_a_plain_build_with_mistakes_fails_and_lists_every_page(
    broken: subprocess.CompletedProcess[str],
) -> None:
    assert broken.returncode != 0
    assert "Traceback" not in broken.stderr
    assert broken.stderr.count("docs/ko/") == broken.stderr.count("docs/en/") >= len(CASES)


def test_the_same_pages_without_mistakes_pass(make_project: Callable[..., Project]) -> None:
    right = "```exhibit\nname: table_7_4\n```\n\nMean {{ table_7_4.median }}{은/는} it."
    pages = {
        f"{name}.md": HEAD + before + indent(right, margin) + "\n"
        for name, (before, margin) in AROUND.items()
    }
    done = make_project(pages).build("--strict")
    assert done.returncode == 0, done.stderr


def test_an_exhibit_needs_blank_lines(make_project: Callable[..., Project]) -> None:
    text = HEAD + "Text\n```exhibit\nname: table_7_4\n```\nmore text\n"
    done = make_project({"a.md": text}).build()
    assert done.returncode != 0
    assert "docs/ko/a.md:7: an exhibit needs a blank line" in done.stderr


def test_an_exhibit_whose_fence_is_never_closed_is_listed(
    make_project: Callable[..., Project],
) -> None:
    done = make_project({"a.md": HEAD + "```exhibit\nname: table_7_4\n"}).build()
    assert done.returncode != 0
    assert "docs/ko/a.md:6: exhibit not read" in done.stderr


def test_an_engine_that_does_not_import_fails_the_build(
    make_project: Callable[..., Project],
) -> None:
    project = make_project({}, engine=True)
    errors = project.folder / "virtdocs" / "errors.py"
    errors.write_text(errors.read_text() + "\nbroken = (\n")
    assert project.build().returncode != 0
