"""Turn hidden pictures back, with the key they were hidden with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

import torch

from anamorph import __version__
from anamorph.app.hide.hide import MODEL_DIGITS, PRESETS
from anamorph.app.hide.records import RevealDone, RevealRecord, RevealReport
from anamorph.app.hide.revealing import Beside, Revealed, manifests, reveal_picture, safe_name
from anamorph.app.images import as_images
from anamorph.app.runs import pictures
from anamorph.errors import AnamorphError, BadKey
from anamorph.files.folders import Item, Problem, Sources
from anamorph.files.manifest import file_digest
from anamorph.files.photo import Limits, decode
from anamorph.files.write import sweep, write_whole
from anamorph.keys import file as key_file
from anamorph.keys.key import Key
from anamorph.losses import cosine
from anamorph.models import Model, load
from anamorph.models.device import device_of


def reveal(
    sources: Sources,
    out: str | Path,
    key: Key | str | Path,
    *,
    service: Model | str | Path | None = None,
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    done: RevealDone | None = None,
) -> RevealReport:
    """Reveal hidden pictures and folders of them.

    From sealed pictures the original files come back, bit for bit, under their names and in their
    tree; from others PNG files of what the service model was to read. Nothing is ever
    overwritten; what is there already, with the same bytes, is passed over, so a run that was
    stopped can simply be started again.

    Args:
        sources: hidden pictures and folders of them.
        out: the folder for what they reveal.
        key: the key they were hidden with, or the file of one that is not locked.
        service: the model they were hidden for, to compare its readings of the hidden and the
            revealed. For another model than that, no agreement is claimed.
        limits: on bytes and pixels, before anything is decoded.
        device: where a service model that is named is loaded, and where a network key computes:
            `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with the number of pictures.
        done: called with each picture's record.

    Raises:
        UsageError: what was asked for cannot be done.
        BadKey: the key cannot be read, or is not for hiding.
        ModelError: the model cannot be loaded.
    """
    began = time.perf_counter()
    out, limits = Path(out), limits or Limits()
    key = key if isinstance(key, Key) else key_file.read(Path(key))
    if key.kind not in PRESETS:
        raise BadKey(f"key {key.fingerprint} is a {key.kind} key, which reveals no pictures")
    where = device_of(device)
    if service is not None and not isinstance(service, Model):
        service = load(service, device=where)
    listing = pictures(sources, out, "keep")
    if found is not None:
        found(len(listing.items) + len(listing.problems))
    sweep(out)
    one = _One(key=key, out=out, model=service, limits=limits, beside=manifests(), device=where)
    records: list[RevealRecord] = []
    for record in chain(map(_failure, listing.problems), map(one.record, listing.items)):
        records.append(record)
        if done is not None:
            done(record)
    return RevealReport(
        key=key.fingerprint,
        images=sorted(records, key=lambda r: r.source),
        seconds=time.perf_counter() - began,
        out=str(out),
        anamorph=__version__,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """Reveals one picture after the other."""

    key: Key
    out: Path
    model: Model | None
    limits: Limits
    beside: Beside
    device: torch.device

    def record(self, item: Item) -> RevealRecord:
        """Reveal, write, and tell."""
        began = time.perf_counter()
        record = RevealRecord(source=str(item.source), status="failed")
        try:
            revealed = reveal_picture(item.source, self.key, self.limits, self.beside, self.device)
            name = revealed.name or item.output.relative_to(self.out).with_suffix(".png").as_posix()
            output = self.out / safe_name(name)
            digest = sha256(revealed.data).hexdigest()
            there = output.is_file() and file_digest(output) == digest
            if not there:
                write_whole(output, revealed.data)
            agreement = self._agreement(revealed, str(output))
        except (AnamorphError, OSError) as error:
            return record.failed(error)
        return RevealRecord(
            source=str(item.source),
            output=str(output),
            status="skipped" if there else "revealed",
            reason="; ".join(filter(None, (_there(there), revealed.remark, agreement.remark))),
            exact=revealed.exact,
            cosine=agreement.cosine,
            kept=agreement.kept,
            seconds=time.perf_counter() - began,
            output_sha256=digest,
        )

    def _agreement(self, revealed: Revealed, name: str) -> "_Agreement":
        """Whether the service model reads hidden and revealed alike."""
        model = self.model
        if model is None:
            return _Agreement()
        if model.weights_digest[:MODEL_DIGITS] != revealed.model:
            return _Agreement(
                remark=f"was hidden for another model than {model.name}: no agreement is claimed"
            )
        original = decode(revealed.data, name, self.limits)
        with torch.no_grad():
            before = model.output(as_images(original.pixels))
            after = model.output(as_images(revealed.hidden.pixels))
        if model.task == "embed":
            return _Agreement(cosine=cosine(before, after).item())
        return _Agreement(kept=bool(before.argmax(1) == after.argmax(1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreement:
    cosine: float | None = None
    kept: bool | None = None
    remark: str = ""


def _failure(problem: Problem) -> RevealRecord:
    return RevealRecord(source=str(problem.path), status="failed").failed(problem.error)


def _there(there: bool) -> str:
    return "is there already" if there else ""
