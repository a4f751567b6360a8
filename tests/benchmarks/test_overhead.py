import pytest
import torch
from benchmarks.floor import floor_step
from benchmarks.overhead import one_round, overhead
from benchmarks.photos import batch
from benchmarks.scenes import others, protecting
from benchmarks.timing import Seconds, interleaved, ratio, timed
from torch import nn

from anamorph.methods.fmd_parameters import FMD
from anamorph.models import Model, wrap


@pytest.fixture(scope="module")
def model() -> Model:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    return wrap(network, name="tiny", size=(16, 16), mean=(0.5,) * 3, std=(0.5,) * 3, tap=("1",))


def test_the_floor_gives_the_gradient_at_the_pictures(model: Model) -> None:
    images = batch(2, 16)
    gradient = floor_step(model, images)()
    z = images.requires_grad_()
    loss = torch.nn.functional.cross_entropy(
        model.output(z), torch.zeros(2).long(), reduction="sum"
    )
    torch.testing.assert_close(gradient, torch.autograd.grad(loss, z)[0])


def test_the_floor_refuses_pictures_it_would_have_to_resize(model: Model) -> None:
    with pytest.raises(ValueError, match="does not resize"):
        floor_step(model, batch(1, 32))


def test_a_round_pairs_every_step_but_the_first_with_a_step_of_the_floor(model: Model) -> None:
    steps = one_round(protecting(model, batch(2, 16), FMD(steps=5)))
    assert len(steps.engine) == len(steps.floor) == 4
    assert steps.whole.wall > sum(t.wall for t in steps.engine) > 0


def test_the_overhead_has_a_spread_over_rounds(model: Model) -> None:
    scene = protecting(model, batch(2, 16), FMD(steps=3))
    found = overhead(scene, rounds=2, label="trial")
    assert found["step"]["wall"]["n"] == found["whole"]["cpu"]["n"] == 2
    assert found["whole"]["wall"]["median"] > 0


@pytest.mark.parametrize(
    "name", ["hide, network", "hide, sealed", "hide, permuted", "shield, advface"]
)
def test_every_method_takes_all_its_steps_beside_a_floor_of_its_own(name: str) -> None:
    scene = others(batch(1, 32), 3)[name]
    assert scene.floor().isfinite().all()
    assert len(one_round(scene).engine) == scene.parameters["steps"] - 1 == 2


def test_jobs_take_turns_and_every_other_round_is_reversed() -> None:
    order: list[str] = []
    times = interleaved(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, label="trial"
    )
    assert "".join(order) == "ab" + "ab" + "ba"
    assert len(times["a"]) == len(times["b"]) == 2


def test_a_ratio_divides_neighbors() -> None:
    above, below = [Seconds(2, 3), Seconds(8, 9)], [Seconds(1, 1), Seconds(2, 1)]
    found = ratio(above, below)
    assert found["wall"]["median"] == 3
    assert found["cpu"]["median"] == 6


def test_a_job_takes_time() -> None:
    assert timed(lambda: sum(range(10_000))).wall > 0
