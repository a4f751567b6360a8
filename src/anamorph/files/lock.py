"""One process at a time writes a file; what a killed process held is free at once."""

import os
from pathlib import Path
from weakref import WeakValueDictionary, finalize

from anamorph.errors import UsageError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


class Lock:
    """Held as long as somebody has it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        finalize(self, os.close, descriptor)


_held: WeakValueDictionary[tuple[int, int], Lock] = WeakValueDictionary()
"""What this process holds, by device and inode: it may take up again what it has stopped."""


def locked(path: Path) -> Lock | None:
    """The lock on a file that exists; None where the system or its disk knows no locks.

    Raises:
        UsageError: another process holds it.
        OSError: the file cannot be opened.
    """
    if fcntl is None:
        return None
    lock = Lock(os.open(path, os.O_RDONLY))
    about = os.fstat(lock.descriptor)
    file = (about.st_dev, about.st_ino)
    if file in _held:
        return _held[file]
    try:
        fcntl.flock(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{path}: another run is writing here; wait until it has ended, or choose another --out"
        ) from None
    except OSError:  # a network disk without locks
        return None
    _held[file] = lock
    return lock
