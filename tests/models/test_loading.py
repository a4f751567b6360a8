import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anamorph.errors import CardError, LayerNotFound, ModelError
from anamorph.models import Model, wrap
from anamorph.types import Authorized, Reader


def wrapped(network: nn.Module, **how: Any) -> Model:
    settings: dict[str, Any] = {"size": (16, 16), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    return wrap(network, name="t", **{**settings, **how})


class Constant(nn.Module):
    """Returns what it was given, whatever the picture."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> Any:
        return self.output


class Then(nn.Module):
    """A linear network followed by something that spoils it."""

    def __init__(self, spoil: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(768, 3)
        self.spoil = spoil

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.spoil(self.linear(x.flatten(1)))
        return out


def test_a_wrapped_network_plays_both_roles(tiny: nn.Module, photo: Tensor) -> None:
    model = wrapped(tiny, tap=["blocks.1"])
    assert isinstance(model, Authorized)
    assert isinstance(model.reader(), Reader)
    reading = model(photo)
    assert reading.output.shape == (1, 4)
    assert [feature.shape for feature in reading.features] == [(1, 6, 8, 8)]
    torch.testing.assert_close(model.output(photo), reading.output)


def test_the_output_is_that_of_the_network_on_the_preprocessed_picture(tiny: nn.Module) -> None:
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = tiny.eval()((images - 0.5) / 0.5)
    torch.testing.assert_close(wrapped(tiny).output(images), expected)


def test_the_callers_network_stays_as_it_was(tiny: nn.Module) -> None:
    tiny.train()
    before = {name: tensor.clone() for name, tensor in tiny.state_dict().items()}
    model = wrapped(tiny)
    model.output(torch.rand(2, 3, 20, 20))
    assert all(module.training for module in tiny.modules())
    assert all(parameter.requires_grad for parameter in tiny.parameters())
    assert all(tensor.equal(before[name]) for name, tensor in tiny.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_features_cover_what_the_crop_drops(tiny: nn.Module, photo: Tensor) -> None:
    model = wrapped(tiny, tap=["blocks.0"], resize="shortest+crop", crop=0.875)
    pixels = photo.clone().requires_grad_()
    reading = model(pixels)
    assert reading.features[0].shape == (1, 12, 8, 8)
    (through_features,) = torch.autograd.grad(
        reading.features[0].square().sum(), pixels, retain_graph=True
    )
    (through_output,) = torch.autograd.grad(reading.output.square().sum(), pixels)
    assert through_features[..., :10].abs().sum() > 0
    assert through_output[..., :10].abs().sum() == 0


def test_without_taps_in_the_card_the_default_rule_chooses(tiny: nn.Module) -> None:
    assert wrapped(tiny).taps == ("blocks.0", "blocks.1", "blocks.2")


def test_a_surrogate_is_tapped_at_more_layers_unless_its_taps_were_named(
    tiny: nn.Module,
) -> None:
    chosen = wrapped(tiny).as_surrogate()
    assert chosen.taps == ("bn", "blocks.0", "blocks.1", "blocks.2", "blocks.3")
    assert wrapped(tiny, tap=["blocks.1"]).as_surrogate().taps == ("blocks.1",)
    assert wrapped(tiny).with_taps("blocks.1").as_surrogate().taps == ("blocks.1",)


def test_other_taps_share_the_network_and_change_the_digest(tiny: nn.Module) -> None:
    model = wrapped(tiny)
    other = model.with_taps("stem", "blocks.2")
    assert other.network is model.network
    assert other.taps == ("stem", "blocks.2")
    assert other.weights_digest == model.weights_digest
    assert other.digest != model.digest
    with pytest.raises(LayerNotFound, match=r"not in t; nearest: .*blocks"):
        model.with_taps("block.9")


def test_the_digest_follows_the_weights(tiny: nn.Module) -> None:
    first = wrapped(tiny)
    with torch.no_grad():
        tiny.get_parameter("head.bias").add_(1)
    second = wrapped(tiny)
    assert first.digest != second.digest
    assert first.weights_digest != second.weights_digest


def test_labels_name_the_classes_or_their_numbers_do(tiny: nn.Module) -> None:
    assert wrapped(tiny, labels=["a", "b", "c", "d"]).label(2) == "c"
    assert wrapped(tiny).label(2) == "2"


def test_labels_that_do_not_fit_are_refused(tiny: nn.Module) -> None:
    with pytest.raises(CardError, match="the card has 2 labels, but the network has 4 outputs"):
        wrapped(tiny, labels=["a", "b"])


def test_weights_lie_channels_last(tiny: nn.Module) -> None:
    weight = wrapped(tiny).network.get_parameter("stem.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_network_that_insists_on_contiguous_tensors_keeps_them() -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            maps: Tensor = self.conv(x)
            return maps.view(len(x), -1)[:, :5]

    weight = wrapped(Views()).network.get_parameter("conv.weight")
    assert weight.is_contiguous()


def test_half_precision_is_widened_and_double_stays(tiny: nn.Module) -> None:
    assert next(wrapped(tiny.half()).network.parameters()).dtype == torch.float32
    double = wrapped(tiny.double())
    assert double.output(torch.rand(1, 3, 20, 20)).dtype == torch.float64


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (Constant("words"), "returned a str"),
        (Constant(torch.zeros(2, 3)), "no gradient reaches the picture"),
        (Then(torch.Tensor.detach), "no gradient reaches the picture"),
        (Then(lambda y: (100 * y).round()), "no gradient reaches the picture"),
        (Then(lambda y: y / 0), "not finite"),
        (Then(lambda y: y[:1]), r"\(1, 3\) for 2 pictures"),
        (Then(lambda y: y[:, :1]), "k at least 2"),
        (nn.Linear(5, 2), "fails on two pictures of 16 x 16"),
    ],
)
def test_a_network_that_cannot_be_protected_with_is_refused(network: nn.Module, says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        wrapped(network)
    assert "\n" not in str(caught.value)


def test_a_network_with_a_head_of_zeros_is_taken() -> None:
    head = nn.Linear(768, 3)
    nn.init.zeros_(head.weight)
    network = nn.Sequential(nn.Flatten(), head)
    assert wrapped(network).taps == ()


def test_a_tap_that_names_no_layer_is_refused(tiny: nn.Module) -> None:
    with pytest.raises(LayerNotFound, match="nearest: stem"):
        wrapped(tiny, tap=["stm"])


def test_a_grey_network_reads_rgb_pictures(photo: Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = wrapped(network, mean=(0.5,), std=(0.5,), task="embed")
    assert model(photo).output.shape == (1, 2)
    assert model.task == "embed"


def test_a_picture_reads_the_same_alone_and_in_a_batch(tiny: nn.Module) -> None:
    model = wrapped(tiny, resize="shortest+crop")
    images = torch.rand(4, 3, 30, 40, generator=torch.Generator().manual_seed(0))
    together, alone = model(images), model(images[2:3])
    torch.testing.assert_close(together.output[2:3], alone.output)
    torch.testing.assert_close(together.features[0][2:3], alone.features[0])


def test_two_threads_may_read_with_one_model(tiny: nn.Module) -> None:
    model = wrapped(tiny)
    images = [torch.full((1, 3, 20, 20), value) for value in (0.1, 0.9)]
    expected = [model(image).features[0] for image in images]
    wrong: list[int] = []

    def read(index: int) -> None:
        for _ in range(10):
            if not torch.allclose(model(images[index]).features[0], expected[index], atol=1e-5):
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_repr_does_not_print_the_network(tiny: nn.Module) -> None:
    assert "Conv2d" not in repr(wrapped(tiny))


def test_importing_the_package_imports_no_zoo() -> None:
    import subprocess
    import sys

    code = (
        "import sys, anamorph.models; "
        "print({'timm', 'torchvision', 'transformers', 'anamorph.portraits'} & set(sys.modules))"
    )
    source = Path(__file__).resolve().parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"},
        check=True,
    )
    assert done.stdout.strip() == "set()"
