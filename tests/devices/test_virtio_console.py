"""A line is one kick and one interrupt; what is typed arrives; a broken ring stops the device."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest

from virtdocs.devices.registry import DEVICES, DeviceType, Options
from virtdocs.devices.virtio_console import VirtioConsole
from virtdocs.experiments.run import Finished, execute, run
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble_files
from virtdocs.guest.program import Program
from virtdocs.guest.workloads import BUILDS, KERNEL, WORKLOADS, build, source
from virtdocs.machine.board import Board
from virtdocs.machine.memory import read_physical

CONSOLE = DEVICES["virtio-console"]
TECHNIQUES = ("native", "bt", "hw_shadow", "hw_nested", "kvm_virtio", "passthrough")


@pytest.mark.parametrize("name", TECHNIQUES)
@pytest.mark.parametrize("core", ["fast", "reference"])
def test_a_line_of_64_bytes_is_one_kick_and_one_interrupt(name: str, core: str) -> None:
    line = run("console_line", name, io="virtio-console", core=core).counts_per_op
    assert (line["kick"], line["device_irq"], line["device_access"]) == (1, 1, {})


@pytest.mark.parametrize("latency", [0, 1, 50, 5_000])
@pytest.mark.parametrize(("vectors", "reads"), [("msix", {}), ("intx", {"read": 1})])
def test_a_slow_host_changes_no_count_and_a_line_is_asked_for_its_cause(
    vectors: str, reads: Mapping[str, int], latency: int
) -> None:
    params: dict[str, str | int] = {"vectors": vectors, "latency": latency}
    line = run("console_line", io="virtio-console", params=params).counts_per_op
    assert (line["kick"], line["device_irq"], line["device_access"]) == (1, 1, reads)


def test_the_console_shows_what_a_serial_port_would() -> None:
    lines = [run("console_line", io=name) for name in ("serial-16550", "virtio-console")]
    assert lines[0].console == lines[1].console
    assert len(lines[0].console) == 64 * 32
    assert lines[0].result_hash == lines[1].result_hash


def test_what_is_typed_on_the_host_reaches_the_guest() -> None:
    text = b"what somebody types"

    def plug(board: Board, options: Options) -> object:
        console = VirtioConsole(board, options["latency"])
        for n in range(len(text)):
            board.agenda.schedule(20_000 + n, partial(console.type, text[n : n + 1]))
        return console

    typed_at = DeviceType(CONSOLE.name, CONSOLE.kind, CONSOLE.about, CONSOLE.drivers, plug)
    program = build("console_line", "native", {}, 400, 4, CONSOLE.drivers)
    states = set()
    for name in ("native", "hw_nested"):
        done = execute(
            technique(name), program, "intel", 10**7, device=typed_at,
            options={"latency": 0, "vectors": 0},
        )  # fmt: skip
        board = done.machine.board
        assert read_physical(board.memory, program.labels["typed"], len(text)) == text
        states.add(board.state_hash())
    assert len(states) == 1


def hostile(line: str, replacement: str) -> Program:
    """console_line with one line of its driver changed."""
    found = WORKLOADS["console_line"]
    values = found.constants(found.checked_params({}))
    constants = {key.upper(): value for key, value in values.items()}
    split = len(KERNEL)
    texts = []
    for image in (*found.images[:split], *CONSOLE.drivers, *found.images[split:]):
        text = source(image)
        if image.endswith("virtio_console.s"):
            assert text.count(line) == 1
            text = text.replace(line, replacement)
        texts.append((image, text))
    return assemble_files(
        texts,
        "hostile",
        constants={**BUILDS["native"].constants, **constants, "OPS": 3, "LEVELS": 4},
    )


def go(program: Program, name: str) -> Finished:
    """Run it."""
    options = {"latency": 0, "vectors": 0}
    return execute(technique(name), program, "intel", 10**6, device=CONSOLE, options=options)


ADDRESS = "    mov [LINE_QUEUE], rax\n"
LIES = {
    "a line outside memory": (ADDRESS, "    mov rcx, 1 << 40\n    mov [LINE_QUEUE], rcx\n"),
    "a line behind the guest's last frame": (
        ADDRESS, "    mov rcx, 0x1000000\n    mov [LINE_QUEUE], rcx\n",
    ),
    "a line of length 0": ("    mov [LINE_QUEUE + 8], rsi ", "    mov qword [LINE_QUEUE + 8], 0 "),
    "a line that the device is to write": (
        ADDRESS,
        "    mov rcx, D_WRITE << 32 | 64\n    mov [LINE_QUEUE + 8], rcx\n" + ADDRESS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["native", "hw_nested", "hw_shadow"])
def test_a_hostile_line_ends_as_a_device_error_inside_the_guest(lie: str, name: str) -> None:
    finished = go(hostile(*LIES[lie]), name)
    board = finished.machine.board
    assert finished.outcome.detail == "exit code 0"
    stopped = read_physical(board.memory, hostile(*LIES[lie]).labels["console_stopped"], 8)
    assert (stopped, board.console) == ((1).to_bytes(8, "little"), b"")
