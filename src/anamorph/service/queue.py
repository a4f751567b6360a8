"""The queue as workers see it: items are leased, and finished by whoever holds the lease.

An item is queued, running, done, failed or cancelled. A worker that is silent for longer than its
lease loses its items to the next one that asks; if it comes back, `finish` tells it that they are
no longer its own, and what it made is thrown away. So every item ends exactly once.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anamorph.service.database import Database, Row

UNSORTED = ""
"""The lane of items whose size nobody has looked at."""

_CLAIMABLE = "(state = 'queued' OR (state = 'running' AND lease < ?))"
_TURN = "ORDER BY urgent DESC, created, place"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One upload, with what is to be done with it."""

    id: str
    job: str
    verb: str
    request: str
    """As JSON."""
    secret: bytes | None = field(repr=False)
    """The key that was sent along, sealed."""
    place: int
    """Its number in the job, from 0."""
    name: str
    """What its owner calls it."""
    files: tuple[str, ...]
    """Uploads in the job's folder."""
    lane: str
    attempt: int
    tries: int
    """How often it was taken up, this time included."""
    urgent: bool
    created: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What became of an item."""

    state: str
    record: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""
    """Name of the error that ended it."""
    reason: str = ""
    output: str = ""
    """The result in the job's folder."""
    media: str = ""


class Queue:
    """The queue of one database."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease

    def next(self) -> Row | None:
        """The lane, urgency and age of the item whose turn it is."""
        with self._database.transaction(write=False) as run:
            rows = run(
                f"SELECT lane, urgent, created FROM items WHERE {_CLAIMABLE} {_TURN} LIMIT 1",
                time.time(),
            )
        return rows[0] if rows else None

    def claim(self, worker: str, lane: str, most: int) -> list[Item]:
        """Take up to `most` items of a lane, in their turn."""
        now = time.time()
        with self._database.transaction() as run:
            rows = run(
                "UPDATE items SET state = 'running', worker = ?, lease = ?, tries = tries + 1, "
                "steps = 0 WHERE id IN (SELECT id FROM items WHERE "
                f"{_CLAIMABLE} AND lane = ? {_TURN} LIMIT ? {self._database.skip_locked}) "
                "RETURNING *",
                worker,
                now + self._lease,
                now,
                lane,
                most,
            )
            jobs = {
                job: run("SELECT verb, request, secret FROM jobs WHERE id = ?", job)[0]
                for job in {row["job"] for row in rows}
            }
        rows.sort(key=lambda row: (-row["urgent"], row["created"], row["place"]))
        return [_item(row, jobs[row["job"]]) for row in rows]

    def put_back(self, item: Item, worker: str, *, lane: str, attempt: int, effort: int) -> None:
        """Queue an item again, in another lane; this was no try."""
        with self._database.transaction() as run:
            run(
                "UPDATE items SET state = 'queued', lane = ?, attempt = ?, effort = ?, "
                "tries = tries - 1, worker = NULL, lease = NULL, steps = 0 "
                "WHERE id = ? AND worker = ? AND state = 'running'",
                lane,
                attempt,
                effort,
                item.id,
                worker,
            )

    def renew(self, worker: str, held: Mapping[str, int]) -> frozenset[str]:
        """Prolong the leases of items and tell their steps; those that are still the worker's."""
        kept = set()
        for item, taken in held.items():  # one by one: locks on several could cross with others'
            with self._database.transaction() as run:
                rows = run(
                    "UPDATE items SET lease = ?, steps = ? "
                    "WHERE id = ? AND worker = ? AND state = 'running' RETURNING id",
                    time.time() + self._lease,
                    taken,
                    item,
                    worker,
                )
            kept |= {row["id"] for row in rows}
        return frozenset(kept)

    def finish(self, item: Item, worker: str, ending: Ending) -> bool:
        """End an item; False if it is no longer the worker's: then nothing was changed."""
        with self._database.transaction() as run:
            # The job first: else two workers that end its last two items would each see the other's
            # as running, and nobody would close it.
            run(f"SELECT id FROM jobs WHERE id = ? {self._database.locked}", item.job)
            ended = run(
                "UPDATE items SET state = ?, record = ?, kind = ?, reason = ?, output = ?, "
                "media = ?, lease = NULL WHERE id = ? AND worker = ? AND tries = ? "
                "AND state = 'running' RETURNING id",
                ending.state,
                json.dumps(ending.record, allow_nan=False),
                ending.kind,
                ending.reason,
                ending.output,
                ending.media,
                item.id,
                worker,
                item.tries,
            )
            if ended:
                close_job(run, item.job)
        return bool(ended)

    def release(self, worker: str, *, counted: bool) -> int:
        """Queue all the items of a worker that ended; how many they were.

        Args:
            worker: its name.
            counted: whether this was a try of theirs: it did not end by itself.
        """
        tries = "tries" if counted else "tries - 1"
        with self._database.transaction() as run:
            run("DELETE FROM workers WHERE name = ?", worker)
            return len(
                run(
                    f"UPDATE items SET state = 'queued', worker = NULL, lease = NULL, "
                    f"tries = {tries} WHERE worker = ? AND state = 'running' RETURNING id",
                    worker,
                )
            )

    def seen(self, worker: str, models: Sequence[Mapping[str, Any]]) -> None:
        """Say that a worker is there, and what it has loaded."""
        with self._database.transaction() as run:
            run(
                "INSERT INTO workers (name, seen, models) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET seen = excluded.seen, models = excluded.models",
                worker,
                time.time(),
                json.dumps(models),
            )

    def workers(self) -> dict[str, list[dict[str, Any]]]:
        """The workers that were there a moment ago, each with its models."""
        with self._database.transaction(write=False) as run:
            rows = run("SELECT name, models FROM workers WHERE seen > ?", time.time() - self._lease)
        return {row["name"]: json.loads(row["models"]) for row in rows}


def close_job(run: Any, job: str) -> None:
    """Mark a job as finished, and forget its key, if all its items have ended."""
    run(
        "UPDATE jobs SET finished = ?, secret = NULL WHERE id = ? AND finished IS NULL AND NOT "
        "EXISTS (SELECT 1 FROM items WHERE job = ? AND state IN ('queued', 'running'))",
        time.time(),
        job,
        job,
    )


def _item(row: Row, job: Row) -> Item:
    return Item(
        id=row["id"],
        job=row["job"],
        verb=job["verb"],
        request=job["request"],
        secret=None if job["secret"] is None else bytes(job["secret"]),
        place=row["place"],
        name=row["name"],
        files=tuple(json.loads(row["files"])),
        lane=row["lane"],
        attempt=row["attempt"],
        tries=row["tries"],
        urgent=bool(row["urgent"]),
        created=row["created"],
    )
