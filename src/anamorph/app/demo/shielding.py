"""The third act of the demo: a stolen table of feature maps, plain and shielded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from anamorph import portraits
from anamorph.app.demo.page import Stolen, Theft
from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.parts import SECRET_SIZE
from anamorph.app.train import shadow_training
from anamorph.app.train.shadow_training import Pairs, Pictures, ShadowTraining
from anamorph.metrics.identity import rank_one
from anamorph.metrics.image import ssim
from anamorph.models import Model, load
from anamorph.models.networks import decoders
from anamorph.models.networks.decoders import Decoder
from anamorph.models.split import Split, split
from anamorph.templates.role import Features
from anamorph.types import Images

MATCHER = "identity-residual"
"""Its maps are stored."""

JUDGE = "identity-dense"
"""Took no part: who is it, on what a thief reconstructs?"""

SIDE = 64
SHOWN = 3
LEARNED = range(1000, 1160)
"""People who are not in the store: decoders learn from their portraits."""

DECOYS = range(5000, 5016)
KNOWN = 48
"""Protected records that the thief who adapts has the portraits of."""

SHADOW = ShadowTraining(kind="deconvolution", width=16, updates=200, batch=8, piece=16, rate=1e-2)
THIEF = ShadowTraining(kind="linear", updates=300, batch=8, piece=16, rate=2e-2, seed=1)
ADAPTED = ShadowTraining(kind="linear", updates=150, batch=8, piece=16, rate=1e-2, seed=2)

_NO_SECRET = bytes(SECRET_SIZE)  # nobody is to be protected, and every demo is to be the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Shielded:
    """What thieves made of the table, and what the matcher still does with it."""

    thefts: tuple[Theft, ...]
    stolen: tuple[Stolen, ...]
    """The first few people."""


def shielded(people: int, shot: int) -> Shielded:
    """Store portraits as feature maps, plain and shielded, and let thieves reconstruct them.

    Args:
        people: how many are stored: those whom the models know.
        shot: which portrait of each is stored; probes are the next one.
    """
    matcher, judge = load(f"portraits:{MATCHER}"), load(f"portraits:{JUDGE}")
    cut = split(matcher)
    stored, probes = (_portraits(range(people), s) for s in (shot, shot + 1))
    learned = _portraits(LEARNED, 0)
    pairs = Pairs(_maps(cut, learned), learned)
    shadow, thief = (_trained(pairs, p) for p in (SHADOW, THIEF))
    clean = _maps(cut, stored).numpy()
    misleading = adversarial([shadow], secret=_NO_SECRET)
    known = Pairs(torch.from_numpy(misleading(pairs.features[:KNOWN].numpy())), learned[:KNOWN])
    adapted = _trained(known, ADAPTED, thief)
    tables: dict[str, Features] = {
        "plain": clean,
        "advface": misleading(clean),
        "decoy": disguising(matcher, _portraits(DECOYS, 0), secret=_NO_SECRET)(clean),
    }
    asked = _answers(cut, _maps(cut, probes))
    tried = (
        ("plain", "a decoder", thief),
        ("advface", "a decoder", thief),
        ("advface", f"one that learned from {KNOWN} records", adapted),
        ("decoy", "a decoder", thief),
    )
    thefts, shown = [], []
    for table, who, decoder in tried:
        records = torch.from_numpy(tables[table])
        guesses = _reconstructed(decoder, records)
        thefts.append(
            Theft(
                stored=table,
                thief=who,
                ssim=ssim(guesses, stored.float().div(255)).mean().item(),
                named=_named(judge, guesses),
                found=_found(asked, _answers(cut, records)),
            )
        )
        shown.append((f"{table}: {who}", _pixels(guesses)))
    return Shielded(
        thefts=tuple(thefts),
        stolen=tuple(
            Stolen(
                name=matcher.label(i),
                before=_pixels(stored.float().div(255))[i],
                guesses=tuple((what, pixels[i]) for what, pixels in shown),
            )
            for i in range(min(SHOWN, people))
        ),
    )


def _portraits(people: range, shot: int) -> Pictures:
    images = portraits.dataset(people, [shot], size=SIDE).images
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _maps(cut: Split, pictures: Pictures) -> Tensor:
    with torch.no_grad():
        return cut.head(pictures.float().div(255))


def _answers(cut: Split, maps: Tensor) -> Tensor:
    with torch.no_grad():
        return cut.tail(maps)


def _trained(pairs: Pairs, p: ShadowTraining, start: Decoder | None = None) -> Decoder:
    trained = shadow_training.begin(pairs, p, start)
    trained = shadow_training.advance(trained, pairs, p.updates, p, lambda _: None)
    return decoders.load(decoders.dump(trained.decoder), "the decoder")


def _reconstructed(decoder: Decoder, records: Tensor) -> Images:
    with torch.no_grad():
        guesses: Images = decoder(records).clamp(0, 1)
    return guesses


def _named(judge: Model, guesses: Images) -> float:
    """Share of the people whom the judge names."""
    with torch.no_grad():
        said = judge.output(guesses).argmax(1)
    return (said == torch.arange(len(guesses))).double().mean().item()


def _found(asked: Tensor, stored: Tensor) -> float:
    """Share of the probes whose nearest record is their person's."""
    who = torch.arange(len(stored))
    return rank_one(asked, who, stored, who).double().mean().item()


def _pixels(images: Images) -> Sequence[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return list(images.mul(255).round().byte().permute(0, 2, 3, 1).numpy())
