"""The reports of an audit of hidden pictures, and the pictures in them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anamorph.app.audit.hidden.attacks import Attacked, Parted
from anamorph.app.audit.writing import Report, check_out
from anamorph.app.hide.revealing import Beside, reveal_picture
from anamorph.auditing.hidden.figures import HiddenPicture
from anamorph.auditing.hidden.gallery import Shot, address
from anamorph.auditing.hidden.markdown import markdown
from anamorph.auditing.hidden.page import page
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.verdict import exposure
from anamorph.auditing.hidden.words import who
from anamorph.auditing.views import rgb8
from anamorph.errors import AnamorphError, UsageError
from anamorph.files.photo import Limits, decode, read
from anamorph.files.write import write_whole
from anamorph.keys.key import Key
from anamorph.types import Images

PICTURES = 4
"""How many of the worst and of the best of each kind the page shows."""

Group = tuple[str, str, Sequence[Shot]]
"""Title, note and pictures."""


def check_hide_out(out: Path, originals: Path, hidden: Path) -> None:
    """Refuse a folder that holds anything but an earlier audit.

    Raises:
        UsageError: naming what is there.
    """
    if out.is_dir() and hidden.exists() and out.samefile(hidden):
        raise UsageError(f"{out}: is --hidden too; choose another --out")
    check_out(out, originals=originals)


def write_hide_reports(
    audit: HideAudit, kinds: Sequence["Showing"], out: Path, formats: Sequence[Report]
) -> None:
    """Write the reports; those of an earlier audit are replaced.

    Raises:
        NotWritten: the disk refuses.
    """
    made: Mapping[Report, tuple[str, Callable[[], str]]] = {
        "json": ("audit.json", lambda: json.dumps(audit.as_json(), indent=2, allow_nan=False)),
        "html": ("report.html", lambda: page(audit, _shots(audit, kinds))),
        "md": ("report.md", lambda: markdown(audit)),
    }
    for kind in dict.fromkeys(formats):
        name, text = made[kind]
        write_whole(out / name, (text() + "\n").encode("utf-8", "replace"), overwrite=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is needed to show pictures of one kind."""

    kind: str
    part: Parted
    attacked: Attacked
    key: Key
    limits: Limits
    beside: Beside

    def groups(self, images: Sequence[HiddenPicture]) -> list[Group]:
        """The worst and the best of the pictures, and what is drawn of the model's readings.

        Where an attacker made guesses, pictures are chosen among those he did not learn from.
        """
        guesses, best = self.attacked.guesses, self.attacked.best
        made: dict[str, Images] = {}
        if guesses is not None:
            made = {
                one.figures.output: guess
                for one, guess in zip(self.part.unseen, guesses, strict=True)
            }
        pool = [image for image in images if not made or image.output in made]
        order = sorted(pool, key=exposure, reverse=True)
        some = min(PICTURES, (len(order) + 1) // 2)
        chosen = (order[:some], order[some:][-PICTURES:][::-1])
        guessed = "" if best is None else f", the best attacker's guess ({who(best)})"
        note = (
            f"The original, the hidden picture{guessed}, and what the key reveals. Ordered by what "
            "is measured of the original in the hidden picture."
        )
        groups: list[Group] = [
            (f"{self.kind.capitalize()}, {title}", note, [self._shot(one, made) for one in listed])
            for title, listed in zip(("hidden worst", "hidden best"), chosen, strict=True)
        ]
        return [*groups, self._inverted()]

    def _shot(self, image: HiddenPicture, made: Mapping[str, Images]) -> Shot:
        forms = [
            ("original", _of_file(Path(image.source), self.limits)),
            ("hidden", _of_file(Path(image.output), self.limits)),
        ]
        if made:
            forms.append(("attacker's guess", _of_tensor(made[image.output])))
        forms.append(("revealed", self._revealed(image)))
        return Shot(name=image.source, lines=tuple(_lines(image)), forms=tuple(forms))

    def _revealed(self, image: HiddenPicture) -> str:
        if not image.revealed:
            return ""
        path = Path(image.output)
        try:
            found = reveal_picture(path, self.key, self.limits, self.beside)
            return address(_levels(decode(found.data, str(path), self.limits).pixels))
        except AnamorphError:  # it was there a moment ago: the figures stand, the picture is gone
            return ""

    def _inverted(self) -> Group:
        """What who has the service model draws, of the pictures that were tried."""
        drawn = self.attacked.drawn
        count = min(map(len, drawn.values()), default=0)
        shots = [
            Shot(
                name=one.figures.source,
                lines=(),
                forms=(
                    ("original", _of_file(one.pair.source, self.limits)),
                    *((name, _of_tensor(guesses[i])) for name, guesses in drawn.items()),
                ),
            )
            for i, one in enumerate(self.part.unseen[:count])
        ]
        note = (
            "Pictures that the service model reads as it reads the hidden one, and as it reads the "
            "original: what f(x) tells to whoever has the model. A stronger attacker draws more."
        )
        return (f"{self.kind.capitalize()}, drawn from the service model's readings", note, shots)


def _shots(audit: HideAudit, kinds: Sequence[Showing]) -> list[Group]:
    return [
        group
        for showing in kinds
        for group in showing.groups([i for i in audit.audited if i.kind == showing.kind])
    ]


def _lines(image: HiddenPicture) -> list[str]:
    parts = []
    if image.ssim is not None:
        parts.append(f"SSIM {image.ssim:.3f}")
    if image.block_correlation is not None:
        parts.append(f"block correlation {image.block_correlation:.3f}")
    if image.service_cosine is not None:
        parts.append(f"service cosine {image.service_cosine:.3f}")
    elif image.service_kept is not None:
        parts.append("service reads the same" if image.service_kept else "service reads another")
    if image.judge_cosine is not None:
        parts.append(f"judge's cosine {image.judge_cosine:.3f}")
    if image.exact:
        back = "revealed bit for bit"
    elif image.revealed_psnr is not None:
        back = f"revealed at {image.revealed_psnr:.1f} dB"
    else:
        back = image.refusal
    return [", ".join(parts), back]


def _of_file(path: Path, limits: Limits) -> str:
    try:
        return address(_levels(read(path, limits).pixels))
    except AnamorphError:
        return ""


def _of_tensor(image: Images) -> str:
    levels = image.mul(255).round().clamp(0, 255).permute(1, 2, 0).numpy().astype(np.uint8)
    return address(levels)


def _levels(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    return np.ascontiguousarray(rgb8(pixels))
