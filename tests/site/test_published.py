"""What is no site, or no site of this engine, ends in one line and exit status 2."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site import forged
from virtdocs import __version__
from virtdocs.cli import main
from virtdocs.experiments.identity import engine_hash

Make = Callable[[Path], Path]


def empty(**changes: object) -> str:
    """The manifest of a site without pages."""
    whole = {"form": 1, "version": __version__, "engine_hash": engine_hash()}
    return json.dumps({**whole, "files": {}, "pages": {}, **changes})


def folder(path: Path, manifest: str) -> Path:
    path.mkdir()
    (path / "manifest.json").write_text(manifest)
    return path


def linked(path: Path) -> Path:
    site = folder(path, empty())
    (site / "passwd").symlink_to("/etc/hostname")
    return site


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def with_link(path: Path) -> Path:
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", empty())
        archive.writestr(info, "/etc/hostname")
    return path


def damaged(path: Path) -> Path:
    zipped(path, {"manifest.json": empty()})
    path.write_bytes(path.read_bytes().replace(b'"form"', b'"farm"', 1))
    return path


def huge(path: Path) -> Path:
    """A file that unpacks to more than a site may hold: a thousandth of it on disk."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("manifest.json", empty())
        with archive.open("big", "w", force_zip64=True) as big:
            for _ in range(513):
                big.write(bytes(2**20))
    return path


def plain(path: Path) -> Path:
    path.write_text("no zip")
    return path


def bare(path: Path) -> Path:
    path.mkdir()
    return path


BAD: dict[str, tuple[Make, str]] = {
    "nothing there": (lambda path: path, "no such folder or zip"),
    "a folder without a manifest": (bare, "no manifest.json"),
    "a zip without one": (lambda path: zipped(path, {"a.html": ""}), "no manifest.json"),
    "no zip": (plain, "can't be read as a zip"),
    "a damaged zip": (damaged, "manifest.json can't be unpacked: Bad CRC-32"),
    "a path out of it": (lambda path: zipped(path, {"../a": ""}), "'../a' leads out of the site"),
    "a path from the root": (lambda path: zipped(path, {"/a": ""}), "'/a' leads out of the site"),
    "a link in a zip": (with_link, "link is a link"),
    "a link in a folder": (linked, "passwd is a link"),
    "too much": (huge, "more than 20000 files or 512 MiB"),
    "beside the site's folder": (
        lambda path: zipped(path, {"virtdocs-site/manifest.json": "", "a": ""}),
        "a lies outside of virtdocs-site/",
    ),
    "no JSON": (lambda path: folder(path, "{"), "manifest.json: is no JSON"),
    "nested JSON": (lambda path: folder(path, "[" * 100_000), "manifest.json: is no JSON"),
    "no manifest": (lambda path: folder(path, "[]"), "manifest.json: is no manifest"),
    "no pages": (lambda path: folder(path, empty(pages=7)), "manifest.json: is no manifest"),
    "a page that is none": (
        lambda path: folder(path, empty(pages={"a.html": []})), "manifest.json: is no manifest",
    ),
    "another form": (lambda path: folder(path, empty(form=2)), "its form is 2"),
    "another engine": (
        lambda path: folder(path, empty(engine_hash="0" * 64)), "built by engine 000000000000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_site_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, message = BAD[name]
    assert main(["verify", str(make(tmp_path / "x"))]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    [line] = said.err.splitlines()
    assert line.startswith(f"virtdocs: {tmp_path / 'x'}: ")
    assert message in line


@pytest.mark.parametrize("top", ["", "virtdocs-site/"])
def test_a_zip_is_read_at_its_root_or_in_one_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], top: str
) -> None:
    site = zipped(tmp_path / "s.zip", {f"{top}manifest.json": empty()})
    assert main(["verify", str(site), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "engine_hash": engine_hash(),
        "exhibits": 0,
        "files": 0,
        "mismatches": [],
        "pages": 0,
        "values": 0,
    }


def test_a_mismatch_gives_status_1_and_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = folder(tmp_path / "s", empty())
    (site / "a.html").write_text("more")
    assert main(["verify", str(site)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first == "a.html: file: the manifest does not list it"
    assert last == "pages 0, exhibits 0, values 0, mismatches 1"


def test_what_an_earlier_build_has_kept_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache of the checkout is neither read nor written."""
    monkeypatch.setenv("VIRTDOCS_CACHE", str(tmp_path / "kept"))
    entry = {"name": "table_7_4", "params": {}, "number": 1, "anchor": "a"}
    page = {"source": "docs/ko/a.md", "lang": "ko", "exhibits": [entry], "values": []}
    site = folder(tmp_path / "s", empty(pages={"a.html": page}))
    (site / "a.html").write_text("<p></p>")
    assert main(["verify", str(site)]) == 1
    assert not (tmp_path / "kept").exists()
    assert [m.exhibit for m in forged.held(site) if m.part == "page"] == ["table_7_4"]
