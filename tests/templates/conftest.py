"""Features of people, and files of them in every format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from anamorph.templates.role import Features

Write = Callable[..., Path]


@pytest.fixture
def people() -> Features:
    """Twelve embeddings of eight values."""
    return np.random.default_rng(5).normal(size=(12, 8)).astype(np.float32)


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes features as a plain file, as another program would."""

    def write(suffix: str, features: Features, name: str = "plain") -> Path:
        path = tmp_path / f"{name}{suffix}"
        names = [f"person {i}" for i in range(len(features))]
        match suffix:
            case ".npy":
                np.save(path, features)
            case ".npz":
                np.savez(path, features=features, ids=np.array(names), other=np.arange(3))
            case ".parquet":
                import pyarrow
                import pyarrow.parquet

                lists = list(features)
                content = {"id": names, "features": lists, "age": np.arange(len(names))}
                pyarrow.parquet.write_table(pyarrow.table(content), path)
        return path

    return write
