from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anamorph.errors import FileError, UsageError
from anamorph.templates.address import address, address_in, is_address

SECRET = "hunter2-very-secret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://db/faces", "postgresql://db/faces"),
        (f"postgres://ada:{SECRET}@db:5433/faces", "postgresql://ada@db:5433/faces"),
        (f"postgresql://ada@db/faces?password={SECRET}", "postgresql://ada@db/faces"),
        (f"postgresql://db/faces?sslpassword={SECRET}", "postgresql://db/faces"),
        ("postgresql://postgres:@/faces?host=/run/pg", "postgresql://postgres@socket/faces"),
    ],
)
def test_what_is_shown_holds_no_password(url: str, shown: str) -> None:
    found = address(f" {url}\n")
    assert found.shown == shown
    assert found.url == url
    assert SECRET not in repr(found)
    assert (SECRET in found.secrets) == (SECRET in url)


def told(url: str, message: str) -> str:
    """Everything that is ever said of a URL."""
    try:
        found = address(url)
    except UsageError as error:
        return str(error)
    return f"{found} {found.shown} {found.scrub(message)}"


@given(st.text(st.characters(codec="ascii", exclude_characters=" /?#[]@\n\r\t"), min_size=4))
def test_no_password_is_ever_shown_or_repeated(password: str) -> None:
    secret = f"<{password}>"
    url = f"postgresql://u:{secret}@h:5432/d"
    assert secret not in told(url, f"error in {url}: {secret}")


def test_a_percent_encoded_password_is_scrubbed_in_both_forms() -> None:
    found = address("postgresql://u:p%40ss%2Fword@h/d")
    assert found.scrub("p%40ss%2Fword and p@ss/word") == "*** and ***"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}@h:port/d",
        f"u:{SECRET}@h",
        "postgresql://",
        "",
        f"postgresql://u:{SECRET}@[h/d",
    ],
)
def test_what_is_no_url_of_postgresql_is_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="not of the form postgresql://") as caught:
        address(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_url_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "store.url"
    file.write_text(f"postgresql://u:{SECRET}@h/d\nsecond line\n")
    assert address_in(file).secrets == (SECRET,)
    with pytest.raises(FileError, match=r"missing: the store's URL cannot be read"):
        address_in(tmp_path / "missing")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="cannot be read"):
        address_in(file)


def test_files_and_urls_are_told_apart() -> None:
    assert is_address("postgres://h/d")
    assert not is_address("people.npz")
    assert not is_address("C://people.npz")
