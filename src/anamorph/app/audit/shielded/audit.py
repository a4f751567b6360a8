"""Steal a store of shielded features, and report what its records show."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch

from anamorph.app.audit.command import versions
from anamorph.app.audit.shielded.command import AskedShield
from anamorph.app.audit.shielded.learning import Meter
from anamorph.app.audit.shielded.preparing import Theft, prepared
from anamorph.app.audit.shielded.renewing import renewal_notes
from anamorph.app.audit.shielded.writing import write_shield_reports
from anamorph.app.audit.writing import Report, check_formats, check_out
from anamorph.app.shield.stores import Place
from anamorph.app.train.shadow_training import ShadowTraining
from anamorph.auditing.hidden.result import Named
from anamorph.auditing.hidden.witness import Witness
from anamorph.auditing.parties import Party
from anamorph.auditing.shielded.attacking import Tried
from anamorph.auditing.shielded.figures import StoreFigures
from anamorph.auditing.shielded.result import Method, ShieldAudit
from anamorph.auditing.wording import counted
from anamorph.errors import UsageError
from anamorph.files.photo import Limits
from anamorph.keys import file as key_file
from anamorph.keys.key import Key
from anamorph.models import Model, load
from anamorph.models.readers import load_reader

ATTACKED = 100
"""Records that are reconstructed."""

INVERTED = 8
"""Faces that are searched for with the recognizer's weights: it takes long."""

UPDATES = ShadowTraining().updates

FEW = 30
"""Fewer faces than this leave wide intervals, which the report says."""


def audit_shield(
    *,
    store: Place | str | Path,
    pictures: str | Path,
    recognizer: Model | str | Path,
    judge: Party | str | Path,
    layer: str | None = None,
    known: str | Path | None = None,
    decoders: Sequence[str | Path] = (),
    learn: Sequence[int] = (),
    updates: int = UPDATES,
    method: str | None = None,
    preset: str = "fast",
    shadows: Sequence[str | Path] = (),
    decoys: str | Path | None = None,
    tail: str | Path | None = None,
    key: Key | str | Path | None = None,
    plain: str | Path | None = None,
    probes: str | Path | None = None,
    threshold: float | None = None,
    attacked: int = ATTACKED,
    inverted: int = INVERTED,
    out: str | Path | None = None,
    seed: int = 0,
    formats: Sequence[Report] = ("html", "json"),
    limits: Limits | None = None,
    device: str = "cpu",
    found: Callable[[int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> ShieldAudit:
    """Reconstruct faces from stored features, link and renew them, and ask the matcher.

    Nothing is written but the reports; the store is read, and stays as it is.

    Args:
        store: a file of features, or a `Place` in a database. Rows are named by their pictures.
        pictures: what the features are of: a picture for each person, or a folder for each.
        recognizer: the model that made the features: loaded, a card, or a spec.
        judge: a model that took no part, to say who is seen in a reconstruction.
        layer: where the recognizer is cut; by default its embeddings or the first tap of its card.
        known: pictures of people who are not in the store, which attackers learn from; portraits
            of people who do not exist stand in for them.
        decoders: attackers from `anamorph train attacker`, in the place of those trained here.
        learn: how many records attackers have with their pictures, as far as there are so many.
        updates: of each decoder that is trained.
        method: `advface`, `decoy` or `keyed`, where the rows carry no mark.
        preset: of advface or decoy: attackers shield pictures of their own in the same way.
        shadows: those that advface misled: attackers have them too.
        decoys: pictures of who is stored by decoy; portraits by default.
        tail: reads shielded maps for the matcher, from `anamorph train tail`.
        key: of a keyed store, for the matcher's accuracy alone.
        plain: a file of the clean features; by default the recognizer makes them anew.
        probes: other pictures of the same people, named or foldered alike.
        threshold: the matcher's; by default found at a false accept rate of 0.1 %, or 1 %.
        attacked: records that are reconstructed.
        inverted: faces that are searched for with the recognizer's weights; 0 for none.
        out: the folder for the reports; None writes none.
        seed: of who is attacked, and of what is learned.
        formats: of the reports: html, md, json.
        limits: on bytes and pixels, before anything is decoded.
        device: where models are loaded that are named: `cpu`, `cuda`, `cuda:N`, or `auto`.
        found: called once with how much there is to do.
        watch: called with how much of that is done; raise `Cancelled` to stop.

    Raises:
        UsageError: records and pictures that don't pair, or a judge that took part.
        BadKey: a key of another store.
        FileError, StoreFailed, ModelError: something cannot be read or loaded.
        NotWritten: the disk refuses.
    """
    began = time.perf_counter()
    folder, limits = Path(pictures), limits or Limits()
    asked = AskedShield(
        store=store if isinstance(store, Place) else Place(where=Path(store)),
        pictures=folder,
        recognizer=recognizer,
        judge=judge,
        layer=layer,
        known=_path(known),
        decoders=[Path(path) for path in decoders],
        learn=tuple(learn),
        updates=updates,
        method=method,
        preset=preset,
        shadows=[Path(path) for path in shadows],
        decoys=_path(decoys),
        tail=_path(tail),
        key=key is not None,
        plain=_path(plain),
        probes=_path(probes),
        threshold=threshold,
        attacked=attacked,
        inverted=inverted,
        out=_path(out),
        seed=seed,
        formats=formats,
        device=device,
    )
    check_formats(formats)
    if asked.out is not None:
        check_out(asked.out, pictures=folder)
    _check_counts(asked)
    model = recognizer if isinstance(recognizer, Model) else load(recognizer, device=device)
    witness = _judge(judge, model, device)
    opened = key_file.read(Path(key)) if isinstance(key, str | Path) else key
    theft = prepared(asked, model, witness, opened, limits, Meter(watch=watch), found)
    tried = list(theft.thieves.attack())
    result = _result(asked, theft, tried, witness, time.perf_counter() - began)
    if asked.out is not None:
        names = [theft.stolen.pictures[i].path.name for i in theft.attacked.tolist()]
        faces = theft.thieves.scene.faces
        write_shield_reports(result, tried, faces, names, asked.out, formats)
    return result


def _check_counts(asked: AskedShield) -> None:
    if any(k < 2 for k in asked.learn) or asked.updates < 1:
        raise UsageError("attackers learn from at least 2 records, in at least 1 update")
    if asked.attacked < 2 or asked.inverted < 0:
        raise UsageError("at least 2 records are attacked, and 0 or more faces searched for")


def _judge(judge: Party | str | Path, model: Model, device: str) -> Witness:
    """Load the judge, and refuse one that would make the audit mean nothing."""
    party = load_reader(judge, device=device) if isinstance(judge, str | Path) else judge
    if party.task != "embed":
        raise UsageError(f"{party.name} is for the task {party.task}; --judge must embed faces")
    if party.weights_digest == model.weights_digest:
        raise UsageError(
            f"{party.name}: is the recognizer, so it is no judge that took no part; give another "
            "--judge"
        )
    return Witness(party=party)


def _result(
    asked: AskedShield, theft: Theft, tried: Sequence[Tried], judge: Witness, seconds: float
) -> ShieldAudit:
    stolen, thieves, matcher = theft.stolen, theft.thieves, theft.matcher
    made_by, known = stolen.made_by, thieves.known
    return ShieldAudit(
        store=StoreFigures(
            name=stolen.name,
            method=thieves.method,
            mark=stolen.mark or "",
            kind="embeddings" if made_by.cut is None else "maps",
            shape=made_by.shape,
            rows=stolen.rows,
            paired=len(stolen.pictures),
            people=len(set(matcher.people.tolist())),
            attacked=len(theft.attacked),
            known=len(known.pictures),
            known_from=theft.known_from,
            self_cosine=matcher.self_cosine(),
        ),
        recognizer=_named(made_by.model),
        judge=_named(judge.party),
        attempts=tuple(one.row for one in tried),
        accuracy=matcher.accuracy(),
        links=tuple(matcher.links(_renewed(theft), theft.attacked)),
        missed=(*stolen.missed, *matcher.probes.missed, *known.missed),
        method=Method(
            layer=made_by.layer,
            threshold=matcher.limit.value,
            threshold_means=matcher.limit.meaning,
            chance=thieves.scene.chance,
            updates=asked.updates,
            inverted=min(asked.inverted, len(theft.attacked)),
            seed=asked.seed,
            command=asked.command,
            versions=versions(),
        ),
        notes=(*stolen.notes, *_notes(theft, judge)),
        seconds=seconds,
        out=str(asked.out or ""),
    )


def _renewed(theft: Theft) -> torch.Tensor | None:
    """Embeddings of the attacked records, shielded anew."""
    if theft.another is None:
        return None
    again = theft.another(theft.thieves.sides.clean.float().numpy())
    return theft.stolen.made_by.stored(torch.from_numpy(again))


def _notes(theft: Theft, judge: Witness) -> Iterator[str]:
    method, counts, most = theft.thieves.method, theft.thieves.counts, max(theft.wanted)
    yield from renewal_notes(method, theft.stolen.mark, theft.another)
    if method != "none" and not counts:
        yield "too few records to learn from: no attacker who adapts was tried"
    elif method != "none" and max(counts) < most:
        yield f"attackers were to learn from {most} records, but there are {max(counts)}"
    if len(theft.attacked) < FEW:
        yield (
            f"only {counted(len(theft.attacked), 'record')} could be attacked, so the intervals "
            "are wide; more pictures make them narrower"
        )
    for error in judge.errors:
        yield f"{judge.party.name} could not judge: {error}"


def _named(party: Party) -> Named:
    return Named(
        name=party.name,
        task=party.task,
        sha256=party.digest,
        weights_sha256=party.weights_digest,
    )


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
