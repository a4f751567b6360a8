import pytest

from anamorph.errors import Unsupported
from anamorph.files import extra


def test_a_library_that_is_there_is_returned() -> None:
    assert extra.load("zlib", "photo").__name__ == "zlib"


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(Unsupported, match=r"photo: .* no_such_library.*anamorph\[formats\]"):
        extra.load("no_such_library", "photo")
