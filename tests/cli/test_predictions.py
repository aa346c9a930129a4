"""`predict`, `validate` and priced `compare` as scripts see them."""

from __future__ import annotations

import json

import pytest

from virtdocs.experiments.mixes import mixes


def answer(done):
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_a_prediction_has_the_keys_of_the_contract(virtdocs):
    found = answer(
        virtdocs("predict", "large_ram", "--technique", "hw_shadow", "--era", "p4-2006", "--json")
    )
    assert {"ratio_to_native", "value", "unit", "limits", "sources"} <= set(found)
    ratio = found["ratio_to_native"]
    assert ratio["p5"] < ratio["median"] < ratio["p95"]
    assert found["sources"] == ["AA06"]
    assert found["limits"]


def test_a_prediction_in_words_says_what_it_leaves_out(virtdocs):
    asked = ("predict", "event_index", "--technique", "kvm_virtio")
    assert "left out" in virtdocs(*asked).out
    assert "출처" in virtdocs(*asked, "--lang", "ko").out


def test_a_validation_of_one_era_has_the_keys_of_the_contract(virtdocs):
    found = answer(virtdocs("validate", "--era", "kvm-2020", "--json"))
    keys = {"id", "published", "predicted", "ratio", "gate", "met", "why"}
    assert all(keys <= set(row) for row in found["targets"])
    assert {row["era"] for row in found["targets"]} == {"kvm-2020"}
    assert found["summary"]["micro"]["of"] > 0
    assert all(row["met"] or row["why"] for row in found["targets"])


def test_a_comparison_is_priced_with_its_spread(virtdocs):
    found = answer(
        virtdocs(
            "compare", "syscall", "--era", "p4-2006", "--techniques", "bt,hw_shadow",
            "--param", "ops=20", "--json",
        )
    )  # fmt: skip
    bt, vt = found["rows"]
    assert set(bt["cycles"]) == set(bt["ratio_to_native"]) == {"median", "p5", "p95"}
    assert bt["ratio_to_native"]["median"] > 5
    assert 1 < vt["ratio_to_native"]["median"] < 1.05  # no exit: a null call takes hardly longer
    assert found["p_faster"] == {"bt": {"hw_shadow": 0.0}, "hw_shadow": {"bt": 1.0}}
    assert bt["basis"] == "derived"


def test_a_comparison_takes_a_switch_of_the_era(virtdocs):
    asked = ("compare", "cpuid", "--techniques", "hw_nested", "--param", "ops=20", "--json")
    [off] = answer(virtdocs(*asked))["rows"]
    [on] = answer(virtdocs(*asked, "--param", "mitigations=on"))["rows"]
    assert on["counts"] == off["counts"]
    assert on["cycles"]["median"] > off["cycles"]["median"]


def test_switches_are_listed(virtdocs):
    rows = answer(virtdocs("list", "params", "--json"))["params"]
    [switch] = [row for row in rows if row["key"] == "mitigations"]
    assert (switch["workload"], switch["type"], switch["default"]) == ("priced", "off|on", "off")


def test_every_parameter_of_a_mix_is_listed_and_taken_with_its_default(virtdocs):
    rows = answer(virtdocs("list", "params", "--json"))["params"]
    listed = {
        (row["workload"], row["key"]): row for row in rows if row["name"].startswith("predict ")
    }
    assert {(name, key) for name, one in mixes().items() for key in one.takes} <= set(listed)
    for (name, key), row in listed.items():
        if key != "io":
            assert mixes()[name].checked({key: row["default"]})[key] == row["default"]
    assert {name for name, key in listed if key == "io"} >= {"disk_read", "netperf_rr", "oltp"}
    assert "lsilogic" in listed["disk_read", "io"]["type"].split("|")


def test_eras_are_listed_with_their_sources(virtdocs):
    eras = answer(virtdocs("list", "eras", "--json"))["eras"]
    assert next(one["name"] for one in eras) == "ws-2001"
    assert "AA06" in eras[2]["sources"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("predict", "forkwait", "--technique", "bt", "--era", "p4"), "unknown era 'p4'"),
        (("predict", "forkwait"), "--technique"),
        (("predict", "oltpp", "--technique", "bt"), "Did you mean oltp?"),
        (("validate", "--era", "kvm-2021"), "unknown era 'kvm-2021'. Did you mean kvm-2020?"),
        (("compare", "cpu", "--era", "kvm2020"), "Did you mean kvm-2020?"),
    ],
)
def test_a_mistake_is_one_line(virtdocs, argv, message):
    done = virtdocs(*argv)
    assert done.status == 2
    assert message in done.err
    assert done.err.count("\n") == 1
