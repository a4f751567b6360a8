import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from anamorph.models.card import Interpolation
from anamorph.models.resample import Axis, matrix, resample

FILTERS: dict[Interpolation, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def whole(source: int, size: int) -> Axis:
    return Axis(source, size, 0, size)


def pillow(channel: Tensor, height: int, width: int, filter: Interpolation) -> Tensor:
    picture = Image.fromarray(channel.numpy())
    return torch.from_numpy(np.array(picture.resize((width, height), FILTERS[filter])))


@pytest.mark.parametrize("size", [(224, 224), (97, 500), (300, 60), (400, 700), (301, 450)])
@pytest.mark.parametrize("filter", ["nearest", "bilinear", "bicubic"])
def test_it_resizes_like_pillow(
    photo: Tensor, size: tuple[int, int], filter: Interpolation
) -> None:
    ours = resample(photo, whole(300, size[0]), whole(451, size[1]), filter)
    theirs = torch.stack([pillow(channel, *size, filter) for channel in photo[0]])
    assert (ours[0] - theirs).abs().max() < 1e-5


def test_equal_sizes_change_nothing(photo: Tensor) -> None:
    assert resample(photo, whole(300, 300), whole(451, 451), "bicubic").equal(photo)


def test_a_crop_is_the_middle_of_the_resized_picture(photo: Tensor) -> None:
    full = resample(photo, whole(300, 256), whole(451, 384), "bilinear")
    cropped = resample(photo, Axis(300, 256, 16, 224), Axis(451, 384, 80, 224), "bilinear")
    torch.testing.assert_close(cropped, full[..., 16:240, 80:304])


@pytest.mark.parametrize("filter", ["nearest", "bilinear", "bicubic"])
def test_a_flat_picture_stays_flat(filter: Interpolation) -> None:
    for axis in (whole(37, 9), whole(9, 37), Axis(50, 20, 4, 12)):
        torch.testing.assert_close(
            matrix(axis, filter).sum(1), torch.ones(axis.size, dtype=torch.float64)
        )


def test_channels_last_pictures_give_the_same() -> None:
    images = torch.rand(2, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    axes = whole(40, 23), whole(50, 61)
    torch.testing.assert_close(
        resample(images.to(memory_format=torch.channels_last), *axes, "bilinear"),
        resample(images, *axes, "bilinear"),
    )


@pytest.mark.parametrize("axes", [(whole(7, 4), whole(5, 9)), (Axis(9, 8, 2, 4), whole(6, 6))])
def test_the_gradient_is_that_of_the_resize(axes: tuple[Axis, Axis]) -> None:
    shape = (2, 1, axes[0].source, axes[1].source)
    images = torch.rand(
        shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_()

    def smaller(x: Tensor) -> Tensor:
        return resample(x, *axes, "bicubic")

    assert torch.autograd.gradcheck(smaller, images)
    assert torch.autograd.gradgradcheck(smaller, images)


def test_the_gradient_of_a_large_picture_reaches_every_pixel_once() -> None:
    images = torch.zeros(1, 1, 500, 700, requires_grad=True)
    small = resample(images, whole(500, 50), whole(700, 70), "bilinear")
    (gradient,) = torch.autograd.grad(small.sum(), images)
    torch.testing.assert_close(gradient[..., 20:-20, 20:-20].mean(), torch.tensor(0.01))
    assert (gradient > 0).all()
