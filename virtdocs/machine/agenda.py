"""Virtual time and what is due in it.

Time is the number of retired guest instructions plus what a halted CPU skipped: it
is free of monitor cost, so timers and devices act at the same guest instruction
under every technique.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

NEVER: Final = 1 << 62


@dataclass(slots=True)
class Agenda:
    """The clock and the actions scheduled on it; equal times run in order of scheduling."""

    now: int = 0
    next_due: int = NEVER
    _queue: list[tuple[int, int, Callable[[], object]]] = field(default_factory=list)
    _cancelled: set[int] = field(default_factory=set)
    _number: int = 0
    stolen: Callable[[], int] | None = None  # time that a monitor took, where the guest sees it

    def time_stamp(self) -> int:
        """What the time-stamp counter reads: virtual time, and stolen time if that shows."""
        return self.now + (self.stolen() if self.stolen is not None else 0)

    def schedule(self, time: int, action: Callable[[], object]) -> int:
        """Run ``action`` at ``time`` (not before the next boundary); returns a ticket."""
        self._number += 1
        heapq.heappush(self._queue, (max(time, self.now), self._number, action))
        self.next_due = self._queue[0][0]
        return self._number

    def cancel(self, ticket: int) -> None:
        """Forget a scheduled action; a ticket that already ran is no error."""
        if any(number == ticket for _, number, _ in self._queue):
            self._cancelled.add(ticket)
            self._drop_cancelled()

    def run_due(self) -> None:
        """Run everything that is due now."""
        while self._queue and self._queue[0][0] <= self.now:
            _, _, action = heapq.heappop(self._queue)
            self._drop_cancelled()
            action()
        self._drop_cancelled()

    def skip_to_next(self) -> bool:
        """Move the clock to the next action; False when nothing is scheduled."""
        if not self._queue:
            return False
        self.now = max(self.now, self._queue[0][0])
        return True

    def _drop_cancelled(self) -> None:
        while self._queue and self._queue[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._queue)[1])
        self.next_due = self._queue[0][0] if self._queue else NEVER
