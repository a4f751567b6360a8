"""`anamorph serve` as its users start it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

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


def test_a_key_that_is_locked_is_told(anamorph: Anamorph, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    lock = serialization.BestAvailableEncryption(b"secret")
    kind = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    files = [tmp_path / "c.pem", tmp_path / "k.pem"]
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(*kind, lock))
    https = ("--certificate", files[0], "--private-key", files[1])
    ended = anamorph("serve", "--data", tmp_path / "d", "--port", 0, *https)
    assert (ended.code, "k.pem: is locked by a passphrase" in ended.err) == (2, True), ended.err


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_certificate_that_cannot_be_used_is_told_and_nothing_is_made(
    anamorph: Anamorph, tmp_path: Path, content: str | None
) -> None:
    files = [tmp_path / name for name in ("c.pem", "k.pem")]
    for path in files if content else ():
        path.write_text(str(content))
    https = ("--certificate", files[0], "--private-key", files[1])
    ended = anamorph("serve", "--data", tmp_path / "d", "--port", 0, *https)
    assert ended.code == 2
    assert "c.pem with" in ended.err
    assert "cannot be used for https" in ended.err
    assert not (tmp_path / "d").exists()


def test_a_port_in_use_is_told_and_nothing_is_made(anamorph: Anamorph, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = anamorph("serve", "--data", tmp_path / "d", "--port", port)
    assert ended.code == 2, ended.err
    assert ended.err == (
        f"error: 127.0.0.1:{port}: cannot be listened on: something listens there already; "
        "stop it, or choose another --port\n"
    )
    assert not (tmp_path / "d").exists()


def test_the_page_is_told_only_once_the_models_are_there(
    anamorph: Anamorph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", tmp_path / "d", "--port", 0, "--model", f"x={tmp_path}/nope.toml")
    ended = anamorph("serve", *given)
    said = ended.err + capfd.readouterr().err
    assert ended.code == 2, said
    assert "loading 1 model" in said
    assert "the page is at" not in said
    assert "#token" not in said


def test_a_key_that_others_can_read_is_told(anamorph: Anamorph, tmp_path: Path) -> None:
    key = tmp_path / "k.amkey"
    assert anamorph("key", "new", key).code == 0
    with socket.create_server(("127.0.0.1", 0)) as other:  # which ends it soon
        port = other.getsockname()[1]
        command = ("serve", "--data", tmp_path / "d", "--port", port, "--key", f"k={key}")
        assert "warning" not in anamorph(*command).err
        key.chmod(0o644)
        said = anamorph(*command).err.splitlines()
    assert len(said) == 2
    assert said[0].startswith(f"warning: {key}: has no passphrase, and its mode 0644 lets others")


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
