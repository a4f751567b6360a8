"""A service on this machine that answers as it is told, and ONNX files of one layer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from anamorph.models.readers.asking import Pace


class Sent(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Said(NamedTuple):
    """What the server answers."""

    status: int = 200
    body: bytes = b'{"label": "bee", "score": 0.75}'
    headers: Mapping[str, str] = {}


@dataclass
class Server:
    """Answers with `say`, and remembers what it was sent."""

    url: str = ""
    sent: list[Sent] = field(default_factory=list)
    say: Callable[[Sent], Said] = lambda sent: Said()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.sent.append(Sent(self.path, dict(self.headers.items()), body))
            said = told.say(told.sent[-1])
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        told.url = f"http://127.0.0.1:{running.server_port}/classify"
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield told
        running.shutdown()
        thread.join()


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds

    def pace(self, per_second: float) -> Pace:
        return Pace(per_second=per_second, clock=lambda: self.now, sleep=self.sleep)


@pytest.fixture
def clock() -> Clock:
    return Clock()


WriteCard = Callable[..., Path]


@pytest.fixture
def http_card(tmp_path: Path, server: Server) -> WriteCard:
    """Writes the card of the server."""

    def write(*http: str, head: str = 'labels = ["ant", "bee", "cat"]', source: str = "") -> Path:
        path = tmp_path / "service.toml"
        lines = http or ('label = "label"', 'score = "score"', "per_second = 1000.0")
        path.write_text(
            f'name = "theirs"\nsource = "{source or server.url}"\n{head}\n[http]\n'
            + "\n".join(lines),
            encoding="utf-8",
        )
        return path

    return write


WEIGHTS = np.array([[1, -1, 0.5, 0], [0, 2, 0, 1], [-1, 0, 1, 0.5]], dtype=np.float32)
"""From the means of red, green and blue to four logits."""

MakeOnnx = Callable[..., onnx.ModelProto]


@pytest.fixture
def make_onnx() -> MakeOnnx:
    """Makes a network that averages a picture of 8 x 8 and multiplies by `WEIGHTS`."""

    def make(
        *,
        shape: tuple[int | str, ...] = ("n", 3, 8, 8),
        type: int = TensorProto.FLOAT,
        location: str = "",
        extra_input: bool = False,
        axes: tuple[int, ...] = (2, 3),
        last: str = "Identity",
        weights: np.ndarray = WEIGHTS,
    ) -> onnx.ModelProto:
        tensor = numpy_helper.from_array(weights, "w")
        if location:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", location
        nodes = [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["f"], ["m"], axes=list(axes), keepdims=0),
            helper.make_node("MatMul", ["m", "w"], ["z"]),
            helper.make_node(last, ["z"], ["logits"]),
            helper.make_node("Sign", ["z"], ["signs"]),
        ]
        inputs = [helper.make_tensor_value_info("x", type, list(shape))]
        if extra_input:
            inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], 4])
            for name in ("logits", "signs")
        ]
        graph = helper.make_graph(nodes, "g", inputs, outputs, [tensor])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    return make


@pytest.fixture
def onnx_card(tmp_path: Path, make_onnx: MakeOnnx) -> WriteCard:
    """Writes a network and its card."""

    def write(*lines: str, size: int = 8, input: str = "", **network: object) -> Path:
        (tmp_path / "net.onnx").write_bytes(make_onnx(**network).SerializeToString())
        path = tmp_path / "card.toml"
        table = input or (
            f"[input]\nsize = [{size}, {size}]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n"
        )
        head = "\n".join(('name = "mine"', 'source = "onnx:net.onnx"', *lines))
        path.write_text(f"{head}\n{table}", encoding="utf-8")
        return path

    return write
