"""A measurement from the packages to the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from types import MappingProxyType
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.measure.devices import Measured
from virtdocs.measure.machine import boot, compile_program
from virtdocs.measure.packages import WHERE, Tools, obtain
from virtdocs.measure.rows import row
from virtdocs.measure.windows import per_op, windows

# N of a window. A network's events fall on either side of a mark, so its windows are longer.
OPS: Final[Mapping[str, int]] = MappingProxyType({"disk": 32, "net": 256, "con": 32})
REPEATS: Final = 4
ACCELERATORS: Final = ("tcg", "kvm")
KVM: Final = Path("/dev/kvm")
MODULES: Final = Path("/sys/module")
KNOWN_MODULES: Final = ("kvm_intel", "kvm_amd")


@dataclass(frozen=True, slots=True)
class Measurement:
    """Its rows (rows.COLUMNS), the name for their file, and how long it took in seconds."""

    rows: list[dict[str, str]]
    file_name: str
    seconds: float


def measure(
    devices: Iterable[Measured],
    cache: Path,
    accelerator: str,
    began: Callable[[str], object],
) -> Measurement:
    """Boot a guest for each device and count; ``began`` hears each device's name.

    ``cache`` is where the packages are unpacked, once. BadValue for what is missing.
    """
    start = monotonic()
    module = module_of(accelerator)
    began("packages")
    tools = obtain(cache)
    host = {
        "qemu": tools.qemu_version,
        "guest_kernel": tools.kernel_version,
        "accelerator": accelerator,
        "module": module,
    }
    rows = []
    with TemporaryDirectory(prefix="virtdocs-measure-") as name:
        directory = Path(name)
        compile_program(directory)
        for device in devices:
            began(device.name)
            rows += _rows(tools, device, directory, accelerator, host)
    return Measurement(rows, _file_name(host), monotonic() - start)


def _rows(
    tools: Tools, device: Measured, directory: Path, accelerator: str, host: dict[str, str]
) -> list[dict[str, str]]:
    done = boot(tools, device, directory, accelerator, OPS[device.kind], REPEATS)
    with done.log.open(encoding="utf-8", errors="replace") as log:
        found = windows(log, done.report, device.registers)
    done.log.unlink()
    counted = per_op(found)
    return [row(device.kind, device.name, work, each, host) for work, each in counted.items()]


def module_of(accelerator: str) -> str:
    """Whose KVM this is: not every /dev/kvm is the processor vendor's module of Linux."""
    if accelerator == "tcg":
        return ""
    if not KVM.exists():
        raise BadValue(WHERE, f"{KVM} is missing: this host has no KVM; use --accelerator tcg")
    for name in KNOWN_MODULES:
        if (MODULES / name).is_dir():
            return name
    others = sorted(path.name for path in MODULES.glob("kvm_*"))
    return " ".join(others) or "unknown"


def _file_name(host: dict[str, str]) -> str:
    """A baseline carries in its name what it depends on."""
    version = host["qemu"].split()[0]
    words = re.sub(r"[^a-z0-9.-]+", "-", f"{host['accelerator']}-{host['module']}".lower())
    return f"qemu-{version}-linux-{host['guest_kernel']}-{words.strip('-')}.csv"
