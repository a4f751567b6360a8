"""A zip file of results, made while it is sent: memory does not grow with it."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from anamorph.service.media import result_name
from anamorph.service.status import JobStatus

_CHUNK = 1 << 20


class _Pipe(io.RawIOBase):
    """What is written waits to be taken."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        written = bytes(data)  # type: ignore[call-overload]
        self._waiting += written
        return len(written)

    def take(self) -> bytes:
        """All that was written since."""
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def zipped(job: JobStatus, folder: Path, records: str) -> Iterator[bytes]:
    """The results of a job, under their names; pictures are compressed already, so not again."""
    pipe = _Pipe()
    taken: set[str] = set()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("records.json", records)
        for item in job.items:
            path = folder / item.output
            if item.state != "done" or not path.is_file():
                continue
            name = result_name(str(item.record.get("name") or item.name), item.output)
            with archive.open(_free(name, taken), "w") as out, path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    out.write(chunk)
                    yield pipe.take()
    yield pipe.take()


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number where another result has it."""
    path, number, free = PurePosixPath(name), 2, name
    while free.casefold() in taken:
        free = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        number += 1
    taken.add(free.casefold())
    return free
