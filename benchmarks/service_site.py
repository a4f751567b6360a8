"""A service in processes of its own, and a client that speaks plain HTTP to it."""

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

_SERVE = (sys.executable, "-c", "from anamorph.cli import main; main()", "serve")
_PATIENCE = 600.0
_CONFIG = """
data = "data"
workers = {workers}
threads = 1
port = 0
models = {{ model = "{model}" }}
[bounds]
requests_per_minute = 1e9
burst = 1000000
queue = 100000
pictures = 1000
picture_bytes = 5_000_000
picture_pixels = 8_000_000
tries = 30
idle_seconds = 5
"""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a service is, and who may ask it."""

    port: int
    token: str
    pid: int
    data: Path

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float = _PATIENCE,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def submit(self, pictures: Sequence[tuple[str, bytes]]) -> str:
        """Queue a job of protecting pictures; its id."""
        body, kind = form({"model": "model"}, [("picture", *one) for one in pictures])
        headers = {"Content-Type": kind, "Prefer": "respond-async"}
        answer = self.ask("POST", "/v1/protect", body, headers)
        if answer.status != 202:
            raise RuntimeError(f"{answer.status}: {answer.body[:200]!r}")
        return str(answer.json()["id"])

    def finished(self, job: str) -> Any:
        """Follow a job to its end; what became of it."""
        self.ask("GET", f"/v1/jobs/{job}/events")
        return self.ask("GET", f"/v1/jobs/{job}").json()

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        found = {pid for t in threads for pid in (t / "children").read_text().split()}
        return sorted(int(pid) for pid in found | set(children.read_text().split()))

    def cpu_seconds(self) -> float:
        """Of the service and its workers, so far."""
        return sum(_cpu_seconds(pid) for pid in (self.pid, *self.workers()))

    def peak_gib(self) -> float:
        """The largest memory that any of the processes ever held."""
        return max(_peak_gib(pid) for pid in (self.pid, *self.workers()))

    def wait_until_ready(self, workers: int) -> None:
        """Until all workers have loaded their models."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            answer = self.ask("GET", "/readyz")
            if answer.status == 200 and answer.json()["workers"] >= workers:
                return
            time.sleep(0.2)
        raise TimeoutError("the workers did not start")


@contextmanager
def serving(folder: Path, model: str, workers: int) -> Iterator[Site]:
    """A service that runs while the block does, in a new folder."""
    folder.mkdir(parents=True)
    config = folder / "service.toml"
    config.write_text(_CONFIG.format(workers=workers, model=model))
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen([*_SERVE, "--config", str(config)], stderr=said)
        try:
            port, token = _started(log, process)
            site = Site(port=port, token=token, pid=process.pid, data=folder / "data")
            site.wait_until_ready(workers)
            yield site
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def form(fields: Mapping[str, str], files: Sequence[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """A multipart body and its content type."""
    mark = secrets.token_hex(16)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, filename, data in files:
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"'
        parts.append(head.encode() + b"\r\n\r\n" + data + b"\r\n")
    return b"".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"


def _started(log: Path, process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r":(\d+)/#token=(\S+)", log.read_text())
        if found:
            return int(found[1]), found[2]
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start: {log.read_text()[-500:]}")


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_gib(pid: int) -> float:
    try:
        held = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(held[1]) / 2**20 if held else 0.0
