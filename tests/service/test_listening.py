"""Sockets are taken before anything is made, and a refusal says what to do."""

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from anamorph.errors import UsageError
from anamorph.service import listening as sockets
from anamorph.service.listening import listening
from anamorph.service.running import run
from anamorph.service.settings import Settings


def test_a_port_is_taken_at_once_and_given_back() -> None:
    with listening("127.0.0.1", 0) as (taken,):
        host, port = taken.getsockname()
        says = f"{host}:{port}: cannot be listened on: something"
        with pytest.raises(UsageError, match=says), listening(host, port):
            pass
        with socket.create_connection((host, port), timeout=5):
            pass
    with listening(host, port):
        pass


def test_all_addresses_of_a_host_have_one_port() -> None:
    with listening("localhost", 0) as taken:
        assert len({one.getsockname()[1] for one in taken}) == 1


def test_a_host_without_one_of_its_addresses_is_served_at_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [(socket.AF_INET, ("203.0.113.7", 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    monkeypatch.setattr(sockets, "_addresses", lambda *_: known)
    with listening("mine", 0) as (taken,):
        assert taken.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("203.0.113.7", "203.0.113.7:0: cannot be listened on: is no address of this machine"),
        ("no-such-host.invalid", "is no host that is known here; choose another --host"),
    ],
)
def test_other_hosts_are_refused(host: str, says: str) -> None:
    with pytest.raises(UsageError, match=says), listening(host, 0):
        pass


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "may not listen there"), (errno.EMFILE, os.strerror(errno.EMFILE))],
)
def test_what_the_system_refuses_is_told(
    monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sockets, "_listener", refuse)
    with pytest.raises(UsageError, match=says), listening("127.0.0.1", 80):
        pass


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "something listens there already"),
        (SystemExit(3), "could not begin"),
    ],
)
def test_a_server_that_cannot_begin_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, raised: BaseException, says: str
) -> None:
    def fail(*_: Any) -> None:
        raise raised

    monkeypatch.setattr(uvicorn.Server, "run", fail)
    with pytest.raises(UsageError, match=says):
        run(Settings(data=tmp_path / "d", port=0), said=print)
