"""A loaded model, playing the roles of `anamorph.types`: `Authorized`, and `Reader` by `output`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from anamorph.models.candidates import Candidate, tap_candidates
from anamorph.models.card import Card, Input
from anamorph.models.convolutions import run
from anamorph.models.device import device_in
from anamorph.models.folding import Folded
from anamorph.models.glance import glancing
from anamorph.models.outputs import returned, unwrap
from anamorph.models.preprocess import Preprocess, example
from anamorph.models.taps import capture, capture_features, check_taps
from anamorph.types import Glance, Images, Reading, Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A network with its preprocessing, its taps and its name in manifests.

    Reads pictures in [0, 1] at their own resolution; gradients flow back to them. Its parameters
    are frozen and it is in eval mode. Wherever it computes, it answers on the pictures' device.
    Make one with `load` or `wrap`.
    """

    card: Card
    """With everything filled in; `card.tap` holds the taps."""
    input: Input
    """How the network wants its pictures."""
    network: nn.Module = field(repr=False)
    weights_digest: str
    """Sha256 over the weights alone: tells whether two models are the same network."""
    hooks: bool = True
    """Whether layers can be tapped."""
    surrogate_taps: tuple[str, ...] = ()
    """Layers to distort where it stands in for unknown models; none where its taps were named."""
    folded: Folded | None = field(default=None, repr=False)
    """The same network with less work to do, where it answers alike."""

    def __call__(self, images: Images, /) -> Reading:
        """One reading: the output of the network's own view, the features of all of the picture.

        Where the network's crop drops part of the picture, the features of the whole picture,
        squashed to the network's size, are joined to those of the own view along the channels of a
        map or the tokens of a sequence. That second pass stops at the last tap.
        """
        own, *whole = self._preprocess.views(images)
        seen = capture(self._running, self.taps, self._cast(own))
        features = seen.features
        if whole and self.taps:
            rest = capture_features(self._running, self.taps, self._cast(whole[0]), seen.runs)
            features = tuple(torch.cat(pair, dim=1) for pair in zip(features, rest, strict=True))
        output = returned(unwrap(seen.output, self.task, self.name), images)
        return Reading(output, tuple(returned(feature, images) for feature in features))

    def glance(self, share: float) -> Glance:
        """The tapped features of whole pictures at a share of the network's resolution.

        They take a fraction of the time of a reading. See `models.glance`.
        """
        return glancing(self._running, self.input, self.taps, self._cast, share)

    def output(self, images: Images, /) -> Tensor:
        """Class logits or embeddings (n, k) alone; as a function it plays the role `Reader`."""
        return self.output_of_view(self._preprocess(images))

    def output_of_view(self, view: Tensor) -> Tensor:
        """The output (n, k) for what `Preprocess` made of pictures."""
        output = run(self._running, self._cast(view))
        return returned(unwrap(output, self.task, self.name), view)

    def reader(self) -> Callable[[Images], Tensor]:
        """The model in the role `Reader`."""
        return self.output

    @property
    def device(self) -> torch.device:
        """Where it computes; pictures that are read many times are best put there."""
        return device_in(self.network)

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def task(self) -> Task:
        """What the output means."""
        return self.card.task

    @property
    def taps(self) -> tuple[str, ...]:
        """The layers whose feature maps are read."""
        return self.card.tap

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty where the card has none."""
        return self.card.labels

    @property
    def digest(self) -> str:
        """Sha256 over the card, taps and weights included."""
        return self.card.digest(self.weights_digest)

    def label(self, index: int) -> str:
        """The name of a class, or its number where the card names none.

        Raises:
            IndexError: no such class.
        """
        return self.labels[index] if self.labels else str(index)

    def with_taps(self, *names: str) -> "Model":
        """The same network with other taps.

        Raises:
            LayerNotFound: with the nearest names.
        """
        check_taps(self.network, names, self.name)
        return replace(self, card=replace(self.card, tap=names), surrogate_taps=())

    def as_surrogate(self) -> "Model":
        """The same network, tapped to stand in for unknown models."""
        return self.with_taps(*(self.surrogate_taps or self.taps))

    def unfolded(self) -> "Model":
        """The same model, running its own network in full: every layer is there to be looked at."""
        return replace(self, folded=None)

    def candidates(self) -> list[Candidate]:
        """The layers worth tapping, in the order they run; none where layers cannot be tapped."""
        if not self.hooks:
            return []
        picture = self._preprocess(example(self.input))
        return tap_candidates(self.network, self._cast(picture))

    @property
    def _running(self) -> nn.Module:
        """The folded network, unless a tapped layer returns something else there."""
        if self.folded is None or self.folded.changed.intersection(self.taps):
            return self.network
        return self.folded.network

    @property
    def _preprocess(self) -> Preprocess:
        return Preprocess(self.input)

    def _cast(self, view: Tensor) -> Tensor:
        """On the device of the network, in the type of its parameters."""
        first = next(self.network.parameters(), None)
        return view.to(self.device, view.dtype if first is None else first.dtype)
