"""From what was found of every picture to the figures of a kind of key."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from anamorph.app.audit.hidden.attacks import Attacked
from anamorph.app.audit.hidden.pictures import Looked, SpoiledPicture
from anamorph.auditing.hidden.figures import (
    Attempt,
    KindFigures,
    ReaderFigures,
    Shows,
    Spoiled,
    WrongKeys,
)
from anamorph.auditing.hidden.spoiling import SPOILINGS
from anamorph.auditing.hidden.spread import spread
from anamorph.auditing.hidden.witness import Witness
from anamorph.metrics.accuracy import NOTHING, Share, share
from anamorph.metrics.identity import rank_one
from anamorph.models import Model

GALLERY = 3000
"""Pictures of a gallery that is searched, at the most."""


def kind_figures(
    kind: str,
    looked: Sequence[Looked],
    service: Model,
    judge: Witness | None,
    looked_at: Attempt,
    attacked: Attacked,
    unseen: int,
    known: int,
) -> KindFigures:
    """Put together what was found of the pictures of one kind.

    Args:
        kind: of their key.
        looked: what was found of each.
        service: the model they were hidden for.
        judge: the one that took no part.
        looked_at: the hidden pictures put beside the originals.
        attacked: what attackers reached.
        unseen: pictures that they were tried on.
        known: pairs that the probe learned from.
    """
    images = [one.figures for one in looked]
    spoiled = [one.spoiled for one in looked if one.spoiled]
    return KindFigures(
        kind=kind,
        n=len(looked),
        service=service_figures(looked, service),
        judge=None if judge is None else judge_figures(looked, judge),
        shows=Shows(
            readable=_share([image.shows for image in images]),
            ssim=spread(image.ssim for image in images),
            block_correlation=spread(abs(i.block_correlation or 0) for i in images),
            looked_at=looked_at,
            probe_r2=attacked.probe_r2,
            probe_r2_of_noise=attacked.probe_r2_of_noise,
            probe_pairs=known,
        ),
        wrong_keys=WrongKeys(
            refused=_share([image.other_key_refused for image in images]),
            nothing=_share([image.other_key_nothing for image in images]),
            ssim=spread(image.other_key_ssim for image in images),
            block_correlation=spread(image.other_key_correlation for image in images),
            identity=spread(image.other_key_identity for image in images),
        ),
        unseen=unseen,
        references=attacked.references,
        attackers=tuple(attacked.attackers),
        shared=tuple(attacked.shared),
        inverted=tuple(attacked.inverted),
        spoiled=tuple(
            _spoiled(where.name, where.meaning, [one[i] for one in spoiled])
            for i, where in enumerate(SPOILINGS)
        )
        if spoiled
        else (),
    )


def service_figures(looked: Sequence[Looked], service: Model) -> ReaderFigures:
    """How the service model reads hidden pictures, as far as they were hidden for it."""
    mine = [(one, one.service) for one in looked if one.service is not None]
    other = "" if mine else "they were hidden for another model, so no agreement is claimed"
    read = [readings for _, readings in mine]
    found, chance = _found([one for one, _ in mine], read, service.task == "embed")
    return ReaderFigures(
        name=service.name,
        kept=_share([one.figures.service_kept for one, _ in mine]),
        cosine=spread(one.figures.service_cosine for one, _ in mine),
        found=found,
        chance=chance,
        error=other,
    )


def judge_figures(looked: Sequence[Looked], judge: Witness) -> ReaderFigures:
    """How the model that took no part reads them: if all is well, as anything but the originals."""
    asked = [(one, one.judge) for one in looked if one.judge is not None]
    found, chance = _found([one for one, _ in asked], [r for _, r in asked], judge.embeds)
    return ReaderFigures(
        name=judge.party.name,
        kept=_share([one.figures.judge_kept for one, _ in asked]),
        cosine=spread(one.figures.judge_cosine for one, _ in asked),
        found=found,
        chance=chance,
        error=judge.errors[0] if judge.errors else "",
    )


def _found(
    looked: Sequence[Looked], readings: Sequence[tuple[Tensor, Tensor]], embeds: bool
) -> tuple[Share, float]:
    """Search a gallery of the hidden pictures with the originals."""
    if not embeds or not readings:
        return NOTHING, 0.0
    numbers: dict[str, int] = {}
    who = torch.tensor([numbers.setdefault(one.digest, len(numbers)) for one in looked[:GALLERY]])
    probes = torch.cat([before for before, _ in readings[:GALLERY]])
    gallery = torch.cat([after for _, after in readings[:GALLERY]])
    right = rank_one(probes, who, gallery, who)
    return share(int(right.sum()), len(who)), float((who[:, None] == who).double().mean())


def _spoiled(name: str, meaning: str, found: Sequence[SpoiledPicture]) -> Spoiled:
    backs = [one.back for one in found if one.back.revealed is not None]
    return Spoiled(
        name=name,
        meaning=meaning,
        read=_share([one.read.kept for one in found]),
        cosine=spread(one.read.cosine for one in found),
        revealed=_share([back.revealed for back in backs]),
        exact=_share([bool(back.exact) for back in backs]),
        psnr=spread(back.psnr for back in backs),
        ssim=spread(back.ssim for back in backs),
        reasons=dict(Counter(back.refusal for back in backs if back.refusal).most_common()),
    )


def _share(found: Sequence[bool | None]) -> Share:
    known = [one for one in found if one is not None]
    return share(sum(known), len(known))
