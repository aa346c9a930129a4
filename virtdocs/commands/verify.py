"""`virtdocs verify SITE_DIR|SITE.zip`: a built site held against the engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from virtdocs.commands.answer import FINDING, FINE, Answer, Json
from virtdocs.commands.progress import Progress
from virtdocs.errors import VirtdocsError


def declare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `verify`."""
    parser.add_argument("site", metavar="SITE_DIR|SITE.zip", help="a built site")


def verify(args: argparse.Namespace) -> Answer:
    """Every mismatch; status 1 when there is one, 2 for what is no site of this engine."""
    from virtdocs.cache import Cache
    from virtdocs.experiments.identity import engine_hash
    from virtdocs.site.claimed import read_manifest
    from virtdocs.site.published import open_site
    from virtdocs.site.verify import verify as hold
    from virtdocs.site.verify import wanted
    from virtdocs.site.workshop import Workshop

    site = open_site(Path(args.site))
    manifest = read_manifest(site)
    own = engine_hash()
    if manifest.engine_hash != own:
        message = f"built by engine {manifest.engine_hash[:12]}, this one is {own[:12]}"
        raise VirtdocsError(site.where, f"{message}: verify it with the version that built it")
    # A folder of its own and new: what an earlier build has kept proves nothing.
    with Progress("verify"), TemporaryDirectory(prefix="virtdocs-verify-") as folder:
        cache = Cache.at(Path(folder))
        cache.fill(wanted(manifest))
        found = hold(site, manifest, Workshop(cache=cache).build)
    exhibits = sum(len(page.exhibits) for page in manifest.pages)
    values = sum(len(page.values) for page in manifest.pages)
    mismatches: list[Json] = [dict(one.as_json()) for one in found]
    data: dict[str, Json] = {
        "engine_hash": own,
        "pages": len(manifest.pages),
        "exhibits": exhibits,
        "values": values,
        "files": len(manifest.files),
        "mismatches": mismatches,
    }
    counts = f"pages {len(manifest.pages)}, exhibits {exhibits}, values {values}"
    text = "".join(f"{one}\n" for one in found)
    text += f"{counts}, mismatches {len(found)}\n"
    return Answer(data, text, FINDING if found else FINE)
