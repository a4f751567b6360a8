"""Rings for those who wait: one question to the database for all of them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from anyio import to_thread

from anamorph.errors import StoreFailed

_LOOK = 0.05

_log = logging.getLogger("anamorph.service")


class Bell:
    """Tells when jobs have ended."""

    def __init__(self, ended: Callable[[Sequence[str]], set[str]]) -> None:
        self._ended = ended
        self._waiting: dict[str, asyncio.Event] = {}

    async def ring(self) -> None:
        """Look after those who wait, for as long as the service runs."""
        while True:
            await asyncio.sleep(_LOOK)
            if not self._waiting:
                continue
            try:
                over = await to_thread.run_sync(self._ended, list(self._waiting))
            except StoreFailed as error:
                _log.warning("%s", error)
                await asyncio.sleep(1)
                continue
            for job in over:
                if (event := self._waiting.get(job)) is not None:
                    event.set()

    async def ended(self, job: str, seconds: float) -> bool:
        """Wait for a job; whether it ended in time."""
        event = self._waiting.setdefault(job, asyncio.Event())
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
            return event.is_set()
        finally:
            self._waiting.pop(job, None)
