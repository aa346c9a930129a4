"""Hyper-V's disk and network over VMBus: real guest drivers, and what their signals cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

import pytest

from virtdocs.devices import vmbus_channel
from virtdocs.devices.vmbus_channel import Channel
from virtdocs.devices.vmbus_ring import INTERRUPT_MASK, Inward, Outward
from virtdocs.errors import BadValue
from virtdocs.experiments.devices import device_for
from virtdocs.experiments.results import ResultSet
from virtdocs.experiments.run import CORES, execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest import workloads
from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind, Party
from virtdocs.vmm.host import OracleViolation

OPS = 32
WORKLOADS = ("disk_read", "disk_write", "disk_flush", "net_tx", "net_pingpong", "net_burst")
ELSEWHERE = {"disk": "virtio-blk", "net": "virtio-net"}
ONE, EIGHTH = Fraction(1), Fraction(1, 8)


def kind_of(workload: str) -> str:
    return workload.split("_")[0]


def per_op(result: ResultSet, kind: str, key: str = "") -> Fraction:
    found = result.counts_per_op[kind]
    return Fraction(found.get(key, 0) if isinstance(found, Mapping) else found)


# The same work as any device -------------------------------------------------------------------


@pytest.mark.parametrize("workload", WORKLOADS)
def test_hyperv_s_own_device_does_the_same_work_on_both_cores(workload: str) -> None:
    params = {"ops": 8}
    results = [run(workload, "hyperv", params=params, core=core) for core in CORES]
    elsewhere = run(workload, "native", io=ELSEWHERE[kind_of(workload)], params=params)
    for result in results:
        assert result.outcome_detail == "exit code 0"
        assert result.device == {"disk": "hyperv-scsi", "net": "hyperv-net"}[kind_of(workload)]
        assert result.result_hash == elsewhere.result_hash
        assert (result.counts, result.state_hash) == (results[0].counts, results[0].state_hash)
        assert result.counts["unclaimed"] == {}


@pytest.mark.parametrize(
    ("workload", "params"),
    [
        ("disk_read", {"size": 65_536, "depth": 32}),
        ("disk_write", {"size": 1_536, "depth": 8, "vectors": "intx"}),
        ("disk_flush", {"depth": 32}),
        ("disk_read", {"latency": 0}),
        ("net_burst", {"size": 1_512, "replies": 16, "gap": 0}),
        ("net_pingpong", {"latency": 0}),
    ],
    ids=str,
)
def test_sizes_depths_and_replies_change_nothing_in_the_result(
    workload: str, params: dict[str, str | int]
) -> None:
    given = {"ops": OPS, **params}
    result = run(workload, "hyperv", params=given)
    elsewhere = run(workload, "native", io=ELSEWHERE[kind_of(workload)], params=given)
    assert result.result_hash == elsewhere.result_hash


def test_amd_s_processors_are_no_exception() -> None:
    intel, amd = (run("disk_read", "hyperv", vendor=v, params={"ops": 4}) for v in ("intel", "amd"))
    assert (amd.result_hash, amd.counts_per_op) == (intel.result_hash, intel.counts_per_op)


def test_an_enlightened_kernel_drives_the_same_disk_for_the_same_signals() -> None:
    found = []
    for port in ("native", "enlightened"):
        preset = replace(technique("hyperv"), build=port)
        device = device_for(preset, "disk", None)
        program = workloads.build("disk_write", port, ops=8, drivers=device.drivers)
        options = workloads.WORKLOADS["disk_write"]
        constants = options.constants(options.checked_params({}))
        done = execute(preset, program, "intel", 1_000_000, device=device, options=constants)
        machine = done.machine
        found.append(
            (
                done.outcome.detail,
                machine.board.result_hash(program.result),
                machine.trace.counts[EventKind.HYPERCALL, "signal_event"],
                machine.trace.counts[EventKind.IRQ, "0xf3"],
            )
        )
    assert found[0] == found[1]
    assert found[0][0] == "exit code 0"


# What it costs ---------------------------------------------------------------------------------

# Per request or frame: signals of the guest (hypercalls), and interrupts.
COUNTS = [
    ("disk_read", {}, ONE, ONE),
    ("disk_write", {}, ONE, ONE),
    ("disk_flush", {}, ONE, ONE),
    ("disk_write", {"size": 65_536}, ONE, ONE),  # its pages are a longer packet, no more signals
    ("disk_write", {"depth": 2}, ONE / 2, ONE / 2),
    ("disk_write", {"depth": 8}, EIGHTH, EIGHTH),
    ("disk_flush", {"depth": 8}, EIGHTH, EIGHTH),
    # A frame's completion, and the reply. What gives the reply's section back finds the ring
    # empty; when the next frame comes, the root partition has been signalled already.
    ("net_pingpong", {}, ONE, 2 * ONE),
    ("net_burst", {"replies": 8}, ONE, 2 * ONE),  # close together: one interrupt for all
    ("net_burst", {"replies": 16}, ONE, 2 * ONE),
]


@pytest.mark.parametrize(("workload", "params", "signals", "interrupts"), COUNTS, ids=str)
def test_signals_and_interrupts_of_a_request(
    workload: str, params: dict[str, str | int], signals: Fraction, interrupts: Fraction
) -> None:
    result = run(workload, "hyperv", params={"ops": OPS, **params})
    assert per_op(result, "hypercall", "signal_event") == signals
    assert per_op(result, "device_irq") == per_op(result, "irq") == interrupts
    exits = result.counts_per_op["vm_exit"]
    assert isinstance(exits, dict)
    assert exits == {"hypercall": signals, "hlt": interrupts}
    assert per_op(result, "user_exit") == 0
    assert result.counts_per_op["device_access"] == result.counts_per_op["apic"] == {}


def test_replies_far_apart_interrupt_each() -> None:
    result = run("net_burst", "hyperv", params={"ops": OPS, "replies": 8, "gap": 4_000})
    assert per_op(result, "device_irq") == 9  # the frame's completion, eight replies


def test_frames_sent_in_a_row_share_signals_and_interrupts() -> None:
    result = run("net_tx", "hyperv", params={"ops": OPS})
    assert 0 < per_op(result, "hypercall", "signal_event") < Fraction(1, 4)
    assert 0 < per_op(result, "device_irq") < Fraction(1, 4)


def test_replies_that_come_while_the_guest_reads_find_its_mask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[int, bool | None]] = []
    put = Outward.put

    def watched(ring: Outward, packet: bytes) -> bool | None:
        masked = ring.field(INTERRUPT_MASK)
        told.append((masked, put(ring, packet)))
        return told[-1][1]

    monkeypatch.setattr(Outward, "put", watched)
    params: dict[str, str | int] = {"ops": OPS, "replies": 16, "gap": 100}
    result = run("net_burst", "hyperv", params=params)
    under_mask = [answer for masked, answer in told if masked]
    assert len(under_mask) > OPS
    assert not any(under_mask)
    assert per_op(result, "device_irq") < 4  # of seventeen packets


@pytest.mark.parametrize(
    ("workload", "params"),
    [("disk_read", {}), ("disk_write", {"depth": 8}), ("disk_read", {"depth": 32, "size": 65_536}),
     ("net_tx", {}), ("net_pingpong", {}), ("net_burst", {"gap": 2_000})],
    ids=str,
)  # fmt: skip
def test_every_signal_wakes_the_root_partition_and_it_always_finds_something(
    workload: str, params: dict[str, str | int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guest's half of the rule: no signal too many, and none too few."""
    found: list[int] = []
    read = Channel._read

    def watched(channel: Channel) -> None:
        assert channel.inward is not None
        found.append(channel.inward.used)
        read(channel)

    monkeypatch.setattr(Channel, "_read", watched)
    result = run(workload, "hyperv", params={"ops": OPS, **params}, record=True)
    signals = [e for e in result.events if e.key == "signal_event"]
    heard = [e for e in result.events if (e.kind, e.key) == (EventKind.BACKEND, "event")]
    assert all(found)
    # The run of twice as many operations, from which counts per operation come, is seen as well.
    assert len(signals) == len(heard) <= len(found)
    assert {e.party for e in signals} == {Party.HYPERVISOR}
    assert {e.party for e in heard} == {Party.ROOT_PARTITION}


@pytest.mark.parametrize("workload", ["disk_write", "net_burst"])
def test_a_root_partition_that_keeps_its_mask_and_polls_is_never_signalled(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Channel._read

    def polled(channel: Channel) -> None:
        read(channel)
        if channel.inward is not None:
            channel.inward.set_field(INTERRUPT_MASK, 1)
            channel._wake()

    monkeypatch.setattr(Channel, "_read", polled)
    result = run(workload, "hyperv", params={"ops": OPS})
    assert result.outcome_detail == "exit code 0"
    assert result.counts["hypercall"]["signal_event"] == 1  # the first, before the first look
    assert per_op(result, "hypercall", "signal_event") == 0


def test_one_request_passes_these_parties_in_this_order() -> None:
    result = run("disk_write", "hyperv", params={"ops": 1}, record=True)
    kinds = (EventKind.HYPERCALL, EventKind.BACKEND, EventKind.DEVICE_IRQ, EventKind.DMA)
    last = [e for e in result.events if e.kind in kinds][-7:]
    assert [(e.key, e.party) for e in last] == [
        ("signal_event", Party.HYPERVISOR),
        ("request", Party.ROOT_PARTITION),
        ("request", Party.DEVICE),
        ("completion", Party.DEVICE),
        ("completion", Party.ROOT_PARTITION),
        ("read", Party.DEVICE),
        ("hyperv-scsi", Party.ROOT_PARTITION),
    ]


def test_rings_fill_and_empty_when_the_root_partition_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rooms: list[bool] = []
    show = Inward.show

    def watched(ring: Inward) -> bool:
        rooms.append(show(ring))
        return rooms[-1]

    monkeypatch.setattr(Inward, "show", watched)
    monkeypatch.setattr(vmbus_channel, "WAKES_AFTER", 50_000)
    params = {"ops": OPS, "depth": 32, "size": 65_536}
    result = run("disk_write", "hyperv", params=params)
    assert result.result_hash == run("disk_write", "native", params=params).result_hash
    assert any(rooms)  # 17 requests fill the ring: the guest is told when there is room again


def test_a_guest_that_is_late_finds_all_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait for room in a ring of the guest's that is too small for them."""
    waited: list[bool] = []
    put = Outward.put

    def small(ring: Outward, packet: bytes) -> bool | None:
        whole, ring.data = ring.data, ring.data
        used = (ring.write - ring.field(4)) % whole
        if used > 128:
            ring.set_field(12, whole - 128)  # what it waits for: almost all of the ring
            waited.append(True)
            return None
        return put(ring, packet)

    monkeypatch.setattr(Outward, "put", small)
    params = {"ops": OPS, "replies": 16, "gap": 0}
    result = run("net_burst", "hyperv", params=params)
    elsewhere = run("net_burst", "native", params=params)
    assert waited
    assert result.result_hash == elsewhere.result_hash


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["hyperv-scsi", "hyperv-net"])
@pytest.mark.parametrize("name", ["native", "bt", "kvm_virtio", "esxi", "xen_pv64", "xen_pvh"])
def test_without_vmbus_there_is_no_such_device(name: str, device: str) -> None:
    workload = "disk_read" if device == "hyperv-scsi" else "net_tx"
    line = f"--io: {name} has no {device} device (techniques that have it: hyperv)"
    with pytest.raises(BadValue) as caught:
        run(workload, name, io=device)
    assert str(caught.value) == line


def test_vhost_has_no_virtqueue_here() -> None:
    with pytest.raises(BadValue, match="hyperv-scsi has no virtqueue"):
        run("disk_read", "hyperv", params={"backend": "vhost"})


# Drivers that lie ------------------------------------------------------------------------------


@pytest.fixture
def tampered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """``tampered(line, instead)``: the next program is assembled with another line."""
    original = workloads.source
    changes: list[tuple[str, str]] = []

    def source(image: str) -> str:
        text = original(image)
        for line, instead in changes:
            text = text.replace(line, instead)
        return text

    def change(line: str, instead: str) -> None:
        drivers = device_for(technique("hyperv"), "disk", None).drivers
        drivers += device_for(technique("hyperv"), "net", None).drivers
        assert any(line in original(image) for image in drivers)
        changes.append((line, instead))

    monkeypatch.setattr(workloads, "source", source)
    workloads._assembled.cache_clear()
    yield change
    workloads._assembled.cache_clear()


SCSI_LIES = {
    "a kind of packet that is none": (".equ PACKET_DIRECT, 9", ".equ PACKET_DIRECT, 99"),
    "a request too short": (".equ VSTOR_BYTES, 64", ".equ VSTOR_BYTES, 56"),
    "a length over the ring": ("    or rcx, r8\n    mov [scsi", "    or rcx, -1\n    mov [scsi"),
    "no length": ("    or rcx, r8\n    mov [scsi", "    mov rcx, r8\n    mov [scsi"),
    "an index within a word": (
        "    mov dword [OUT_RING + RING_WRITE], rdx",
        "    or rdx, 4\n    mov dword [OUT_RING + RING_WRITE], rdx",
    ),
    "an index outside the ring": (
        "    mov dword [OUT_RING + RING_WRITE], rdx",
        "    add rdx, PAGE\n    mov dword [OUT_RING + RING_WRITE], rdx",
    ),
}
FAILING = {
    "a range beyond its pages": ("    mov dword [rbx + 8], SIZE", "    mov dword [rbx + 8], -1"),
    "pages outside memory": (
        "scsi_next_page:\n    mov [rbx]",
        "scsi_next_page:\n    or rsi, 1 << 40\n    mov [rbx]",
    ),
    "an offset beyond the page": ("[rbx + 12], rdx", "[rbx + 12], -8"),
    "a command that is none": ("    mov rcx, 0x28 ", "    mov rcx, 0xff "),
}


def failures(ops: int) -> tuple[int, str, dict[str, int]]:
    """Run disk_read with the tampered driver: how many requests failed, and how it ended."""
    preset = technique("hyperv")
    device = device_for(preset, "disk", None)
    program = workloads.build("disk_read", "native", ops=ops, drivers=device.drivers)
    found = workloads.WORKLOADS["disk_read"]
    options = found.constants(found.checked_params({}))
    done = execute(preset, program, "intel", 5_000_000, device=device, options=options)
    assert program.result is not None
    raw = read_physical(done.machine.board.memory, *program.result)
    assert raw is not None
    posted = done.machine.trace.by_key(EventKind.DEVICE_IRQ)
    return int.from_bytes(raw[8:16], "little"), done.outcome.detail, posted


# The first frame behind the guest's memory is a neighbour's.
NEIGHBOUR_S: Final = {
    "rings": ("next_page_lent:\n", "next_page_lent:\n    mov rsi, 4096\n"),
    "data": ("scsi_next_page:\n", "scsi_next_page:\n    mov rsi, 4096\n    mov rcx, rsi\n"),
    "a message to post": ("    mov rdx, POST_PAGE\n", "    mov rdx, 4096 << 12\n"),
    "the page for messages": ("MESSAGE_PAGE + 1", "4096 << 12 | 1"),
    "the page for event flags": ("FLAGS_PAGE + 1", "4096 << 12 | 1"),
}


@pytest.mark.parametrize("what", NEIGHBOUR_S)
def test_only_the_range_check_keeps_the_root_partition_in_the_guest_s_memory(
    what: str, tampered: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered(*NEIGHBOUR_S[what])
    ended = failures(1)[1]
    assert ended in ("exit code 0", "exit code 62", "exit code 77")  # 77: #GP in the kernel
    monkeypatch.setattr(Dma, "in_range", lambda *_: True)
    with pytest.raises(OracleViolation):
        failures(1)


@pytest.mark.parametrize("lie", SCSI_LIES)
def test_a_driver_that_breaks_the_channel_loses_its_disk_and_the_guest_goes_on(
    lie: str, tampered: Callable[[str, str], None]
) -> None:
    tampered(*SCSI_LIES[lie])
    failed, ended, posted = failures(3)
    assert (failed, ended) == (3, "exit code 0")
    assert posted["vmbus"] >= 1


@pytest.mark.parametrize("lie", FAILING)
def test_a_request_that_makes_no_sense_fails_alone(
    lie: str, tampered: Callable[[str, str], None]
) -> None:
    tampered(*FAILING[lie])
    failed, ended, posted = failures(3)
    assert (failed, ended) == (3, "exit code 0")
    assert posted["hyperv-scsi"] >= 7  # four steps of the setup, three answers


NET_LIES = {
    "gives back a section that it never had": (
        "    mov [net_answer + P_TRANSACTION], rax",
        "    mov rax, 999\n    mov [net_answer + P_TRANSACTION], rax",
    ),
    "speaks another version": (".equ NVSP_VERSION, 0x50000", ".equ NVSP_VERSION, 0x60000"),
    "sends an unknown message": (".equ NVSP_SEND_BUFFER, 104", ".equ NVSP_SEND_BUFFER, 99"),
    "names a buffer that it never lent": ("    mov rsi, SEND_HANDLE", "    mov rsi, 9"),
    "asks for what is not offered": (".equ RNDIS_SET, 5", ".equ RNDIS_SET, 4"),
    "controls what is not known": (".equ RNDIS_SET, 5", ".equ RNDIS_SET, 99"),
    "sets what is not known": (".equ PACKET_FILTER, 0x1010e", ".equ PACKET_FILTER, 0x10101"),
    "sets it without a value": ("4 | 20 << 32, OUR", "4 | 2000 << 32, OUR"),
    "names a page outside memory": (
        "    mov [net_direct + 32], rax",
        "    mov rcx, 1 << 40\n    or rax, rcx\n    mov [net_direct + 32], rax",
    ),
}


@pytest.mark.parametrize("lie", NET_LIES)
def test_a_network_driver_that_lies_has_no_device(
    lie: str, tampered: Callable[[str, str], None]
) -> None:
    tampered(*NET_LIES[lie])
    assert run("net_pingpong", "hyperv", params={"ops": 3}).outcome_detail == "exit code 62"


def test_no_frame_arrives_before_the_filter_is_set(tampered: Callable[[str, str], None]) -> None:
    tampered(".equ OUR_FRAMES, 13", ".equ OUR_FRAMES, 0")
    result = run("net_pingpong", "hyperv", params={"ops": 1}, steps=50_000)
    assert result.counts["unclaimed"] == {"frame for hyperv-net": 1}


def test_a_frame_outside_the_send_buffer_is_not_sent(
    tampered: Callable[[str, str], None],
) -> None:
    tampered("    mov dword [net_packet + P_HEADER + 8], rdi",
             "    add rdi, 1000\n    mov dword [net_packet + P_HEADER + 8], rdi")  # fmt: skip
    result = run("net_tx", "hyperv", params={"ops": 3}, record=True)
    assert result.outcome_detail == "exit code 0"
    assert [e for e in result.events if e.kind is EventKind.DMA] == []
    assert result.counts["unclaimed"] == {}
