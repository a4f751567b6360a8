"""Figures that are made up, faces that differ, and models of a few lines."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from anamorph.auditing.hidden.result import Named
from anamorph.auditing.hidden.spread import spread
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.shielded.figures import (
    Accuracy,
    Attempt,
    Group,
    Link,
    Matching,
    Shown,
    StoreFigures,
)
from anamorph.auditing.shielded.result import Method, Missed, ShieldAudit
from anamorph.auditing.shielded.scene import Scene, scene
from anamorph.metrics.accuracy import NOTHING, share
from anamorph.types import Images, Task

N = 20


def fields(images: Images) -> Tensor:
    """The mean colors of 4 x 4 fields, less their mean."""
    found = torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)
    return found - found.mean(1, keepdim=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Sees the fields."""

    name: str = "judge"
    task: Task = "embed"
    labels: tuple[str, ...] = ()
    digest: str = "d"
    weights_digest: str = "w"
    broken: bool = False

    def output(self, images: Images, /) -> Tensor:
        if self.broken:
            raise RuntimeError("<b>out</b> of memory")
        return fields(images)


@pytest.fixture
def faces() -> Tensor:
    """Coarse random pictures, enlarged."""
    coarse = np.random.default_rng(0).random((N, 3, 4, 4), dtype=np.float32)
    return torch.nn.functional.interpolate(torch.from_numpy(coarse), size=(24, 24))


@pytest.fixture
def scene_of(faces: Tensor) -> Callable[..., Scene]:
    """The scene of the faces, each another person's; judge and recognizer see the same."""

    def make(*, broken: bool = False, threshold: float | None = 0.9) -> Scene:
        judge = Witness(party=Judge(broken=broken))
        return scene(faces, torch.arange(N), judge, fields, fields(faces), threshold)

    return make


@pytest.fixture
def shown_of() -> Callable[..., Shown]:
    """What is shown when so many of the faces are picked."""

    def make(hits: int = 1, replayed: int = 0, ssim: float = 0.2, identity: float = 0.05) -> Shown:
        return Shown(
            ssim=spread([ssim, ssim + 0.01, ssim + 0.02]),
            psnr=spread([10.0, 11.0, 12.0]),
            identity=spread([identity, identity + 0.01, identity + 0.02]),
            picked=share(hits, N),
            matched=spread([0.1, 0.2, 0.3]),
            replayed=share(replayed, N),
        )

    return make


@pytest.fixture
def row_of(shown_of: Callable[..., Shown]) -> Callable[..., Attempt]:
    """An attacker who picks so many from records, and everything from clean features."""

    def make(group: Group, hits: int = 1, learned: int | None = None, **given: Any) -> Attempt:
        return Attempt(
            group=group,
            name=given.pop("name", f"a {group} one"),
            meaning="what <it> does",
            learned=learned,
            clean=shown_of(N, N, ssim=0.95, identity=0.97),
            shielded=shown_of(hits, **given),
        )

    return make


@pytest.fixture
def audit_of(row_of: Callable[..., Attempt]) -> Callable[..., ShieldAudit]:
    """An audit of 20 records in which nobody gets anywhere, but for what is given."""

    def make(*rows: Attempt, **given: Any) -> ShieldAudit:
        matching = Matching(accuracy=share(19, 20), tar={"0.01": share(18, 20), "0.001": NOTHING})
        store = StoreFigures(
            name="<faces>.npz",
            method="advface",
            mark="advface/1:0123",
            kind="maps",
            shape=(4, 8, 8),
            rows=40,
            paired=20,
            people=20,
            attacked=given.pop("attacked", N),
            known=400,
            known_from="portraits",
            self_cosine=spread([0.9, 0.91, 0.92]),
        )
        audit = ShieldAudit(
            store=store,
            recognizer=Named(name="matcher", task="embed", sha256="1", weights_sha256="2" * 64),
            judge=Named(name="judge", task="embed", sha256="3", weights_sha256="4" * 64),
            attempts=rows or (row_of("references"), row_of("unseen"), row_of("adaptive", 1, 100)),
            accuracy=Accuracy(
                probes="pictures in <probes>",
                genuine=20,
                impostor=380,
                before=matching,
                after=replace(matching, tar={"0.01": share(17, 20), "0.001": NOTHING}),
                accepted=share(17, 20),
            ),
            links=(
                Link(name="two records", meaning="of one person", mated=0, others=190,
                     accepted=NOTHING, reason="too few"),
                Link(name="two stores", meaning="shielded anew", mated=20, others=380,
                     auc=0.51, equal_error_rate=0.49, d_sys=0.1, d_sys_by_chance=0.2,
                     accepted=share(0, 20)),
            ),
            missed=(Missed(picture="<a>.png", reason="no row of the *store*"),),
            method=Method(
                layer="early",
                threshold=0.5,
                threshold_means="0.5, as given",
                chance=0.05,
                updates=10,
                inverted=2,
                seed=0,
                command="anamorph audit shield --key KEY",
                versions={"anamorph": "1"},
            ),
            notes=("a <note>",),
            seconds=1.0,
            out="report",
        )  # fmt: skip
        return replace(audit, **given)

    return make
