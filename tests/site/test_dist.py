"""The zip of a site: the same bytes each time, and what was put in comes out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.site.test_published import empty
from virtdocs.cli import main
from virtdocs.site.dist import pack
from virtdocs.site.published import open_site

DAY = 1_700_000_000  # 2023-11-14 22:13:20 UTC
FILES = {
    "b.html": b"<p>b</p>",
    "a.html": b"<p>a</p>",
    "en/x/a.svg": b"<svg/>" * 900,
    "한.txt": "한글".encode(),
}


def site(folder: Path, names: list[str]) -> Path:
    """A small site, its files written in the order of ``names``."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(empty())
    return folder


def test_another_folder_order_time_and_permission_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site(tmp_path / "one", list(FILES))
    two = site(tmp_path / "another one", list(reversed(FILES)))
    os.chmod(two / "a.html", 0o600)
    os.utime(two / "b.html", (0, 0))
    first = pack(one, tmp_path / "d1", DAY)
    monkeypatch.setenv("TZ", "Asia/Seoul")
    second = pack(two, tmp_path / "d2", DAY)
    assert [path.name for path in first] == ["virtdocs-site.zip", "manifest.json", "SHA256SUMS"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    whole = site(tmp_path / "s", list(FILES))
    archive = open_site(pack(whole, tmp_path / "d", DAY)[0])
    assert archive.names() == open_site(whole).names()
    assert {name: archive.read(name) for name in FILES} == FILES


def test_the_zip_holds_one_folder_dated_and_readable(tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(site(tmp_path / "s", list(FILES)), tmp_path / "d", DAY)[0]) as found:
        assert found.testzip() is None
        infos = found.infolist()
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {info.filename.partition("/")[0] for info in infos} == {"virtdocs-site"}
    assert {info.date_time for info in infos} == {(2023, 11, 14, 22, 13, 20)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}


@pytest.mark.parametrize(("epoch", "year"), [(0, 1980), (10**12, 2107)])
def test_a_time_that_no_zip_can_name_is_the_nearest(tmp_path: Path, epoch: int, year: int) -> None:
    with zipfile.ZipFile(pack(site(tmp_path / "s", []), tmp_path / "d", epoch)[0]) as found:
        assert {info.date_time[0] for info in found.infolist()} == {year}


def test_the_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    to = tmp_path / "d"
    pack(site(tmp_path / "s", list(FILES)), to, DAY)
    lines = (to / "SHA256SUMS").read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256((to / name).read_bytes()).hexdigest()}  {name}"
        for name in ("manifest.json", "virtdocs-site.zip")
    ]
    if tool := shutil.which("sha256sum"):
        subprocess.run([tool, "--quiet", "-c", "SHA256SUMS"], cwd=to, check=True)


def test_the_command_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(DAY))
    site(tmp_path / "site", list(FILES))
    assert main(["dist", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [one["file"] for one in files] == [
        "dist/virtdocs-site.zip", "dist/manifest.json", "dist/SHA256SUMS",
    ]  # fmt: skip
    assert all(one["bytes"] == (tmp_path / one["file"]).stat().st_size for one in files)


@pytest.mark.parametrize(
    ("arguments", "epoch", "message"),
    [
        (["nowhere"], "0", "nowhere: no such folder or zip"),
        ([], "0", "site: no such folder or zip"),
        (["."], "0", ".: no manifest.json"),
        (["ok"], "today", "SOURCE_DATE_EPOCH: 'today' is no number of seconds"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    epoch: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    site(tmp_path / "ok", [])
    assert main(["dist", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"virtdocs: {message}")
