"""Product facts: each with its source and date, each preset that they name booted."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from virtdocs.devices.registry import DEVICES
from virtdocs.errors import BadValue, UnknownName, VirtdocsError
from virtdocs.experiments.image_matrix import attempt
from virtdocs.experiments.product_lists import (
    KINDS,
    LISTS,
    belongs,
    listed,
    model,
    model_in,
    presets,
    readings,
    runs_unmodified,
)
from virtdocs.experiments.products import DATE, FIELDS, Fact, Product, aliases, load, products
from virtdocs.experiments.techniques import TECHNIQUES, Technique, technique

# Parts of the source document that name products: P01 to P43 and the items of four lists.
PARTS = {f"P{n:02}" for n in range(1, 44)}
ITEMS = {
    *(f"L3.1-i{n}" for n in range(5, 10)),
    *(f"L3.2-i{n}" for n in range(6, 10)),
    *(f"L4.5-i{n}" for n in range(1, 5)),
    *(f"L5.6-i{n}" for n in range(1, 5)),
}
EVERY_PRESET = {
    (one.value, one.era): technique(one.value, era_name=one.era or None)
    for product in products().values()
    for one in product.all("mode")
} | {(one.preset, ""): technique(one.preset) for one in products().values() if one.preset}
CITED = 'source = "S", locator = "p. 1", as_of = "2026"'
GOOD = f'[x]\ncovers = ["P01"]\nkind = [{{ value = "cloud", {CITED} }}]'


def sources() -> dict[str, Any]:
    text = (files("virtdocs") / "data" / "sources.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def facts() -> list[tuple[str, str, Fact]]:
    return [
        (product.name, field, one)
        for product in products().values()
        for field, found in product.facts.items()
        for one in found
    ]


def test_every_product_of_the_source_document_stands_in_one_entry_and_every_list_item_in_some() -> (
    None
):
    covered = [part for one in products().values() for part in one.covers]
    assert sorted(part for part in covered if part.startswith("P")) == sorted(PARTS)
    assert {part for part in covered if not part.startswith("P")} == ITEMS


@pytest.mark.parametrize(
    "missing", ["Xen Project and XCP-ng (FC35)", "Nitro (FC49)", "Xen Windows PV drivers (FC20)"]
)
def test_what_corrections_ask_for_is_there_too(missing: str) -> None:
    names = {"Xen Project and XCP-ng (FC35)": {"xen", "xcp_ng"}, "Nitro (FC49)": {"nitro"}}
    assert names.get(missing, {"xen_windows_drivers"}) <= set(products())


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ('kind = ["cloud"]', "'cloud' is a value without source and date"),
        ('kind = "cloud"', "a list of facts, each a table with its source and date"),
        ('kind = [{ value = "cloud", locator = "p. 1", as_of = "2026" }]', "without source"),
        ('kind = [{ value = "cloud", source = "S", locator = "p. 1" }]', "without as_of"),
        ('kind = [{ value = "cloud", source = "S", as_of = "2026" }]', "without locator"),
        (
            'kind = [{ value = "cloud", source = "", locator = "p", as_of = "" }]',
            "without source and as_of",
        ),
        (
            'kind = [{ value = "clowd", source = "S", locator = "p", as_of = "2026" }]',
            "unknown value 'clowd'. Did you mean cloud",
        ),
        (
            'kind = [{ value = "cloud", source = "S", locator = "p", as_of = "May 2026" }]',
            "'May 2026' is no date",
        ),
        (
            'kind = [{ value = "cloud", source = "S", locator = "p", asof = "2026" }]',
            "unknown part of a fact 'asof'. Did you mean as_of",
        ),
        ("covers = []", "says nowhere what it is"),
    ],
)
def test_a_fact_without_source_or_date_is_refused(mistake: str, message: str) -> None:
    with pytest.raises(VirtdocsError, match=message):
        load(f"[x]\n{mistake}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "\nkinds = []", "unknown field 'kinds'. Did you mean kind"),
        (GOOD + GOOD.replace("[x]", "\n[y]"), "y: P01 is x already"),
        (GOOD + "\nalias = true", "an alias of no preset"),
        (
            GOOD + f'\nbuilt_on = [{{ value = "y", {CITED} }}]',
            "unknown product 'y'",
        ),
        (
            GOOD + f'\npreset = "bt"\nmode = [{{ value = "bt", {CITED} }}]',
            "a sourced mode and a preset of the editors",
        ),
        ("[x", "can't be read"),
    ],
)
def test_a_mistake_in_an_entry_names_it(text: str, message: str) -> None:
    with pytest.raises((BadValue, UnknownName), match=message):
        load(text)


def test_the_text_that_the_mistakes_are_seeded_in_is_good_itself() -> None:
    assert load(GOOD)["x"].kind == "cloud"


def test_every_fact_leans_on_a_source_that_was_opened_before_or_on_its_date_of_reading() -> None:
    known = sources()
    for product, field, fact in facts():
        source = known[fact.source]
        place = (product, field, fact.source)
        assert source["status"] in ("read", "secondary"), place
        read = source["read"]
        shorter = min(len(read), len(fact.as_of))
        assert fact.as_of[:shorter] <= read[:shorter], place
        assert fact.locator, place


def test_every_date_is_one() -> None:
    for product, field, fact in facts():
        assert DATE.fullmatch(fact.as_of), (product, field)
        if field == "support_ends":
            assert len(fact.value) == len("2026-11-23"), product
            assert DATE.fullmatch(fact.value), product


def test_paravirtual_devices_are_devices_of_the_engine() -> None:
    named = {value for _, field, fact in facts() if field == "pv_devices" for value in fact.values}
    assert named <= set(DEVICES)


@pytest.mark.parametrize("key", EVERY_PRESET, ids=lambda key: "-".join(filter(None, key)))
def test_each_preset_that_a_product_names_boots_its_image_to_the_end(key: tuple[str, str]) -> None:
    preset = EVERY_PRESET[key]
    assert attempt(preset.build, preset).runs, preset


def test_a_product_s_own_devices_can_be_put_on_the_preset_that_stands_for_it() -> None:
    for product in products().values():
        found = model(product)
        if found is None or product.kind not in ("hypervisor", "platform"):
            continue
        for fact in product.all("pv_devices"):
            for name in fact.values:
                assert fits(found.preset, DEVICES[name].bus), (product.name, name)


def fits(preset: Technique, bus: str) -> bool:
    """A device on PCI, as virtio, VMware's and QEMU's are, or one of the preset's own bus."""
    return bus in ("pc", "vmware") or bus == {"xen_ring": "xen", "vmbus": "vmbus"}.get(preset.io)


def test_aliases_are_the_names_that_the_command_line_promises() -> None:
    assert dict(aliases()) == {
        "virtualbox": "workstation",
        "parallels": "workstation",
        "fusion": "workstation",
        "xenserver": "xen_pvhvm",
        "proxmox": "kvm_virtio",
    }
    assert not set(aliases()) & set(TECHNIQUES)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_holds_what_the_document_lists_there_and_what_belongs_there(name: str) -> None:
    shown = {one.product.name: one.by_document for one in listed(name)}
    start = LISTS[name]
    named = {p.name for p in products().values() if any(c.startswith(start) for c in p.covers)}
    assert {product for product, by_document in shown.items() if by_document} == named
    assert {p.name for p in products().values() if belongs(p, name)} <= set(shown)


def test_xen_and_its_distributions_are_added_to_the_list_of_type_1() -> None:
    shown = {one.product.name: one.by_document for one in listed("type1")}
    assert shown["xen"] is False
    assert shown["xcp_ng"] is False
    assert shown["xenserver"] is True


def test_sources_differ_about_kvm_and_so_it_stands_in_both_lists() -> None:
    kvm = products()["kvm"]
    assert {one.value for one in readings(kvm)} == {"type1", "type2"}
    assert len({one.source for one in readings(kvm)}) == 2
    for name in ("type1", "type2"):
        assert "kvm" in {one.product.name for one in listed(name)}
        proxmox = next(one for one in listed(name) if one.product.name == "proxmox")
        assert proxmox.inherited
        assert proxmox.readings == readings(kvm)


def test_an_emulator_has_no_type() -> None:
    assert readings(products()["qemu"]) == ()


def test_in_the_list_of_full_virtualization_every_preset_boots_an_unmodified_kernel() -> None:
    for one in listed("full"):
        found = model_in("full", one.product)
        assert found is not None
        assert runs_unmodified(found.preset), one.product.name
    xen = products()["xen"]
    assert model(xen) != model_in("full", xen)  # its own default is a kernel of its own


def test_a_platform_without_a_mode_runs_guests_as_its_hypervisor_does() -> None:
    of_platform, of_hypervisor = model(products()["vsphere"]), model(products()["esxi"])
    assert of_platform is not None
    assert of_hypervisor is not None
    assert of_platform.preset == of_hypervisor.preset
    assert (of_platform.base, of_hypervisor.base) == ("esxi", "")


def test_a_cloud_runs_guests_as_the_latest_of_its_hypervisors() -> None:
    aws = products()["aws"]
    since = [one.since for one in aws.all("built_on")]
    assert since == sorted(since)
    found = model(aws)
    assert found is not None
    assert found.base == "nitro"


def test_today_s_mode_is_none_of_an_era() -> None:
    assert products()["workstation"].mode is None
    assert products()["workstation"].modelled == "workstation"
    assert {one.cpu for one in presets(products()["workstation"])} == {"binary_translation", "vmx"}


@pytest.mark.parametrize("kind", [kind for found in KINDS.values() for kind in found])
def test_each_kind_of_the_lists_by_kind_is_a_kind(kind: str) -> None:
    assert kind in FIELDS["kind"]


def test_each_name_of_a_kind_list_is_shown_once() -> None:
    for name in KINDS:
        names = [one.product.name for one in listed(name)]
        assert names
        assert len(names) == len(set(names))


def test_a_product_says_its_sources_once_each() -> None:
    for one in products().values():
        assert isinstance(one, Product)
        assert len(one.sources) == len(set(one.sources))
        assert set(one.sources) <= set(sources())
