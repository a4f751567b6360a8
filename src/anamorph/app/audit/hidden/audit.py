"""Attack hidden pictures, and report what shows without the key."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from anamorph.app.audit.command import versions
from anamorph.app.audit.hidden.command import AskedHide
from anamorph.app.audit.hidden.pairs import HiddenPairs, hidden_pairs
from anamorph.app.audit.hidden.run import HideRun, by_kind
from anamorph.app.audit.hidden.writing import check_hide_out, write_hide_reports
from anamorph.app.audit.writing import Report, check_formats
from anamorph.app.hide.hide import PRESETS
from anamorph.app.hide.revealing import manifests
from anamorph.auditing.hidden.result import HideAudit, Method, Named
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.parties import Party
from anamorph.auditing.protocol import LEAST_COSINE
from anamorph.auditing.wording import counted
from anamorph.errors import BadKey, UsageError
from anamorph.files.photo import Limits
from anamorph.keys import file as key_file
from anamorph.keys.key import Key
from anamorph.methods.inversion import Inversion
from anamorph.models import Model, load
from anamorph.models.readers import load_reader

PAIRS = (10, 25, 100, 1000)
"""How many originals attackers know, beside the pictures that hide them."""

INVERTED = 4
"""Pictures that are drawn from the service model's readings."""

FEW = 30
"""Fewer pictures than this leave wide intervals, which the report says."""


def audit_hide(
    *,
    originals: str | Path,
    hidden: str | Path,
    service: Model | str | Path,
    key: Key | str | Path,
    judge: Party | str | Path | None = None,
    pairs: Sequence[int] = PAIRS,
    inverted: int = INVERTED,
    out: str | Path | None = None,
    seed: int = 0,
    formats: Sequence[Report] = ("html", "json"),
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> HideAudit:
    """Measure what shows of hidden pictures, who reads them, and what is left of spoiled files.

    Works on the decoded files only. Nothing is written but the reports.

    Args:
        originals: the folder that was hidden, or one picture.
        hidden: the folder that `hide` wrote, or one picture.
        service: the model that is to read them: loaded, a card, or a spec.
        key: the key they were hidden with, or the file of one that is not locked.
        judge: a model that took no part, to say whether anyone is recognized.
        pairs: how many originals attackers know; as far as there are so many.
        inverted: pictures that are drawn from the service model's readings; 0 for none.
        out: the folder for the reports; None writes none.
        seed: of who learns from what, of what is learned, and of the wrong keys.
        formats: of the reports: html, md, json.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with how much there is to do.
        watch: called with how much of that is done; raise `Cancelled` to stop.

    Raises:
        UsageError: folders that don't pair, or a judge that took part.
        BadKey: the key cannot be read, does not hide pictures, or is that of none of these.
        ModelError: a model cannot be loaded, or the service model fails.
        NotWritten: the disk refuses.
    """
    began = time.perf_counter()
    originals, hidden = Path(originals), Path(hidden)
    place = None if out is None else Path(out)
    limits = limits or Limits()
    check_formats(formats)
    if place is not None:
        check_hide_out(place, originals, hidden)
    if not pairs or any(count < 2 for count in pairs) or inverted < 0:
        raise UsageError("attackers know at least 2 pairs, and 0 pictures or more are inverted")
    asked = AskedHide(
        originals=originals,
        hidden=hidden,
        service=service,
        judge=judge,
        pairs=pairs,
        inverted=inverted,
        out=place,
        seed=seed,
        formats=formats,
        device=device,
    )
    key = _checked_key(key)
    beside = manifests()
    nowhere = Path("no reports are written")
    listed = hidden_pairs(originals, hidden, place or nowhere, limits, beside)
    notes = list(_key_notes(listed, key))
    model, witness = _models(service, judge, device)
    run = HideRun(
        service=model,
        judge=witness,
        key=key,
        limits=limits,
        beside=beside,
        seed=seed,
        counts=tuple(pairs),
        inverted=inverted,
        watch=watch,
    )
    if found is not None:
        found(run.work(listed.pairs))
    looked, unreadable = run.look(listed.pairs)
    kinds = [run.audit(kind, some) for kind, some in by_kind(looked).items()]
    notes += [note for kind in kinds for note in kind.notes]
    images = (*(one.figures for one in looked), *unreadable, *listed.problems)
    result = HideAudit(
        service=_named(model),
        judge=None if witness is None else _named(witness.party),
        key=key.fingerprint,
        kinds=tuple(kind.figures for kind in kinds),
        images=tuple(sorted(images, key=lambda image: image.source or image.output)),
        method=Method(
            least_cosine=LEAST_COSINE,
            seed=seed,
            command=asked.command,
            versions=versions(),
            attackers_see=f"{model.input.size[1]} x {model.input.size[0]} pixels",
            inversion_steps=Inversion().steps,
            hidden_for=listed.models,
        ),
        notes=(*notes, *_few(len(looked))),
        seconds=time.perf_counter() - began,
        out="" if place is None else str(place),
    )
    if place is not None:
        write_hide_reports(result, [kind.showing for kind in kinds], place, formats)
    return result


def _checked_key(key: Key | str | Path) -> Key:
    key = key if isinstance(key, Key) else key_file.read(Path(key))
    if key.kind not in PRESETS:
        raise BadKey(f"key {key.fingerprint} is a {key.kind} key, which hides no pictures")
    return key


def _models(
    service: Model | str | Path, judge: Party | str | Path | None, device: str
) -> tuple[Model, Witness | None]:
    """Load the models, and refuse those that would make the audit mean nothing."""
    model = service if isinstance(service, Model) else load(service, device=device)
    other = load_reader(judge, device=device) if isinstance(judge, str | Path) else judge
    for party in (model, *([other] if other is not None else [])):
        if party.task == "detect":
            raise UsageError(
                f"{party.name}: detectors cannot be audited; give a model with the task classify "
                "or embed"
            )
    if other is None:
        return model, None
    if other.weights_digest == model.weights_digest:
        raise UsageError(
            f"{other.name}: is the service model, so it is no judge that took no part; give "
            "another --judge, or leave it out"
        )
    return model, Witness(party=other)


def _named(party: Party) -> Named:
    return Named(
        name=party.name,
        task=party.task,
        sha256=party.digest,
        weights_sha256=party.weights_digest,
    )


def _key_notes(listed: HiddenPairs, key: Key) -> Iterator[str]:
    """What is to be said of pictures that another key hid.

    Raises:
        BadKey: all were.
    """
    others = [
        pair.notice.fingerprint
        for pair in listed.pairs
        if (pair.notice.kind, pair.notice.fingerprint) != (key.kind, key.fingerprint)
    ]
    names = ", ".join(dict.fromkeys(others))
    if others and len(others) == len(listed.pairs):
        raise BadKey(
            f"key {key.fingerprint} hides none of these pictures: they were hidden with {names}; "
            "give that key"
        )
    if others:
        yield f"{counted(len(others), 'picture')} hidden with another key ({names}): not revealed"


def _few(audited: int) -> Iterator[str]:
    if audited < FEW:
        yield (
            f"only {counted(audited, 'picture')} could be measured, so the intervals are wide; "
            "more pictures make them narrower"
        )
