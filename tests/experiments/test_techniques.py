"""The presets: their values, the reasons for them, and what of them a run can tell."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from virtdocs.errors import BadValue, UnknownName
from virtdocs.experiments.eras import DEFAULT_ERA, ERAS
from virtdocs.experiments.products import aliases, products
from virtdocs.experiments.reasons import reasons
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import TECHNIQUES, Technique, in_era, technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import BUILDS, WORKLOADS, build
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.identity import KVM, XEN

# interface.md, "Techniques" and "Eras".
PRESETS = (
    "native trap_emulate bt hw_shadow hw_nested xen_pv32 xen_pv64 xen_hvm xen_pvhvm xen_pvh "
    "kvm_virtio kvm_emulated esxi hyperv workstation qemu_tcg passthrough"
).split()
PRODUCTS = "virtualbox parallels fusion xenserver proxmox".split()
AXES = ("cpu", "mmu", "io", "irq", "boot")
THEN = technique("workstation", era_name="ws-2001")
XEN_THEN = technique("xen_pv32", era_name="xen-2003")
EVERY_VARIANT = (*TECHNIQUES.values(), THEN, XEN_THEN)
HVM = [name for name, one in TECHNIQUES.items() if one.hardware_assist and one.build == "native"]
# Workloads whose result is an answer of the machine below, and who answers otherwise than bare
# hardware: cpuid has a hypervisor bit, vmcall somebody to call.
SIGNED = [name for name, one in TECHNIQUES.items() if one.signature]
ANSWER_CALLS = [name for name, one in TECHNIQUES.items() if one.signature in (KVM, XEN)]
ANSWERS = {"cpuid": SIGNED, "red_pill": SIGNED, "vmcall": ANSWER_CALLS}
WITHOUT_DEVICE = [name for name, one in WORKLOADS.items() if not one.device]


def data(name: str) -> dict[str, Any]:
    return tomllib.loads((files("virtdocs") / "data" / name).read_text(encoding="utf-8"))


def label(language: str, key: str) -> str:
    found: Any = tomllib.loads(
        (files("virtdocs") / "catalogue" / f"{language}.toml").read_text(encoding="utf-8")
    )
    for part in key.split("."):
        found = found[part]
    return str(found)


def test_the_presets_are_those_of_the_interface() -> None:
    assert list(TECHNIQUES) == PRESETS
    assert sorted(aliases()) == sorted(PRODUCTS)
    assert DEFAULT_ERA in ERAS


def test_no_two_presets_that_differ_in_name_only_differ_in_nothing() -> None:
    seen: dict[tuple[object, ...], str] = {}
    for name, one in TECHNIQUES.items():
        row = (*one.axes.values(), one.build, one.signature, one.device_model)
        assert row not in seen, (name, seen.get(row))
        seen[row] = name


@pytest.mark.parametrize("preset", EVERY_VARIANT, ids=lambda one: f"{one.name}{one.variant}")
def test_each_of_the_five_values_has_a_reason_in_both_languages(preset: Technique) -> None:
    sources = data("sources.toml")
    found = reasons(preset)
    assert tuple(reason.axis for reason in found) == AXES
    for reason in found:
        english, korean = label("en", reason.key), label("ko", reason.key)
        assert english
        assert korean
        assert english != korean
        assert set(reason.sources) <= set(sources), reason
        assert {sources[key]["status"] for key in reason.sources} <= {"read", "secondary"}


def test_every_cited_reason_belongs_to_a_preset() -> None:
    names = {"_".join(p for p in (one.name, one.variant) if p) for one in EVERY_VARIANT}
    for name, cited in data("presets.toml").items():
        assert name in names
        assert set(cited) <= set(AXES)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_an_alias_of_a_preset(name: str) -> None:
    assert technique(name) == TECHNIQUES[aliases()[name]]
    assert set(products()[name].sources) <= set(data("sources.toml"))


def test_an_alias_is_suggested_for_a_misspelt_one() -> None:
    with pytest.raises(UnknownName, match="Did you mean proxmox"):
        technique("proxmx")


@pytest.mark.parametrize(
    ("era", "axes"),
    [
        ("ws-2001", ("binary_translation", "shadow", "emulated", "apic", "bios")),
        ("xen-2003", ("binary_translation", "shadow", "emulated", "apic", "bios")),
        ("p4-2006", ("binary_translation", "shadow", "emulated", "apic", "bios")),
        ("kvm-2012", ("vmx", "nested", "emulated", "apic", "bios")),
        (DEFAULT_ERA, ("vmx", "nested", "emulated", "apic", "bios")),
        (None, ("vmx", "nested", "emulated", "apic", "bios")),
    ],
)
def test_workstation_is_what_it_was_in_its_era(era: str | None, axes: tuple[str, ...]) -> None:
    assert tuple(technique("workstation", era_name=era).axes.values()) == axes


@pytest.mark.parametrize(
    ("name", "era", "why"),
    [
        ("hw_shadow", "ws-2001", "has no VT-x or SVM"),
        ("kvm_virtio", "xen-2003", "has no VT-x or SVM"),
        ("hw_nested", "p4-2006", "has no nested paging"),
        ("xen_pv64", "xen-2003", "needs 4 levels of page tables"),
    ],
)
def test_an_era_has_no_technique_that_its_machines_lack(name: str, era: str, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        technique(name, era_name=era)
    assert name not in in_era(era)


def test_an_era_gives_the_depth_of_the_page_tables() -> None:
    assert technique("bt", era_name="ws-2001").levels == 2
    assert technique("bt", era_name="kvm-2012").levels == 4
    assert technique("xen_pv32", era_name="kvm-2012").levels == 2  # a 32-bit guest stays one
    assert in_era(None) == tuple(TECHNIQUES)


def test_workstation_then_runs_a_guest_as_native_did() -> None:
    then, native = (
        run("syscall", name, params={"ops": 8}, era="ws-2001") for name in ("workstation", "native")
    )
    assert then.state_hash == native.state_hash
    assert isinstance(then.counts["callout"], int)
    assert then.counts["callout"] > 0
    assert then.counts["vm_exit"] == {}


# What the guest sees ---------------------------------------------------------------------------

SIGNATURES = {
    "native": b"",
    "xen_hvm": b"XenVMMXenVMM",
    "kvm_virtio": b"KVMKVMKVM",
    "kvm_emulated": b"KVMKVMKVM",
    "esxi": b"VMwareVMware",
    "hyperv": b"Microsoft Hv",
    "workstation": b"VMwareVMware",
    "qemu_tcg": b"TCGTCGTCGTCG",
}


def registers_after_cpuid(name: str, leaf: int, vendor: str = "intel") -> list[int]:
    """eax, ebx, ecx, edx as a program reads them; run under the preset."""
    preset = technique(name, vendor)
    text = f"""
    mov rax, {leaf}
    cpuid
    mov [result], rax
    mov [result + 8], rbx
    mov [result + 16], rcx
    mov [result + 24], rdx
    out 0xf4, al
    .align 64
result: .zero 32
    .result result, 32
"""
    program = assemble(text, constants={**BUILDS["native"].constants, "LEVELS": preset.levels})
    finished = execute(preset, program, vendor, 1_000)
    assert finished.outcome.kind == "halted", finished.outcome.detail
    assert program.result is not None
    raw = read_physical(finished.machine.board.memory, *program.result) or b""
    return [int.from_bytes(raw[at : at + 8], "little") for at in range(0, 32, 8)]


@pytest.mark.parametrize("vendor", ["intel", "amd"])
@pytest.mark.parametrize("name", SIGNATURES)
def test_cpuid_signs_with_the_hypervisor_s_own_name(name: str, vendor: str) -> None:
    signature = SIGNATURES[name]
    present = registers_after_cpuid(name, 1, vendor)[2] >> 31 & 1
    largest, *words = registers_after_cpuid(name, 0x4000_0000, vendor)
    letters = b"".join(word.to_bytes(4, "little") for word in words).rstrip(b"\0")
    assert (present, letters) == (int(bool(signature)), signature)
    assert (largest > 0x4000_0000) is bool(signature)


@pytest.mark.parametrize(
    ("name", "leaf", "register", "value"),
    [
        ("kvm_virtio", 0x4000_0001, 0, 1 << 3 | 1 << 6 | 1 << 7 | 1 << 11 | 1 << 13),
        ("xen_hvm", 0x4000_0002, 1, 0x4000_0000),  # the MSR that takes the hypercall page
        ("hyperv", 0x4000_0001, 0, int.from_bytes(b"Hv#1", "little")),
        ("esxi", 0x4000_0010, 0, 1_000_000),  # kHz: an instruction a nanosecond
    ],
)
def test_further_leaves_say_what_is_offered(
    name: str, leaf: int, register: int, value: int
) -> None:
    assert registers_after_cpuid(name, leaf)[register] == value


@cache
def state_after(workload: str, name: str) -> str:
    program = build(workload, ops=WORKLOADS[workload].ops_step)
    finished = execute(technique(name), program, "intel", 5_000_000)
    assert finished.outcome.detail == "exit code 0"
    return finished.machine.board.state_hash()


@pytest.mark.parametrize("workload", WITHOUT_DEVICE)
@pytest.mark.parametrize("name", [*HVM, "qemu_tcg"])
def test_a_guest_that_does_not_ask_ends_in_native_s_state(name: str, workload: str) -> None:
    equal = state_after(workload, name) == state_after(workload, "native")
    assert equal is not (name in ANSWERS.get(workload, ()))


@pytest.mark.parametrize(
    ("name", "party"),
    [
        ("xen_hvm", Party.DOM0),
        ("kvm_emulated", Party.DEVICE_MODEL),
        ("hyperv", Party.ROOT_PARTITION),
        ("workstation", Party.DEVICE_MODEL),
        ("esxi", None),
    ],
)
def test_who_models_a_device_is_on_the_path_of_an_access(name: str, party: Party | None) -> None:
    result = run("cpu", name, params={"ops": 8}, record=True)
    parties = {event.party for event in result.events if event.kind is EventKind.USER_EXIT}
    assert parties == ({party} if party is not None else set())
