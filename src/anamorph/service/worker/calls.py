"""What runs alone: revealing, shielding a file, reading with every model."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from anamorph.app.hide.revealing import reveal_picture, safe_name
from anamorph.app.images import as_images
from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.decoy import disguising
from anamorph.app.shield.file import shield_file
from anamorph.app.shield.keyed import keyed
from anamorph.errors import UsageError
from anamorph.files.photo import read
from anamorph.losses import cosine
from anamorph.models import Model
from anamorph.service.queue import Item
from anamorph.service.requests import Read, Reveal, Shield, stored
from anamorph.service.worker.roster import Roster
from anamorph.templates.files import open_file
from anamorph.templates.role import Shielding

Tick = Callable[[], None]
"""Called while the work goes on; raises to stop it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What came of an item."""

    record: Mapping[str, Any] = field(default_factory=dict)
    data: bytes = b""
    suffix: str = ""


def call(item: Item, roster: Roster, tick: Tick) -> Made:
    """Do what is asked for.

    Raises:
        AnamorphError: it cannot be done.
    """
    form = stored(item.verb, item.request)
    if isinstance(form, Reveal):
        return _reveal(form, item, roster)
    if isinstance(form, Shield):
        return _shield(form, item, roster, tick)
    if isinstance(form, Read):
        return _read(form, item, roster)
    raise UsageError(f"{item.verb} does not run alone")


def _reveal(form: Reveal, item: Item, roster: Roster) -> Made:
    key = roster.key(item, form.stored_key)
    if key is None:
        raise UsageError("revealing needs a key; send one, or name one of the service")
    (source,) = roster.sources(item)
    found = reveal_picture(source, key, roster.bounds.limits, lambda _: None, roster.device)
    name = None if found.name is None else str(safe_name(found.name))
    record = {"status": "revealed", "exact": found.exact, "remark": found.remark, "name": name}
    return Made(record=record, data=found.data)


def _shield(form: Shield, item: Item, roster: Roster, tick: Tick) -> Made:
    (source,) = roster.sources(item)
    out = source.with_name(f"shielded-{item.tries}{source.suffix}")
    shielding = _shielding(form, item, roster)
    try:
        report = shield_file(open_file(source), out, shielding, watch=lambda _: tick())
        record = {
            "status": "shielded",
            "method": report.method,
            "shield": report.mark,
            "rows": report.rows,
            "matching": None if report.matching is None else report.matching.as_json(),
        }
        return Made(record=record, data=out.read_bytes(), suffix=source.suffix)
    finally:
        out.unlink(missing_ok=True)


def _shielding(form: Shield, item: Item, roster: Roster) -> Shielding:
    if form.method == "decoy":
        return disguising(roster.model(form.model or ""), layer=form.layer)
    if form.method == "advface":
        shadows = [roster.shadow(name) for name in form.shadows]
        return adversarial(shadows, device=roster.device)
    key = roster.key(item, form.stored_key)
    if key is None:
        raise UsageError("keyed shielding needs a key; send one, or name one of the service")
    return keyed(key)


def _read(form: Read, item: Item, roster: Roster) -> Made:
    pictures = [as_images(read(path, roster.bounds.limits).pixels) for path in roster.sources(item)]
    names = form.models or list(roster.models)
    readings = [_reading(name, roster.model(name), pictures) for name in names]
    data = json.dumps({"models": readings}).encode()
    return Made(record={"status": "read"}, data=data, suffix=".json")


def _reading(name: str, model: Model, pictures: list[Tensor]) -> dict[str, Any]:
    with torch.no_grad():
        outputs = [model.output(picture) for picture in pictures]
    told: dict[str, Any] = {"model": name, "task": model.task}
    if model.task == "classify":
        told["readings"] = [_label(model, output) for output in outputs]
    if len(outputs) > 1:
        before, after = outputs[0], outputs[1]
        told["cosine"] = round(cosine(before, after).item(), 5)
        if model.task == "classify":
            told["same"] = bool(before.argmax(1) == after.argmax(1))
    return told


def _label(model: Model, output: Tensor) -> dict[str, Any]:
    shares = output.softmax(1)[0]
    best = int(shares.argmax())
    return {"label": model.label(best), "share": round(float(shares[best]), 5)}
