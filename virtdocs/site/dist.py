"""A site as one file to hand on: a zip that is the same bytes for the same site.

    SITE -> virtdocs-site.zip, manifest.json, SHA256SUMS

Names sorted, one time and one set of permissions for all, in a folder of its own, so that
unpacking it spills nothing. `sha256sum -c SHA256SUMS` checks what was downloaded.
"""

from __future__ import annotations

import time
import zipfile
from pathlib import Path
from typing import Final

from virtdocs.site.drawn import digest
from virtdocs.site.manifest import NAME
from virtdocs.site.published import TOP, open_site

ZIP: Final = "virtdocs-site.zip"
SUMS: Final = "SHA256SUMS"
_FIRST: Final = 315_532_800  # seconds: 1980-01-01, the first day that a zip can name
_LAST: Final = 4_354_819_198  # 2107-12-31 23:59:58
_FILE: Final = 0o100644  # a regular file that its owner writes and everybody reads
_UNIX: Final = 3


def pack(site: Path, to: Path, epoch: int) -> list[Path]:
    """Write the three files into the folder ``to``, made if missing; ``epoch`` dates them all.

    Seconds since 1970, as SOURCE_DATE_EPOCH has it; what a zip can't name is the nearest day
    that it can.
    """
    opened = open_site(site)
    date = time.gmtime(min(max(epoch, _FIRST), _LAST))[:6]
    to.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to / ZIP, "w") as archive:
        for name in opened.names():
            info = zipfile.ZipInfo(f"{TOP}{name}", date)
            info.create_system, info.external_attr = _UNIX, _FILE << 16
            archive.writestr(info, opened.read(name), zipfile.ZIP_DEFLATED, 9)
    (to / NAME).write_bytes(opened.read(NAME))
    sums = "".join(f"{digest((to / name).read_bytes())}  {name}\n" for name in (NAME, ZIP))
    (to / SUMS).write_text(sums, encoding="utf-8")
    return [to / name for name in (ZIP, NAME, SUMS)]
