"""`run` and `compare` as scripts outside the repository see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from virtdocs.experiments.identity import engine_hash
from virtdocs.views.answer import answer_hash

KEYS = {
    "workload",
    "technique",
    "params",
    "ops",
    "instructions",
    "virtual_time",
    "counts",
    "counts_per_op",
    "monitor_free_share",
    "translated_share",
    "state_hash",
    "result_hash",
    "answer_hash",
    "engine_hash",
    "seconds",
    "outcome",
}
HALT = "start:\n    mov rax, 0\n    out 0xf4, eax\n    hlt\n"


def answer(done) -> dict:
    assert done.out.count("\n") == 1
    found = json.loads(done.out)
    assert done.out == json.dumps(found, ensure_ascii=False, sort_keys=True) + "\n"
    return found


def test_a_run_has_the_keys_of_the_contract(virtdocs):
    done = virtdocs("run", "syscall", "--json")
    found = answer(done)
    assert set(found) >= KEYS
    assert (done.status, done.err, found["outcome"]) == (0, "", "halted")
    assert {"cpu", "mmu", "io", "irq", "boot"} <= set(found["technique"])
    assert found["technique"]["name"] == "hw_nested"
    assert set(found["counts"]) == set(found["counts_per_op"])
    assert 0 <= found["monitor_free_share"] <= 1
    assert found["engine_hash"] == engine_hash()


def test_the_answer_hash_leaves_out_time_and_engine_and_nothing_else(virtdocs):
    first, second = (answer(virtdocs("run", "syscall", "--json")) for _ in range(2))
    assert first["answer_hash"] == second["answer_hash"] == answer_hash(first)
    other = answer(virtdocs("run", "syscall", "--technique", "native", "--json"))
    assert other["answer_hash"] != first["answer_hash"]
    assert other["result_hash"] == first["result_hash"]


@pytest.mark.parametrize(
    ("argv", "outcome", "status"),
    [
        (("popf_wait", "--technique", "native"), "halted", 0),
        (("popf_wait", "--technique", "bt"), "halted", 0),
        (("popf_wait", "--technique", "hw_nested"), "halted", 0),
        (("popf_wait", "--technique", "hw_nested", "--vendor", "amd"), "halted", 0),
        (("popf_wait", "--technique", "trap_emulate"), "hung", 1),
        (("cpu", "--technique", "native", "--steps", "10"), "budget", 1),
    ],
)
def test_the_exit_status_tells_whether_the_guest_halted(virtdocs, argv, outcome, status):
    done = virtdocs("run", *argv, "--json")
    assert (done.status, answer(done)["outcome"]) == (status, outcome)
    assert done.err.startswith(f"virtdocs: {outcome}") if status else done.err == ""


def test_a_parameter_reaches_the_guest_and_the_answer(virtdocs):
    few = answer(virtdocs("run", "memory", "--param", "pages=4", "--json"))
    many = answer(virtdocs("run", "memory", "--param", "pages=64", "--json"))
    assert (few["params"]["pages"], many["params"]["pages"]) == (4, 64)
    assert few["counts"] != many["counts"]


def test_words_are_in_the_language_asked_for(virtdocs):
    korean = virtdocs("run", "popf_wait", "--technique", "bt", "--lang", "ko").out
    english = virtdocs("run", "popf_wait", "--technique", "bt").out
    assert "이진 변환 (bt)" in korean
    assert "Binary translation (bt)" in english
    assert [line.split()[-1] for line in korean.splitlines() if "_hash" in line] == [
        line.split()[-1] for line in english.splitlines() if "_hash" in line
    ]


def test_a_program_from_a_file_runs_as_it_is(virtdocs, tmp_path: Path):
    program = tmp_path / "halt.s"
    program.write_text(HALT, encoding="utf-8")
    for technique in ("native", "trap_emulate", "bt", "hw_nested"):
        done = virtdocs("run", str(program), "--technique", technique, "--json")
        assert (done.status, answer(done)["outcome"]) == (0, "halted"), (technique, done)


def test_every_assembly_error_is_a_line_with_its_place(virtdocs, tmp_path: Path):
    program = tmp_path / "bad.s"
    program.write_text("start:\n    mvo rax, 1\n    mov rax,\n    hlt\n", encoding="utf-8")
    done = virtdocs("run", str(program))
    assert (done.status, done.out) == (2, "")
    places = [line.split(": ")[1] for line in done.err.splitlines()]
    assert [place.split(":")[1] for place in places] == ["2", "3"]
    assert all(place.startswith(str(program)) for place in places)
    assert "Did you mean mov?" in done.err


def test_a_comparison_has_one_row_for_each_technique(virtdocs):
    done = virtdocs("compare", "memory", "--techniques", "native,bt,hw_nested", "--json")
    rows = answer(done)["rows"]
    assert [row["technique"] for row in rows] == ["native", "bt", "hw_nested"]
    assert len({row["state_hash"] for row in rows}) == 1
    single = answer(virtdocs("run", "memory", "--technique", "bt", "--json"))
    assert rows[1]["counts"] == single["counts"]


def test_a_comparison_in_words_has_a_column_for_each_technique(virtdocs):
    done = virtdocs("compare", "popf_wait", "--techniques", "native,trap_emulate", "--lang", "ko")
    assert done.status == 0
    head, outcome, *_ = done.out.splitlines()
    assert "네이티브" in head
    assert "정상" in outcome or "종료" in outcome


def test_a_comparison_without_techniques_takes_all(virtdocs):
    from virtdocs.experiments.techniques import TECHNIQUES

    rows = answer(virtdocs("compare", "popf_wait", "--json"))["rows"]
    assert [row["technique"] for row in rows] == list(TECHNIQUES)


@pytest.mark.parametrize(
    ("era", "io"), [("xen-2003", "xen_internal"), ("p4-2006", "xen_ring"), (None, "xen_ring")]
)
def test_a_run_is_under_the_technique_as_it_was_in_the_era(virtdocs, era, io):
    given = ("--era", era) if era else ()
    line = ("run", "disk_read", "--technique", "xen_pv32", "--param", "ops=2", "--json")
    assert answer(virtdocs(*line, *given))["technique"]["io"] == io
