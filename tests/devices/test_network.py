"""Every network controller carries what is sent; counts follow bursts and throttles."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest

from virtdocs.devices.link import Link
from virtdocs.devices.registry import DEVICES, DeviceType, Options
from virtdocs.experiments.machines import assemble as put_together
from virtdocs.experiments.run import execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble
from virtdocs.guest.workloads import WORKLOADS, build
from virtdocs.machine.board import Board
from virtdocs.machine.memory import read_physical
from virtdocs.trace import EventKind, Trace

EMULATED = {  # by era: Workstation's card, and that of a monitor that is no product
    "ws-2001": ("pcnet", "e1000"),
    "xen-2003": ("pcnet", "e1000"),
    "p4-2006": ("pcnet", "e1000"),
    "kvm-2012": ("e1000", "e1000"),
    None: ("e1000", "e1000"),
}
NETS = [name for name, device in DEVICES.items() if device.kind == "net" and device.bus == "pc"]
OPS = 70  # more than twice round every ring


def finished(workload: str, device: str, **params: str | int) -> tuple[list[bytes], int]:
    """A run on bare hardware: the frames that left, and the sum of what came back."""
    found, chosen = WORKLOADS[workload], DEVICES[device]
    plugged: list[Link] = []

    def plug(board: Board, options: Options) -> object:
        controller = chosen.plug(board, options)
        link = getattr(controller, "link", None)
        assert isinstance(link, Link)
        plugged.append(link)
        return controller

    watched = DeviceType(chosen.name, chosen.kind, chosen.about, chosen.drivers, plug)
    program = build(workload, "native", params, OPS, 4, chosen.drivers)
    options = found.constants(found.checked_params(params))
    done = execute(
        technique("native"), program, "intel", 5_000_000, device=watched, options=options
    )
    assert done.outcome.detail == "exit code 0"
    assert program.result is not None
    raw = read_physical(done.machine.board.memory, program.result[0], 8)
    assert raw is not None
    return plugged[0].sent, int.from_bytes(raw, "little")


@pytest.mark.parametrize("device", NETS)
@pytest.mark.parametrize("vectors", ["msix", "intx"])
def test_each_frame_leaves_once_and_each_reply_comes_back(device: str, vectors: str) -> None:
    sent, total = finished("net_burst", device, size=1512, replies=3, vectors=vectors)
    assert [int.from_bytes(frame[:8], "little") for frame in sent] == list(range(OPS, 0, -1))
    assert {len(frame) for frame in sent} == {1512}
    # Reply n is the frame with n added to its first word.
    assert total == 3 * OPS * (OPS + 1) // 2 + OPS * (0 + 1 + 2)


@pytest.mark.parametrize("device", NETS)
def test_packets_that_nobody_answers_leave_in_order(device: str) -> None:
    sent, _ = finished("net_tx", device)
    numbers = [int.from_bytes(frame[:8], "little") for frame in sent]
    assert numbers == list(range(OPS, OPS - len(numbers), -1))
    assert len(numbers) >= OPS - 32  # what the last ring still holds when the program ends


def per_op(workload: str, device: str, **params: str | int) -> Mapping[str, object]:
    """Counts per operation on bare hardware."""
    return run(workload, "native", io=device, params=params).counts_per_op


def test_while_the_device_is_sending_anyway_nobody_kicks() -> None:
    alone = per_op("net_pingpong", "virtio-net")["kick"]
    together = per_op("net_tx", "virtio-net", ops=256)["kick"]
    assert alone == 1
    assert isinstance(together, Fraction)
    assert together < Fraction(1, 4)


def test_rtl8139_polls_once_and_asks_its_status_at_each_interrupt() -> None:
    # Sending: poll. Sent: mask, status, and back. Received: those, the mask and a flush before
    # polling, the status, the mask and a flush after it (Linux 6.1, 8139cp.c).
    counts = per_op("net_pingpong", "rtl8139")
    assert counts["device_irq"] == 2
    assert counts["device_access"] == {"read": 2 + 4, "write": 1 + 1 + 4}


def test_pcnet_costs_two_accesses_a_register_and_seven_registers_an_interrupt() -> None:
    # Sending: CSR0. Interrupt: CSR0 read and written, CSR3 read and written before polling and
    # again after it, CSR0 written (Linux 6.1, pcnet32.c). Each names its register first.
    counts = per_op("net_pingpong", "pcnet")
    assert counts["device_irq"] == 2
    assert counts["device_access"] == {"read": 2 * 3, "write": 2 + 2 * (7 + 4)}


def test_a_line_costs_a_read_an_interrupt_and_messages_none() -> None:
    # The handler asks the device why (Linux 6.1, vmxnet3_intr; virtio_pci_common.c, vp_interrupt).
    for device, writes in (("vmxnet3", 1 + 2), ("virtio-net", 0)):
        message = per_op("net_pingpong", device)
        line = per_op("net_pingpong", device, vectors="intx")
        assert message["device_access"] == ({"write": writes} if writes else {})
        assert line["device_access"] == {"read": 2, **({"write": writes} if writes else {})}
        assert message["device_irq"] == line["device_irq"] == 2


@pytest.mark.parametrize("device", ["e1000", "rtl8139", "pcnet", "vmxnet3", "virtio-net"])
def test_replies_that_come_together_share_an_interrupt(device: str) -> None:
    few, many = (per_op("net_burst", device, replies=n, ops=8)["device_irq"] for n in (1, 16))
    far = per_op("net_burst", device, replies=4, gap=20_000, ops=8)["device_irq"]
    assert few == 2
    assert isinstance(many, int | Fraction)
    assert many <= 3  # one for the packet sent, and at most two for sixteen received
    assert far == 1 + 4  # far apart, each has its own


def test_a_throttle_lets_two_interrupts_fall_together() -> None:
    def interrupts(throttle: int) -> object:
        return per_op("net_pingpong", "e1000", throttle=throttle)["device_irq"]

    assert (interrupts(0), interrupts(8_192)) == (2, 1)


@pytest.mark.parametrize("device", NETS)
def test_a_frame_without_a_buffer_is_reported(device: str) -> None:
    """The driver has not set the controller up yet, and a frame arrives."""
    chosen = DEVICES[device]
    program = assemble("nop\n")
    machine = put_together(technique("native"), program, "intel", Trace())
    found = WORKLOADS["net_tx"]
    controller = chosen.plug(machine.board, found.constants(found.checked_params({})))
    link = getattr(controller, "link", None)
    assert isinstance(link, Link)
    link.arrive(bytes(64))
    assert machine.trace.by_key(EventKind.UNCLAIMED) == {f"frame for {device}": 1}


@pytest.mark.parametrize("era", EMULATED)
def test_before_vtx_workstations_card_was_a_pcnet(era: str | None) -> None:
    names = ("workstation", "bt")
    found = [run("net_tx", name, params={"ops": 8}, era=era) for name in names]
    assert tuple(one.device for one in found) == EMULATED[era]
    assert [one.outcome for one in found] == ["halted"] * 2


def test_its_accesses_are_those_of_the_device_named() -> None:
    own = run("net_tx", "workstation", era="ws-2001")
    named = run("net_tx", "workstation", io="pcnet", era="ws-2001")
    assert own.counts == named.counts
    assert own.state_hash == named.state_hash
