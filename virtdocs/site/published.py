"""A built site as others hand it over: a folder, or a zip that is never unpacked to disk.

What comes from elsewhere is not trusted: names that lead out of the site, links, more than a
site can hold, and a zip whose parts do not match their checksums end in one clear line.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from virtdocs.errors import VirtdocsError
from virtdocs.site.manifest import NAME

MOST_FILES: Final = 20_000
MOST_BYTES: Final = 512 * 2**20  # of all files together, unpacked
TOP: Final = "virtdocs-site/"  # the one folder of a zip that `virtdocs dist` writes


class Site(Protocol):
    """The files of a site by path; ``where`` names it in messages."""

    @property
    def where(self) -> str:
        """What the reader called it."""

    def names(self) -> list[str]:
        """The paths of all files, sorted."""

    def read(self, name: str) -> bytes:
        """The bytes of one of them."""


def open_site(path: Path) -> Site:
    """The site in a folder or a zip; VirtdocsError when there is none."""
    if path.is_dir():
        return _Folder(str(path), path, _folder_files(path))
    if not path.is_file():
        raise VirtdocsError(str(path), "no such folder or zip")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as bad:
        raise VirtdocsError(str(path), f"can't be read as a zip: {bad}") from bad
    return _Archive(str(path), archive, _zip_files(str(path), archive))


@dataclass(frozen=True)
class _Folder:
    where: str
    folder: Path
    found: list[str]

    def names(self) -> list[str]:
        return self.found

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@dataclass(frozen=True)
class _Archive:
    where: str
    archive: zipfile.ZipFile
    found: Mapping[str, zipfile.ZipInfo]

    def names(self) -> list[str]:
        return sorted(self.found)

    def read(self, name: str) -> bytes:
        try:  # no more than the declared size is unpacked
            return self.archive.read(self.found[name])
        # What zipfile raises: NotImplementedError for a compression that it does not know,
        # RuntimeError for an encrypted member, EOFError for one that is cut short.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as bad:
            raise VirtdocsError(self.where, f"{name} can't be unpacked: {bad}") from bad


def _folder_files(folder: Path) -> list[str]:
    found, size = [], 0
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise VirtdocsError(str(folder), f"{name} is a link; a site holds files only")
        if path.is_file():
            found.append(name)
            size += path.stat().st_size
            _bounded(str(folder), len(found), size)
    if NAME not in found:
        raise VirtdocsError(str(folder), f"no {NAME}: not a site that was built whole")
    return sorted(found)


def _zip_files(where: str, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files by path within the site: at the root of the zip or below the one folder."""
    found: dict[str, zipfile.ZipInfo] = {}
    size = 0
    for info in archive.infolist():
        if info.is_dir():
            continue
        name = info.filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/"):
            raise VirtdocsError(where, f"{name!r} leads out of the site")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise VirtdocsError(where, f"{name} is a link; a site holds files only")
        if name in found:
            raise VirtdocsError(where, f"{name} is there twice")
        found[name] = info
        size += info.file_size
        _bounded(where, len(found), size)
    for top in ("", TOP):
        if f"{top}{NAME}" in found:
            if outside := [name for name in found if not name.startswith(top)]:
                raise VirtdocsError(where, f"{outside[0]} lies outside of {top}")
            return {name.removeprefix(top): info for name, info in found.items()}
    raise VirtdocsError(where, f"no {NAME}: not a site that was built whole")


def _bounded(where: str, files: int, size: int) -> None:
    if files > MOST_FILES or size > MOST_BYTES:
        message = f"more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB: no site of this kind"
        raise VirtdocsError(where, message)
