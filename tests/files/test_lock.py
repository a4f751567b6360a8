"""Two processes never write one run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from anamorph.errors import UsageError
from anamorph.files.lock import locked
from anamorph.files.manifest import Manifest

pytest.importorskip("fcntl")

HOLD = """
import sys, time
from pathlib import Path
from anamorph.files.manifest import Manifest
manifest, past = Manifest.resume(Path(sys.argv[1]), {"method": "fmd"})
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of a run."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_that_another_process_is_writing_is_refused(
    tmp_path: Path, elsewhere: subprocess.Popen[str]
) -> None:
    with pytest.raises(UsageError, match="another run is writing here"):
        Manifest.resume(tmp_path, {"method": "fmd"})
    elsewhere.kill()
    elsewhere.wait()
    manifest, _ = Manifest.resume(tmp_path, {"method": "fmd"})
    manifest.append({"source": "a.png"})


def test_a_process_goes_on_with_a_run_that_it_has_stopped(tmp_path: Path) -> None:
    stopped = Manifest.start(tmp_path, {"method": "fmd"})
    again, _ = Manifest.resume(tmp_path, {"method": "fmd"})
    assert again.lock is stopped.lock


def test_a_file_that_took_the_place_of_a_locked_one_is_free(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    first = locked(path)
    path.rename(tmp_path / "moved")
    path.touch()
    assert locked(path) is not first
