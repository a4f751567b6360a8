"""What the operator decides: models, keys, limits, places. Requests choose among these by name."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from anamorph.errors import UsageError
from anamorph.files.photo import Limits
from anamorph.parameters import check, knob

_NAMED = ("models", "keys", "shadows")
"""The tables of what requests may name."""


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
    """All of it."""

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
    workers: int = 1
    threads: int = 0
    """Of each worker; 0 shares the processors among them."""
    device: str = "cpu"
    """Where models compute: cpu, cuda, cuda:N, or auto; workers share a GPU."""
    host: str = "127.0.0.1"
    port: int = 8000
    bounds: Bounds = Bounds()

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
        UsageError: the file cannot be read, or names something unknown.
        ParameterError: a bound outside its range.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: the settings cannot be read: {error}") from error
    content.setdefault("data", "anamorph-service")
    for table in _NAMED:
        named = content.get(table, {})
        if isinstance(named, dict):
            content[table] = {name: _beside(path, table, what) for name, what in named.items()}
    return replace(_settings(content, str(path)), data=path.parent / content["data"])


def _beside(path: Path, table: str, what: Any) -> Any:
    """Cards, keys and decoders are files; other models are specs."""
    is_file = isinstance(what, str) and (table != "models" or what.endswith(".toml"))
    return str(path.parent / what) if is_file else what


def dump(settings: Settings) -> str:
    """As JSON, for a worker."""
    return json.dumps({**asdict(settings), "data": str(settings.data)})


def load(text: str) -> Settings:
    """What `dump` wrote."""
    return _settings(json.loads(text), "the settings")


def _settings(content: Mapping[str, Any], where: str) -> Settings:
    known = {f.name: f for f in fields(Settings)}
    bounds = content.get("bounds", {})
    for names, allowed in ((content, known), (bounds, {f.name for f in fields(Bounds)})):
        for name in names:
            if name not in allowed:
                raise UsageError(f"{where}: {name!r} is unknown; use {', '.join(allowed)}")
    for name in _NAMED:
        if not all(isinstance(value, str) for value in content.get(name, {}).values()):
            raise UsageError(f"{where}: {name} must be names with texts")
    given = {**content, "data": Path(content["data"]), "bounds": Bounds(**bounds)}
    return Settings(**given)
