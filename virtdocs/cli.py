"""The command line: `virtdocs COMMAND …`, one answer on stdout, mistakes as one line on stderr.

Exit status: 0 fine, 1 a finding (or a guest that did not halt), 2 bad input, 70 a bug
of this program (sysexits' EX_SOFTWARE, so that no script takes it for a finding),
130 interrupted, 141 nobody reads the answer.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

import virtdocs
from virtdocs.commands import (
    bench,
    check,
    compare,
    coverage,
    dist,
    exhibit,
    listing,
    measure,
    predict,
    run,
    update,
    validate,
    verify,
)
from virtdocs.commands.answer import Answer
from virtdocs.commands.arguments import Parser, add_common
from virtdocs.errors import BadValue, UnknownName, VirtdocsError, VirtdocsErrors

BAD_INPUT = 2
BUG = 70
INTERRUPTED = 130
NOBODY_READS = 141
EXITS = "Exit status: 0 fine, 1 a finding or a guest that did not halt, 2 bad input, 70 a bug."


@dataclass(frozen=True, slots=True)
class Command:
    """A word of the command line: its one-line description, its arguments, its answer."""

    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    answer: Callable[[argparse.Namespace], Answer]


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "run": Command("run one guest under one technique", run.declare, run.run),
        "compare": Command("counts by technique", compare.declare, compare.compare),
        "predict": Command("a mix, with its spread", predict.declare, predict.predict),
        "validate": Command("predictions and figures", validate.declare, validate.validate),
        "exhibit": Command("one exhibit", exhibit.declare_exhibit, exhibit.exhibit),
        "exhibits": Command("all exhibits", exhibit.declare_exhibits, exhibit.exhibits),
        "bench": Command("how fast the machine runs here", bench.declare, bench.run),
        "measure": Command("record counts on a real QEMU", measure.declare, measure.run),
        "list": Command("names with descriptions", listing.declare, listing.listing),
        "check": Command("gates over pages and data", check.declare_check, check.check),
        "coverage": Command("the source's parts on the site", coverage.declare, coverage.coverage),
        "update": Command("golden files, as a diff", update.declare, update.update),
        "verify": Command("a built site, computed again", verify.declare, verify.verify),
        "dist": Command("a built site as a zip", dist.declare, dist.dist),
        "review": Command("record a section's review", check.declare_review, check.review),
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    _speak_utf8(sys.stdout, sys.stderr)
    debug = "--debug" in given
    try:
        status = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout again at exit: give it something to write to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except KeyboardInterrupt:
        return _fail(["interrupted"], debug, INTERRUPTED)
    except VirtdocsErrors as mistakes:
        return _fail([str(mistake) for mistake in mistakes.errors], debug, BAD_INPUT)
    except VirtdocsError as mistake:
        return _fail([str(mistake)], debug, BAD_INPUT)
    except ModuleNotFoundError as missing:
        if (missing.name or "virtdocs").startswith("virtdocs"):
            return _bug(missing, debug)
        message = f"{missing.name} is not installed: pip install 'virtdocs[site]'"
        return _fail([message], debug, BAD_INPUT)
    except Exception as bug:
        return _bug(bug, debug)
    return status


def _run(given: Sequence[str]) -> int:
    parser = _parser()
    first = given[0] if given else "--help"
    if not first.startswith("-") and first not in COMMANDS:
        raise UnknownName("command line", "command", first, COMMANDS)
    try:
        args, rest = parser.parse_known_args(given or ["--help"])
    except SystemExit as done:  # --help and --version have printed their answer
        return int(done.code or 0)
    if rest:
        raise _unknown(rest[0], args.parser)
    if args.command is None:
        raise BadValue("command line", "a command is missing; see `virtdocs --help`")
    answer = COMMANDS[args.command].answer(args)
    print(answer.as_json() if args.json and answer.data is not None else answer.text, end="")
    for note in answer.notes:
        print(f"virtdocs: {note}", file=sys.stderr)
    return answer.status


def _speak_utf8(*streams: TextIO) -> None:
    """UTF-8 whatever the locale; a file name that is no text is shown by its bytes."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="virtdocs", description=virtdocs.__doc__, allow_abbrev=False, epilog=EXITS)
    parser.add_argument("--version", action="version", version=virtdocs.__version__)
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.about, allow_abbrev=False)
        command.declare(one)
        add_common(one)
        one.set_defaults(parser=one)
    return parser


def _unknown(word: str, parser: argparse.ArgumentParser) -> VirtdocsError:
    """What argparse could not place: an option that does not exist, or one word too many."""
    where = parser.prog.removeprefix("virtdocs").strip()
    if not word.startswith("-"):
        return BadValue(where, f"one argument too many: {word!r}")
    options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", parser.format_help())
    return UnknownName(where, "option", word.split("=")[0], options)


def _place(bug: BaseException) -> str:
    """Module and line of this package where it happened."""
    home = str(Path(virtdocs.__file__).parent.parent)
    frames = [f for f in traceback.extract_tb(bug.__traceback__) if f.filename.startswith(home)]
    if not frames:
        return "virtdocs"
    return f"{Path(frames[-1].filename).relative_to(home).as_posix()}:{frames[-1].lineno}"


def _bug(bug: Exception, debug: bool) -> int:
    """An exception that nobody foresaw is this program's mistake, not the reader's."""
    message = f"{_place(bug)}: bug: {type(bug).__name__}: {bug}; --debug shows the traceback"
    return _fail([message], debug, BUG)


def _fail(messages: Iterable[str], debug: bool, status: int) -> int:
    """One line for each mistake on stderr; the traceback before it with --debug."""
    if debug:
        traceback.print_exc()
    for message in messages:
        print(f"virtdocs: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
