"""A mistake on the command line is one line on stderr, with the nearest name, and status 2."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtdocs as package
from virtdocs import cli
from virtdocs.cli import BAD_INPUT, BUG, COMMANDS, INTERRUPTED, NOBODY_READS, main

ROOT = Path(__file__).parent.parent.parent
MISTAKES = {
    ("rnu", "cpu"): "command line: unknown command 'rnu'. Did you mean run?",
    ("--verison",): "unknown option '--verison'. Did you mean --version?",
    ("run",): "run: the following arguments are required: WORKLOAD|FILE.s",
    ("run", "cpu", "--techniqe", "bt"): "unknown option '--techniqe'. Did you mean --technique?",
    ("run", "cpu", "--technique=hw_nest"): "unknown technique 'hw_nest'. Did you mean hw_nested?",
    ("run", "cpuu"): "unknown workload 'cpuu'. Did you mean cpu?",
    ("run", "cpu", "--vendor", "imtel"): "unknown vendor 'imtel'. Did you mean intel?",
    ("run", "cpu", "--core", "refrence"): "unknown core 'refrence'. Did you mean reference?",
    ("run", "cpu", "--steps", "0"): "'0' is not a whole number of at least 1",
    ("run", "cpu", "--steps", "-5"): "--steps",
    ("run", "cpu", "--steps", "1e3"): "'1e3' is not a whole number",
    ("run", "cpu", "--steps", "9" * 5000): "is not a whole number",
    ("run", "cpu", "--param", "n"): "--param: 'n' is not key=value",
    ("run", "cpu", "--param", "n=1", "--param", "n=2"): "'n' is given twice",
    ("run", "cpu", "extra"): "run: one argument too many: 'extra'",
    ("run", "no-such.s"): "no-such.s: can't be read: No such file or directory",
    ("run", "nul\0.s"): "can't be read",
    (
        "compare",
        "cpu",
        "--techniques",
        "bt,natve",
    ): "unknown technique 'natve'. Did you mean native?",
    ("compare", "cpu", "--techniques", ","): "is not a list of names",
    ("exhibit", "table_7_5"): "unknown exhibit 'table_7_5'. Did you mean table_7_4?",
    ("exhibit", "table_7_4", "--format", "svgg"): "unknown format 'svgg'. Did you mean svg?",
    ("exhibit", "table_7_4", "--format", "xyz"): "it is one of md, svg, csv, json",
    ("exhibit", "table_7_4", "--json", "--format", "md"): "exclude each other",
    ("exhibit", "table_7_4", "--param", "row=1"): "unknown parameter 'row'",
    ("exhibits", "--lang", "kr"): "unknown language 'kr'. Did you mean ko?",
    ("list", "workload"): "unknown kind of names 'workload'. Did you mean workloads?",
    ("check", "mirrr"): "unknown gate 'mirrr'. Did you mean mirror?",
    ("review", "index.md"): "'index.md' is not PAGE#ID",
    ("review", "index.md#hom"): "unknown section 'hom'. Did you mean home?",
    ("review", "indx.md#home"): "unknown page 'indx.md'. Did you mean index.md?",
}


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("argv", MISTAKES, ids=lambda argv: " ".join(argv)[:60])
def test_a_mistake_is_one_line_that_names_the_nearest(virtdocs, argv):
    done = virtdocs(*argv)
    assert done.status == BAD_INPUT, done
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("virtdocs: ")
    assert MISTAKES[argv] in done.err


def test_a_folder_without_pages_still_means_the_checkout_of_this_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from virtdocs.commands.check import checkout as find

    assert find() == ROOT


# They work: one boots a virtual machine and rewrites the recorded rows, one measures speed.
FOR_MINUTES = ("measure", "bench")
WORDS = [
    *(name for name in COMMANDS if name not in FOR_MINUTES),
    *("--json", "--lang", "ko", "--debug", "--param", "a=b", "--format", "svg", "--steps", "1"),
    *("--technique", "bt", "--core", "--io", "--techniques", "table_7_4", "--help", "--", "-"),
    *(
        "index.md#home",
        "mirror",
        "popf_wait",
        "techniques",
        "exits",
        "prog.s",
        "-h",
        "--version",
        "--vendor",
    ),
]


@pytest.mark.usefixtures("checkout")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=12)), max_size=6))
def test_no_command_line_gives_a_traceback_or_a_bug(argv):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(argv)
    assert status in (0, 1, 2), (argv, err.getvalue())
    if "--debug" not in argv:
        assert "Traceback" not in err.getvalue()
    assert all(line.startswith("virtdocs: ") for line in err.getvalue().splitlines() if line) or (
        "--debug" in argv
    )
    if status == BAD_INPUT:
        assert out.getvalue() == ""


@pytest.mark.parametrize("command", FOR_MINUTES)
def test_a_command_that_takes_minutes_refuses_what_it_does_not_know(command, capsys):
    assert main([command, "--no-such-option"]) == BAD_INPUT
    assert "--no-such-option" in capsys.readouterr().err


def broken(_args: object) -> None:
    raise ZeroDivisionError("by\nzero")


def without_a_package(_args: object) -> None:
    raise ModuleNotFoundError("No module named 'yaml'", name="yaml")


def without_a_module(_args: object) -> None:
    raise ModuleNotFoundError("No module named 'virtdocs.x'", name="virtdocs.x")


def interrupted(_args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (broken, BUG, "bug: ZeroDivisionError: by zero"),
        (without_a_module, BUG, "bug: ModuleNotFoundError"),
        (without_a_package, BAD_INPUT, "yaml is not installed: pip install 'virtdocs[site]'"),
        (interrupted, INTERRUPTED, "virtdocs: interrupted"),
    ],
)
def test_an_unexpected_exception_is_one_line_too(virtdocs, monkeypatch, answer, status, message):
    listed = COMMANDS["list"]
    table = {**COMMANDS, "list": cli.Command(listed.about, listed.declare, answer)}
    monkeypatch.setattr(cli, "COMMANDS", table)
    done = virtdocs("list", "exits")
    assert (done.status, done.err.count("\n")) == (status, 1)
    assert "Traceback" not in done.err
    assert message in done.err
    if status == BUG:
        assert "Traceback" in virtdocs("list", "exits", "--debug").err


def test_a_mistake_with_debug_shows_the_traceback_and_the_line(virtdocs):
    done = virtdocs("exhibit", "table_7_5", "--debug")
    assert done.status == BAD_INPUT
    assert "Traceback" in done.err
    assert done.err.splitlines()[-1].startswith("virtdocs: exhibits: unknown exhibit")


def test_a_reader_who_leaves_early_is_no_error():
    command = [sys.executable, "-m", "virtdocs", "list", "terms", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) in ((NOBODY_READS, b""), (0, b""))


def test_words_come_out_in_utf_8_whatever_the_locale():
    done = subprocess.run(
        [sys.executable, "-m", "virtdocs", "exhibits", "--lang", "ko"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"},
        check=True,
    )
    assert "원문" in done.stdout.decode("utf-8")


def test_the_version_is_the_one_of_the_package(virtdocs):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert virtdocs("--version").out.strip() == package.__version__
    assert project.get("version", package.__version__) == package.__version__


@pytest.mark.parametrize("argv", [(), ("--help",), ("run", "--help")])
def test_help_is_an_answer(virtdocs, argv):
    done = virtdocs(*argv)
    assert (done.status, done.err) == (0, "")
    assert "usage: virtdocs" in done.out
