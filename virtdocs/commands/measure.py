"""`virtdocs measure`: the counts of real drivers on a real QEMU, beside the stored ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from virtdocs.commands.answer import FINDING, FINE, Answer, Json, columns
from virtdocs.commands.progress import Progress
from virtdocs.errors import BadValue, UnknownName

if TYPE_CHECKING:
    from virtdocs.measure.rows import Agreement
    from virtdocs.measure.session import Measurement

CACHE = Path("build") / "measure"
VERDICT = {True: "same", False: "differs", None: "timing"}


def declare(parser: argparse.ArgumentParser) -> None:
    """Which devices, on what accelerator, and where things go."""
    parser.add_argument("--devices", default="", help="names, with commas between; all by default")
    parser.add_argument("--accelerator", default="tcg", help="tcg or kvm")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where packages are unpacked")
    parser.add_argument(
        "--output", type=Path, default=None, help="directory of the CSV file (the stored rows')"
    )


def run(args: argparse.Namespace) -> Answer:
    """Rows, time, and agreement with the stored rows; exit status 1 when an exact row differs."""
    from virtdocs.measure.devices import chosen
    from virtdocs.measure.rows import REFERENCE, STORED, agreement, read, written
    from virtdocs.measure.session import ACCELERATORS, measure

    if args.accelerator not in ACCELERATORS:
        raise UnknownName("--accelerator", "accelerator", args.accelerator, ACCELERATORS)
    devices = chosen([name for name in args.devices.split(",") if name])

    def began(what: str) -> None:
        if sys.stderr.isatty():
            print(f"virtdocs measure: {what}", file=sys.stderr)

    with Progress("measure"):
        found = measure(devices, args.cache.resolve(), args.accelerator, began)
    directory = args.output or STORED
    path = directory / found.file_name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(written(found.rows), encoding="utf-8")
    except OSError as error:
        raise BadValue("--output", f"{path}: {error.strerror}") from None
    compared = agreement(found.rows, read(REFERENCE))
    return _answer(found, path, compared)


def _answer(found: Measurement, path: Path, compared: list[Agreement]) -> Answer:
    differs = [one for one in compared if one.same is False]
    same = [one for one in compared if one.same]
    data: dict[str, Json] = {
        "rows": [dict(one) for one in found.rows],
        "file": str(path),
        "seconds": round(found.seconds, 1),
        "agreement": [
            {
                "device": one.device,
                "workload": one.workload,
                "ours": one.ours,
                "stored": one.stored,
                "same": one.same,
            }
            for one in compared
        ],
    }
    keys = ("device", "workload", "reg_reads", "reg_writes", "virtio_kicks", "guest_device_irqs")
    table: list[tuple[str, ...]] = [(*keys, "exact", "stored")]
    verdicts = {(one.device, one.workload): VERDICT[one.same] for one in compared}
    for one in found.rows:
        verdict = verdicts.get((one["device"], one["workload"]), "new")
        table.append((*(one[key] for key in keys), one["exact"], verdict))
    summary = (
        f"{found.seconds:.1f} s; {len(same)} of {len(same) + len(differs)} exact rows as stored;"
        f" written to {path}\n"
    )
    return Answer(data, columns(table) + summary, FINDING if differs else FINE)
