"""``virtdocs verify``: what was altered after the build is found, with page and exhibit."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.site import forged
from tests.site.conftest import ROOT, Project

PAGE = """# Median {{ walk_2d.references }} {#page}

The sum is {{ table_7_4.median|.1 }} and {{ walk_2d(guest_levels=2).references }}{은/는} other.

![alt {{ walk_2d.references }}](dot.svg)

```exhibit
name: table_7_4
```

```exhibit
name: walk_2d
guest_levels: 3
```
"""
Edit = Callable[[Path], None]


@pytest.fixture(scope="module")
def built(make_project: Callable[..., Project]) -> Path:
    dot = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    project = make_project({"a/page.md": PAGE, "a/dot.svg": dot}, engine=True)
    done = project.build("--strict")
    assert done.returncode == 0, done.stderr
    return project.site


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "site")


def test_a_site_as_built_matches(site: Path) -> None:
    assert forged.held(site) == []


def test_the_manifest_says_how_to_compute_every_exhibit_and_value(built: Path) -> None:
    found = json.loads((built / "manifest.json").read_text(encoding="utf-8"))
    assert set(found["pages"]) == {"a/page.html", "en/a/page.html", "index.html", "en/index.html"}
    page = found["pages"]["en/a/page.html"]
    assert [(one["name"], one["anchor"]) for one in page["exhibits"]] == [
        ("table_7_4", "table_7_4"),
        ("walk_2d", "walk_2d-3-4"),
    ]
    walk = page["exhibits"][1]
    assert walk["command"].startswith("virtdocs exhibit walk_2d --param guest_levels=3")
    assert (len(walk["drawings"]), len(walk["tables"]), len(walk["downloads"])) == (2, 1, 3)
    assert [(one["value"], one["params"].get("guest_levels")) for one in page["values"]] == [
        ("walk_2d.references", "3"),
        ("table_7_4.median", None),
        ("walk_2d.references", "2"),
        ("walk_2d.references", "3"),
    ]
    assert [one["in_attribute"] for one in page["values"]] == [False, False, False, True]
    listed = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert set(found["files"]) == listed - {"manifest.json"}


def test_a_build_with_a_mistake_has_no_manifest(make_project: Callable[..., Project]) -> None:
    project = make_project({"a.md": "# A {#a}\n\n{{ nope.nope }}\n"}, engine=True)
    assert project.build().returncode != 0
    assert project.site.is_dir()
    assert not (project.site / "manifest.json").exists()


def value(site: Path, n: int, **changes: Any) -> None:
    forged.manifest(site, lambda data: data["pages"]["a/page.html"]["values"][n].update(changes))


def exhibit(site: Path, n: int, **changes: Any) -> None:
    forged.manifest(site, lambda data: data["pages"]["a/page.html"]["exhibits"][n].update(changes))


def edit(site: Path, pattern: str, instead: str) -> None:
    forged.replace(site / "a" / "page.html", pattern, lambda match: match.expand(instead))


def unlist(site: Path, path: str) -> None:
    forged.manifest(site, lambda data: data["pages"].pop(path))


def raw_too(site: Path) -> None:
    """A sentence, its element and the manifest all say the same wrong number."""
    page = site / "a" / "page.html"
    found = forged.replace(
        page,
        r'(<data data-value="table_7_4.median") value="[^"]*">[^<]*',
        lambda match: f'{match[1]} value="99.0">99.0%',
    )
    assert found
    value(site, 1, raw="99.0", text="99.0%")


FORGERIES: dict[str, tuple[Edit, str, str]] = {
    "a number in a table": (
        lambda site: forged.cell(site / "a" / "page.html", "table_7_4"), "table_7_4", "table",
    ),
    "a number in a sentence": (
        lambda site: forged.sentence(site / "a" / "page.html", "table_7_4.median"),
        "table_7_4.median", "text",
    ),
    "the raw value of a sentence": (
        lambda site: edit(site, r'(table_7_4.median" value=")[^"]*', r"\g<1>7"),
        "table_7_4.median", "raw",
    ),
    "a number in a drawing": (
        lambda site: forged.drawing(site / "a" / "page.html", "walk_2d"), "walk_2d", "svg",
    ),
    "a length in a drawing": (
        lambda site: edit(site, r'(data-exhibit="walk_2d".*?<rect[^>]* width=")\d+', r"\g<1>999"),
        "walk_2d", "svg",
    ),
    "a caption": (
        lambda site: edit(site, r'(walk_2d-3-4-caption">)', r"\1Not "), "walk_2d", "figcaption",
    ),
    "an answer hash on the page": (
        lambda site: edit(site, r'("walk_2d".*?data-answer-hash=")\w{4}', r"\g<1>0000"),
        "walk_2d", "figure",
    ),
    "a drawing to download": (
        lambda site: forged.file(site / "a" / "page" / "walk_2d-3-4.svg"),
        "walk_2d", "a/page/walk_2d-3-4.svg",
    ),
    "numbers to download": (
        lambda site: forged.file(site / "a" / "page" / "table_7_4.csv"),
        "table_7_4", "a/page/table_7_4.csv",
    ),
    "data to download": (
        lambda site: forged.file(site / "a" / "page" / "table_7_4.json"),
        "table_7_4", "a/page/table_7_4.json",
    ),
    "a download that is gone": (
        lambda site: (site / "a" / "page" / "table_7_4.csv").unlink(),
        "table_7_4", "a/page/table_7_4.csv",
    ),
    "a value in the manifest": (
        lambda site: value(site, 1, raw="7"), "table_7_4.median", "manifest raw",
    ),
    "an answer hash in the manifest": (
        lambda site: exhibit(site, 0, answer_hash="0" * 64), "table_7_4", "manifest answer_hash",
    ),
    "a command in the manifest": (
        lambda site: exhibit(site, 0, command="rm -r ."), "table_7_4", "manifest command",
    ),
    "parameters in the manifest": (
        lambda site: exhibit(site, 1, params={"guest_levels": "4", "nested_levels": "4"}),
        "walk_2d", "figure",
    ),
    "an exhibit that does not exist": (
        lambda site: exhibit(site, 0, name="table_7_5"), "table_7_5", "manifest",
    ),
    "sentence, element and manifest alike": (raw_too, "table_7_4.median", "text"),
    "a value taken out": (
        lambda site: edit(site, r'<data data-value="table_7_4.median".*?</data>', "99%"),
        "table_7_4.median", "page",
    ),
    "a value put in": (
        lambda site: edit(site, "</article>", '<data data-value="a.b" value="1">1</data>'),
        "a.b", "page",
    ),
    "an exhibit taken out": (
        lambda site: edit(site, r'<figure[^>]*data-exhibit="walk_2d".*?</figure>', ""),
        "walk_2d", "page",
    ),
    "an exhibit put in": (
        lambda site: edit(site, "</article>", '<figure data-exhibit="new" id="n"></figure>'),
        "new", "page",
    ),
    "an exhibit unlisted": (
        lambda site: forged.manifest(
            site, lambda data: data["pages"]["a/page.html"]["exhibits"].pop()
        ),
        "walk_2d", "page",
    ),
    "a page unlisted": (lambda site: unlist(site, "a/page.html"), "walk_2d", "page"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found_with_page_and_exhibit(site: Path, name: str) -> None:
    forge, exhibit_name, part = FORGERIES[name]
    forge(site)
    forged.sign(site)
    found = forged.held(site)
    assert ("a/page.html", exhibit_name, part) in {(m.page, m.exhibit, m.part) for m in found}
    assert {m.page for m in found} == {"a/page.html"}
    assert all(m.exhibit for m in found)


@pytest.mark.parametrize(
    ("forge", "page"),
    [
        (lambda site: edit(site, "The sum is", "The sum, 4, is"), "a/page.html"),
        (lambda site: (site / "404.html").write_text("none"), "404.html"),
        (lambda site: (site / "assets" / "css" / "site.css").write_text(""), "assets/css/site.css"),
        (lambda site: (site / "new.html").write_text("new"), "new.html"),
        (lambda site: (site / "en" / "a" / "page.html").unlink(), "en/a/page.html"),
        (lambda site: forged.manifest(site, lambda d: d.update(version="9")), "manifest.json"),
        (
            lambda site: forged.manifest(
                site, lambda data: data["pages"]["index.html"].update(source="docs/ko/b.md")
            ),
            "index.html",
        ),
        (
            lambda site: forged.manifest(
                site, lambda data: data["pages"]["index.html"].update(lang="fr")
            ),
            "index.html",
        ),
    ],
    ids="prose error-page style added removed version source lang".split(),
)  # fmt: skip
def test_a_file_that_differs_is_found(site: Path, forge: Edit, page: str) -> None:
    forge(site)
    assert {m.page for m in forged.held(site)} == {page}


def test_the_message_shows_both_numbers(site: Path) -> None:
    before = (site / "a" / "page.html").read_text(encoding="utf-8")
    [shown] = re.findall(r'<data data-value="table_7_4.median"[^>]*>([^<]*)<', before)
    forged.sentence(site / "a" / "page.html", "table_7_4.median")
    [found] = forged.held(site)
    assert (
        found.message == f"{forged.other_digit(shown)!r} stands there, the engine gives {shown!r}"
    )


def test_the_real_site_matches_and_four_edits_are_found(real: Project, tmp_path: Path) -> None:
    """One edit in a table, in a sentence, in a drawing, in the manifest, on pages of their own."""
    site = shutil.copytree(real.site, tmp_path / "site")
    cache = ROOT / "build" / "cache"  # the engine's answers: `make dist` computes the whole anew
    assert forged.held(site, cache) == []
    forged.cell(site / "claims" / "table-7-4.html", "table_7_4")
    forged.sentence(site / "en" / "techniques" / "paging.html", "three_pagings.hw_nested.entries")
    forged.drawing(site / "en" / "techniques" / "privileged-instruction.html", "privileged_flow")
    page = "about/machine.html"
    forged.manifest(site, lambda data: data["pages"][page]["exhibits"][0].update(answer_hash=""))
    assert {(m.page, m.exhibit, m.part) for m in forged.held(site, cache)} >= {
        ("claims/table-7-4.html", "table_7_4", "table"),
        ("en/techniques/paging.html", "three_pagings.hw_nested.entries", "text"),
        ("en/techniques/privileged-instruction.html", "privileged_flow", "svg"),
        (page, "equivalence", "manifest answer_hash"),
    }
