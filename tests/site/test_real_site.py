"""The site as it will be published: complete, in two languages, and self-contained."""

from __future__ import annotations

import filecmp
import gzip
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.site.conftest import ROOT, Project, copy_project
from virtdocs.checks.coverage import Map
from virtdocs.experiments.identity import engine_hash

SITE_URL = "https://virtdocs.example/"


class Anchors(HTMLParser):
    """The ids of a page and every address that it leads to or loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[tuple[str, str, str]] = []
        self.shown: list[str] = []
        self.code: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id" and value:
                self.ids.add(value)
            elif key in ("href", "src") and value:
                self.addresses.append((tag, dict(attrs).get("rel") or "", value))
        if tag in ("code", "pre", "script", "style"):
            self.code.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.code and self.code[-1] == tag:
            self.code.pop()

    def handle_data(self, data: str) -> None:
        if not self.code:
            self.shown.append(data)


@pytest.fixture(scope="module")
def read(pages: dict[str, str]) -> dict[str, Anchors]:
    return {path: Anchors(html) for path, html in pages.items()}


def exhibits(html: str) -> list[tuple[str, str]]:
    return re.findall(r'data-exhibit="([^"]*)" data-params="([^"]*)"', html)


def test_there_is_a_first_page_and_a_missing_page_in_both_languages(pages: dict[str, str]) -> None:
    assert {"index.html", "404.html", "en/index.html", "en/404.html"} <= set(pages)


def test_the_strict_build_warns_of_nothing(real: Project) -> None:
    log = (real.folder / "build.log").read_text(encoding="utf-8")
    assert not [line for line in log.splitlines() if not line.startswith("INFO")]


def test_every_page_of_the_sources_is_built(real: Project) -> None:
    for lang, folder in (("ko", real.site), ("en", real.site / "en")):
        sources = {
            p.relative_to(real.folder / "docs" / lang).with_suffix(".html").as_posix()
            for p in (real.folder / "docs" / lang).rglob("*.md")
        }
        assert sources
        assert not [path for path in sources if not (folder / path).is_file()]


def test_every_page_carries_the_build_stamp(real: Project, pages: dict[str, str]) -> None:
    own = engine_hash(real.folder / "virtdocs")
    stamp = f'<meta name="virtdocs-engine" content="{own}">'
    assert not [path for path, html in pages.items() if stamp not in html]
    assert not [path for path, html in pages.items() if f"{own[:12]}</code>" not in html]


def test_no_raw_fence_or_tag_is_left(read: dict[str, Anchors]) -> None:
    for path, page in read.items():
        raw = re.findall(r"```|~~~|\{\{.{0,40}|\}\}|\{[가-힣]+/[가-힣]+\}", " ".join(page.shown))
        assert not raw, path


def test_no_page_shows_an_error(pages: dict[str, str]) -> None:
    assert not [path for path, html in pages.items() if 'class="vd-error"' in html]


def test_both_languages_hold_the_same_exhibits_and_values(pages: dict[str, str]) -> None:
    korean = {path: html for path, html in pages.items() if not path.startswith("en/")}
    assert {f"en/{path}" for path in korean} == {path for path in pages if path.startswith("en/")}
    total = 0
    for path, html in korean.items():
        other = pages[f"en/{path}"]
        assert exhibits(html) == exhibits(other), path
        bound = re.compile(r'<data data-value="([^"]*)" value="([^"]*)"')
        assert sorted(bound.findall(html)) == sorted(bound.findall(other)), path
        total += len(exhibits(html))
    assert total > 0


def test_every_exhibit_in_the_sources_is_on_the_site(real: Project, pages: dict[str, str]) -> None:
    for file in sorted((real.folder / "docs" / "ko").rglob("*.md")):
        path = file.relative_to(real.folder / "docs" / "ko").with_suffix(".html").as_posix()
        asked = re.findall(r"(?m)^[ >]*```exhibit$", file.read_text(encoding="utf-8"))
        assert len(exhibits(pages[path])) == len(asked), path


def test_each_page_is_marked_with_its_language(pages: dict[str, str]) -> None:
    for path, html in pages.items():
        assert f'<html lang="{"en" if path.startswith("en/") else "ko"}"' in html, path


def test_the_language_switch_leads_to_the_same_page(real: Project, pages: dict[str, str]) -> None:
    for path, html in pages.items():
        if path.endswith("404.html"):
            continue
        [link] = re.findall(r'class="md-header__button vd-language" href="([^"]+)"', html)
        other = path.removeprefix("en/") if path.startswith("en/") else f"en/{path}"
        target = (real.site / path).parent / link
        assert target.resolve() == (real.site / other).resolve(), path


def test_links_to_the_other_language_are_absolute_and_mutual(pages: dict[str, str]) -> None:
    for path, html in pages.items():
        own = path.removeprefix("en/")
        own = "index.html" if own == "404.html" else own
        for lang, address in (("ko", own), ("en", f"en/{own}"), ("x-default", own)):
            assert f'hreflang="{lang}" href="{SITE_URL}{address}"' in html, path


def test_every_internal_link_resolves_with_its_anchor(
    real: Project, read: dict[str, Anchors]
) -> None:
    missing = []
    for path, page in read.items():
        for _, _, address in page.addresses:
            parts = urlsplit(address.replace(SITE_URL, "/", 1))
            if parts.scheme or parts.netloc:
                continue
            base = real.site if parts.path.startswith("/") else (real.site / path).parent
            own = base / unquote(parts.path).lstrip("/") if parts.path else real.site / path
            target = own.resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                missing.append((path, address))
                continue
            name = target.relative_to(real.site.resolve()).as_posix() if parts.path else path
            if parts.fragment and name in read and unquote(parts.fragment) not in read[name].ids:
                missing.append((path, address))
    assert not missing


def test_nothing_is_loaded_from_elsewhere(real: Project, read: dict[str, Anchors]) -> None:
    for path, page in read.items():
        loaded = [
            a for tag, rel, a in page.addresses if tag in ("script", "img", "iframe", "source")
        ]
        loaded += [a for tag, rel, a in page.addresses if tag == "link" and "stylesheet" in rel]
        assert not [a for a in loaded if urlsplit(a).netloc], path
    for sheet in real.site.rglob("*.css"):
        urls = re.findall(r"url\(([^)]+)\)", sheet.read_text(encoding="utf-8"))
        assert not [u for u in urls if "//" in u and not u.strip("'\"").startswith("data:")], sheet


def test_assets_are_shared_and_maps_are_left_out(real: Project) -> None:
    assert not (real.site / "en" / "assets").exists()
    names = [path.name for path in real.site.rglob("*")]
    assert not [n for n in names if n.endswith(".map") or n in ("wordcut.js", "vendor.py")]


def test_each_language_has_its_own_search_index_and_sitemap(real: Project) -> None:
    for folder, lang, prefix in ((real.site, "ko", ""), (real.site / "en", "en", "en/")):
        index = json.loads((folder / "search" / "search_index.json").read_text(encoding="utf-8"))
        found = {doc["location"].partition("#")[0] for doc in index["docs"]}
        paths = [
            p.relative_to(real.folder / "docs" / lang)
            for p in (real.folder / "docs" / lang).rglob("*.md")
        ]
        assert found == {path.with_suffix(".html").as_posix() for path in paths}
        hangul = [doc for doc in index["docs"] if re.search("[가-힣]", doc["title"])]
        assert bool(hangul) == (lang == "ko")
        sitemap = (folder / "sitemap.xml").read_text(encoding="utf-8")
        found = re.findall(r"<loc>([^<]+)</loc>", sitemap)
        assert f"{SITE_URL}{prefix}index.html" in found
        assert gzip.decompress((folder / "sitemap.xml.gz").read_bytes()).decode() == sitemap


def test_every_part_of_the_source_leads_to_an_element_of_its_page(read: dict[str, Anchors]) -> None:
    """The gate reads Markdown: only the page tells that an id has become one."""
    lost = {
        (page, anchor)
        for path, anchor in Map.read(ROOT).places.values()
        for page in (f"{path.removesuffix('.md')}.html", f"en/{path.removesuffix('.md')}.html")
        if anchor not in read[page].ids
    }
    assert lost == set()


def test_no_attribute_list_is_left_on_a_page(read: dict[str, Anchors]) -> None:
    left = {page for page, one in read.items() if re.search(r"\{:? ?[#.][\w-]", "".join(one.shown))}
    assert left == set()


def differing(real: Project, folder: Path, **environment: str) -> list[str]:
    """The files of another strict build, in another folder, that are not the same bytes.

    With what the checkout keeps, unless the environment says otherwise.
    """
    other = copy_project(real.folder, folder, ("docs", "hooks", "virtdocs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTDOCS_CACHE", str(ROOT / "build" / "cache"))
        for key, value in environment.items():
            patch.setenv(key, value)
        done = other.build("--strict")
    assert done.returncode == 0, done.stderr
    names = [p.relative_to(real.site).as_posix() for p in real.site.rglob("*") if p.is_file()]
    others = [p.relative_to(other.site).as_posix() for p in other.site.rglob("*") if p.is_file()]
    assert sorted(names) == sorted(others)
    _, different, unreadable = filecmp.cmpfiles(real.site, other.site, names, shallow=False)
    return different + unreadable


def test_a_build_in_another_folder_is_the_same_bytes(real: Project, tmp_path: Path) -> None:
    folder = tmp_path / "quite another name"
    assert not differing(real, folder, PYTHONHASHSEED="7", TZ="Asia/Seoul", LANG="C")


@pytest.mark.parametrize("name", ["red_pill", "three_pagings", "walk_grid", "image_matrix"])
def test_an_exhibit_from_nothing_is_the_same_bytes_in_another_environment(name: str) -> None:
    """The whole site from nothing is in the soak: here a sample of what it is made of."""
    command = [sys.executable, "-m", "virtdocs", "exhibit", name, "--format", "json"]
    found = {
        subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LANG": lang},
        ).stdout
        for seed, zone, lang in (("1", "UTC", "C.UTF-8"), ("7", "Asia/Seoul", "C"))
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_no_hash_seed_time_zone_or_locale_changes_a_byte(
    real: Project, tmp_path: Path, seed: int
) -> None:
    zone = ("UTC", "Asia/Seoul", "America/New_York", "Pacific/Chatham")[seed % 4]
    lang = ("C", "C.UTF-8", "ko_KR.UTF-8")[seed % 3]
    folder = tmp_path / f"run {seed}"
    environment = {"PYTHONHASHSEED": str(seed), "TZ": zone, "LANG": lang, "VIRTDOCS_CACHE": "off"}
    assert not differing(real, folder, **environment)
