"""The methods at work on portraits of people who do not exist, with a page that shows it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anamorph import portraits
from anamorph.app.audit.protected.audit import audit
from anamorph.app.demo.page import Audited, Hidden, Protected, Readings, Theft, page
from anamorph.app.demo.shielding import shielded
from anamorph.app.hide.hide import hide
from anamorph.app.hide.records import HideReport
from anamorph.app.hide.reveal import reveal
from anamorph.app.images import as_images
from anamorph.app.labels import read_labels
from anamorph.app.protect.protect import protect
from anamorph.app.protect.results import Done
from anamorph.app.records import ProtectReport, rounded
from anamorph.auditing.audit import Audit
from anamorph.auditing.verdict import caution, verdict
from anamorph.errors import ModelError, UsageError
from anamorph.files.photo import read
from anamorph.files.write import write_whole
from anamorph.keys import file as key_file
from anamorph.keys.key import new as new_key
from anamorph.methods.fmd_parameters import PRESETS
from anamorph.models import Model, load
from anamorph.optimize.engine import Watch

AUTHORIZED = "identity-vgg"
SURROGATE = "identity-residual"
PEOPLE = 12
HIDDEN = 3
SHOT = 1000  # far from the pictures the models were trained on
SIZE = 128
PARAMETERS = replace(PRESETS["fast"], surrogate_weight=30.0)
"""The misreading counts more than in the preset: these six models have been taught one task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo did."""

    report: ProtectReport
    hidden: HideReport
    readings: tuple[Readings, ...]
    """The authorized model first."""
    thefts: tuple[Theft, ...]
    """What thieves make of stored features, plain and shielded."""
    audit: Audit
    """Of the protected portraits, by the models that nobody knew while protecting."""
    page: str

    @property
    def ok(self) -> bool:
        """Whether no picture failed."""
        return self.report.ok and self.hidden.ok and self.audit.ok

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "page": self.page,
            "readings": [asdict(r) for r in self.readings],
            "protect": self.report.as_json(),
            "hide": self.hidden.as_json(),
            "shield": [rounded(asdict(t)) for t in self.thefts],
            "audit": self.audit.as_json(),
        }


def demo(
    out: str | Path,
    *,
    found: Callable[[int], None] | None = None,
    watch: Watch | None = None,
    done: Done | None = None,
) -> Demo:
    """Draw portraits, protect, hide, shield and audit them; write a page that shows it all.

    Args:
        out: a new or empty folder.
        found: called once with the number of pictures to protect.
        watch: called after every step of the engine while protecting.
        done: called with each protected picture's record.

    Raises:
        UsageError: `out` is a file, or holds something already.
        NotWritten: the disk refuses.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; choose a folder for --out")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out}: is not empty; remove it or choose another --out")
    originals = out / "originals"
    told = portraits.write_folder(originals, range(PEOPLE), [SHOT], size=SIZE)
    labels = read_labels(told)
    if found is not None:
        found(PEOPLE)
    models = [load(f"portraits:{name}") for name in _names()]
    truth = {name: models[0].label(label) for name, label in labels.items()}
    report = protect(
        [originals],
        out / "protected",
        models[0],
        surrogates=models[1:2],
        parameters=PARAMETERS,
        watch=watch,
        done=done,
    )
    protected = _protected(report, truth)
    hidden, shown = _hide(sorted(originals.glob("*.png"))[:HIDDEN], out, models[0], truth)
    readings = tuple(_readings(model, protected) for model in models)
    audited = audit(
        originals=originals,
        protected=out / "protected",
        authorized=models[0],
        panel=models[2:],
        labels=told,
        out=out / "audit",
    )
    said = Audited(verdict=verdict(audited), caution=caution(audited), report="audit/report.html")
    table = shielded(PEOPLE, SHOT)
    html = page(readings, protected, shown, table.thefts, table.stolen, said, parameters=PARAMETERS)
    index = out / "index.html"
    write_whole(index, html.encode(), overwrite=True)
    return Demo(
        report=report,
        hidden=hidden,
        readings=readings,
        thefts=table.thefts,
        audit=audited,
        page=str(index),
    )


def _names() -> list[str]:
    """The models that read: the authorized one, the surrogate, then those that nobody knew."""
    rest = [n for n in portraits.names() if n.startswith("identity-")]
    return [AUTHORIZED, SURROGATE, *(n for n in rest if n not in (AUTHORIZED, SURROGATE))]


def _protected(report: ProtectReport, truth: dict[str, str]) -> list[Protected]:
    done = [(Path(r.source), Path(r.output)) for r in report.images if r.output is not None]
    if not done:
        raise ModelError("no portrait could be protected; install anamorph again")
    return [
        Protected(name=truth[source.name], before=read(source).pixels, after=read(output).pixels)
        for source, output in done
    ]


def _hide(
    sources: Sequence[Path], out: Path, service: Model, truth: dict[str, str]
) -> tuple[HideReport, list[Hidden]]:
    """Hide portraits, reveal them with the key, and try another key."""
    key = new_key("sealed")
    key_file.write(key, out / "demo.amkey")
    hidden = hide(sources, out / "hidden", service, key)
    revealed = {r.source: r for r in reveal([out / "hidden"], out / "revealed", key).images}
    others = reveal([out / "hidden"], out / "wrong-key", new_key("sealed"))
    refused = {r.source: r.status == "failed" for r in others.images}
    shown = []
    for record in hidden.images:
        back = revealed.get(record.output or "")
        if record.output is None or back is None or back.output is None:
            continue
        shown.append(
            Hidden(
                name=truth[Path(record.source).name],
                before=read(Path(record.source)).pixels,
                hidden=read(Path(record.output)).pixels,
                revealed=read(Path(back.output)).pixels,
                read_as=str(record.prediction_after),
                exact=back.exact is True,
                wrong_key="refused" if refused[record.output] else "accepted",
            )
        )
    return hidden, shown


def _readings(model: Model, protected: Sequence[Protected]) -> Readings:
    truth = [p.name for p in protected]
    read_before = _answers(model, [p.before for p in protected])
    read_after = _answers(model, [p.after for p in protected])
    return Readings(
        model=model.name,
        role={AUTHORIZED: "authorized", SURROGATE: "surrogate"}.get(model.name, "unauthorized"),
        before=read_before,
        after=read_after,
        clean=_share(read_before, truth),
        protected=_share(read_after, truth),
    )


def _answers(model: Model, pictures: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    with torch.no_grad():
        logits = model.output(as_images(*pictures))
    return tuple(model.label(i) for i in logits.argmax(1).tolist())


def _share(answers: Sequence[str], truth: Sequence[str]) -> float:
    return sum(a == t for a, t in zip(answers, truth, strict=True)) / max(len(truth), 1)
