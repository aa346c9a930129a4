"""Many seeds, one after another: a tally of what happened, with progress, and resumed when cut off.

The state lies in a file of ``build/soak``; it counts only for the same sources of engine
and generator. A campaign that came to its end leaves its figures there, and the next
one starts anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from virtdocs.experiments.identity import engine_hash

HERE: Final = Path(__file__).parent
FOLDER: Final = HERE.parent.parent / "build" / "soak"
EVERY: Final = 50  # seeds between two writes of the state

Tally = Counter[str]
One = Callable[[int], tuple[Mapping[str, int], list[str]]]
Say = Callable[[str], None]


def sources() -> str:
    """A hash of the engine and of the generators."""
    total = hashlib.sha256(engine_hash().encode())
    for path in sorted(HERE.glob("*.py")):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


@dataclass(slots=True)
class Campaign:
    """Seeds 0 to ``count`` - 1 through ``one``, which gives counts and what was wrong."""

    name: str
    count: int
    one: One
    key: str
    folder: Path = FOLDER
    tally: Tally = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    done: int = 0

    @property
    def state(self) -> Path:
        """Where an unfinished campaign is kept."""
        return self.folder / f"{self.name}.json"

    def run(self, say: Say) -> None:
        """All seeds that are left; tells how far it is."""
        self._resume(say)
        started = time.perf_counter() - self.seconds
        while self.done < self.count:
            counts, wrong = self.one(self.done)
            self.tally.update(counts)
            self.wrong += wrong
            self.done += 1
            if self.done % EVERY == 0 or self.done == self.count:
                self.seconds = time.perf_counter() - started
                self._write(self.state)
                say(self._progress())
        self._write(self.folder / f"{self.name}.done.json")
        self.state.unlink()

    def _progress(self) -> str:
        left = self.seconds / self.done * (self.count - self.done)
        return (
            f"{self.name}: {self.done} of {self.count} seeds, {len(self.wrong)} wrong, "
            f"{self.seconds:.0f} s, about {left:.0f} s left"
        )

    def _resume(self, say: Say) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.state.exists():
            return
        kept = json.loads(self.state.read_text(encoding="utf-8"))
        if (kept["key"], kept["count"]) != (self.key, self.count):
            say(f"{self.name}: engine or generator changed, starting anew")
            return
        self.tally.update(kept["tally"])
        self.wrong += kept["wrong"]
        self.seconds, self.done = kept["seconds"], kept["done"]
        say(f"{self.name}: going on at seed {self.done}")

    def _write(self, path: Path) -> None:
        """In one step, so that a cut leaves the old state or the new one."""
        fresh = path.with_suffix(".new")
        state = {
            "key": self.key, "count": self.count, "done": self.done, "wrong": self.wrong,
            "seconds": round(self.seconds, 1), "tally": dict(sorted(self.tally.items())),
        }  # fmt: skip
        fresh.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
