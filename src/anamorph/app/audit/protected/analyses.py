"""What changes inside the models of an audit: where they look, what they see, how sure they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.audit.loading import Cases
from anamorph.app.images import as_images
from anamorph.auditing.analyses import Analysis, confidence, quartiles
from anamorph.auditing.audit import Audit, PictureFigures
from anamorph.auditing.gradcam import activation_maps, correlation, grad_cam
from anamorph.auditing.looks import Look, Seen, look
from anamorph.auditing.parties import Party
from anamorph.auditing.protocol import Readings
from anamorph.auditing.verdict import ranked
from anamorph.errors import ModelError
from anamorph.files.folders import Item
from anamorph.files.photo import Limits, read
from anamorph.losses import cosine
from anamorph.models import Model
from anamorph.models.maps import LastMap, last_map
from anamorph.types import Images

LOOKED_AT = 3
"""Of how many of the worst and of the best the page shows where models look."""

EMBEDS = "gives embeddings, which have no class that Grad-CAM could explain"


class _Inside(NamedTuple):
    """What a model sees of an original and its protected picture, in this order."""

    grad_cam: Tensor | None
    """(2, h, w), or None of embeddings."""
    activation: Tensor
    """(2, c, h, w)."""


@dataclass(slots=True, kw_only=True)
class _Looker:
    """A model, and what its pictures gave so far."""

    readings: Readings
    last: LastMap | None
    remark: str
    grad_cam: list[float] = field(default_factory=list)
    activation_map: list[float] = field(default_factory=list)
    activation: list[float] = field(default_factory=list)

    def take(self, images: Images) -> None:
        """Look at an original and its protected picture; a model that raises looks no more."""
        if self.last is None:
            return
        try:
            inside = _inside(self.last, images)
        except Exception as error:  # whatever somebody else's network raises
            self.last, self.remark = None, f"{type(error).__name__}: {error}"
            for found in (self.grad_cam, self.activation_map, self.activation):
                found.clear()
            return
        if inside.grad_cam is not None:
            self.grad_cam.append(correlation(inside.grad_cam[:1], inside.grad_cam[1:]).item())
        means = activation_maps(inside.activation)
        self.activation_map.append(_cosine(means))
        self.activation.append(_cosine(inside.activation))

    def analysis(self) -> Analysis:
        """Over all the pictures taken."""
        return Analysis(
            model=self.readings.party.name,
            layer=self.last.layer if self.last else "",
            remark=self.remark,
            grad_cam=quartiles(self.grad_cam),
            activation_map=quartiles(self.activation_map),
            activation=quartiles(self.activation),
            confidence=confidence(self.readings),
        )


def analyses(
    readings: Sequence[Readings],
    found: Cases,
    limits: Limits,
    watch: Callable[[int], None] | None = None,
) -> tuple[Analysis, ...]:
    """Look into every model at every picture that was audited.

    Args:
        readings: of the models, already filled in.
        found: the pictures.
        limits: on bytes and pixels.
        watch: called with 1 after every picture; raise to stop.
    """
    lookers = [_looker(one) for one in readings]
    for index in sorted(found.looks):
        images = _pair(found.cases[index].item, limits)
        for looker in lookers:
            looker.take(images)
        if watch is not None:
            watch(1)
    return tuple(looker.analysis() for looker in lookers)


def looks(audit: Audit, parties: Sequence[Party], limits: Limits) -> tuple[Look, ...]:
    """Where the models look at the worst and the best protected pictures."""
    order = ranked(audit)
    some = min(LOOKED_AT, (len(order) + 1) // 2)
    able = {row.model for row in audit.analyses if row.layer}
    lasts = [last_map(p) for p in parties if isinstance(p, Model) and p.name in able]
    shown = [*order[:some], *order[some:][-LOOKED_AT:][::-1]] if lasts else []
    return tuple(_look(picture, lasts, limits) for picture in shown)


def _look(picture: PictureFigures, lasts: Sequence[LastMap], limits: Limits) -> Look:
    images = _pair(Item(source=Path(picture.source), output=Path(picture.output)), limits)
    return look(picture, [_seen(last, images) for last in lasts])


def _looker(readings: Readings) -> _Looker:
    party = readings.party
    if readings.errors:
        return _Looker(readings=readings, last=None, remark=readings.errors[0])
    if not isinstance(party, Model):
        remark = "layers of this kind of model cannot be looked at"
        return _Looker(readings=readings, last=None, remark=remark)
    try:
        last = last_map(party)
    except ModelError as error:
        remark = str(error).removeprefix(f"{party.name}: ")
        return _Looker(readings=readings, last=None, remark=remark)
    return _Looker(readings=readings, last=last, remark=EMBEDS if readings.embeds else "")


def _inside(last: LastMap, images: Images) -> _Inside:
    activation, output = last(images)
    if last.model.task == "embed":
        return _Inside(None, activation.detach())
    classes = output[:1].argmax(1).expand(2)  # the reading of the original, for both
    return _Inside(grad_cam(activation, output, classes), activation.detach())


def _seen(last: LastMap, images: Images) -> Seen:
    inside = _inside(last, images)
    with torch.no_grad():
        pictures = last.shown(images)
    return Seen(
        model=last.model.name,
        pictures=_numbers(pictures),
        grad_cam=None if inside.grad_cam is None else _numbers(inside.grad_cam),
        activation=_numbers(activation_maps(inside.activation)),
        cosine=_cosine(inside.activation),
    )


def _cosine(pair: Tensor) -> float:
    flat = pair.flatten(1).double()
    return cosine(flat[:1], flat[1:]).item()


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.double().numpy()


def _pair(item: Item, limits: Limits) -> Images:
    """The original and the protected picture, (2, c, h, w)."""
    both = [as_images(read(path, limits).pixels) for path in (item.source, item.output)]
    channels = max(image.shape[1] for image in both)
    return torch.cat([image.expand(-1, channels, -1, -1) for image in both])
