"""A browser for the tests: the system's Chromium, else Debian's, else Playwright's own.

``python tests/site/browser.py`` installs one when there is none and prints where it is; it
fails with one line when that can't be done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A test browser that calls home is noise, and a failure on a machine without a network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
]


def find() -> str | None:
    """The path of a Chromium on this machine, Playwright's own included."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> None:
    """Debian's package as root, else Playwright's download."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        run("apt-get", "update", "-qq")
        if run("apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"):
            return
    run(sys.executable, "-m", "playwright", "install", "chromium")


def run(*command: str) -> bool:
    """Whether the command succeeded; its output is shown only when it did not."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode == 0


def main() -> None:
    """Make sure that there is a browser."""
    if not find():
        install()
    found = find()
    if not found:
        sys.exit("make test: no browser: install Chromium (Debian: apt-get install chromium)")
    print(found)


if __name__ == "__main__":
    main()
