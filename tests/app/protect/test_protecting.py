"""The steps of the job, one by one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anamorph.app.images import BATCH_PIXELS, LARGEST_BATCH, as_images
from anamorph.app.protect.posing import posing
from anamorph.app.protect.protecting import (
    Encoded,
    Loaded,
    Protecting,
    Task,
    Writing,
)
from anamorph.app.protect.results import Outcome
from anamorph.app.records import PictureRecord
from anamorph.batch.job import Job
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, probe
from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model
from anamorph.optimize.engine import Solved


@pytest.fixture
def task(photos: Path, tmp_path: Path) -> Task:
    source = photos / "chelsea.png"
    return Task(Item(source=source, output=tmp_path / "out.png"), probe(source), None)


def _job(model: Model, attempt: int = 0, *, last: bool = False, epsilon: float = 16) -> Protecting:
    parameters = FMD(steps=4, epsilon=epsilon / 255, step_size=2 / 255)
    return Protecting(
        authorized=[model],
        parameters=parameters,
        pose=posing([model], [], parameters),
        seed=0,
        writing=Writing(),
        limits=Limits(),
        attempt=attempt,
        last=last,
    )


def _written(job: Protecting, task: Task, loaded: Loaded, change: torch.Tensor) -> Encoded:
    value = (as_images(loaded.photo.pixels)[0] + change).clamp(0, 1)
    return job.write(task, loaded, Solved(0, value, 0.0, True, 4, 4))


def _posed(job: Protecting, task: Task) -> Loaded:
    """As the job holds it once it was in a batch."""
    loaded = job.load(task)
    job.problem([loaded])
    return loaded


def _judged(job: Protecting, task: Task, change: torch.Tensor) -> Outcome | Task:
    loaded = _posed(job, task)
    return job.judge(task, loaded, _written(job, task, loaded, change), 0.1)


def _record(judged: Outcome | Task) -> PictureRecord:
    assert isinstance(judged, Outcome)
    return judged.record


def test_protecting_is_a_job(toy: Model) -> None:
    job: Job[Task, Loaded, Encoded, Outcome | Task] = _job(toy)
    assert job.capacity((3, 10, 10)) == LARGEST_BATCH


def test_a_batch_is_bounded_in_pixels_and_holds_at_least_one_picture(toy: Model) -> None:
    assert _job(toy).capacity((3, 1000, 1000)) == BATCH_PIXELS // 1_000_000
    assert _job(toy).capacity((3, 10_000, 10_000)) == 1


def test_pictures_of_other_shapes_are_in_other_groups(toy: Model, photos: Path) -> None:
    names = ("chelsea.png", "coffee.png", "rocket.png")
    tasks = [Task(Item(source=photos / n, output=Path(n)), probe(photos / n), 0) for n in names]
    chelsea, coffee, rocket = map(_job(toy).group, tasks)
    assert chelsea == coffee == (3, 24, 32)
    assert rocket == (3, 33, 47)


def test_a_file_within_the_budget_that_reads_as_before_is_protected(toy: Model, task: Task) -> None:
    outcome = _judged(_job(toy), task, torch.full((3, 24, 32), 1 / 255))
    record = _record(outcome)
    assert record.status == "protected"
    assert record.linf == pytest.approx(1, abs=1e-3)
    assert isinstance(outcome, Outcome)
    assert outcome.data.startswith(b"\x89PNG")


def test_a_reading_that_is_lost_is_tried_again_and_then_fails(toy: Model, task: Task) -> None:
    x = as_images(_job(toy).load(task).photo.pixels)
    upside_down = 1 - 2 * x[0]  # x becomes 1 - x
    assert toy.output(1 - x).argmax() != toy.output(x).argmax()
    assert _judged(_job(toy, epsilon=255), task, upside_down) is task
    outcome = _judged(_job(toy, 2, last=True, epsilon=255), task, upside_down)
    record = _record(outcome)
    assert (record.status, record.kept, record.attempts) == ("failed", False, 3)
    assert "did not keep its reading in 3 attempts" in record.reason
    assert outcome == Outcome(record, b"")


def test_a_file_beyond_the_budget_is_never_protected(toy: Model, task: Task) -> None:
    change = torch.zeros(3, 24, 32)
    change[0, 0, 0] = 17 / 255
    loaded = _posed(_job(toy), task)
    written = _written(_job(toy, epsilon=17), task, loaded, change)
    assert _job(toy).judge(task, loaded, written, 0.1) is task
    record = _record(_job(toy, last=True).judge(task, loaded, written, 0.1))
    assert record.status == "failed"
    assert "exceeds the budget" in record.reason


def test_what_is_written_stays_within_the_budget_whatever_the_engine_found(
    toy: Model, task: Task
) -> None:
    job = _job(toy, epsilon=2.5)
    loaded = job.load(task)
    written = _written(job, task, loaded, torch.full((3, 24, 32), 9 / 255))
    change = written.decoded.pixels.astype(int) - loaded.photo.pixels
    assert change.max() == 2


def test_each_attempt_starts_elsewhere(toy: Model, task: Task) -> None:
    loaded = _job(toy).load(task)
    first, again = (_job(toy, attempt).problem([loaded]).start for attempt in (0, 1))
    assert torch.equal(first, _job(toy, 0).problem([loaded]).start)
    assert not torch.equal(first, again)


def test_each_picture_of_a_batch_starts_with_noise_of_its_own(
    toy: Model, task: Task, photos: Path
) -> None:
    job = _job(toy)
    other = Task(replace(task.item, source=photos / "coffee.png"), task.header, None)
    loaded = [job.load(task), job.load(other)]
    noise = job.problem(loaded).start - as_images(*(one.photo.pixels for one in loaded))
    assert (noise[0] - noise[1]).abs().max() > 1 / 255
    swapped = job.problem(loaded[::-1])
    assert torch.equal(swapped.start.flip(0), job.problem(loaded).start)


def test_all_bits_of_16_become_an_image_in_0_to_1() -> None:
    deep = np.array([[[0], [32768]], [[1], [65535]]], np.uint16)
    images = as_images(deep)
    assert images.shape == (1, 1, 2, 2)
    assert images.flatten().tolist() == pytest.approx([0, 32768 / 65535, 1 / 65535, 1])
