"""Sites to test: the real one, built once, and small copies whose pages a test writes."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EPOCH = "1700000000"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a mkdocs.yml; MkDocs runs in it as its own process, as for a reader."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def command(self, *arguments: str, shell: str = "mkdocs") -> list[str]:
        return [sys.executable, "-m", shell, *arguments]

    def environment(self) -> dict[str, str]:
        own = {"NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": EPOCH}
        # The engine of this checkout, whichever is installed, unless the folder brings its own.
        path = os.pathsep.join((str(self.folder), str(ROOT)))
        return {**os.environ, **own, "PYTHONPATH": path}

    def build(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command("build", *options),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
        )


SHELL = ("hooks", "docs/overrides", "docs/assets")


def copy_project(source: Path, folder: Path, parts: Iterable[str]) -> Project:
    """The named folders and mkdocs.yml; MkDocs runs with the engine of ``folder`` if it has one."""
    for part in parts:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source / part, folder / part, ignore=ignored)
    shutil.copy(source / "mkdocs.yml", folder)
    return Project(folder)


@pytest.fixture(scope="session")
def make_project(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Project]:
    """A project with the given pages, the same in both languages, and no others."""

    def make(pages: Mapping[str, str], *, engine: bool = False, hook: str = "") -> Project:
        parts = (*SHELL, "virtdocs") if engine else SHELL
        project = copy_project(ROOT, tmp_path_factory.mktemp("project") / "p", parts)
        for lang in ("ko", "en"):
            for path, text in {"index.md": "# Index {#index}\n", **pages}.items():
                file = project.folder / "docs" / lang / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        config = project.folder / "mkdocs.yml"
        text = re.sub(r"(?ms)^nav:\n.*?\n\n", "", config.read_text(encoding="utf-8"))
        if hook:
            (project.folder / "hooks" / "of_this_test.py").write_text(hook, encoding="utf-8")
            text = text.replace("hooks:\n", "hooks:\n  - hooks/of_this_test.py\n")
        config.write_text(text, encoding="utf-8")
        return project

    return make


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the checkout, built strictly; shared by all workers, at rest while they read."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    with (shared / "real.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = shared / "real"
        if not folder.exists():
            project = copy_project(ROOT, folder, ("docs", "hooks", "virtdocs"))
            # With whatever the checkout's own build has kept: the same engine, byte for byte.
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("VIRTDOCS_CACHE", str(ROOT / "build" / "cache"))
                done = project.build("--strict")
            assert done.returncode == 0, done.stderr
            (folder / "build.log").write_text(done.stderr, encoding="utf-8")
    return Project(folder)


@pytest.fixture(scope="session")
def pages(real: Project) -> dict[str, str]:
    """Every HTML page of the real site, by path."""
    return {
        path.relative_to(real.site).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(real.site.rglob("*.html"))
    }
