"""The comment in a hidden picture's file, and where it survives."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anamorph.errors import FileError, NotAnImage
from anamorph.files import png
from anamorph.files.notice import KEYWORD, Notice, dump, load, notice_in

NOTICE = Notice(
    kind="permuted",
    height=112,
    width=96,
    fingerprint="0123-4567-89ab-cdef-0123",
    model="0123456789abcdef" * 2,
    nonce=bytes(range(16)),
    levels=bytes(range(64)),
)


@pytest.fixture
def picture() -> bytes:
    plain = png.encode(np.zeros((8, 9, 3), np.uint8), "a.png", icc=b"", exif=b"", xmp=b"")
    return png.commented(plain, KEYWORD, dump(NOTICE))


@pytest.mark.parametrize(
    "notice",
    [
        NOTICE,
        *(replace(NOTICE, kind=kind, nonce=b"", levels=b"") for kind in ("sealed", "network")),
    ],
)
def test_a_notice_comes_back(notice: Notice) -> None:
    assert load(dump(notice), "a.png") == notice


def test_it_is_read_from_the_file(picture: bytes) -> None:
    assert notice_in(picture, "a.png") == NOTICE


def test_pillow_carries_it_into_a_jpeg_and_on_into_the_next(picture: bytes) -> None:
    for _ in range(2):
        buffer = io.BytesIO()
        Image.open(io.BytesIO(picture)).save(buffer, "JPEG", quality=85, subsampling=0)
        picture = buffer.getvalue()
    assert notice_in(picture, "a.jpg") == NOTICE


def test_the_comment_changes_no_pixel(picture: bytes) -> None:
    assert not np.asarray(Image.open(io.BytesIO(picture))).any()


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "a holiday in June",
        dump(NOTICE) + " ",
        dump(NOTICE).replace("permuted", "sealed"),
        dump(replace(NOTICE, nonce=b"")),
        dump(replace(NOTICE, levels=b"")),
        dump(NOTICE).replace("112", "1" * 7),
        dump(NOTICE) + "0" * 2000,
    ],
)
def test_other_comments_are_not_taken_for_one(comment: str) -> None:
    assert load(comment, "a.png") is None


def test_a_newer_one_says_so() -> None:
    with pytest.raises(FileError, match=r"a\.png: was hidden by a newer anamorph \(format 2"):
        load("anamorph 2 folded with a key", "a.png")


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(NotAnImage, match=r"a\.png"):
        notice_in(b"no picture", "a.png")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_in_order(text: str) -> None:
    found = load("anamorph 1 " + text, "a.png")
    assert found is None or dump(found) == "anamorph 1 " + text
