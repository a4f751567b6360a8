"""`anamorph serve` as its users start it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

Anamorph = Callable[..., Any]


def test_tokens_are_made_listed_and_revoked(anamorph: Anamorph, tmp_path: Path) -> None:
    data = ("serve", "--data", tmp_path / "d", "token")
    made = anamorph(*data, "new", "--scope", "protect", "--scope", "reveal", "--note", "shop")
    assert made.code == 0, made.err
    assert re.fullmatch(r"amt_[\w-]{43}\n", made.out)
    listed = anamorph(*data, "list", "--json", "-")
    (token,) = json.loads(listed.out)["tokens"]
    assert (token["scopes"], token["note"]) == (["protect", "reveal"], "shop")
    assert made.out.strip() not in listed.out + listed.err
    assert anamorph(*data, "revoke", token["id"]).code == 0
    assert anamorph(*data, "revoke", token["id"]).code == 2
    assert "not taken" in anamorph(*data, "list").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "name"), "'name' is not NAME=VALUE"),
        (("--database", "mysql://x"), "sqlite:/// or postgresql://"),
        (("--config", "missing.toml"), "cannot be read"),
        (("--certificate", "x.pem"), "needs both"),
    ],
)
def test_what_cannot_be_served_is_told(
    anamorph: Anamorph, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ended = anamorph("serve", "--data", tmp_path / "d", *options)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_the_service_starts_answers_and_stops(tmp_path: Path) -> None:
    log = (tmp_path / "log").open("w+b")
    command = [sys.executable, "-c", "from anamorph.cli import main; main()", "serve"]
    options = ["--port", "0", "--data", str(tmp_path / "d"), "--model", "m=portraits:identity-vgg"]
    running = subprocess.Popen([*command, *options], stderr=log)
    try:
        page = _until(lambda: re.search(r"(http://\S+)#token=(\S+)", _text(log)))
        url, token = page[1], page[2]
        asked = Request(f"{url}v1/models", headers={"Authorization": f"Bearer {token}"})
        with urlopen(f"{url}healthz") as answer:
            assert answer.read() == b"ok\n"
        _until(lambda: _ready(f"{url}readyz"))
        with urlopen(asked) as answer:
            assert [m["name"] for m in json.load(answer)["models"]] == ["m"]
    finally:
        running.send_signal(signal.SIGINT)
        status = running.wait(60)
        said = _text(log)
        log.close()
    assert status == 0, said
    assert "Traceback" not in said


def _text(log: Any) -> str:
    return str(Path(log.name).read_text(encoding="utf-8"))


def _ready(url: str) -> bool:
    try:
        with urlopen(url) as answer:
            return bool(answer.status == 200)
    except OSError as error:
        error.close()  # type: ignore[attr-defined]
        return False


def _until(true: Callable[[], Any]) -> Any:
    for _ in range(1200):
        if found := true():
            return found
        time.sleep(0.1)
    raise TimeoutError
