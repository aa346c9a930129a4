"""One boot of the measured guest: QEMU with its trace in a log, until the guest ends itself."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from virtdocs.errors import BadValue
from virtdocs.measure.devices import Measured
from virtdocs.measure.initramfs import archive
from virtdocs.measure.modules import in_order
from virtdocs.measure.packages import WHERE, Tools, run
from virtdocs.measure.peer import Peer

PROGRAM: Final = Path(__file__).parent / "guest" / "work.c"
EVENTS: Final = ("memory_region_ops_read", "memory_region_ops_write")
TIME_LIMIT: Final = 600  # seconds for one boot
# One processor, no mitigations, and nothing else that talks: what is counted is the driver.
KERNEL: Final = (
    "quiet", "mitigations=off", "panic=-1", "ipv6.disable=1", "net.ifnames=0",
)  # fmt: skip
DISK: Final = (
    "-blockdev", "driver=null-co,node-name=disk,size=1073741824,read-zeroes=on"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot leaves: QEMU's log, and the guest's report of its windows."""

    log: Path
    report: str


def compile_program(directory: Path) -> Path:
    """guest/work.c as a static program."""
    target = directory / "init"
    run(["gcc", "-static", "-O2", "-o", str(target), str(PROGRAM)])
    return target


def boot(
    tools: Tools, device: Measured, directory: Path, accelerator: str, ops: int, repeats: int
) -> Boot:
    """Boot the guest for one device; BadValue when it does not get to the end of its work."""
    modules = in_order(tools.modules, device.modules)
    names = [f"modules/{n:02}-{path.name}" for n, path in enumerate(modules)]
    files = {"init": (directory / "init").read_bytes()}
    files |= {name: path.read_bytes() for name, path in zip(names, modules, strict=True)}
    lines = [
        f"/{name} {device.parameters.get(path.stem, '')}\n"
        for name, path in zip(names, modules, strict=True)
    ]
    files["modules.list"] = "".join(lines).encode()
    (directory / "initramfs").write_bytes(archive(files))
    log, report = directory / f"{device.name}.log", directory / f"{device.name}.report"
    log.unlink(missing_ok=True)
    report.unlink(missing_ok=True)
    settings = (f"WORK={','.join(device.work)}", f"OPS={ops}", f"REPEATS={repeats}")
    words = (*KERNEL, device.setting, f"IRQ={device.interrupt}", *settings)
    peer = Peer() if device.kind == "net" else nullcontext()
    with peer as other:
        network = other.options if isinstance(other, Peer) else ()
        _qemu(
            tools,
            [
                *("-accel", accelerator, "-machine", "pc", "-m", "256", "-nodefaults"),
                *("-display", "none", "-no-reboot", *tools.firmware),
                *("-kernel", str(tools.kernel), "-initrd", str(directory / "initramfs")),
                *("-append", " ".join(words)),
                *_ports(report),
                *(DISK if device.kind == "disk" else ()),
                *network,
                *device.qemu,
                *(word for event in EVENTS for word in ("-trace", event)),
                *("-D", str(log)),
            ],
        )
    said = report.read_text(encoding="utf-8") if report.exists() else ""
    if not said.endswith("done\n"):
        last = said.splitlines()[-1] if said else "it did not start to work"
        raise BadValue(WHERE, f"the guest with {device.name} failed: {last}")
    return Boot(log, said)


def _ports(report: Path) -> Sequence[str]:
    """The port of the marks, which is only traced, and the port of the report."""
    return (
        "-chardev", "null,id=marks", "-device", "isa-debugcon,iobase=0xe9,chardev=marks",
        "-chardev", f"file,id=report,path={report}",
        "-device", "isa-debugcon,iobase=0xe8,chardev=report",
    )  # fmt: skip


def _qemu(tools: Tools, options: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            [str(tools.qemu), *options],
            env=tools.environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadValue(WHERE, f"the guest did not end within {TIME_LIMIT} seconds") from None
    if done.returncode:
        complaint = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise BadValue(WHERE, f"QEMU failed: {complaint}")
