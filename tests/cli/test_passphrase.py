"""Opening keys from the command line."""

from pathlib import Path

import pytest

from anamorph.cli.passphrase import open_key
from anamorph.keys import file as key_file
from anamorph.keys import key as keys


def test_a_key_that_others_can_read_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "k.amkey"
    key_file.write(keys.new("sealed"), path)
    open_key(path, None)
    assert capfd.readouterr() == ("", "")
    path.chmod(0o644)
    open_key(path, None)
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"warning: {path}: has no passphrase, and its mode 0644 lets others")
