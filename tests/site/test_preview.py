"""``mkdocs serve``: edits of engine and pages show without a restart, mistakes stop nothing."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.site.conftest import Project

SECONDS = 60  # a rebuild takes a few; a busy machine may need more
PAGE = """# Steps {#steps}

```exhibit
name: privileged_steps
instruction: cli
```

Transitions: {{ privileged_steps.trap_emulate.transitions }}.
"""
CLI = "virtdocs/machine/instructions/flags.py"


@dataclass(frozen=True, slots=True)
class Preview:
    project: Project
    server: subprocess.Popen[str]
    log: Path
    port: int

    def page(self, lang: str = "ko") -> str:
        folder = "" if lang == "ko" else "en/"
        address = f"http://127.0.0.1:{self.port}/{folder}a.html"
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return answer.read().decode()

    def wait(self, wanted: Callable[[str], object], lang: str = "ko") -> str:
        """The page as soon as it is as wanted."""
        end = time.monotonic() + SECONDS
        html = ""
        while time.monotonic() < end:
            assert self.server.poll() is None, self.log.read_text()
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                html = self.page(lang)
                if wanted(html):
                    return html
            time.sleep(0.2)
        raise AssertionError(f"not seen in {SECONDS} s\n{self.log.read_text()[-3000:]}")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.project.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def preview(
    make_project: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Preview]:
    project = make_project({"a.md": PAGE}, engine=True)
    log = tmp_path_factory.mktemp("preview") / "log"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as out:
        server = subprocess.Popen(
            project.command("serve", "--dev-addr", f"127.0.0.1:{port}"),
            cwd=project.folder,
            env=project.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    running = Preview(project, server, log, port)
    try:
        running.wait(lambda html: "data-exhibit" in html)
        yield running
    finally:
        server.terminate()
        server.wait(SECONDS)


def transitions(html: str) -> str:
    key = r'data-value="privileged_steps.trap_emulate.transitions" value="(\d+)"'
    return re.search(key, html).group(1)


def answer(html: str) -> str:
    return re.search(r'data-answer-hash="(\w+)"', html).group(1)


def test_an_instruction_that_behaves_otherwise_changes_the_figure(preview: Preview) -> None:
    before = preview.page()
    assert transitions(before) != "0"
    traps = "if cpu.cpl > cpu.iopl:\n        raise fault(GP, 0)\n    cpu.rflags &= ~IF"
    preview.edit(CLI, traps, "cpu.rflags &= ~IF")
    after = preview.wait(lambda html: answer(html) != answer(before))
    assert transitions(after) == "0"
    preview.edit(CLI, "cpu.rflags &= ~IF", traps)
    preview.wait(lambda html: answer(html) == answer(before))


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_an_edit_of_a_page_shows(preview: Preview, lang: str) -> None:
    preview.edit(f"docs/{lang}/a.md", "Transitions:", "Crossings:")
    preview.wait(lambda html: "Crossings:" in html, lang)
    preview.edit(f"docs/{lang}/a.md", "Crossings:", "Transitions:")
    preview.wait(lambda html: "Transitions:" in html, lang)


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_a_mistake_is_shown_on_the_page_and_in_the_log(preview: Preview, lang: str) -> None:
    preview.edit(f"docs/{lang}/a.md", "name: privileged_steps", "name: privileged_stebs")
    preview.wait(lambda html: f"docs/{lang}/a.md:3: " in html and "privileged_stebs" in html, lang)
    assert f"docs/{lang}/a.md:3: " in preview.log.read_text()
    preview.edit(f"docs/{lang}/a.md", "name: privileged_stebs", "name: privileged_steps")
    preview.wait(lambda html: 'data-exhibit="privileged_steps"' in html, lang)


def test_an_engine_that_does_not_import_is_shown_and_mended(preview: Preview) -> None:
    preview.edit(CLI, "cpu.rflags &= ~IF", "cpu.rflags &= ~IF (")
    preview.wait(lambda html: "SyntaxError" in html)
    preview.edit(CLI, "cpu.rflags &= ~IF (", "cpu.rflags &= ~IF")
    preview.wait(lambda html: 'data-exhibit="privileged_steps"' in html)
