from dataclasses import fields
from pathlib import Path

import pytest

from anamorph.errors import ParameterError, UsageError
from anamorph.parameters import knobs
from anamorph.service.settings import Bounds, Settings, dump, load, read_settings

TOML = """
data = "here"
workers = 2
models = { mine = "cards/mine.toml", public = "portraits:identity-vgg" }
keys = { ours = "ours.amkey" }
[bounds]
queue = 7
"""


def test_settings_come_from_a_file_whose_paths_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text(TOML)
    settings = read_settings(path)
    assert settings.data == tmp_path / "here"
    mine = str(tmp_path / "cards" / "mine.toml")
    assert settings.models == {"mine": mine, "public": "portraits:identity-vgg"}
    assert settings.keys == {"ours": str(tmp_path / "ours.amkey")}
    assert (settings.workers, settings.bounds.queue) == (2, 7)
    assert settings.bounds.pictures == Bounds().pictures


def test_a_worker_gets_the_settings_as_they_are(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, models={"a": "b"}, bounds=Bounds(queue=3))
    assert load(dump(settings)) == settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worker = 2", "'worker' is unknown"),
        ("[bounds]\nqueues = 2", "'queues' is unknown"),
        ("[models]\na = 1", "models.a is 1, but must be a text"),
        ("[keys]\na = 1", "keys.a is 1, but must be a text"),
        ("host = 1", "host is 1, but must be a text"),
        ("data = 1", "data is 1, but must be a text"),
        ("models = 'abc'", r"models is 'abc', but must be a table; begin it with \[models\]"),
        ("bounds = 5", "bounds is 5, but must be a table"),
        ("workers = 0", "workers is 0, but must be at least 1"),
        ("workers = 257", "at most 256"),
        ("workers = 'two'", "workers is 'two', but must be a whole number"),
        ("threads = -1", "threads is -1, but must be at least 0"),
        ("port = 'x'", "port is 'x', but must be a whole number"),
        ("port = 65536", "port is 65536, but must be"),
        ("= 2", "cannot be read"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "service.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as told:
        read_settings(path)
    assert str(path) in str(told.value)


def test_every_bound_and_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    for knob in knobs(Bounds):
        default = f"{knob.default:,}".removesuffix(".0").replace(",000.0", ",000")
        assert f"| `{knob.name}` | {default} | {knob.meaning} |" in page
    assert all(field.name in page for field in fields(Settings))


def test_bounds_have_ranges(tmp_path: Path) -> None:
    path = tmp_path / "service.toml"
    path.write_text("[bounds]\nqueue = 0")
    with pytest.raises(ParameterError, match="queue is 0"):
        read_settings(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings(tmp_path / "missing.toml")
