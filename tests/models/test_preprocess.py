import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from anamorph.errors import UsageError
from anamorph.models import Input, Preprocess
from anamorph.models.preprocess import example, own_view

HALF = (0.5, 0.5, 0.5)


def test_the_own_view_is_what_pillow_and_float_arithmetic_give(photo: Tensor) -> None:
    wanted = Input(
        size=(224, 224),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.4),
        resize="shortest+crop",
        crop=0.875,
    )
    channels = []
    for channel, mean, std in zip(photo[0], wanted.mean, wanted.std, strict=True):
        resized = Image.fromarray(channel.numpy()).resize((384, 256), Image.Resampling.BILINEAR)
        cropped = np.array(resized)[16:240, 80:304]
        channels.append(torch.from_numpy((cropped - mean) / std))
    ours = Preprocess(wanted)(photo)
    assert (ours[0] - torch.stack(channels)).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("height", "width", "resized"),
    [(300, 400, (256, 341)), (400, 300, (341, 256)), (256, 256, (256, 256)), (100, 50, (512, 256))],
)
def test_the_shorter_side_is_fitted_as_torchvision_does(
    height: int, width: int, resized: tuple[int, int]
) -> None:
    wanted = Input(size=(224, 224), mean=HALF, std=HALF, resize="shortest+crop", crop=0.875)
    rows, columns = own_view(height, width, wanted)
    assert (rows.resized, columns.resized) == resized
    assert (rows.size, columns.size) == (224, 224)


def test_an_oblong_network_is_covered_by_the_picture() -> None:
    wanted = Input(size=(64, 128), mean=HALF, std=HALF, resize="shortest+crop")
    rows, columns = own_view(300, 300, wanted)
    assert (rows.resized, columns.resized, rows.first, columns.first) == (128, 128, 32, 0)


def test_squash_with_crop_keeps_the_middle_of_the_squashed_picture(photo: Tensor) -> None:
    cropped = Preprocess(Input(size=(80, 80), mean=HALF, std=HALF, crop=0.8))(photo)
    full = Preprocess(Input(size=(100, 100), mean=HALF, std=HALF))(photo)
    torch.testing.assert_close(cropped, full[..., 10:90, 10:90])


def test_there_is_one_view_where_nothing_is_cropped(photo: Tensor) -> None:
    assert len(Preprocess(Input(size=(64, 64), mean=HALF, std=HALF)).views(photo)) == 1


def test_there_is_one_view_where_a_square_picture_fits(photo: Tensor) -> None:
    wanted = Input(size=(64, 64), mean=HALF, std=HALF, resize="shortest+crop")
    assert len(Preprocess(wanted).views(photo[..., :300])) == 1
    assert len(Preprocess(wanted).views(photo)) == 2


def test_together_the_views_depend_on_every_pixel(photo: Tensor) -> None:
    wanted = Input(size=(64, 64), mean=HALF, std=HALF, resize="shortest+crop", crop=0.875)
    pixels = photo.clone().requires_grad_()
    own, whole = Preprocess(wanted).views(pixels)
    (alone,) = torch.autograd.grad(own.sum(), pixels, retain_graph=True)
    (both,) = torch.autograd.grad(own.sum() + whole.sum(), pixels)
    assert (alone == 0).any()
    assert (both > 0).all()


def test_a_grey_picture_goes_to_all_channels_of_an_rgb_network() -> None:
    grey = torch.rand(2, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    out = Preprocess(Input(size=(10, 10), mean=HALF, std=HALF))(grey)
    assert out.shape == (2, 3, 10, 10)
    assert out[:, 0].equal(out[:, 2])


def test_a_grey_network_sees_the_luma_of_an_rgb_picture() -> None:
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    out = Preprocess(Input(size=(4, 4), mean=(0.0,), std=(1.0,)))(red)
    torch.testing.assert_close(out, torch.full((1, 1, 4, 4), 0.299))


def test_pictures_with_transparency_are_refused() -> None:
    with pytest.raises(UsageError, match="4 channels; expected 3"):
        Preprocess(Input(size=(4, 4), mean=HALF, std=HALF))(torch.zeros(1, 4, 8, 8))


def test_the_test_picture_is_always_the_same_and_not_flat() -> None:
    wanted = Input(size=(5, 6), mean=HALF, std=HALF)
    assert example(wanted).equal(example(wanted))
    assert example(wanted).std() > 0.2
    assert example(wanted, value=0.5).equal(torch.full((1, 3, 5, 6), 0.5))
