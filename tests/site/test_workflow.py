"""The workflow builds, tests, verifies and publishes, and does so by make targets alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.site.conftest import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXT = FILES[0].read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"(?m)^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", MAKEFILE))


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    found = yaml.safe_load(TEXT)
    assert isinstance(found, dict)
    return found


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job["steps"])


def uses(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [one for one in steps(job) if one.get("uses", "").startswith(f"{action}@")]


def test_there_is_one_workflow() -> None:
    assert [path.name for path in FILES] == ["site.yml"]


def test_it_runs_on_pushes_and_pull_requests(workflow: dict[Any, Any]) -> None:
    assert {"push", "pull_request"} <= set(workflow[True])  # YAML 1.1 reads `on` as true


def test_every_step_is_an_action_with_a_version_or_a_make_target(workflow: dict[Any, Any]) -> None:
    for name, job in workflow["jobs"].items():
        for step in steps(job):
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]), (name, step)
                continue
            target = re.fullmatch(r"make ([a-z]+)", step["run"])
            assert step["run"] == ".ci/run" or (target and target[1] in TARGETS), (name, step)


def test_what_ci_runs_is_the_test_target() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"(?m)^make test$", script)
    assert {"test", "site", "dist", "golden", "clean"} <= set(TARGETS)


def test_both_ends_of_the_supported_pythons_are_tested(workflow: dict[Any, Any]) -> None:
    asked = re.search(
        r'requires-python = ">=(3\.\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()
    )
    assert asked
    matrix = workflow["jobs"]["build"]["strategy"]["matrix"]["python"]
    assert (matrix[0], matrix[-1]) == (asked[1], f"3.{int(asked[2]) - 1}")


def test_only_a_tested_main_is_published_and_only_after_it_was_verified(
    workflow: dict[Any, Any],
) -> None:
    job = workflow["jobs"]["publish"]
    assert job["needs"] == "build"
    assert "github.ref == 'refs/heads/main'" in job["if"]
    order = [step.get("run", step.get("uses", "")).split("@")[0] for step in steps(job)]
    packed = order.index("make dist")
    assert packed < order.index("actions/upload-artifact") < order.index("actions/deploy-pages")
    assert packed < order.index("actions/upload-pages-artifact")
    [files] = uses(job, "actions/upload-artifact")
    assert (files["with"]["path"], files["with"]["if-no-files-found"]) == ("dist", "error")
    [site] = uses(job, "actions/upload-pages-artifact")
    assert site["with"]["path"] == "site"


def test_the_zip_is_verified_after_it_was_packed() -> None:
    lines = [line.strip() for line in TARGETS["dist"].splitlines()]
    assert lines == [
        "$(BIN)/virtdocs dist site --to dist",
        "$(BIN)/virtdocs verify dist/virtdocs-site.zip",
    ]
    assert re.search(r"(?m)^dist: site$", MAKEFILE)


def test_the_token_reads_only_but_where_pages_are_published(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    granted = {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job
    }
    assert granted == {"publish": {"pages": "write", "id-token": "write"}}


def test_every_expression_is_closed_and_every_name_known(workflow: dict[Any, Any]) -> None:
    assert TEXT.count("${{") == TEXT.count("}}") == len(re.findall(r"\$\{\{ [\w.]+ \}\}", TEXT))
    ids = {step["id"] for job in workflow["jobs"].values() for step in steps(job) if "id" in step}
    assert set(re.findall(r"\$\{\{ steps\.(\w+)\.", TEXT)) <= ids


def test_every_target_of_the_makefile_is_in_its_help_and_what_they_write_is_cleaned() -> None:
    phony = set(re.search(r"(?m)^\.PHONY: (.*)$", MAKEFILE)[1].split())
    documented = set(re.findall(r"(?m)^## make ([a-z-]+)", MAKEFILE))
    assert phony - {"help"} == documented == set(TARGETS) - {"help"}
    assert "rm -rf site dist build" in TARGETS["clean"]
    assert "/dist/" in (ROOT / ".gitignore").read_text().splitlines()
