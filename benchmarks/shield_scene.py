"""What all rows of the shield benchmark share: features, decoders, attacks, and the matcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from benchmarks.shield_data import Faces, answers, as_images, maps, same_person
from benchmarks.shield_work import mean_with_interval, trained
from torch import Tensor

from anamorph.adversaries.reconstruct import CLEANINGS, Likeness, Reconstructor, likeness
from anamorph.app.shield.advface import spread_of
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.losses import cosine
from anamorph.methods.spread import Spread
from anamorph.metrics.identity import similarities, tar_at_far
from anamorph.models import Model
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import Split, split

SHADOWS = ("deconvolution", "residual")
UNSEEN = ("unet", "linear")
"""Architectures of the shadows, and of the attackers that no shadow resembles."""

_WIDTHS = {"deconvolution": 32, "residual": 16, "unet": 24, "linear": 1}
_SEEDS = {"deconvolution": 1, "residual": 2, "unet": 3, "linear": 4}
_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything."""

    learned: int
    attacked: int
    updates: int
    counts: tuple[int, ...]
    inverted: int


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Models, faces, and what follows from them, made when it is first needed."""

    faces: Faces
    recognizer: Model
    judge: Model
    layer: str
    sizes: Sizes

    @cached_property
    def cut(self) -> Split:
        """The recognizer where maps are stored."""
        return split(self.recognizer, self.layer)

    @cached_property
    def known(self) -> Pairs:
        """Clean maps of people who are not in the store, and their pictures."""
        pictures = self.faces.pictures(self.faces.learned[: self.sizes.learned])
        return Pairs(maps(self.cut, pictures), pictures)

    @cached_property
    def stored(self) -> Pairs:
        """Clean maps of the store, and their pictures."""
        pictures = self.faces.pictures(self.faces.stored)
        return Pairs(maps(self.cut, pictures), pictures)

    @cached_property
    def asked_maps(self) -> Tensor:
        """Clean maps of the probes."""
        return maps(self.cut, self.faces.pictures(self.faces.probes))

    @cached_property
    def asked(self) -> Tensor:
        """Embeddings of the probes."""
        return answers(self.cut, self.asked_maps)

    @cached_property
    def enrolled(self) -> Tensor:
        """Clean embeddings of the store."""
        return answers(self.cut, self.stored.features)

    @cached_property
    def attacked(self) -> Tensor:
        """Numbers of the records that are reconstructed, evenly chosen."""
        count = min(self.sizes.attacked, len(self.faces.stored))
        return torch.linspace(0, len(self.faces.stored) - 1, count).round().long()

    @cached_property
    def spread(self) -> Spread:
        """How clean maps vary."""
        return spread_of(self.decoder(SHADOWS[0]))

    def decoder(self, kind: str) -> Decoder:
        """One trained on clean maps."""
        return trained(f"clean-{kind}", self.known, self.training(kind))

    def training(self, kind: str) -> ShadowTraining:
        """How decoders of a kind are trained."""
        return ShadowTraining(
            kind=kind, width=_WIDTHS[kind], updates=self.sizes.updates, seed=_SEEDS[kind]
        )

    def attack(
        self, decoder: Reconstructor, records: Tensor, cleanings: Sequence[str] = ("none",)
    ) -> dict[str, Any]:
        """What a decoder shows of the attacked rows of the store's records, after each cleaning."""
        chosen = records[self.attacked] if len(records) == len(self.faces.stored) else records
        return {name: self._shown(decoder, chosen, name) for name in cleanings}

    def _shown(self, decoder: Reconstructor, records: Tensor, cleaning: str) -> dict[str, Any]:
        originals = torch.cat(as_images(self.stored.pictures[self.attacked]))
        with torch.no_grad():
            guesses = [
                decoder(CLEANINGS[cleaning](part.float(), self.spread))
                for part in torch.split(records, _AT_ONCE)
            ]
        return self.judged(torch.cat(guesses), originals)

    def judged(
        self, guesses: Tensor, originals: Tensor, judge: Model | None = None
    ) -> dict[str, Any]:
        """SSIM, PSNR and identity of reconstructions, with intervals."""
        reader = (judge or self.judge).output
        parts = [
            likeness(a, b, reader)
            for a, b in zip(
                torch.split(guesses, _AT_ONCE), torch.split(originals, _AT_ONCE), strict=True
            )
        ]
        found = Likeness(*(torch.cat(values) for values in zip(*parts, strict=True)))
        return {name: mean_with_interval(v) for name, v in found._asdict().items()}

    def two_people(self) -> Tensor:
        """(stored, probes): which pairs are of two people."""
        return torch.tensor(
            [[not same_person(a, b) for b in self.faces.probes] for a in self.faces.stored]
        )

    def matching(self, embeddings: Tensor, asked: Tensor | None = None) -> dict[str, Any]:
        """How stored embeddings are found by clean probes.

        Genuine scores are those of LFW's pairs of one person; impostors are all the pairs of
        two people that stored pictures and probes make. `accuracy` is over LFW's pairs, at the
        threshold that is best for the clean ones.
        """
        asked = self.asked if asked is None else asked
        scores, clean = similarities(embeddings, asked), similarities(self.enrolled, self.asked)
        rows = {name: i for i, name in enumerate(self.faces.stored)}
        columns = {name: i for i, name in enumerate(self.faces.probes)}
        at = [(rows[p.stored], columns[p.probe]) for p in self.faces.tested]
        same = torch.tensor([p.same for p in self.faces.tested])
        others = self.two_people()
        pairs, clean_pairs = (torch.stack([t[i, j] for i, j in at]) for t in (scores, clean))
        found: dict[str, Any] = {"genuine": int(same.sum()), "impostor": int((others).sum())}
        for far in (1e-2, 1e-3):
            rate, _ = tar_at_far(pairs[same], scores[others], far)
            _, threshold = tar_at_far(clean_pairs[same], clean[others], far)
            found[f"tar@{far:g}"] = round(rate, 4)
            accepted = (pairs[same] > threshold).double().mean().item()
            found[f"tpr at the clean threshold of {far:g}"] = round(accepted, 4)
        found["accuracy"] = round(_accuracy(pairs, same, _best_threshold(clean_pairs, same)), 4)
        found["genuine_cosine"] = mean_with_interval(pairs[same])
        found["self_cosine"] = mean_with_interval(cosine(embeddings, self.enrolled))
        return found


def _best_threshold(scores: Tensor, same: Tensor) -> float:
    tried = scores.sort().values
    best = max(tried.tolist(), key=lambda t: _accuracy(scores, same, t))
    return float(best)


def _accuracy(scores: Tensor, same: Tensor, threshold: float) -> float:
    return ((scores >= threshold) == same).double().mean().item()
