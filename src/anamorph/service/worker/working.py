"""A worker at work: its loop, and beside it the beats that keep its leases."""

import logging
import os
import threading

from anamorph.errors import StoreFailed
from anamorph.service.queue import Queue
from anamorph.service.worker.desk import Desk
from anamorph.service.worker.loop import Worker
from anamorph.service.worker.roster import Roster

_STUCK = 3
_BEAT = 1.0

_log = logging.getLogger("anamorph.worker")


def work(queue: Queue, roster: Roster, name: str, stop: threading.Event) -> None:
    """Work until told to stop; what is unfinished then goes back into the queue."""
    desk = Desk(queue, roster, name, stop)
    beats = threading.Thread(
        target=_beats, args=(queue, desk, roster, name, stop), daemon=True, name="beats"
    )
    beats.start()
    Worker(queue, roster, desk, stop).run()
    beats.join()


def _beats(queue: Queue, desk: Desk, roster: Roster, name: str, stop: threading.Event) -> None:
    about = roster.about()
    while not stop.is_set():
        try:
            desk.beat()
            queue.seen(name, about)
        except StoreFailed as error:
            _log.warning("%s", error)
        if desk.still > roster.bounds.stuck_seconds:
            _log.error("nothing has moved for %.0f s; ending", desk.still)
            os._exit(_STUCK)
        stop.wait(_BEAT)
