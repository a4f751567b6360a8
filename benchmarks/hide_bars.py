"""The bars of hiding: what each kind of key has to reach, and whether it does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure of one run, and where it has to lie."""

    run: str
    """A part and a way."""
    says: str
    figure: str
    """Where it stands among the figures: names with dots between."""
    least: float | None = None
    most: float | None = None

    @property
    def wanted(self) -> str:
        """The bar in words."""
        return f"at least {self.least:g}" if self.most is None else f"at most {self.most:g}"

    def met(self, value: float) -> bool:
        """Whether a figure reaches the bar."""
        high_enough = self.least is None or value >= self.least
        return high_enough and (self.most is None or value <= self.most)


def _face_bars(way: str, kind: Mapping[str, float]) -> Iterator[Bar]:
    """What is wanted of the faces of either kind, and differs in the numbers only."""
    run = f"faces, {way}"
    shows, search = "shows.{}.mean", "search.{}.hidden.rank_one"
    size = "block_correlation_size"
    yield Bar(run=run, says="hidden SSIM", figure=shows.format("ssim"), most=0.02)
    yield Bar(run=run, says="block correlation, size", figure=shows.format(size), most=kind[size])
    for which in ("mean", "min"):
        figure = f"service_cosine.{which}"
        yield Bar(run=run, says=f"service cosine, {which}", figure=figure, least=kind[figure])
    figure = search.format("edgeface_xxs")
    yield Bar(run=run, says="rank-1", figure=figure, least=kind["rank_one"])
    figure = search.format("mobilefacenet_relu6_112")
    yield Bar(run=run, says="rank-1, unauthorized model", figure=figure, most=0.1)
    yield Bar(run=run, says="steps", figure="cost.steps_mean", most=100)
    figure = "cost.cpu_seconds_each"
    yield Bar(run=run, says="CPU seconds per face", figure=figure, most=kind["seconds"])
    figure = "jpeg85.service_cosine.mean"
    yield Bar(run=run, says="JPEG 85: service cosine", figure=figure, least=kind["jpeg"])


def _revealed_bars(way: str) -> Iterator[Bar]:
    """What is wanted of permuted faces when they come back."""
    run = f"faces, {way}"
    yield Bar(run=run, says="recovered, dB", figure="reveal.psnr.mean", least=30)
    yield Bar(run=run, says="recovered SSIM", figure="reveal.revealed_ssim.mean", least=0.9)
    yield Bar(run=run, says="another key's SSIM", figure="other_key.ssim.mean", most=0.25)
    figure = "other_key.identity_cosine.mean"
    yield Bar(run=run, says="another key's identity cosine", figure=figure, most=0.05)
    yield Bar(run=run, says="JPEG 85: recovered, dB", figure="jpeg85.reveal.psnr.mean", least=27)


_SEALED = {
    "block_correlation_size": 0.12,
    "service_cosine.mean": 0.99,
    "service_cosine.min": 0.98,
    "rank_one": 0.99,
    "seconds": 1.5,
    "jpeg": 0.95,
}
_PERMUTED = {
    "block_correlation_size": 0.1,
    "service_cosine.mean": 0.98,
    "service_cosine.min": 0.96,
    "rank_one": 0.97,
    "seconds": 2.0,
    "jpeg": 0.9,
}

_FULL, _FAST, _OTHER = "sealed full", "sealed fast", "permuted full"

BARS: tuple[Bar, ...] = (
    *_face_bars(_FULL, _SEALED),
    Bar(run=f"faces, {_FULL}", says="bit-exact", figure="reveal.bit_exact.share", least=1),
    Bar(run=f"faces, {_FULL}", says="another key refused", figure="other_key.refused_by_force",
        least=1),
    Bar(run=f"faces, {_FULL}", says="JPEG 85: revealed", figure="jpeg85.reveal.revealed", most=0),
    Bar(run=f"faces, {_FAST}", says="service cosine, mean", figure="service_cosine.mean",
        least=0.98),
    Bar(run=f"faces, {_FAST}", says="steps", figure="cost.steps_mean", most=50),
    Bar(run=f"photos, {_FULL}", says="top-1 kept", figure="kept.mobilenetv2_100_tfq.share",
        least=0.99),
    Bar(run=f"photos, {_FULL}", says="bit-exact", figure="reveal.bit_exact.share", least=1),
    Bar(run=f"pairs, {_FAST}", says="probe R2", figure="probe_r2", most=0.02),
    *_face_bars(_OTHER, _PERMUTED),
    *_revealed_bars(_OTHER),
    Bar(run=f"photos, {_OTHER}", says="top-1 kept", figure="kept.mobilenetv2_100_tfq.share",
        least=0.98),
    Bar(run=f"photos, {_OTHER}", says="recovered, dB", figure="reveal.psnr.mean", least=30),
    Bar(run="pairs, permuted fast", says="probe R2", figure="probe_r2", most=0.05),
    Bar(run="faces, network fast", says="recovered, dB", figure="reveal.psnr.mean", least=25),
    Bar(run="faces, network fast", says="recovered SSIM", figure="reveal.revealed_ssim.mean",
        least=0.83),
    Bar(run="faces, network fast", says="service cosine, mean", figure="service_cosine.mean",
        least=0.99),
    Bar(run="faces, network fast", says="steps", figure="cost.steps_mean", most=50),
    Bar(run="faces, network paper", says="recovered, dB", figure="reveal.psnr.mean", least=21),
    Bar(run="faces, network paper", says="recovered SSIM", figure="reveal.revealed_ssim.mean",
        least=0.78),
    Bar(run="faces, network paper", says="service cosine, mean", figure="service_cosine.mean",
        least=0.99),
)  # fmt: skip


def held_against(runs: Mapping[str, Run]) -> Iterator[tuple[str, str, str, str, str]]:
    """A row for every bar: run, figure, bar, what was measured, and whether that is enough."""
    for bar in BARS:
        if bar.run not in runs:
            yield bar.run, bar.says, bar.wanted, "not measured", "-"
            continue
        value = _at(runs[bar.run]["figures"], bar.figure)
        shown = "none" if value is None else f"{value:.4g}"
        met = "yes" if value is not None and bar.met(value) else "**no**"
        yield f"{bar.run} (n {runs[bar.run]['n']})", bar.says, bar.wanted, shown, met


def _at(figures: Mapping[str, Any], place: str) -> float | None:
    """The figure at a place, or None where there is none."""
    found: Any = figures
    for name in place.split("."):
        if name not in found:
            return None
        found = found[name]
    return None if found is None else float(found)
