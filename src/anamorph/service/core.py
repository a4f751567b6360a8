"""Everything the web side needs, made once from the settings."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from anamorph.errors import NotWritten
from anamorph.files.write import writing
from anamorph.service.crew import Crew, Workers
from anamorph.service.database import Database, connect
from anamorph.service.jobs import Jobs
from anamorph.service.keyring import Keyring
from anamorph.service.queue import Queue
from anamorph.service.schema import prepare
from anamorph.service.settings import Settings
from anamorph.service.tokens import Tokens

_OWNER_ONLY = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts of a service that runs. Make one with `open_service`."""

    settings: Settings
    database: Database
    queue: Queue
    jobs: Jobs
    tokens: Tokens
    keyring: Keyring = field(repr=False)
    crew: Workers


@contextmanager
def open_tokens(settings: Settings) -> Iterator[Tokens]:
    """The tokens alone.

    Raises:
        NotWritten, StoreFailed: data or database cannot be reached.
    """
    with closing(_prepared(settings)) as database:
        yield Tokens(database)


def open_service(settings: Settings) -> Service:
    """A service whose workers are not started yet.

    Raises:
        NotWritten, StoreFailed: data or database cannot be reached.
    """
    database, keyring = _prepared(settings), Keyring.new()
    queue = Queue(database, settings.bounds.lease_seconds)
    return Service(
        settings=settings,
        database=database,
        queue=queue,
        jobs=Jobs(database, settings.jobs, settings.bounds),
        tokens=Tokens(database),
        keyring=keyring,
        crew=Crew(settings, queue, keyring),
    )


def _prepared(settings: Settings) -> Database:
    try:
        with writing(settings.data):
            settings.data.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
            settings.jobs.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    except NotWritten as error:
        raise NotWritten(str(error).replace("--out", "--data")) from error
    database = connect(settings.database_url)
    prepare(database)
    return database
