"""Gate catalogue: both languages hold every label that the code asks for, and no other.

Keys are found in the sources: string constants given to `Label`, `term` and
`Catalogue.text`, other constants whose first part is a group of the catalogue, and
f-strings such as f"technique.{name}", which stand for every key of that shape.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from virtdocs.checks.findings import Finding
from virtdocs.errors import VirtdocsError, nearest
from virtdocs.render.catalogue import placeholders

GATE = "catalogue"
FOLDER = "virtdocs/catalogue"
CALLERS = frozenset({"Label", "term", "text"})
_KEY = re.compile(r"[a-z_][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+")
_WORD = re.compile(r"[a-z_]\w*(?:\.\w+)*")  # what a caller asks for may have one part only
_TABLE = re.compile(r"^\[(?P<name>[^\[\]]+)\]")
_ENTRY = re.compile(r"^\"?(?P<key>[\w.-]+)\"?\s*=")
_READERS = ("views", "exhibits", "experiments", "render", "site", "commands")


@dataclass(frozen=True, slots=True)
class Entry:
    """One label and where it stands."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """One place in the code that asks for a key; ``pattern`` when part of it is computed."""

    file: str
    line: int
    key: str
    pattern: bool
    sure: bool


def check(root: Path) -> list[Finding]:
    """Keys of one language only, labels nobody has, labels nobody uses, unequal placeholders."""
    ko, en = (read_catalogue(root, lang) for lang in ("ko", "en"))
    found = [*_differences(ko, en, "ko"), *_differences(en, ko, "en")]
    uses = [use for file in _sources(root) for use in key_uses(root, file)]
    groups = {key.split(".")[0] for key in ko | en}
    used: set[str] = set()
    for use in uses:
        if use.pattern:
            shape = re.compile(use.key)
            matched = {key for key in ko if shape.fullmatch(key)}
            used |= matched
            if use.sure and not matched:
                message = f"no label in ko.toml has the shape {use.key}"
                found.append(Finding(use.file, use.line, GATE, message))
        elif use.key in ko | en:
            used.add(use.key)
        elif use.sure or use.key.split(".")[0] in groups:
            close = nearest(use.key, ko)
            hint = f". Did you mean {close}?" if close else ""
            found.append(Finding(use.file, use.line, GATE, f"no label {use.key!r}{hint}"))
    for key in sorted(set(ko) - used):
        message = f"label {key!r} is never used"
        found.append(Finding(f"{FOLDER}/ko.toml", ko[key].line, GATE, message))
    return found


def read_catalogue(root: Path, lang: str) -> dict[str, Entry]:
    """The labels of one language by dotted key, with their lines."""
    name = f"{FOLDER}/{lang}.toml"
    try:
        text = (root / name).read_text(encoding="utf-8")
        words = dict(_flat(tomllib.loads(text), ""))
    except (FileNotFoundError, tomllib.TOMLDecodeError) as error:
        raise VirtdocsError(name, f"can't be read: {error}") from error
    lines = _entry_lines(text)
    return {key: Entry(lines.get(key, 1), word) for key, word in words.items()}


def key_uses(root: Path, file: Path) -> Iterator[Use]:
    """The keys that one module asks for."""
    name = file.relative_to(root).as_posix()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    patterns = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inner = {id(part) for node in patterns for part in node.values}
    asked = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and _called(node) in CALLERS
    }
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inner or id(node) in documents:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            sure = id(node) in asked
            if (_WORD if sure else _KEY).fullmatch(node.value):
                yield Use(name, node.lineno, node.value, False, sure)
        elif isinstance(node, ast.JoinedStr):
            shape = _shape(node)
            if shape:
                yield Use(name, node.lineno, shape, True, id(node) in asked)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _shape(node: ast.JoinedStr) -> str:
    """A pattern for f"group.{name}"; empty for an f-string that does not begin with a group."""
    first = node.values[0] if node.values else None
    if not isinstance(first, ast.Constant) or not re.match(r"[a-z_][a-z0-9_]*\.", str(first.value)):
        return ""
    if any(
        isinstance(part, ast.Constant) and not re.fullmatch(r"[\w.]+", str(part.value))
        for part in node.values
    ):
        return ""
    return "".join(
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.]+"
        for part in node.values
    )


def _sources(root: Path) -> Iterator[Path]:
    for name in _READERS:
        place = root / "virtdocs" / name
        if place.is_dir():
            yield from sorted(place.rglob("*.py"))
        elif place.is_file():
            yield place


def _differences(
    mine: Mapping[str, Entry], theirs: Mapping[str, Entry], lang: str
) -> Iterator[Finding]:
    """What one language has and the other lacks, reported where it stands."""
    other = "en" if lang == "ko" else "ko"
    for key, entry in mine.items():
        file = f"{FOLDER}/{lang}.toml"
        if not entry.text.strip():
            yield Finding(file, entry.line, GATE, f"label {key!r} is empty")
        if key not in theirs:
            yield Finding(file, entry.line, GATE, f"label {key!r} is not in {other}.toml")
            continue
        extra = placeholders(entry.text) - placeholders(theirs[key].text)
        if extra:
            message = f"label {key!r} asks for {', '.join(sorted(extra))}, {other}.toml does not"
            yield Finding(file, entry.line, GATE, message)


def _flat(table: Mapping[str, object], above: str) -> Iterator[tuple[str, str]]:
    for key, entry in table.items():
        if isinstance(entry, dict):
            yield from _flat(entry, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(entry)


def _entry_lines(text: str) -> dict[str, int]:
    """The line of each dotted key, as far as it stands at the start of a line."""
    found: dict[str, int] = {}
    above = ""
    for n, line in enumerate(text.splitlines(), 1):
        table = _TABLE.match(line)
        entry = _ENTRY.match(line)
        if table:
            above = table["name"].replace('"', "").strip() + "."
        elif entry:
            found.setdefault(above + entry["key"], n)
    return found
