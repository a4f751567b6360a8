"""Step rules: from a raw gradient to a move, each sample on its own."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from anamorph.optimize.rows import Rows
from anamorph.types import PerSample


class Step(Protocol):
    """A pair of pure functions; the state is rows, one per sample."""

    def init(self, start: Tensor) -> Rows:
        """The state before the first step."""
        ...

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """The move up the gradient, and the next state; `loss` falls as the solution improves.

        The gradient may be overwritten: nobody else needs it.
        """
        ...


def mean_magnitude(gradient: Tensor) -> Tensor:
    """Mean absolute value of each sample, shaped to divide the batch by it; never zero."""
    mean = gradient.abs().flatten(1).mean(1)
    tiny = torch.finfo(gradient.dtype).tiny
    return mean.clamp_min(tiny).view(-1, *[1] * (gradient.dim() - 1))


@dataclass(frozen=True, slots=True)
class Sign:
    """alpha * sign(g)."""

    step_size: float  # alpha

    def init(self, start: Tensor) -> Rows:
        """No state."""
        return None

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Move every value by alpha."""
        return gradient.sign_().mul_(self.step_size), None


@dataclass(frozen=True, slots=True)
class MomentumSign:
    """m <- mu * m + g / mean|g|; alpha * sign(m) (MI-FGSM, Dong et al. 2018, eq. 6-7)."""

    step_size: float  # alpha
    decay: float  # mu

    def init(self, start: Tensor) -> Rows:
        """m = 0."""
        return torch.zeros_like(start)

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Accumulate the normalized gradient and move every value by alpha."""
        m = gradient.div_(mean_magnitude(gradient)).add_(state, alpha=self.decay)
        return m.sign().mul_(self.step_size), m


class Moments(NamedTuple):
    """What Adam remembers of each sample."""

    mean: Tensor
    square: Tensor
    age: Tensor  # (n,) steps taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam (Kingma and Ba 2015) with a step size that falls by half a cosine to `final_step`.

    At age t of T: final + (first - final) (1 + cos(pi t / (T - 1))) / 2. The schedule is each
    sample's own, so samples of all ages share a batch.
    """

    step_size: float
    final_step: float
    steps: int  # T
    mean_decay: float = 0.9  # beta_1
    square_decay: float = 0.999  # beta_2

    def init(self, start: Tensor) -> Rows:
        """No moments at age 0."""
        age = torch.zeros(len(start), dtype=torch.long, device=start.device)
        return Moments(torch.zeros_like(start), torch.zeros_like(start), age)

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Move by the mean gradient over its root mean square, both corrected for their start."""
        mean = torch.lerp(gradient, state.mean, self.mean_decay)
        square = torch.lerp(gradient.square(), state.square, self.square_decay)
        age = state.age.to(torch.float64)
        turn = torch.cos(torch.pi * age / max(1, self.steps - 1))
        size = self.final_step + (self.step_size - self.final_step) * (1 + turn) / 2
        size = size / (1 - self.mean_decay ** (age + 1))
        unbias = (1 - self.square_decay ** (age + 1)).sqrt()
        tiny = torch.finfo(gradient.dtype).tiny ** 0.5
        move = mean / square.sqrt().add_(tiny) * _per_sample(size * unbias, mean)
        return move, Moments(mean, square, state.age + 1)


def _per_sample(number: PerSample, like: Tensor) -> Tensor:
    """One number per sample, shaped and typed to multiply `like`."""
    return number.to(like).view(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A step rule that is shown the gradient blurred by a Gaussian.

    Neighboring pixels then move together, and low frequencies carry over to other networks
    (translation-invariant attacks, Dong et al. 2019).
    """

    step: Step
    sigma: float
    taps: int  # odd width of the kernel, in pixels

    def init(self, start: Tensor) -> Rows:
        """The state of the wrapped rule."""
        return self.step.init(start)

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Blur, then step."""
        return self.step(blur(gradient, self.sigma, self.taps), loss, state)


def blur(images: Tensor, sigma: float, taps: int) -> Tensor:
    """Gaussian blur of (n, c, h, w), zero beyond the border.

    Rows, then columns, as shifted sums: on a CPU several times faster than a depthwise
    convolution of three channels.
    """
    distance = torch.arange(taps // 2 + 1, dtype=torch.float64)
    weight = torch.exp(-distance.square() / (2 * sigma * sigma))
    weight /= weight[0] + 2 * weight[1:].sum()
    for axis in (2, 3):
        size = images.shape[axis]
        out = images * weight[0].item()
        for d in range(1, min(taps // 2 + 1, size)):
            w = weight[d].item()
            out.narrow(axis, d, size - d).add_(images.narrow(axis, 0, size - d), alpha=w)
            out.narrow(axis, 0, size - d).add_(images.narrow(axis, d, size - d), alpha=w)
        images = out
    return images
