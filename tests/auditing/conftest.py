"""Models of a few lines, and pictures whose reading is known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.auditing.audit import Audit, Method, PictureFigures, Quality
from anamorph.auditing.figures import ModelFigures, PictureReading, Under, panel_means
from anamorph.auditing.protocol import Readings, read_all
from anamorph.auditing.views import Attack, Pair, View
from anamorph.metrics.accuracy import Share, share
from anamorph.types import Images, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """A model whose output is any function of the pictures."""

    output: Callable[[Images], Tensor]
    name: str = "toy"
    task: Task = "classify"
    labels: tuple[str, ...] = ()
    digest: str = "d"
    weights_digest: str = "w"


def brightness(images: Images) -> Tensor:
    """Logits of three classes: dark, medium, bright."""
    mean = images.mean((1, 2, 3))[:, None]
    return -40 * (mean - torch.tensor([[0.2, 0.5, 0.8]])).abs()


def plain(level: int, size: tuple[int, int] = (4, 6)) -> NDArray[np.uint8]:
    """A picture of one level."""
    return np.full((*size, 3), level, np.uint8)


def pair(index: int, before: int, after: int, size: tuple[int, int] = (4, 6)) -> Pair:
    """An original and a protected picture of one level each."""
    return Pair(
        index=index, clean=plain(before, size), protected=plain(after, size), digest=f"{index}"
    )


@pytest.fixture(scope="session")
def toy_party() -> Callable[..., Toy]:
    """Makes a model; by default it tells dark, medium and bright apart."""

    def make(output: Callable[[Images], Tensor] = brightness, **about: object) -> Toy:
        return Toy(output=output, **about)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def levels_pair() -> Callable[..., Pair]:
    return pair


@pytest.fixture(scope="session")
def read() -> Callable[..., list[str]]:
    """Lets readings be filled in; what attacks could not take is returned."""

    def run(
        parties: Sequence[Readings],
        batches: Sequence[Sequence[Pair]],
        wanted: Sequence[View],
        attacks: dict[str, Attack] | None = None,
    ) -> list[str]:
        problems: list[str] = []
        count = 1 + max(p.index for batch in batches for p in batch)
        read_all(parties, batches, count, wanted, attacks or {}, 0, problems.append)
        return problems

    return run


def _model(name: str, kept: Share, under: Mapping[str, Share], noise: Share) -> ModelFigures:
    return ModelFigures(
        name=name,
        task="classify",
        sha256="0" * 64,
        weights_sha256="1" * 64,
        surrogate=False,
        error="",
        clean=share(90, 100),
        protected=kept,
        kept=kept,
        agreement=kept,
        confidence_clean=share(80, 100),
        confidence_protected=share(60, 100),
        cosine=None,
        under={name: Under(kept=kept, clean=share(95, 100)) for name, kept in under.items()},
        controls={"sign noise": noise},
    )


def _picture(source: str, *read: tuple[str, bool, bool, float]) -> PictureFigures:
    return PictureFigures(
        source=source,
        output=f"protected/{source}",
        linf=16.0,
        psnr=28.0,
        ssim=0.8,
        readings=tuple(
            PictureReading(
                model=model,
                answer_clean="cat",
                answer_protected="cat" if after else "<dog>",
                right_clean=before,
                right_protected=after,
                confidence_clean=0.9,
                confidence_protected=confidence,
            )
            for model, before, after, confidence in read
        ),
    )


@pytest.fixture(scope="session")
def audit_of() -> Callable[..., Audit]:
    """Makes an audit of two models that both keep a share, also under attacks by name."""

    def make(
        kept: Share, own: Share | None = None, noise: Share | None = None, **under: Share
    ) -> Audit:
        noise = noise or share(90, 100)
        panel = tuple(_model(name, kept, under, noise) for name in "ab")
        mine = dict.fromkeys(under, own or share(90, 100))
        return Audit(
            authorized=_model("mine", share(90, 100), mine, share(95, 100)),
            panel=panel,
            means=panel_means(panel, tuple(under), ("sign noise",)),
            adaptive=(),
            detection=None,
            analyses=(),
            quality=Quality(psnr_median=28.0, ssim_median=0.8, linf_max=16.0, n=5),
            images=(
                _picture("none.png", ("a", True, False, 0.9), ("b", True, False, 0.9)),
                _picture("unsure.png", ("a", True, True, 0.3), ("b", True, False, 0.9)),
                _picture("sure.png", ("a", True, True, 0.9), ("b", True, False, 0.1)),
                _picture("both.png", ("a", True, True, 0.2), ("b", True, True, 0.2)),
                _picture("unread.png", ("a", False, True, 0.9), ("b", False, False, 0.9)),
                PictureFigures(
                    source="<i>bad</i>\u202e.png", output="", reason="no <b>partner</b>"
                ),
            ),
            method=Method(
                labeled=True,
                attacks={name: f"{name} & more" for name in under},
                controls={"sign noise": "noise"},
                least_cosine=0.9,
                seed=0,
                command="anamorph audit protect --out '<out>'",
                versions={"anamorph": "0"},
                protected_for={},
            ),
            notes=("a <note>",),
            seconds=1.0,
            out="out",
        )

    return make
