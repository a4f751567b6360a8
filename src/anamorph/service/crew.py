"""Worker processes: started, watched, started again when they end, stopped with the service."""

import logging
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from anamorph.errors import StoreFailed
from anamorph.service import settings as configuration
from anamorph.service.keyring import Keyring
from anamorph.service.queue import Queue
from anamorph.service.settings import Settings
from anamorph.service.worker import REFUSED

_COMMAND = (sys.executable, "-m", "anamorph.service.worker")
_LOOK = 0.1
_PATIENCE = 10.0
"""Seconds that workers have to stop by themselves."""

_SHORT_LIFE = 5.0
"""A worker that ends sooner than that is started again only after as many seconds."""

_log = logging.getLogger("anamorph.service")


@dataclass
class _Hand:
    """One place in the crew, with the process that fills it."""

    name: str
    process: subprocess.Popen[str]
    since: float = field(default_factory=time.monotonic)


class Workers(Protocol):
    """Whoever works on the queue while the service runs."""

    @property
    def restarts(self) -> int:
        """How often a worker had to be started again."""
        ...

    @property
    def refused(self) -> threading.Event:
        """Set when a worker cannot use the settings; its message is in the log."""
        ...

    @property
    def ready(self) -> bool:
        """Whether any has loaded what it needs, and takes up work."""
        ...

    def start(self) -> None:
        """Start working."""
        ...

    def stop(self) -> None:
        """Stop; what is unfinished goes back into the queue."""
        ...


class Crew:
    """As many worker processes as the settings say (in the role `Workers`)."""

    def __init__(self, settings: Settings, queue: Queue, keyring: Keyring) -> None:
        self._settings = settings
        self._queue = queue
        self._keyring = keyring
        self._stop = threading.Event()
        self._hands: list[_Hand] = []
        self._watch = threading.Thread(target=self._run, name="crew", daemon=True)
        self.restarts = 0
        self.refused = threading.Event()

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers."""
        return tuple(hand.process.pid for hand in self._hands)

    @property
    def ready(self) -> bool:
        """See `Workers`."""
        try:
            there = self._queue.workers()
        except StoreFailed:  # it is asked again
            return False
        return any(hand.name in there for hand in self._hands)

    def start(self) -> None:
        """See `Workers`."""
        self._hands = [self._hired() for _ in range(self._settings.workers)]
        self._watch.start()

    def stop(self) -> None:
        """See `Workers`."""
        self._stop.set()
        self._watch.join()
        for hand in self._hands:
            hand.process.terminate()
        until = time.monotonic() + _PATIENCE
        for hand in self._hands:
            with suppress(subprocess.TimeoutExpired):
                hand.process.wait(max(0.0, until - time.monotonic()))
            self._end(hand)
            self._released(hand)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK):
            for place, hand in enumerate(self._hands):
                status = hand.process.poll()
                if status is None:
                    continue
                self._released(hand)
                if status == REFUSED:
                    self.refused.set()
                    return
                lived = time.monotonic() - hand.since
                _log.warning("worker %s ended (%s) after %.0f s", hand.name, status, lived)
                if lived < _SHORT_LIFE and self._stop.wait(_SHORT_LIFE - lived):
                    return
                self._end(hand)
                self.restarts += 1
                self._hands[place] = self._hired()

    def _hired(self) -> _Hand:
        name = secrets.token_hex(8)
        # A group of its own: Ctrl-C at the terminal is for the service, which stops its workers.
        process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, text=True, process_group=0)
        told = (name, configuration.dump(self._settings), self._keyring.dump())
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it ended at once: `_run` sees to that
                process.stdin.write("".join(f"{line}\n" for line in told))
                process.stdin.flush()
        return _Hand(name, process)

    def _released(self, hand: _Hand) -> None:
        """What a dead worker held goes back at once, without waiting for its leases."""
        try:
            self._queue.release(hand.name, counted=True)
        except StoreFailed as error:
            _log.warning("%s", error)

    @staticmethod
    def _end(hand: _Hand) -> None:
        hand.process.kill()
        hand.process.wait()
        if hand.process.stdin is not None:
            with suppress(OSError):
                hand.process.stdin.close()
