"""virtio-blk with its guest driver: how it is interrupted, and a driver that breaks the ring."""

from __future__ import annotations

import pytest

from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.run import Finished, execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble_files
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, KERNEL, WORKLOADS, source
from virtdocs.machine.dma import Dma
from virtdocs.machine.memory import read_physical
from virtdocs.vmm.host import OracleViolation


def test_a_line_costs_one_read_of_the_isr_and_messages_cost_none() -> None:
    reads = {
        vectors: run(
            "disk_read", "hw_nested", io="virtio-blk", params={"vectors": vectors}
        ).counts_per_op["device_access"]
        for vectors in ("msix", "intx")
    }
    assert reads == {"msix": {}, "intx": {"read": 1}}


def hostile(line: str, replacement: str) -> Program:
    """disk_read with one line of its driver changed."""
    found = WORKLOADS["disk_read"]
    device = DEVICES["virtio-blk"]
    values = found.constants(found.checked_params({}))
    constants = {
        **BUILDS["native"].constants,
        **{key.upper(): value for key, value in values.items()},
        "OPS": 3,
        "LEVELS": 4,
    }
    split = len(KERNEL)
    texts = []
    for image in (*found.images[:split], *device.drivers, *found.images[split:]):
        text = source(image)
        if image.endswith("virtio_blk.s"):
            assert text.count(line) == 1
            text = text.replace(line, replacement)
        texts.append((image, text))
    return assemble_files(texts, "hostile", constants=constants)


def go(program: Program, name: str = "hw_nested") -> Finished:
    """Run it with a virtio-blk device."""
    options = {"latency": 500}
    return execute(
        technique(name), program, "intel", 1_000_000, device=DEVICES["virtio-blk"], options=options
    )


def failed(finished: Finished) -> int:
    """How many of its requests the guest's program saw fail."""
    program_result = finished.machine.board
    data = read_physical(program_result.memory, RESULT + 8, 8)
    assert data is not None
    return int.from_bytes(data, "little")


FINE = "    lea rcx, [rbx + B_TABLE]\n"
RESULT = hostile(FINE, FINE).labels["result"]
LIES = {
    "a table outside memory": (FINE, "    mov rcx, 1 << 40\n"),
    "a table behind the guest's last frame": (FINE, "    mov rcx, 0x1000000\n"),
    "data behind the guest's last frame": (
        "    mov [rbx + B_TABLE + 16], rdx\n",
        "    mov rdx, 0x1000000\n    mov [rbx + B_TABLE + 16], rdx\n",
    ),
    "a status byte of length 0": (
        "    mov rdx, D_WRITE << 32 | 1\n    mov [rbx + B_TABLE + 40], rdx\n",
        "    mov rdx, D_WRITE << 32\n    mov [rbx + B_TABLE + 40], rdx\n",
    ),
    "a loop": (
        "    mov rdx, 2 << 48 | (D_NEXT | D_WRITE) << 32 | SIZE\n",
        "    mov rdx, 1 << 48 | (D_NEXT | D_WRITE) << 32 | SIZE\n",
    ),
    "a head beyond the table": ("    mov rdi, VIRTQUEUES\n    pop rbx\n", "    mov rsi, 999\n"
        "    mov rdi, VIRTQUEUES\n    pop rbx\n"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_hostile_ring_ends_as_a_device_error_inside_the_guest(lie: str) -> None:
    finished = go(hostile(*LIES[lie]))
    assert finished.outcome.detail == "exit code 0"
    assert failed(finished) == 3


def test_an_honest_driver_sees_no_request_fail() -> None:
    assert failed(go(hostile(FINE, FINE))) == 0


def test_without_the_range_check_the_oracle_sees_the_device_leave_the_guest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Dma, "in_range", lambda *_: True)
    with pytest.raises(OracleViolation, match="monitor"):
        go(hostile(*LIES["data behind the guest's last frame"]))
