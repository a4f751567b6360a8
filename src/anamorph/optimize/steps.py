"""Step rules: from a raw gradient to a move, each sample on its own."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from anamorph.optimize.rows import Rows, shaped
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
    mean: Tensor = torch.linalg.vector_norm(gradient.flatten(1), ord=1, dim=1)
    mean = mean / gradient[0].numel()
    tiny = torch.finfo(gradient.dtype).tiny
    return shaped(mean.clamp_min(tiny), gradient)


@dataclass(frozen=True, slots=True)
class Sign:
    """alpha * sign(g)."""

    step_size: float | Tensor  # alpha, or one for each value of a sample

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


class Momentum(NamedTuple):
    """What a rule with a schedule remembers of each sample."""

    mean: Tensor
    age: Tensor  # (n,) steps taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalized:
    """m <- mu * m + (1 - mu) * g / rms(g); alpha_t * m: large where the gradient is large.

    For sets that bound the sum of squares: for the same one it gets farther than signs do.
    """

    step_size: float  # alpha, falling as `half_cosine` does
    final_step: float
    steps: int
    decay: float  # mu

    def init(self, start: Tensor) -> Rows:
        """m = 0."""
        return Momentum(torch.zeros_like(start), _newborn(start))

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Accumulate the gradient at unit root mean square and move along it."""
        size = gradient.square().flatten(1).mean(1).sqrt()
        size = size.clamp_min(torch.finfo(gradient.dtype).tiny)
        mean = torch.lerp(gradient / _per_sample(size, gradient), state.mean, self.decay)
        alpha = half_cosine(self.step_size, self.final_step, state.age, self.steps)
        return mean * _per_sample(alpha, mean), Momentum(mean, state.age + 1)


class Moments(NamedTuple):
    """What Adam remembers of each sample."""

    mean: Tensor
    square: Tensor
    age: Tensor  # (n,) steps taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam (Kingma and Ba 2015), its step size falling as `half_cosine` does."""

    step_size: float
    final_step: float
    steps: int
    mean_decay: float = 0.9  # beta_1
    square_decay: float = 0.999  # beta_2
    least: float = 1e-8  # epsilon

    def init(self, start: Tensor) -> Rows:
        """No moments at age 0."""
        return Moments(torch.zeros_like(start), torch.zeros_like(start), _newborn(start))

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Move by the mean gradient over its root mean square, both corrected for their start."""
        mean = torch.lerp(gradient, state.mean, self.mean_decay)
        square = torch.lerp(gradient.square(), state.square, self.square_decay)
        age = state.age.double() + 1
        alpha = half_cosine(self.step_size, self.final_step, state.age, self.steps)
        alpha = _per_sample(alpha / (1 - self.mean_decay**age), mean)
        unbias = _per_sample((1 - self.square_decay**age).rsqrt(), mean)
        size = square.sqrt().mul_(unbias).add_(self.least)
        return alpha * mean / size, Moments(mean, square, state.age + 1)


def half_cosine(first: float, final: float, age: Tensor, steps: int) -> Tensor:
    """The step size at each sample's own age, so that samples of all ages share a batch.

    alpha_t = final + (first - final) * (1 + cos(pi * t / (steps - 1))) / 2

    Example:
        >>> half_cosine(3.0, 1.0, torch.tensor([0, 5, 10]), steps=11).tolist()
        [3.0, 2.0, 1.0]
    """
    turn = torch.cos(torch.pi * age.double() / max(1, steps - 1))
    return final + (first - final) * (1 + turn) / 2


def _newborn(start: Tensor) -> Tensor:
    return torch.zeros(len(start), dtype=torch.long, device=start.device)


def _per_sample(number: PerSample, like: Tensor) -> Tensor:
    """One number per sample, shaped and typed to scale `like`."""
    return shaped(number.to(like), like)


@dataclass(frozen=True, slots=True)
class Sharpened:
    """A step rule that is shown the gradient without its mean over each block.

    Light and shade coarser than a block then stay nearly as they were at the start: what people
    read first never gets in, at the price of a few more steps.
    """

    step: Step
    block: int  # side, in pixels

    def init(self, start: Tensor) -> Rows:
        """The state of the wrapped rule."""
        return self.step.init(start)

    def __call__(self, gradient: Tensor, loss: PerSample, state: Rows) -> tuple[Tensor, Rows]:
        """Remove the means, then step."""
        return self.step(gradient - block_means(gradient, self.block), loss, state)


def block_means(images: Tensor, block: int) -> Tensor:
    """Each value replaced by the mean of its block and channel; blocks at the edge are cut.

    Example:
        >>> block_means(torch.tensor([[[[1.0, 3.0, 7.0]]]]), block=2).tolist()
        [[[[2.0, 2.0, 7.0]]]]
    """
    means = F.avg_pool2d(images, block, ceil_mode=True)
    height, width = images.shape[-2:]
    spread = means.repeat_interleave(block, dim=2).repeat_interleave(block, dim=3)
    return spread[..., :height, :width]


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
