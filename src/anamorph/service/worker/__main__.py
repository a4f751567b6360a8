"""A worker process: settings come in on standard input, whose end is the worker's end too."""

import logging
import os
import signal
import sys
import threading
from contextlib import closing, suppress

import torch

from anamorph.errors import AnamorphError
from anamorph.service import settings as configuration
from anamorph.service.database import connect
from anamorph.service.keyring import Keyring
from anamorph.service.queue import Queue
from anamorph.service.settings import Settings
from anamorph.service.worker import REFUSED
from anamorph.service.worker.roster import open_roster
from anamorph.service.worker.working import work

_NICE = 5
"""The web side, which hardly computes, goes before."""

_log = logging.getLogger("anamorph.worker")


def main() -> int:
    """Work until told to stop; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:     %(name)s: %(message)s")
    name = sys.stdin.readline().strip()
    settings = configuration.load(sys.stdin.readline())
    keyring = Keyring.load(sys.stdin.readline())
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service stops its workers by itself
    threading.Thread(target=_orphaned, args=(stop,), daemon=True).start()
    with suppress(OSError):
        os.nice(_NICE)
    torch.set_num_threads(_threads(settings))
    try:
        roster = open_roster(settings, keyring)
        with closing(connect(settings.database_url)) as database:
            work(Queue(database, settings.bounds.lease_seconds), roster, name, stop)
    except AnamorphError as error:
        _log.error("%s", error)
        return REFUSED
    return 0


def _threads(settings: Settings) -> int:
    return settings.threads or max(1, (os.cpu_count() or 1) // settings.workers)


def _orphaned(stop: threading.Event) -> None:
    """The service holds the other end of standard input: when it is gone, so is the worker."""
    while sys.stdin.readline():
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
