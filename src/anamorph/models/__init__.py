"""Adapters that let any network play the roles of `anamorph.types`."""

from anamorph.models.candidates import Candidate, default_taps, surrogate_taps, tap_candidates
from anamorph.models.card import Card, Input
from anamorph.models.card_file import card_of, read_card
from anamorph.models.loading import load, wrap
from anamorph.models.model import Model
from anamorph.models.preprocess import Preprocess
from anamorph.models.weights import weights_digest

__all__ = [
    "Candidate",
    "Card",
    "Input",
    "Model",
    "Preprocess",
    "card_of",
    "default_taps",
    "load",
    "read_card",
    "surrogate_taps",
    "tap_candidates",
    "weights_digest",
    "wrap",
]
