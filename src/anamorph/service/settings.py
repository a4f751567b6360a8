"""What the operator decides: models, keys, limits, places. Requests choose among these by name."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from anamorph.errors import ParameterError, UsageError
from anamorph.files.photo import Limits
from anamorph.parameters import check, knob

_NAMED = ("models", "keys", "shadows")
"""The tables of what requests may name."""

_TEXTS = ("data", "database", "device", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much is taken, from one client and in all.

    Raises:
        ParameterError: a value outside its range.
    """

    picture_bytes: int = knob(50_000_000, "Largest upload, bytes.", at_least=1)
    picture_pixels: int = knob(24_000_000, "Largest picture, pixels, read or written.", at_least=1)
    pictures: int = knob(200, "Pictures in one request.", at_least=1)
    request_bytes: int = knob(500_000_000, "Largest request, bytes.", at_least=1)
    queue: int = knob(1000, "Pictures that may wait or be worked on.", at_least=1)
    queue_bytes: int = knob(5_000_000_000, "Bytes of uploads that may wait.", at_least=1)
    uploads: int = knob(16, "Uploads that are received at the same time.", at_least=1)
    requests_per_minute: float = knob(600.0, "Of one token, or of one address without.", above=0)
    burst: int = knob(60, "Requests that may come at once.", at_least=1)
    wait_seconds: float = knob(120.0, "Longest answer that is waited for.", at_least=0)
    idle_seconds: float = knob(30.0, "Longest pause within an upload.", above=0)
    upload_seconds: float = knob(900.0, "Longest time of an upload.", above=0)
    keep_seconds: float = knob(3600.0, "After which results are deleted.", above=0)
    lease_seconds: float = knob(15.0, "After which a silent worker's work is given away.", above=0)
    stuck_seconds: float = knob(300.0, "Without a step, after which a worker ends.", above=0)
    tries: int = knob(5, "Workers that may end over one picture.", at_least=1)

    def __post_init__(self) -> None:
        check(self)

    @property
    def limits(self) -> Limits:
        """Of what is read and written."""
        return Limits(max_bytes=self.picture_bytes, max_pixels=self.picture_pixels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of it.

    Raises:
        ParameterError: a number outside its range.
    """

    data: Path
    """The folder of uploads, results and, by default, of the database."""
    database: str = ""
    """A `postgresql://` URL; empty for SQLite in `data`."""
    models: Mapping[str, str] = field(default_factory=dict)
    """What requests may name, as cards or specs."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key files that requests may name; they never leave the server."""
    shadows: Mapping[str, str] = field(default_factory=dict)
    """Decoders for advface that requests may name."""
    workers: int = knob(1, "Processes that compute.", at_least=1, at_most=256)
    threads: int = knob(0, "Of each worker; 0 shares the processors among them.", at_least=0)
    device: str = "cpu"
    """Where models compute: cpu, cuda, cuda:N, or auto; workers share a GPU."""
    host: str = "127.0.0.1"
    port: int = knob(8000, "Port to listen on.", at_least=0, at_most=65535)
    bounds: Bounds = Bounds()

    def __post_init__(self) -> None:
        check(self)

    @property
    def jobs(self) -> Path:
        """The folder of uploads and results."""
        return self.data / "jobs"

    @property
    def database_url(self) -> str:
        """Where jobs and tokens are."""
        return self.database or f"sqlite:///{(self.data / 'service.sqlite3').absolute()}"


def read_settings(path: Path) -> Settings:
    """The settings in a TOML file, whose names are those of `Settings` and `Bounds`.

    Relative paths are meant relative to the file.

    Raises:
        UsageError: the file cannot be read, names something unknown, or gives it another type.
        ParameterError: a number outside its range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: the settings cannot be read: {error}") from error
    _check(content, str(path))
    content["data"] = path.parent / content.get("data", "anamorph-service")
    for table in _NAMED:
        named = content.get(table, {})
        content[table] = {name: _beside(path, table, what) for name, what in named.items()}
    try:
        return _settings(content)
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None


def _beside(path: Path, table: str, what: str) -> str:
    """Cards, keys and decoders are files; other models are specs."""
    is_file = table != "models" or what.endswith(".toml")
    return str(path.parent / what) if is_file else what


def dump(settings: Settings) -> str:
    """As JSON, for a worker."""
    return json.dumps({**asdict(settings), "data": str(settings.data)})


def load(text: str) -> Settings:
    """What `dump` wrote."""
    return _settings(json.loads(text))


def _settings(content: Mapping[str, Any]) -> Settings:
    given = {
        **content,
        "data": Path(content["data"]),
        "bounds": Bounds(**content.get("bounds", {})),
    }
    return Settings(**given)


def _check(content: Mapping[str, Any], where: str) -> None:
    """Refuse names that are unknown, and what is no text or table where one is needed."""
    _check_names(content, Settings, where)
    for table in (*_NAMED, "bounds"):
        if not isinstance(content.get(table, {}), dict):
            raise UsageError(
                f"{where}: {table} is {content[table]!r}, but must be a table; begin it with "
                f"[{table}] and give each name a line of its own"
            )
    _check_names(content.get("bounds", {}), Bounds, where)
    texts = {name: content[name] for name in _TEXTS if name in content}
    for table in _NAMED:
        texts |= {f"{table}.{name}": what for name, what in content.get(table, {}).items()}
    for name, what in texts.items():
        if not isinstance(what, str):
            raise UsageError(f"{where}: {name} is {what!r}, but must be a text; put it in quotes")


def _check_names(given: Mapping[str, Any], known: type[Any], where: str) -> None:
    allowed = [f.name for f in fields(known)]
    for name in given:
        if name not in allowed:
            raise UsageError(f"{where}: {name!r} is unknown; use {', '.join(allowed)}")
