"""The answer of an exhibit as plain data, and its hash.

The same data in CI, on the command line and in the browser, so that the three can
be compared: keys sorted, fractions exact, no language, no time, no engine hash.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from enum import Enum
from fractions import Fraction
from typing import TypeAlias

from virtdocs.views.model import Value

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


def plain(part: object) -> Plain:
    """``part`` of a view as JSON data; a fraction keeps its exact form beside the decimal one."""
    if isinstance(part, Value):
        return _value(part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        found = {f.name: plain(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"type": type(part).__name__.lower(), **found}
    if isinstance(part, Enum):
        return str(part.value)
    if isinstance(part, Fraction):
        return str(part)
    if isinstance(part, dict):
        return {str(key): plain(part[key]) for key in sorted(part)}
    if isinstance(part, (tuple, list)):
        return [plain(item) for item in part]
    if part is None or isinstance(part, (bool, int, str)):
        return part
    raise TypeError(f"a view holds no {type(part).__name__}")


def _value(value: Value) -> Plain:
    found: dict[str, Plain] = {"basis": value.basis.value, "form": value.form.value}
    if isinstance(value.raw, Fraction):
        found |= {"value": float(value.raw), "exact": str(value.raw)}
    else:
        found["value"] = value.raw
    if value.unit:
        found["unit"] = value.unit
    if value.where:
        found["where"] = list(value.where)
    return found


def canonical(data: Plain) -> str:
    """JSON with sorted keys and no spaces; the text that is hashed."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def answer_hash(data: Plain) -> str:
    """SHA-256 of the canonical JSON, without ``seconds`` and ``engine_hash`` at the top."""
    if isinstance(data, dict):
        data = {k: v for k, v in data.items() if k not in ("seconds", "engine_hash", "answer_hash")}
    return hashlib.sha256(canonical(data).encode()).hexdigest()
