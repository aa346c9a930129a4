"""Balloon workloads with a line of the driver changed, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping

from virtdocs.devices.registry import DEVICES
from virtdocs.experiments.run import Finished, execute
from virtdocs.experiments.techniques import technique
from virtdocs.guest.assembler import assemble_files
from virtdocs.guest.workloads import BUILDS, KERNEL, WORKLOADS, source
from virtdocs.machine.memory import read_physical

WORKLOAD = WORKLOADS["balloon"]


def changed(
    name: str,
    device: str,
    changes: Mapping[str, str],
    ops: int = 64,
    core: str = "reference",
    **params: str | int,
) -> tuple[Finished, dict[str, int]]:
    """Run the workload with parts of its driver's text replaced; the run, and its labels."""
    preset, found = technique(name), DEVICES[device]
    values = WORKLOAD.constants(WORKLOAD.checked_params({"pages": 16, **params}))
    constants = {
        **BUILDS[preset.build].constants,
        **{key.upper(): value for key, value in values.items()},
        "OPS": ops,
        "LEVELS": preset.levels,
    }
    split, left = len(KERNEL), dict(changes)
    texts = []
    for image in (*WORKLOAD.images[:split], *found.drivers, *WORKLOAD.images[split:]):
        text = source(image)
        for old in [one for one in left if image.startswith("drivers/") and one in text]:
            assert text.count(old) == 1, old
            text = text.replace(old, left.pop(old))
        texts.append((image, text))
    assert not left
    program = assemble_files(texts, "changed", constants=constants)
    finished = execute(preset, program, "intel", 10**7, device=found, options=values, core=core)
    return finished, dict(program.labels)


def word(finished: Finished, address: int) -> int:
    """A word of the guest's memory."""
    data = read_physical(finished.machine.board.memory, address, 8)
    assert data is not None
    return int.from_bytes(data, "little")
