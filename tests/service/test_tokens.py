from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anamorph.errors import UsageError
from anamorph.service.database import connect
from anamorph.service.refusals import Missing, Unauthorized
from anamorph.service.schema import prepare
from anamorph.service.tokens import Tokens


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    with closing(connect(f"sqlite:///{tmp_path / 't.sqlite3'}")) as database:
        prepare(database)
        yield Tokens(database)


def test_a_token_stands_for_its_scopes(tokens: Tokens) -> None:
    client = tokens.client(tokens.new(["protect"], "for the shop"))
    assert client.may("protect")
    assert not client.may("reveal")
    assert client.sees == client.id
    admin = tokens.client(tokens.new(["admin"]))
    assert admin.may("reveal")
    assert admin.sees is None


def test_only_hashes_are_kept(tokens: Tokens, tmp_path: Path) -> None:
    token = tokens.new(["protect"])
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in stored
    assert token.removeprefix("amt_").encode() not in stored


def test_tokens_run_out_and_are_revoked(tokens: Tokens) -> None:
    old, gone = tokens.new(["protect"], seconds=-1), tokens.new(["protect"])
    tokens.revoke(tokens.all()[1].id)
    assert [one.valid for one in tokens.all()] == [False, False]
    for token in (old, gone, "amt_", ""):
        with pytest.raises(Unauthorized):
            tokens.client(token)
    with pytest.raises(Missing):
        tokens.revoke(tokens.all()[1].id)


@pytest.mark.parametrize("scopes", [[], ["root"], ["protect", "root"]])
def test_unknown_scopes_are_refused(tokens: Tokens, scopes: list[str]) -> None:
    with pytest.raises(UsageError, match="protect, reveal, admin"):
        tokens.new(scopes)
