"""`virtdocs exhibits` and `virtdocs exhibit NAME`: what a page shows, byte for byte."""

from __future__ import annotations

import argparse

from virtdocs.commands.answer import Answer, Json, columns
from virtdocs.commands.arguments import add_params, one_of, params
from virtdocs.commands.progress import Progress
from virtdocs.errors import BadValue

FORMATS = ("md", "svg", "csv", "json")


def declare_exhibits(parser: argparse.ArgumentParser) -> None:
    """`exhibits` takes what every command takes."""


def exhibits(args: argparse.Namespace) -> Answer:
    """The list of exhibits with their parameters."""
    from virtdocs.exhibits import EXHIBITS
    from virtdocs.render.catalogue import load

    words = load(args.lang)
    rows: list[tuple[str, str, str]] = []
    data: list[Json] = []
    for name, one in sorted(EXHIBITS.items()):
        about = words.text(one.about)
        defaults = " ".join(f"{key}={parameter.default}" for key, parameter in one.parameters)
        rows.append((name, defaults, about))
        spec: dict[str, Json] = {
            key: {"default": parameter.default, "choices": list(parameter.choices)}
            for key, parameter in one.parameters
        }
        data.append({"name": name, "description": about, "params": spec})
    return Answer({"exhibits": data}, columns(rows))


def declare_exhibit(parser: argparse.ArgumentParser) -> None:
    """Arguments of `exhibit`."""
    parser.add_argument("name", metavar="NAME", help="see `virtdocs exhibits`")
    add_params(parser)
    parser.add_argument(
        "--format",
        type=one_of("--format", "format", FORMATS),
        metavar="|".join(FORMATS),
        help="default md, with --json json",
    )


def exhibit(args: argparse.Namespace) -> Answer:
    """One exhibit in one format; --json means the format json."""
    from virtdocs.exhibits import build
    from virtdocs.render.formats import export

    if args.json and args.format not in (None, "json"):
        raise BadValue("exhibit", f"--json and --format {args.format} exclude each other")
    with Progress(f"exhibit {args.name}"):
        built = build(args.name, dict(params(args.param)))
        chosen = args.format or ("json" if args.json else "md")
        text = export(built, chosen, args.lang)
    return Answer(None, text)
