"""`hf:ORG/NAME` and `hf:./folder`: image classifiers of transformers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from anamorph.errors import MissingExtra, ModelError, first_line
from anamorph.models.card import Card, Input, Interpolation
from anamorph.models.sources.built import Built
from anamorph.models.sources.torchvision_zoo import kept
from anamorph.models.torchvision_compat import make_torchvision_importable

FILTERS: Mapping[int, Interpolation] = {0: "nearest", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers for the filters."""


def build(card: Card) -> Built:
    """Load a classifier from the hub's cache, the hub, or a folder that starts with a dot or slash.

    Code that comes with a model is never run.

    Raises:
        MissingExtra: transformers is not installed.
        ModelError: there is no such model, or it cannot be fetched.
    """
    _without_torchvision_trouble()
    try:
        import transformers
    except ImportError:
        raise MissingExtra(
            "transformers is not installed; run `pip install 'anamorph[hf]'`"
        ) from None
    where = str(card.folder / card.what) if card.what.startswith((".", "/")) else card.what
    try:
        with _no_progress_bar(transformers.utils.logging):
            network = transformers.AutoModelForImageClassification.from_pretrained(
                where, trust_remote_code=False, **card.options
            )
        input = card.input or input_of(
            # made, not only read: what a plain number for the size means, its class knows
            transformers.AutoImageProcessor.from_pretrained(
                where, trust_remote_code=False
            ).to_dict()
        )
    except Exception as error:  # the hub and the model's own configuration fail in many ways
        raise ModelError(
            f"{card.name}: transformers cannot load {card.what}: {first_line(error)}; offline, "
            "give a folder that holds the model, hf:./folder"
        ) from error
    named: Mapping[int, str] = network.config.id2label
    labels = tuple(named[index] for index in sorted(named))
    return Built(network=network, card=card.filled(input=input, labels=labels))


def input_of(settings: Mapping[str, Any]) -> Input:
    """The input settings of an image processor, as its `to_dict` gives them.

    Example:
        >>> input_of({"size": {"height": 32, "width": 32}, "resample": 2,
        ...           "image_mean": [0.5] * 3, "image_std": [0.5] * 3}).size
        (32, 32)
    """
    normalized = settings.get("do_normalize", True)
    mean = tuple(settings["image_mean"]) if normalized else (0.0, 0.0, 0.0)
    std = tuple(settings["image_std"]) if normalized else (1.0, 1.0, 1.0)
    filter = FILTERS.get(settings.get("resample", 2), "bicubic")
    size = settings["size"]
    cropped = settings.get("crop_size") if settings.get("do_center_crop", True) else None
    if "height" in size:
        seen = cropped or size
        return Input(
            size=(seen["height"], seen["width"]),
            mean=mean,
            std=std,
            crop=kept(seen["height"], size["height"]),
            interpolation=filter,
        )
    shortest = size["shortest_edge"]
    crop = settings.get("crop_pct")
    if crop is not None:  # ConvNeXt: `shortest_edge` is the final size; from 384 on, no crop
        how: dict[str, Any] = (
            {"resize": "squash"} if shortest >= 384 else {"resize": "shortest+crop", "crop": crop}
        )
        return Input(size=(shortest, shortest), mean=mean, std=std, interpolation=filter, **how)
    side = cropped["height"] if cropped else shortest
    return Input(
        size=(side, side),
        mean=mean,
        std=std,
        resize="shortest+crop",
        crop=kept(side, shortest),
        interpolation=filter,
    )


def _without_torchvision_trouble() -> None:
    """Transformers uses torchvision where it is installed; it may also be absent."""
    with suppress(MissingExtra):
        make_torchvision_importable()


@contextmanager
def _no_progress_bar(logging: Any) -> Iterator[None]:
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()
