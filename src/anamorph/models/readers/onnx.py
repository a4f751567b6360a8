"""`onnx:FILE`: a network that onnxruntime runs on the CPU. It reads; no gradient comes back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from anamorph.errors import ModelError, first_line
from anamorph.models.card import Card, Input
from anamorph.models.outputs import unwrap
from anamorph.models.preprocess import Preprocess
from anamorph.types import Images, Task

TYPES: Mapping[str, torch.dtype] = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
}
"""The inputs that are fed, by onnxruntime's names."""

LEAST = 1e-12
"""Stands for a probability of zero, which has no logarithm."""


class Port(Protocol):
    """An input or output of a session."""

    @property
    def name(self) -> str:
        """Its name in the file."""
        ...

    @property
    def type(self) -> str:
        """For example `tensor(float)`."""
        ...

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Numbers where a side is fixed."""
        ...


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def get_inputs(self) -> Sequence[Port]:
        """What it must be fed."""
        ...

    def get_outputs(self) -> Sequence[Port]:
        """What it returns."""
        ...

    def run(self, names: Sequence[str], fed: Mapping[str, Any], /) -> Sequence[Any]:
        """The outputs with these names."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxReader:
    """An ONNX network with its preprocessing: a member of the panel.

    Reads pictures in [0, 1] at their own resolution. Make one with `load_reader`.
    """

    card: Card
    input: Input
    weights_digest: str
    """Sha256 of the file; with side files, of the digests of all of them."""
    session: Session = field(repr=False)
    port: Port = field(repr=False)
    """The input."""
    chosen: str
    """The name of the output that is read."""

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def task(self) -> Task:
        """What the output means."""
        return self.card.task

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the card has none."""
        return self.card.labels

    @property
    def digest(self) -> str:
        """Sha256 over the card, the network included."""
        return self.card.digest(self.weights_digest)

    def output(self, images: Images, /) -> Tensor:
        """Class logits or embeddings (n, k), in single precision or better.

        Raises:
            ModelError: the network fails, or returns anything but (n, k) finite numbers.
        """
        with torch.no_grad():
            view = Preprocess(self.input)(images.detach().cpu()).to(TYPES[self.port.type])
        rows = torch.cat([self._run(part)[: len(part)] for part in self._parts(view)])
        if not rows.isfinite().all():
            raise ModelError(f"{self.name}: the network returned numbers that are not finite")
        return self._logits(rows)

    def _parts(self, view: Tensor) -> Iterator[Tensor]:
        """As many pictures at a time as the network takes."""
        batch = self.port.shape[0] if self.port.shape else None
        size = batch if isinstance(batch, int) and batch > 0 else len(view)
        yield from torch.split(view, size)

    def _run(self, part: Tensor) -> Tensor:
        batch = self.port.shape[0] if self.port.shape else None
        if isinstance(batch, int) and 0 < len(part) < batch:  # a fixed batch is filled up
            part = torch.cat([part, part[-1:].expand(batch - len(part), -1, -1, -1)])
        fed = {self.port.name: np.ascontiguousarray(part.numpy())}
        try:
            (found,) = self.session.run([self.chosen], fed)
        except Exception as error:  # whatever the runtime or its kernels raise
            raise ModelError(
                f"{self.name}: the network fails on {tuple(part.shape)}: {first_line(error)}; "
                "export it with a dynamic batch axis, or with a batch of 1"
            ) from None
        tensor = torch.from_numpy(found) if isinstance(found, np.ndarray) else found
        rows = unwrap(tensor, self.task, self.name)
        if len(rows) != len(part):
            raise ModelError(
                f"{self.name}: the network returned {tuple(rows.shape)} for {len(part)} pictures, "
                "expected one row for each; export it with a dynamic batch axis"
            )
        return rows.float() if rows.dtype == torch.float16 else rows

    def _logits(self, rows: Tensor) -> Tensor:
        if not self.card.options.get("probabilities", False):
            return rows
        if rows.min() < 0 or (rows.sum(1) - 1).abs().max() > 1e-2:
            raise ModelError(
                f"{self.name}: the card says probabilities, but the output {self.chosen!r} holds "
                "numbers that are not; remove the option, or name another output"
            )
        return rows.clamp_min(LEAST).log()
