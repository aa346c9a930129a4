"""The files around the pages: hooks stay thin, vendored files are what they claim to be."""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.site.conftest import ROOT
from virtdocs.render import palette

VENDOR = ROOT / "docs" / "assets" / "vendor"
CSS = (ROOT / "docs" / "assets" / "css" / "site.css").read_text(encoding="utf-8")
HOOKS = sorted((ROOT / "hooks").glob("*.py"))


@pytest.mark.parametrize("hook", HOOKS, ids=lambda path: path.name)
def test_a_hook_is_short_and_does_no_arithmetic(hook: Path) -> None:
    text = hook.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 100
    sums = (ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Pow)
    assert not [
        n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.BinOp) and isinstance(n.op, sums)
    ]


def test_vendored_files_are_the_listed_ones_with_their_checksums() -> None:
    listed = {}
    for line in (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    found = {
        p.relative_to(VENDOR).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in VENDOR.rglob("*")
        if p.is_file() and p.name != "SHA256SUMS"
    }
    assert found == listed


def test_each_vendored_package_comes_with_its_licence() -> None:
    packages = tomllib.loads((ROOT / "docs" / "assets" / "vendor.toml").read_text())
    for package in packages:
        folder = VENDOR / package.rpartition("/")[2]
        assert [p for p in folder.iterdir() if p.name.startswith("LICENSE")], package


def test_both_languages_have_the_same_words() -> None:
    text = re.sub(r"!ENV \[.*\]", '""', (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    languages = yaml.safe_load(text)["extra"]["languages"]

    def shape(words: object) -> object:
        if isinstance(words, dict):
            return {key: shape(value) for key, value in words.items()}
        return len(words) if isinstance(words, list) else type(words)

    assert shape(languages["ko"]) == shape(languages["en"])


def test_every_requirement_is_pinned_with_hashes_and_names_no_host() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert entries
    assert all("==" in entry.splitlines()[0] and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def variables(scheme: str) -> dict[str, str]:
    block = re.search(rf'(?s)\[data-md-color-scheme="{scheme}"\] \{{(.*?)\}}', CSS).group(1)
    return dict(re.findall(r"--vd-([\w-]+): (#[0-9a-f]{6});", block))


@pytest.mark.parametrize(("scheme", "index"), [("default", 0), ("slate", 1)])
def test_text_and_technique_colours_stand_out_from_every_background(
    scheme: str, index: int
) -> None:
    colours = variables(scheme)
    texts = {name: colours[name] for name in ("ink", "ink-2", "mark")}
    texts |= {name: pair[index] for name, pair in palette.COLOURS.items()}
    for ground in ("page", "sheet"):
        for name, colour in texts.items():
            assert contrast(colour, colours[ground]) >= 4.5, (scheme, ground, name)
    for name in ("ink", "ink-2", "mark"):
        assert contrast(colours[name], colours["code"]) >= 4.5, (scheme, name)
