"""Jobs as their owners see them: submitted, looked at, cancelled, deleted."""

import json
import secrets
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from anamorph.service.database import Database, Row, Run
from anamorph.service.queue import close_job
from anamorph.service.refusals import Busy, Missing
from anamorph.service.settings import Bounds
from anamorph.service.status import STATES, JobStatus, JobSummary, item_status, job_summary

_RETRY = 5.0
"""Seconds after which a full queue is worth another look, at the least."""

_WAITING = "state IN ('queued', 'running')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What one item is made of."""

    name: str
    files: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job that is to be done."""

    id: str
    owner: str
    verb: str
    request: str
    """As JSON."""
    lane: str
    urgent: bool
    """Somebody is waiting for the answer."""
    uploads: Sequence[Upload]
    secret: bytes | None = field(default=None, repr=False)


def new_id() -> str:
    """An identifier that nobody guesses."""
    return secrets.token_hex(16)


class Jobs:
    """The jobs of one database, with their files."""

    def __init__(self, database: Database, folder: Path, bounds: Bounds) -> None:
        self._database = database
        self._folder = folder
        self._bounds = bounds

    def folder(self, job: str) -> Path:
        """Where the uploads and results of a job are."""
        return self._folder / job

    def check_room(self, pictures: int = 1) -> None:
        """Refuse work while the queue is full.

        Raises:
            Busy: with the seconds after which to come back.
        """
        with self._database.transaction(write=False) as run:
            self._check_room(run, pictures)

    def submit(self, job: Submission) -> None:
        """Queue a job, whole or not at all.

        Raises:
            Busy: the queue is full.
        """
        now = time.time()
        with self._database.transaction() as run:
            self._check_room(run, len(job.uploads))
            run(
                "INSERT INTO jobs (id, owner, verb, request, secret, created) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                job.id,
                job.owner,
                job.verb,
                job.request,
                job.secret,
                now,
            )
            for place, upload in enumerate(job.uploads):
                run(
                    "INSERT INTO items (id, job, place, name, files, size, state, urgent, "
                    "created, lane) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?)",
                    new_id(),
                    job.id,
                    place,
                    upload.name,
                    json.dumps(upload.files),
                    upload.size,
                    int(job.urgent),
                    now,
                    job.lane,
                )

    def status(self, job: str, owner: str | None) -> JobStatus:
        """Where a job stands; `owner` None may see all jobs.

        Raises:
            Missing: no such job, or it is somebody else's.
        """
        with self._database.transaction(write=False) as run:
            found = _owned(run, job, owner)
            rows = run("SELECT * FROM items WHERE job = ? ORDER BY place", job)
        return JobStatus(
            id=job,
            owner=found["owner"],
            verb=found["verb"],
            created=found["created"],
            finished=found["finished"],
            cancelled=bool(found["cancelled"]),
            items=[item_status(row) for row in rows],
        )

    def newest(self, owner: str | None, limit: int, before: str | None = None) -> list[JobSummary]:
        """Jobs, the newest first; `owner` None may see all of them.

        Args:
            owner: whose.
            limit: how many at most.
            before: the id of a job, to go on with those that are older.

        Raises:
            Missing: there is no such job to go on from, or it is somebody else's.
        """
        where, values = "1 = 1", list[object]()
        if owner is not None:
            where, values = "owner = ?", [owner]
        with self._database.transaction(write=False) as run:
            if before is not None:
                where += " AND (created, id) < (?, ?)"
                values += [_owned(run, before, owner)["created"], before]
            rows = run(
                f"SELECT * FROM jobs WHERE {where} ORDER BY created DESC, id DESC LIMIT ?",
                *values,
                limit,
            )
            ids = [row["id"] for row in rows]
            counted = run(
                f"SELECT job, state, COUNT(*) AS n FROM items WHERE job IN ({_marks(ids)}) "
                "GROUP BY job, state",
                *ids,
            )
        counts = {id_: dict.fromkeys(STATES, 0) for id_ in ids}
        for row in counted:
            counts[row["job"]][row["state"]] = row["n"]
        return [job_summary(row, counts[row["id"]]) for row in rows]

    def ended(self, jobs: Sequence[str]) -> set[str]:
        """Which of these have finished, or are not there any more."""
        with self._database.transaction(write=False) as run:
            rows = run(
                f"SELECT id FROM jobs WHERE finished IS NULL AND id IN ({_marks(jobs)})", *jobs
            )
        return set(jobs) - {row["id"] for row in rows}

    def cancel(self, job: str, owner: str | None) -> None:
        """End what has not ended yet; results that are there stay.

        Raises:
            Missing: no such job, or it is somebody else's.
        """
        with self._database.transaction() as run:
            if self._locked(run, job, owner)["finished"] is None:
                run("UPDATE jobs SET cancelled = 1 WHERE id = ?", job)
                run(
                    f"UPDATE items SET state = 'cancelled', lease = NULL WHERE job = ? AND "
                    f"{_WAITING}",
                    job,
                )
                close_job(run, job)

    def delete(self, job: str, owner: str | None) -> None:
        """Remove a job with all its files.

        Raises:
            Missing: no such job, or it is somebody else's.
        """
        with self._database.transaction() as run:
            self._locked(run, job, owner)
            self._forget(run, job)
        shutil.rmtree(self.folder(job), ignore_errors=True)

    def expire(self) -> int:
        """Remove the jobs whose time is over; how many they were."""
        with self._database.transaction() as run:
            before = time.time() - self._bounds.keep_seconds
            old = [row["id"] for row in run("SELECT id FROM jobs WHERE finished < ?", before)]
            for job in old:
                self._forget(run, job)
            known = {row["id"] for row in run("SELECT id FROM jobs")}
        for job in old:
            shutil.rmtree(self.folder(job), ignore_errors=True)
        self._sweep(known)
        return len(old)

    def counts(self) -> dict[str, int]:
        """All items there are, by state."""
        with self._database.transaction(write=False) as run:
            rows = run("SELECT state, COUNT(*) AS n FROM items GROUP BY state")
        return {row["state"]: row["n"] for row in rows}

    def _check_room(self, run: Run, pictures: int) -> None:
        counted = run(
            f"SELECT COUNT(*) AS n, COALESCE(SUM(size), 0) AS bytes FROM items WHERE {_WAITING}"
        )[0]
        full = counted["n"] + pictures > self._bounds.queue
        if full or counted["bytes"] > self._bounds.queue_bytes:
            raise Busy(
                f"{counted['n']} pictures are waiting, and no more are taken; come back later",
                _RETRY + counted["n"] / 20,
            )

    def _sweep(self, known: set[str]) -> None:
        """Remove folders that belong to no job: uploads whose process was killed."""
        before = time.time() - self._bounds.keep_seconds
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            with suppress(OSError):  # its own upload may be removing it
                if folder.name not in known and folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)

    def _locked(self, run: Run, job: str, owner: str | None) -> Row:
        run(f"SELECT id FROM jobs WHERE id = ? {self._database.locked}", job)
        return _owned(run, job, owner)

    @staticmethod
    def _forget(run: Run, job: str) -> None:
        run("DELETE FROM items WHERE job = ?", job)
        run("DELETE FROM jobs WHERE id = ?", job)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" for _ in values) or "NULL"


def _owned(run: Run, job: str, owner: str | None) -> Row:
    rows = run("SELECT * FROM jobs WHERE id = ?", job)
    if not rows or owner not in (None, rows[0]["owner"]):
        raise Missing(f"there is no job {job}; it may have been deleted when its time was over")
    return rows[0]
