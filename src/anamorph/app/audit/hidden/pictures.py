"""One pair of original and hidden file after the other: decoded, read, revealed, spoiled."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anamorph.app.audit.hidden.keys import forced, wrong_key
from anamorph.app.audit.hidden.pairs import HiddenPair
from anamorph.app.audit.hidden.side_by_side import (
    Agreement,
    agreement,
    embeddings,
    finite,
    in_color,
    original_beside,
)
from anamorph.app.hide import networking, permuting
from anamorph.app.hide.hide import MODEL_DIGITS
from anamorph.app.hide.revealing import Beside, Revealed, reveal_picture
from anamorph.app.hide.showing import correlation, likeness, most_correlation, most_likeness
from anamorph.app.images import as_images
from anamorph.auditing.hidden.figures import HiddenPicture
from anamorph.auditing.hidden.spoiling import SPOILINGS, Spoiling
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.views import rgb8
from anamorph.errors import AnamorphError, FileError, ModelError
from anamorph.files import notice as notices
from anamorph.files.photo import Limits, Photo, content, decode
from anamorph.keys.key import Key
from anamorph.losses import cosine
from anamorph.metrics.image import psnr
from anamorph.models import Model
from anamorph.optimize.starts import seed_of
from anamorph.types import Images

_LEAST_PSNR = {
    "sealed": permuting.LEAST_PSNR,
    "permuted": permuting.LEAST_PSNR,
    "network": networking.LEAST_PSNR,
}
"""In dB, as `hide` demands: a copy that is worse has not come back."""


class Back(NamedTuple):
    """What a key gave back."""

    revealed: bool | None = None
    """None where the key is not this picture's."""
    exact: bool | None = None
    psnr: float | None = None
    ssim: float | None = None
    refusal: str = ""


class SpoiledPicture(NamedTuple):
    """What is left of one picture after one spoiling."""

    read: Agreement
    back: Back


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """All that was found of one pair."""

    pair: HiddenPair
    figures: HiddenPicture
    digest: str
    """Of the original's pixels."""
    service: tuple[Tensor, Tensor] | None
    """Embeddings (1, k) of original and hidden; None where it was hidden for another model. Of
    classifiers nothing is kept: k is 0."""
    judge: tuple[Tensor, Tensor] | None
    """The judge's; None without one that answers."""
    spoiled: tuple[SpoiledPicture, ...]
    """In the order of the spoilings; empty where none was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """What is needed to look at a pair."""

    service: Model
    judge: Witness | None
    key: Key
    limits: Limits
    beside: Beside
    seed: int
    scratch: Path
    """A folder for spoiled files, one at a time."""

    def look(self, pair: HiddenPair, *, spoil: bool) -> Looked:
        """Measure one pair.

        Args:
            pair: an original and its hidden file.
            spoil: whether spoiled versions are tried too.

        Raises:
            FileError: a file cannot be read any more.
            ModelError: the service model failed.
        """
        data = content(pair.source, self.limits)
        photo = decode(data, str(pair.source), self.limits)
        hidden_photo = decode(content(pair.output, self.limits), str(pair.output), self.limits)
        pixels = _eight_bits(hidden_photo)
        x, hidden = in_color(as_images(photo.pixels)), as_images(pixels)
        beside = original_beside(x, hidden)
        service = self._readings(pair, x, hidden)
        judge = self._judged(x, hidden)
        alike, follows = likeness(beside, hidden), correlation(beside, hidden)
        back = self._back(pair.output, data, x, pair)
        judging = "classify" if self.judge is None else self.judge.party.task
        own, other = agreement(service, self.service.task), agreement(judge, judging)
        figures = HiddenPicture(
            source=str(pair.source),
            output=str(pair.output),
            kind=pair.notice.kind,
            key=pair.notice.fingerprint,
            model_matches=service is not None,
            service_cosine=own.cosine,
            service_kept=own.kept,
            judge_cosine=other.cosine,
            judge_kept=other.kept,
            ssim=alike,
            block_correlation=follows,
            shows=alike > most_likeness(hidden) or abs(follows) > most_correlation(hidden),
            revealed=back.revealed,
            exact=back.exact,
            revealed_psnr=back.psnr,
            revealed_ssim=back.ssim,
            refusal=back.refusal,
        )
        seed = seed_of(self.seed, photo.digest)
        return Looked(
            pair=pair,
            figures=self._under_wrong_key(figures, pair, pixels, beside, seed),
            digest=photo.digest,
            service=embeddings(service, self.service.task),
            judge=embeddings(judge, judging),
            spoiled=tuple(
                self._spoiled(one, pair, pixels, data, x, service, seed) for one in SPOILINGS
            )
            if spoil
            else (),
        )

    def _readings(
        self, pair: HiddenPair, x: Images, hidden: Images
    ) -> tuple[Tensor, Tensor] | None:
        """The service model's, where the picture was hidden for it."""
        if not _for_this(self.service, pair):
            return None
        return self._read(x), self._read(hidden)

    def _read(self, images: Images) -> Tensor:
        try:
            with torch.no_grad():
                return self.service.output(images).double()
        except Exception as error:
            raise ModelError(
                f"{self.service.name}: the service model failed: {type(error).__name__}: {error}"
            ) from error

    def _judged(self, x: Images, hidden: Images) -> tuple[Tensor, Tensor] | None:
        read = None if self.judge is None else self.judge.readings([x, hidden])
        return None if read is None else (read[:1], read[1:])

    def _told(self, pair: HiddenPair) -> Beside:
        """What the manifest beside the hidden file says, wherever its copy lies."""
        told = self.beside(pair.output)
        return lambda _: told

    def _back(self, path: Path, data: bytes, x: Images, pair: HiddenPair) -> Back:
        """What the key makes of a file, if it is the pair's key."""
        notice = pair.notice
        if (notice.kind, notice.fingerprint) != (self.key.kind, self.key.fingerprint):
            return Back()
        try:
            found = reveal_picture(path, self.key, self.limits, self._told(pair))
        except AnamorphError as error:
            return Back(revealed=False, refusal=_short(error, path))
        return self._compared(found, data, x, notice.kind)

    def _compared(self, found: Revealed, data: bytes, x: Images, kind: notices.Hidden) -> Back:
        """A copy that is worse than `hide` accepts has not come back, though nothing refused it."""
        if found.data == data:
            return Back(revealed=True, exact=True)
        copy = in_color(as_images(decode(found.data, "what was revealed", self.limits).pixels))
        wanted = original_beside(x, copy)
        quality = psnr(wanted, copy)
        return Back(
            revealed=bool(quality >= _LEAST_PSNR[kind]),
            exact=False,
            psnr=finite(quality),
            ssim=likeness(wanted, copy),
        )

    def _under_wrong_key(
        self,
        figures: HiddenPicture,
        pair: HiddenPair,
        pixels: NDArray[np.uint8],
        beside: Images,
        seed: int,
    ) -> HiddenPicture:
        other = wrong_key(pair.notice.kind, seed)
        try:
            reveal_picture(pair.output, other, self.limits, self._told(pair))
            refused = False
        except AnamorphError:
            refused = True
        try:
            made = forced(pixels, pair.notice, other, self.limits)
        except FileError:  # a seal that is lost already gives nothing to force
            made = None
        if made is None:
            return replace(figures, other_key_refused=refused, other_key_nothing=True)
        made = in_color(made)
        wanted = original_beside(beside, made)
        judge = self.judge
        read = judge.readings([wanted, made]) if judge is not None and judge.embeds else None
        return replace(
            figures,
            other_key_refused=refused,
            other_key_nothing=False,
            other_key_ssim=likeness(wanted, made),
            other_key_correlation=correlation(wanted, made),
            other_key_identity=None if read is None else finite(cosine(read[:1], read[1:])),
        )

    def _spoiled(
        self,
        spoiling: Spoiling,
        pair: HiddenPair,
        pixels: NDArray[np.uint8],
        data: bytes,
        x: Images,
        service: tuple[Tensor, Tensor] | None,
        seed: int,
    ) -> SpoiledPicture:
        comment = notices.dump(pair.notice).encode("latin-1")
        path = self.scratch / f"spoiled{spoiling.suffix}"
        path.write_bytes(spoiling.make(pixels, comment, seed))
        read = None
        if service is not None:
            now = as_images(decode(path.read_bytes(), path.name, self.limits).pixels)
            read = (service[0], self._read(in_color(now)))
        back = self._back(path, data, x, pair)
        return SpoiledPicture(agreement(read, self.service.task), back)


def _eight_bits(photo: Photo) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rgb8(photo.pixels))


def _for_this(service: Model, pair: HiddenPair) -> bool:
    return service.weights_digest[:MODEL_DIGITS] == pair.notice.model


def _short(error: Exception, path: Path) -> str:
    """Why, without the name of the file and without what to do."""
    return str(error).removeprefix(f"{path}: ").partition(";")[0]
