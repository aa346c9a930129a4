"""Fetch fonts and scripts of others into vendor/, check them, write SHA256SUMS.

Run by hand when vendor.toml changes; the site is built from the committed files,
so neither a build nor a reader needs the network or npm.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

HERE = Path(__file__).parent
VENDOR = HERE / "vendor"


def fetch(package: str, version: str, into: Path) -> Path:
    """The package's archive, downloaded by npm."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(into), f"{package}@{version}"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return into / answer.stdout.strip().splitlines()[-1]


def unpack(archive: Path, wanted: dict[str, object], folder: Path) -> None:
    """The wanted files of the archive, by base name, flat."""
    data = archive.read_bytes()
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != wanted["integrity"]:
        sys.exit(f"vendor: {archive.name}: integrity is {found}, vendor.toml says otherwise")
    rename = dict(wanted.get("rename", {}))
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            path = member.name.removeprefix("package/")
            if not any(fnmatch(path, pattern) for pattern in wanted["files"]):
                continue
            # fontsource and pretendard name folders in their CSS; keep the last one for fonts.
            keep = 2 if path.endswith(".woff2") else 1
            target = folder.joinpath(*PurePosixPath(rename.get(path, path)).parts[-keep:])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(tar.extractfile(member).read())


def main() -> None:
    """Replace vendor/ by what vendor.toml names."""
    packages = tomllib.loads((HERE / "vendor.toml").read_text(encoding="utf-8"))
    shutil.rmtree(VENDOR, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        for package, wanted in packages.items():
            folder = VENDOR / package.rpartition("/")[2]
            unpack(fetch(package, wanted["version"], Path(scratch)), wanted, folder)
    files = sorted(p for p in VENDOR.rglob("*") if p.is_file())
    sums = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(VENDOR).as_posix()}"
        for p in files
    ]
    (VENDOR / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
