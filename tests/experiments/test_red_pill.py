"""What the probes read under each technique, in the kernel and in a program."""

from __future__ import annotations

import pytest

from virtdocs.experiments.red_pill import KERNEL_ONLY, PROBES, answers

DESCRIPTOR_TABLES = {"sgdt", "sidt", "str"}
IDENTITY = {"cpuid_bit", "cpuid_name"}
TIME = {"cpuid_time"}  # where cpuid makes the monitor act
RING = {"mov_cs", "push_cs", "mov_ss"}


def told(technique: str, who: str) -> set[str]:
    here, native = getattr(answers(technique), who), getattr(answers("native"), who)
    return {probe for probe in here if here[probe] != native[probe]}


@pytest.mark.parametrize(
    ("technique", "kernel", "program"),
    [
        ("native", set(), set()),
        # a deprivileged kernel reads its real ring, and popf and cli tell it
        ("trap_emulate", RING | DESCRIPTOR_TABLES | {"if_after_cli"}, DESCRIPTOR_TABLES),
        # the kernel's code was translated, a program's runs as it is
        ("bt", IDENTITY | TIME, DESCRIPTOR_TABLES),
        ("hw_shadow", IDENTITY | TIME, IDENTITY | TIME),
        ("hw_nested", IDENTITY | TIME, IDENTITY | TIME),
        ("xen_pv32", RING | DESCRIPTOR_TABLES, DESCRIPTOR_TABLES),
        ("xen_pv64", RING | DESCRIPTOR_TABLES, DESCRIPTOR_TABLES),
    ],
)
def test_a_technique_shows_exactly_what_its_mechanism_leaves_open(
    technique: str, kernel: set[str], program: set[str]
) -> None:
    assert told(technique, "kernel") == kernel
    assert told(technique, "program") == program


def test_the_words_are_those_that_the_image_says() -> None:
    native = answers("native")
    assert set(native.kernel) == set(PROBES)
    assert set(native.program) == set(PROBES) - set(KERNEL_ONLY)
    assert native.kernel["mov_cs"] & 3 == 0
    assert native.program["mov_cs"] & 3 == 3
    assert (native.kernel["if_after_cli"], native.kernel["if_after_sti"]) == (0, 1 << 9)


def test_a_pv_kernel_has_no_interrupt_flag_to_ask_for() -> None:
    assert set(PROBES) - set(answers("xen_pv64").kernel) == set(KERNEL_ONLY)
