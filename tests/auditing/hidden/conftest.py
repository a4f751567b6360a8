"""Figures that are made up, pictures that differ, and a judge of a few lines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.auditing.hidden.figures import (
    Attempt,
    HiddenPicture,
    KindFigures,
    ReaderFigures,
    Shows,
    Spoiled,
    WrongKeys,
)
from anamorph.auditing.hidden.result import HideAudit, Method, Named
from anamorph.auditing.hidden.spread import spread
from anamorph.auditing.hidden.witness import Witness
from anamorph.metrics.accuracy import share
from anamorph.types import Images, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Sees the mean colors of 4 x 4 fields."""

    name: str = "judge"
    task: Task = "embed"
    labels: tuple[str, ...] = ()
    digest: str = "d"
    weights_digest: str = "w"
    broken: bool = False

    def output(self, images: Images, /) -> Tensor:
        """The fields less their mean."""
        if self.broken:
            raise RuntimeError("<b>out</b> of memory")
        fields = torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)
        return fields - fields.mean(1, keepdim=True)


@pytest.fixture
def judge() -> Witness:
    return Witness(party=Judge())


@pytest.fixture
def broken() -> Witness:
    return Witness(party=Judge(broken=True))


@pytest.fixture
def pictures() -> Callable[..., Tensor]:
    """Smooth pictures: coarse random ones, enlarged."""

    def make(n: int, side: int = 24, seed: int = 0) -> Tensor:
        coarse = np.random.default_rng(seed).random((n, 3, 4, 4), dtype=np.float32)
        return torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(side, side))

    return make


@pytest.fixture
def kind_of() -> Callable[..., KindFigures]:
    """The figures of 40 sealed pictures from which nothing leaks, but for what is given."""

    def row(
        name: str, hits: int, pairs: int | None = None, ssim: float = 0.1, follows: float = 0.1
    ) -> Attempt:
        return Attempt(
            name=name,
            meaning="what it does",
            pairs=pairs,
            ssim=spread([ssim, ssim + 0.01, ssim + 0.02]),
            block_correlation=spread([follows - 0.02, follows, follows + 0.02]),
            identity=spread([0.01, 0.02, 0.03]),
            picked=share(hits, 20),
            chance=0.05,
        )

    def make(**given: Any) -> KindFigures:
        attacker = row(
            "linear",
            given.pop("attacker_hits", 1),
            20,
            given.pop("attacker_ssim", 0.1),
            given.pop("attacker_follows", 0.1),
        )
        shows = Shows(
            readable=share(given.pop("shown", 0), 40),
            ssim=spread([0.01] * 40),
            block_correlation=spread([0.05] * 40),
            looked_at=row("itself", 1),
            probe_r2=given.pop("probe_r2", -0.02),
            probe_r2_of_noise=-0.03,
            probe_pairs=20,
        )
        spoiled = Spoiled(
            name="jpeg85",
            meaning="saved as JPEG",
            read=share(38, 40),
            cosine=spread([0.99] * 40),
            revealed=share(0, 40),
            exact=share(0, 40),
            psnr=None,
            ssim=None,
            reasons={"it was <recompressed>": 40},
        )
        figures = KindFigures(
            kind="sealed",
            n=40,
            service=ReaderFigures(
                name="service",
                kept=share(40, 40),
                cosine=spread([0.99] * 40),
                found=share(40, 40),
                chance=0.025,
            ),
            judge=ReaderFigures(
                name="judge",
                kept=share(0, 40),
                cosine=spread([0.0, 0.1, -0.1]),
                found=share(given.pop("judge_hits", 1), 40),
                chance=0.025,
            ),
            shows=shows,
            wrong_keys=WrongKeys(
                refused=share(given.pop("refused", 40), 40),
                nothing=share(40, 40),
                ssim=spread([given.pop("forced_ssim", None)]),
                block_correlation=None,
                identity=None,
            ),
            unseen=20,
            references=(row("mean of the known originals", 1, 20), row("another original", 0)),
            attackers=(attacker,),
            shared=(),
            inverted=(row("from hidden", 2),),
            spoiled=(spoiled,),
        )
        return replace(figures, **given)

    return make


@pytest.fixture
def audit_of() -> Callable[..., HideAudit]:
    """An audit with the figures of some kinds."""

    def make(*kinds: KindFigures, **given: Any) -> HideAudit:
        named = Named(name="service", task="embed", sha256="1" * 64, weights_sha256="2" * 64)
        images = (
            HiddenPicture(source="a.png", output="h/a.png", kind="sealed", ssim=0.01, shows=False),
            HiddenPicture(source="", output="h/<i>.png", reason="pairs with *nothing*"),
        )
        audit = HideAudit(
            service=named,
            judge=replace(named, name="judge"),
            key="0123-4567",
            kinds=kinds,
            images=images,
            method=Method(
                least_cosine=0.9,
                seed=0,
                command="anamorph audit hide --key KEY",
                versions={"anamorph": "1"},
                attackers_see="16 x 16 pixels",
                inversion_steps=200,
                hidden_for={},
            ),
            notes=("a <note>",),
            seconds=1.0,
            out="report",
        )
        return replace(audit, **given)

    return make
