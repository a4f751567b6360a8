"""What a worker holds at the moment, and how it lets go of it: kept, failed, queued again."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from anamorph.app.ledger import Entry
from anamorph.errors import AnamorphError, Cancelled, NotWritten
from anamorph.files.write import write_whole
from anamorph.service.media import media_suffix, media_type
from anamorph.service.queue import UNSORTED, Ending, Item, Queue
from anamorph.service.refusals import Abandoned, Unprotected
from anamorph.service.worker.calls import Made
from anamorph.service.worker.roster import Roster

_OWN = ("source", "output", "name", "notice", "source_sha256", "source_tag", "status", "reason")
"""Of a record: what is told in other words, or means something on the server only."""

_log = logging.getLogger("anamorph.worker")


class Desk:
    """The items a worker holds; `beat` may be called from another thread."""

    def __init__(self, queue: Queue, roster: Roster, name: str, stop: threading.Event) -> None:
        self._queue = queue
        self._roster = roster
        self._name = name
        self._stop = stop
        self._lock = threading.Lock()
        self._steps: dict[str, int] = {}
        self._lost: set[str] = set()
        self._moved = time.monotonic()

    @property
    def holds(self) -> int:
        """How many items."""
        return len(self._steps)

    @property
    def still(self) -> float:
        """Seconds for which nothing has moved although there is something to do."""
        return time.monotonic() - self._moved if self._steps else 0.0

    def claim(self, lane: str, most: int) -> list[Item]:
        """Take items; those that too many workers ended over are given up."""
        items = self._queue.claim(self._name, lane, most)
        with self._lock:
            self._steps.update({item.id: 0 for item in items})
        self._moved = time.monotonic()
        good = [item for item in items if item.tries <= self._roster.bounds.tries]
        for item in items:
            if item not in good:
                n = item.tries - 1
                self.fail(item, Abandoned(f"{item.name}: {n} workers ended over it; leave it out"))
        return good

    def beat(self) -> None:
        """Prolong the leases; notice what is no longer the worker's.

        Raises:
            StoreFailed: the database refuses.
        """
        with self._lock:
            before = dict(self._steps)
        lost = before.keys() - self._queue.renew(self._name, before)
        with self._lock:
            self._lost = lost & self._steps.keys()

    def step(self, item: Item, steps: int) -> None:
        """An item has come a step further.

        Raises:
            Cancelled: nobody waits for any of what the worker holds, or it is to stop.
        """
        self._moved = time.monotonic()
        with self._lock:
            if item.id in self._steps:
                self._steps[item.id] = steps
            unwanted = self._steps.keys() <= self._lost
        if unwanted or self._stop.is_set():
            raise Cancelled("stopped")

    def tick(self) -> None:
        """Something without steps has come further.

        Raises:
            Cancelled: as `step`.
        """
        self._moved = time.monotonic()
        with self._lock:
            unwanted = self._steps.keys() <= self._lost
        if unwanted or self._stop.is_set():
            raise Cancelled("stopped")

    def settle(self, item: Item, entry: Entry[Any]) -> None:
        """Keep what a batch made of an item, or say why it made nothing."""
        record = entry.record.as_json()
        told = {name: value for name, value in record.items() if name not in _OWN}
        if record["status"] == "failed":
            self._failed(item, Unprotected(_named(record["reason"], item, self._roster)), told)
            return
        self.keep(item, Made(record={"status": record["status"], **told}, data=entry.data))

    def keep(self, item: Item, made: Made) -> None:
        """Store a result, whole, and end the item with it."""
        folder = self._roster.folder / item.job
        output = f"out-{item.place}-{item.tries}{media_suffix(made.data, made.suffix)}"
        try:
            write_whole(folder / output, made.data)
        except NotWritten as error:
            self.fail(item, error)
            return
        media = media_type(made.data, made.suffix)
        ending = Ending(state="done", record=made.record, output=output, media=media)
        if not self._finish(item, ending):
            with suppress(OSError):
                (folder / output).unlink()
                folder.rmdir()  # of a job that was deleted meanwhile

    def fail(self, item: Item, error: Exception) -> None:
        """End an item with an error."""
        self._failed(item, error, {})

    def again(self, item: Item) -> None:
        """Queue an item for a try with more effort."""
        with self._lock:
            self._steps.pop(item.id, None)
        self._queue.put_back(item, self._name, lane=UNSORTED, attempt=item.attempt + 1, effort=0)

    def move(self, item: Item, lane: str, effort: int) -> None:
        """Queue an item in its lane."""
        with self._lock:
            self._steps.pop(item.id, None)
        self._queue.put_back(item, self._name, lane=lane, attempt=item.attempt, effort=effort)

    def drop(self) -> None:
        """Queue everything again: the worker stops by itself."""
        self.forget()
        self._queue.release(self._name, counted=False)

    def forget(self) -> None:
        """Hold nothing any more; leases run out by themselves."""
        with self._lock:
            self._steps.clear()
            self._lost.clear()

    def _failed(self, item: Item, error: Exception, record: Mapping[str, Any]) -> None:
        kind, reason = _told(item, error)
        reason = _named(reason, item, self._roster)
        self._finish(item, Ending(state="failed", record=record, kind=kind, reason=reason))

    def _finish(self, item: Item, ending: Ending) -> bool:
        ended = self._queue.finish(item, self._name, ending)
        with self._lock:
            self._steps.pop(item.id, None)
        if ended:
            for source in self._roster.sources(item):
                with suppress(OSError):
                    source.unlink()
        return ended


def _told(item: Item, error: Exception) -> tuple[str, str]:
    """Kind and reason of an error as the item's owner is told; the rest is for the log."""
    kind = type(error).__name__
    if isinstance(error, NotWritten):  # names the server's folders, and options of the command line
        _log.error("item %s: %s", item.id, error)
        return kind, f"{item.name}: the result cannot be kept; tell the operator"
    if isinstance(error, AnamorphError):
        return kind, str(error)
    _log.error("item %s: %s", item.id, kind, exc_info=error)
    return "", f"{item.name}: an unexpected error ({kind}); tell the operator"


def _named(reason: str, item: Item, roster: Roster) -> str:
    """A message with the owner's name of a file in the place of the server's."""
    for source in roster.sources(item):
        reason = reason.replace(str(source), item.name)
    return reason
