"""QEMU and a Linux kernel: Debian's packages, downloaded by apt and unpacked into a directory.

Nothing is installed into the system: QEMU runs from where it was unpacked, with the
libraries that were unpacked beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from virtdocs.errors import BadValue

WHERE: Final = "measure"
NEEDED: Final = {"apt-get": "apt", "dpkg-deb": "dpkg", "gcc": "gcc"}
QEMU: Final = "qemu-system-x86"
KERNEL: Final = "linux-image-amd64"
LIBRARIES: Final = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
FIRMWARE: Final = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")


@dataclass(frozen=True, slots=True)
class Tools:
    """What lies in the directory ``root`` after unpacking."""

    root: Path
    qemu: Path
    kernel: Path
    modules: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which QEMU finds its libraries."""
        paths = ":".join(str(self.root / path) for path in LIBRARIES)
        return {**os.environ, "LD_LIBRARY_PATH": paths}

    @property
    def firmware(self) -> tuple[str, ...]:
        """QEMU's options for its own files."""
        found = (self.root / path for path in FIRMWARE)
        return tuple(word for path in found if path.is_dir() for word in ("-L", str(path)))

    @property
    def qemu_version(self) -> str:
        """As QEMU says it: ``7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)``."""
        said = run([str(self.qemu), "--version"], self.environment).splitlines()[0]
        return said.removeprefix("QEMU emulator version ").strip()

    @property
    def kernel_version(self) -> str:
        """The release that names the directory of its modules."""
        return self.modules.name


def obtain(directory: Path) -> Tools:
    """Download and unpack once; after that the directory is used as it is.

    BadValue names the one thing that is missing: a program, the right to use apt, the network.
    """
    for program, package in NEEDED.items():
        if shutil.which(program) is None:
            raise BadValue(WHERE, f"{program} is missing: apt-get install {package}")
    root = directory / "root"
    if not (root / "ready").exists():
        _download(directory / "packages")
        for file in sorted((directory / "packages").glob("*.deb")):
            run(["dpkg-deb", "--extract", str(file), str(root)])
    found = Tools(
        root,
        _only(root, "usr/bin/qemu-system-x86_64"),
        _only(root, "boot/vmlinuz-*"),
        _only(root, "lib/modules/*"),
    )
    (root / "ready").touch()
    return found


def _download(packages: Path) -> None:
    if os.geteuid() != 0:
        raise BadValue(WHERE, "apt downloads a package with all that it needs for root only")
    (packages / "partial").mkdir(parents=True, exist_ok=True)
    target = ["-o", f"Dir::Cache::archives={packages}", "-o", "APT::Sandbox::User=root"]
    run(["apt-get", "update"])
    quietly = ("--yes", "--download-only", "--reinstall", "--no-install-recommends")
    run(["apt-get", "install", *quietly, *target, QEMU])
    depends = run(["apt-cache", "depends", KERNEL]).split()
    images = (word for word in depends if word.startswith("linux-image-") and word != KERNEL)
    image = next(images, None)
    if image is None:
        raise BadValue(WHERE, f"apt knows no kernel by the name {KERNEL}")
    # Its own package only: what it recommends would make a bootable system of this directory.
    run(["apt-get", "download", *target[2:], image], cwd=packages)


def run(
    command: list[str], environment: dict[str, str] | None = None, cwd: Path | None = None
) -> str:
    """What a program prints; BadValue with its last line of complaint when it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=cwd, check=False
        )
    except OSError as error:
        raise BadValue(WHERE, f"{command[0]} cannot be run ({error.strerror})") from None
    if done.returncode:
        complaint = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise BadValue(WHERE, f"{' '.join(command[:2])} failed: {complaint}")
    return done.stdout


def _only(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if not found:
        raise BadValue(WHERE, f"no {pattern} among the unpacked packages; remove {root.parent}")
    return found[-1]
