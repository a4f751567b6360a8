"""What the authorized model must keep: a label, or an embedding's direction."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from anamorph.losses import cosine, cross_entropy, kl_divergence, margin
from anamorph.types import PerSample, Task


class Keeping(Protocol):
    """The utility term of a method, and the check that goes with it."""

    def target(self, output: Tensor) -> Tensor:
        """What to keep, read off the model's output on the clean pictures, one row each."""
        ...

    def loss(self, output: Tensor, target: Tensor) -> PerSample:
        """L_p: how badly the reading is kept; smaller is better."""
        ...

    def slack(self, output: Tensor, target: Tensor) -> PerSample:
        """By how much the reading is kept; negative where it is lost."""
        ...


@dataclass(frozen=True, slots=True)
class KeepLabel:
    """A classifier keeps answering the label: L_p = CE(logits, y)."""

    def target(self, output: Tensor) -> Tensor:
        """The model's own answer."""
        return output.argmax(1)

    def loss(self, output: Tensor, target: Tensor) -> PerSample:
        """Cross-entropy, in nats."""
        return cross_entropy(output, target)

    def slack(self, output: Tensor, target: Tensor) -> PerSample:
        """The label's lead over the best other class, in logits."""
        return margin(output, target)


@dataclass(frozen=True, slots=True)
class KeepAnswer:
    """A classifier keeps its whole answer: L_p = KL(softmax(f(x)) || softmax(f(x*)))."""

    def target(self, output: Tensor) -> Tensor:
        """The clean logits."""
        return output

    def loss(self, output: Tensor, target: Tensor) -> PerSample:
        """Divergence from the clean answer, in nats."""
        return kl_divergence(output, target)

    def slack(self, output: Tensor, target: Tensor) -> PerSample:
        """The lead of the clean answer's best class over the best other one, in logits."""
        return margin(output, target.argmax(1))


@dataclass(frozen=True, slots=True)
class KeepDirection:
    """An embedding model keeps its answer: L_p = 1 - cos(f(x*), f(x))."""

    least: float
    """The smallest cosine that counts as kept."""

    def target(self, output: Tensor) -> Tensor:
        """The clean embedding."""
        return output

    def loss(self, output: Tensor, target: Tensor) -> PerSample:
        """One minus the cosine."""
        return 1 - cosine(output, target)

    def slack(self, output: Tensor, target: Tensor) -> PerSample:
        """How far the cosine lies above the least one, in hundredths."""
        return 100 * (cosine(output, target) - self.least)


def keeping_for(task: Task, least_cosine: float) -> Keeping:
    """The kind of keeping that fits a model's task."""
    return KeepDirection(least_cosine) if task == "embed" else KeepLabel()
