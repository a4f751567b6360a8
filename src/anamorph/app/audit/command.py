"""What an audit was asked for, and how to ask for it again."""

import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL
import torch

from anamorph import __version__
from anamorph.auditing.parties import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of an audit that decide its figures and its reports."""

    originals: Path
    protected: Path
    authorized: Party | str | Path
    panel: Sequence[Party | str | Path]
    labels: str | Path | Mapping[str, int] | None
    out: Path | None
    transforms: Sequence[str]
    purify: Sequence[str]
    adaptive: Sequence[int]
    distill: Sequence[int]
    detect: bool
    learn_seconds: float | None
    analyses: bool
    lpips: tuple[str | Path, str | Path] | None
    controls: bool
    seed: int
    allow_surrogates: bool
    formats: Sequence[str]
    device: str = "cpu"

    @property
    def command(self) -> str:
        """The command line that does the same; what only Python can give stands as a NAME."""
        return shlex.join(["anamorph", "audit", "protect", *self._options()])

    def _options(self) -> Iterator[str]:
        yield from ("--originals", str(self.originals), "--protected", str(self.protected))
        yield from ("--authorized", _model(self.authorized))
        for model in self.panel:
            yield from ("--panel", _model(model))
        if self.labels is not None:
            by_path = isinstance(self.labels, str | Path)
            yield from ("--labels", str(self.labels) if by_path else "LABELS")
        for name in self.transforms:
            yield from ("--transforms", name)
        for name in self.purify:
            yield from ("--purify", name)
        for count in self.adaptive:
            yield from ("--adaptive", str(count))
        for count in self.distill:
            yield from ("--distill", str(count))
        if self.detect:
            yield "--detect"
        if self.learn_seconds is not None:
            yield from ("--learn-seconds", f"{self.learn_seconds:g}")
        if self.analyses:
            yield "--analyses"
        if self.lpips is not None:
            yield from ("--lpips", *map(str, self.lpips))
        if not self.controls:
            yield "--no-controls"
        yield from ("--seed", str(self.seed))
        if self.allow_surrogates:
            yield "--allow-surrogates"
        if self.device != "cpu":
            yield from ("--device", self.device)
        for kind in self.formats:
            yield from ("--format", kind)
        yield from ("--out", str(self.out or "OUT"))


def _model(model: Party | str | Path) -> str:
    return str(model) if isinstance(model, str | Path) else model.name


def versions() -> dict[str, str]:
    """Of everything that takes part."""
    return {
        "anamorph": __version__,
        "torch": torch.__version__,
        "pillow": PIL.__version__,
        "python": platform.python_version(),
    }
