"""What is measured against a floor: a problem of each method, and the least its step can cost.

The floor of a method is one forward and one backward pass through the networks that its objective
runs: no losses, no step rule, no check.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from benchmarks.floor import Step, floor_step
from benchmarks.networks import resnet18_model
from torch import Tensor

from anamorph.app.protect.posing import posing
from anamorph.methods import permuted, sealed
from anamorph.methods.advface import PRESETS as ADVFACE
from anamorph.methods.advface import advface
from anamorph.methods.avih import PRESETS as AVIH
from anamorph.methods.avih import avih
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.keeping import KeepAnswer
from anamorph.methods.spread import Spread
from anamorph.models import Model
from anamorph.models.device import CPU, placed
from anamorph.models.networks import decoders, generator
from anamorph.models.networks.decoder_bodies import Design
from anamorph.optimize.problem import Problem
from anamorph.parameters import shown
from anamorph.types import Images

MAP = (64, 56, 56)
"""Of a stored feature, as the recognizers of the other benchmarks make it."""

SHADOWS = ("residual", "unet")
"""Decoders that stand in for a thief's."""


class Scene(NamedTuple):
    """A problem, posed anew for every round, and its floor."""

    pose: Callable[[], Problem[Any]]
    floor: Step
    parameters: Mapping[str, Any]
    """With the number of steps."""


def protecting(model: Model, images: Images, p: FMD) -> Scene:
    """Feature map distortion; the floor is a pass through the whole network."""
    pose = posing([model], [], p)
    return Scene(
        lambda: pose(images, range(len(images))), floor_step(model, images), dict(shown(p))
    )


def others(images: Images, steps: int) -> dict[str, Scene]:
    """Hiding for a ResNet-18, and shielding against two decoders; random weights.

    Args:
        images: (n, 3, h, w) of one size.
        steps: of every method.
    """
    n, side = len(images), images.shape[-1]
    service = resnet18_model((side, side))
    target = service.output(images).detach()
    chance = np.random.default_rng(0)
    key = generator.fresh(chance).eval().requires_grad_(False)
    low = torch.from_numpy(chance.integers(0, 4, tuple(images.shape), dtype=np.uint8))
    z = torch.from_numpy(chance.random((n, *MAP), dtype=np.float32))
    about = decoders.moments(z)
    spread = Spread(*(t.view(-1, 1, 1) for t in (about.deviation, about.low, about.high)))
    trained = [decoders.fresh(_design(kind), about, chance) for kind in SHADOWS]
    shadows = [placed(decoders.folded(decoder), CPU) for decoder in trained]
    keeping, seeds = KeepAnswer(), range(n)
    by_network = replace(AVIH["full"], steps=steps)
    by_seal = replace(sealed.PRESETS["full"], steps=steps)
    by_order = replace(permuted.PRESETS["full"], steps=steps)
    features = replace(ADVFACE["fast"], steps=steps)
    reading = floor_step(service, images)
    return {
        "hide, network": Scene(
            lambda: avih(service.output, key, images, target, keeping, seeds, by_network),
            partial(_through, [service.network, key], images),
            shown(by_network),
        ),
        "hide, sealed": Scene(
            lambda: _to_the_end(
                sealed.sealed(service.output, target, keeping, low, 2, seeds, by_seal)
            ),
            reading,
            shown(by_seal),
        ),
        "hide, permuted": Scene(
            lambda: _to_the_end(
                permuted.permuted(service.output, images.flip(3), target, keeping, by_order)
            ),
            reading,
            shown(by_order),
        ),
        "shield, advface": Scene(
            lambda: advface(shadows, z, spread, seeds, features),
            partial(_through, [decoder.eval().requires_grad_(False) for decoder in trained], z),
            shown(features),
        ),
    }


def _design(kind: str) -> Design:
    return Design(kind=kind, feature=MAP, picture=(112, 112))


def _to_the_end(problem: Problem[Any]) -> Problem[Any]:
    """Without the early stop, which would leave nothing to measure."""
    return replace(problem, enough=None)


def _through(networks: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    """One forward and one backward pass."""
    with torch.enable_grad():
        z = x.contiguous(memory_format=torch.channels_last).detach().requires_grad_()
        total = torch.stack([network(z).sum() for network in networks]).sum()
        return torch.autograd.grad(total, z)[0]
