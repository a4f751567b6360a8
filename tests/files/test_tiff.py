import io
from typing import Any

import numpy as np
import pytest
import tifffile

from anamorph.files import tiff


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (700, 301)])
def test_another_reader_finds_the_same_samples(
    size: tuple[int, int], channels: int, dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    samples = rng.integers(0, np.iinfo(dtype).max, (*size, channels), dtype=dtype)
    data = tiff.encode(samples, icc=b"profile", exif=b"", xmp=b"<x/>")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(page.asarray().reshape(samples.shape), samples)
        assert page.tags[34675].value == b"profile"
        assert page.tags[700].value == b"<x/>"
        assert len(page.extrasamples) == (channels in (2, 4))


def test_flat_pictures_become_small() -> None:
    flat = np.full((500, 500, 3), 77, np.uint16)
    assert len(tiff.encode(flat, icc=b"", exif=b"", xmp=b"")) < flat.nbytes / 50
