"""Closed queueing networks: exact mean value analysis (Reiser and Lavenberg 1980).

N requests circle between stations that serve one at a time and a delay without a queue.
An arriving request sees what a network with one request less has at the station.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtdocs.errors import BadValue


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests per unit of time, and the time that one takes, over all stations."""

    throughput: float
    response: float


def closed(requests: int, services: Sequence[float], delay: float = 0.0) -> Flow:
    """``requests`` >= 1 in the network; ``services`` at the stations, ``delay`` elsewhere.

    Both in the same unit of time. Raises BadValue for no request, or a negative time.
    """
    if requests < 1 or delay < 0 or any(service < 0 for service in services):
        raise BadValue("queue", "needs at least one request, and no negative time")
    waiting = [0.0] * len(services)
    throughput, response = 0.0, 0.0
    for n in range(1, requests + 1):
        times = [service * (1 + queue) for service, queue in zip(services, waiting, strict=True)]
        response = sum(times) + delay
        throughput = n / response if response else float("inf")
        waiting = [throughput * time if response else 0.0 for time in times]
    return Flow(throughput, response)
