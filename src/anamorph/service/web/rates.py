"""How many requests a client may make: a bucket of tokens for each, which fills with time."""

import time
from collections import OrderedDict
from collections.abc import Callable

from anamorph.service.refusals import Throttled

_MOST = 10_000
"""Clients that are remembered; the one that was silent for longest is forgotten first."""


class Rates:
    """The buckets of all clients.

    Example:
        >>> now = [0.0]
        >>> rates = Rates(per_minute=60, burst=1, clock=lambda: now[0])
        >>> rates.count("somebody")
        >>> rates.count("somebody")
        Traceback (most recent call last):
            ...
        anamorph.service.refusals.Throttled: too many requests; come back in 1.0 s
        >>> now[0] = 1.0
        >>> rates.count("somebody")
    """

    def __init__(
        self, *, per_minute: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, client: str) -> None:
        """Take one request into account.

        Raises:
            Throttled: the client has none left, with the seconds until it has.
        """
        now = self._clock()
        left, then = self._buckets.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - then) * self._rate)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        if not allowed:
            seconds = (1 - left) / self._rate
            raise Throttled(f"too many requests; come back in {seconds:.1f} s", seconds)
