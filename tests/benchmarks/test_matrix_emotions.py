"""The matrix reads emotions only where all six models of them have been made."""

from argparse import Namespace
from pathlib import Path

from anamorph import portraits
from anamorph.portraits.networks.families import FAMILIES
from benchmarks import matrix


def test_emotions_are_measured_where_six_models_are(tmp_path: Path) -> None:
    options = Namespace(emotions=tmp_path)
    assert matrix._emotions(options) is None
    portraits.write_folder(tmp_path / "faces", [0], range(2), size=48, label="expression")
    for family in FAMILIES:
        assert matrix._emotions(options) is None
        (tmp_path / f"emotion-{family}.toml").write_text("")
    found = matrix._emotions(options)
    assert found is not None
    assert sorted(found.names) == sorted(f"emotion-{family}" for family in FAMILIES)
    assert [path.is_file() for path in found.pictures] == [True, True]
    assert set(found.labels) == {path.name for path in found.pictures}
