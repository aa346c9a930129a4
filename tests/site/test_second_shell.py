"""ProperDocs builds the same tree: what stands on the pages does not hang on one shell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site.conftest import ROOT, Project, copy_project
from virtdocs.experiments.identity import engine_hash

SHELL = "properdocs"
PAGE = """# Median {{ table_7_4.median }} {#page}

Text {{ walk_2d.references }}{은/는} text.

| a | b |
|---|---|
| {{ table_7_4.median|.1 }} | x |

```exhibit
name: table_7_4
```

=== "tab"

    - item

        ```exhibit
        name: table_7_4_gain
        ```

    !!! note "walk"

        ```exhibit
        name: walk_2d
        ```
"""


def build(project: Project) -> subprocess.CompletedProcess[str]:
    """The project's site, built strictly by ProperDocs; one line when it is not installed."""
    config = str(project.folder / "mkdocs.yml")
    done = subprocess.run(
        project.command("build", "--strict", "--config-file", config, shell=SHELL),
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    missing = f"No module named {SHELL}" in done.stderr
    assert not missing, (
        f"{SHELL} is not installed: pip install --require-hashes -r requirements.lock"
    )
    return done


def faults(site: Path) -> list[str]:
    """Pages without the stamp of this engine, with a raw fence or tag, with an error."""
    stamp = f'<meta name="virtdocs-engine" content="{engine_hash()}">'
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    found = [] if pages else ["no page"]
    for path, html in pages.items():
        name = path.relative_to(site).as_posix()
        raw = re.search(r"\{\{ \w|```|class=\"language-exhibit|vd-error|data-vd-slot", html)
        found += [] if stamp in html else [f"{name}: no stamp"]
        found += [f"{name}: {raw.group()}"] if raw else []
    return found


def placed(site: Path) -> dict[str, object]:
    """Every page with its exhibits and values, byte for byte: their hashes are in it."""
    found = json.loads((site / "manifest.json").read_text(encoding="utf-8"))["pages"]
    assert sum(len(page["exhibits"]) for page in found.values())
    return found


@pytest.fixture(scope="module")
def project(make_project: Callable[..., Project]) -> Project:
    return make_project({"a/page.md": PAGE}, engine=True)


def test_both_shells_put_the_same_on_the_same_pages(project: Project) -> None:
    done = project.build("--strict")
    assert done.returncode == 0, done.stderr
    of_the_first = placed(project.site)
    done = build(project)
    assert done.returncode == 0, done.stderr
    assert faults(project.site) == []
    assert placed(project.site) == of_the_first
    for page in of_the_first:
        assert "ProperDocs" in (project.site / page).read_text(encoding="utf-8"), page


def test_a_shell_that_ignores_the_hooks_is_found_out(project: Project, tmp_path: Path) -> None:
    other = copy_project(project.folder, tmp_path / "p", ("docs", "hooks"))
    config = other.folder / "mkdocs.yml"
    text = config.read_text(encoding="utf-8")
    without = re.sub(r"(?m)^hooks:\n(?:  - .*\n)+|^  custom_dir:.*\n", "", text)
    assert "hooks" not in without.replace("hooks/bilingual.py takes", "")
    config.write_text(without, encoding="utf-8")
    assert build(other).returncode == 0
    found = faults(other.site)
    assert "a/page.html: no stamp" in found
    assert "a/page.html: {{ t" in found


@pytest.mark.soak
def test_the_whole_site_is_the_same_from_both_shells(real: Project, tmp_path: Path) -> None:
    other = copy_project(real.folder, tmp_path / "p", ("docs", "hooks", "virtdocs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTDOCS_CACHE", str(ROOT / "build" / "cache"))
        done = build(other)
    assert done.returncode == 0, done.stderr
    assert faults(other.site) == []
    assert placed(other.site) == placed(real.site)
