"""AdvFace and decoys as shieldings, and `shield` for arrays."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.testing import assert_close

from anamorph.app.shield.advface import adversarial, spread_of
from anamorph.app.shield.decoy import disguising, spread_in
from anamorph.app.shield.shield import features_of, shield, shielding_for
from anamorph.errors import UsageError
from anamorph.keys.key import new
from anamorph.losses import cosine
from anamorph.methods.advface import PRESETS, AdvFace
from anamorph.methods.decoy import Decoy
from anamorph.models import Model
from anamorph.models.networks.decoder_bodies import Design
from anamorph.models.networks.decoders import Decoder, fresh, moments
from anamorph.models.split import Split, split
from anamorph.templates.role import Judging, Shielding, mark

SECRET = bytes(range(32))


def faces(n: int = 6, seed: int = 0) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(0, 256, (n, 3, 4, 4), np.uint8)
    return small.repeat(4, axis=2).repeat(4, axis=3)


@pytest.fixture(scope="module")
def clean(embedder: Model) -> NDArray[np.float32]:
    return features_of(faces(), embedder)


@pytest.fixture(scope="module")
def shadows(embedder: Model) -> list[Decoder]:
    z = torch.from_numpy(features_of(faces(20, 1), embedder))
    return [
        fresh(
            Design(kind=kind, feature=(6, 8, 8), picture=(16, 16), width=4),
            moments(z),
            np.random.default_rng(seed),
        ).eval()
        for seed, kind in enumerate(("deconvolution", "residual"))
    ]


@pytest.mark.parametrize("statistics", ["running", "own"])
def test_advface_moves_every_feature_within_its_budget(
    clean: NDArray[np.float32], shadows: list[Decoder], statistics: str
) -> None:
    shielding = adversarial(shadows, statistics=statistics, secret=SECRET)
    assert isinstance(shielding, Shielding)
    records = shielding(clean)
    assert records.shape == clean.shape
    assert records.dtype == np.dtype(np.float32)
    deviation = spread_of(shadows[0]).deviation.numpy()
    change = np.abs(records - clean)
    assert (change <= AdvFace().epsilon * deviation + 1e-5).all()
    assert change.mean() > 0.2 * AdvFace().epsilon * deviation.mean()


def test_the_paper_starts_at_the_feature_of_the_shadows_picture(
    clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    shielding = adversarial(shadows, PRESETS["paper"], recognizer=embedder, secret=SECRET)
    records = shielding(clean)
    change = np.abs(records - clean)
    assert (
        change <= PRESETS["paper"].epsilon * spread_of(shadows[0]).deviation.numpy() + 1e-5
    ).all()
    other = adversarial(shadows, PRESETS["paper"], recognizer=embedder)
    assert np.array_equal(other(clean), records)  # no chance in it
    assert shielding.digest != adversarial(shadows).digest


def test_a_decoy_has_the_persons_embedding_and_another_map(
    clean: NDArray[np.float32], embedder: Model
) -> None:
    p = Decoy(steps=60, epsilon=5)
    shielding = disguising(embedder, torch.from_numpy(faces(4, 2)), p, secret=SECRET)
    assert isinstance(shielding, Shielding)
    records = torch.from_numpy(shielding(clean))
    cut = split(embedder)
    own, their = cut.tail(torch.from_numpy(clean)), cut.tail(records)
    assert cosine(own, their).min() > 0.9
    assert (records - torch.from_numpy(clean)).abs().mean() > 0.1


def test_embeddings_are_protected_too(embedder: Model) -> None:
    z = torch.from_numpy(features_of(faces(12), embedder, embeddings=True))
    design = Design(kind="mlp", feature=(8,), picture=(16, 16), width=4)
    shadow = fresh(design, moments(z), np.random.default_rng(0)).eval()
    change = np.abs(adversarial([shadow], secret=SECRET)(z.numpy()) - z.numpy())
    assert (change <= AdvFace().epsilon * moments(z).deviation.numpy() + 1e-5).all()
    assert change.mean() > 0
    records, cosines = adversarial([shadow], secret=SECRET).judged(z.numpy())
    assert cosines is not None
    np.testing.assert_allclose(cosines, cosine(z, torch.from_numpy(records)).numpy(), atol=1e-6)


def seen(cut: Split, features: NDArray[np.float32]) -> Tensor:
    with torch.no_grad():
        return cut.tail(torch.from_numpy(features))


@pytest.mark.parametrize("name", ["advface", "decoy"])
def test_records_come_with_how_the_matcher_reads_them(
    name: str, clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    more = {"recognizer": embedder} if name == "advface" else {"parameters": Decoy(steps=1)}
    shielding: Any = made(name, shadows, embedder, secret=SECRET, **more)
    judging: object = shielding
    assert isinstance(judging, Judging)
    records, cosines = shielding.judged(np.concatenate([clean, clean[::-1]]))
    assert np.array_equal(records[: len(clean)], shielding(clean))
    cut = split(embedder)
    wanted = cosine(seen(cut, clean), seen(cut, records[: len(clean)]))
    assert wanted.min() < 0.98
    assert_close(torch.from_numpy(cosines), torch.cat([wanted, wanted.flip(0)]), atol=1e-5, rtol=0)


def test_a_decoys_cosine_takes_no_pass_of_its_own(
    clean: NDArray[np.float32], embedder: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, tail = list[int](), Split.tail

    def counted(cut: Split, features: Tensor) -> Tensor:
        passes.append(len(features))
        return tail(cut, features)

    monkeypatch.setattr(Split, "tail", counted)
    shielding = made("decoy", [], embedder, parameters=Decoy(steps=3))
    passes.clear()
    assert shielding.judged(clean).cosines is not None  # type: ignore[attr-defined]
    assert passes == [6] * (1 + 3 + 1)  # of the people, for each step, of the last point


def test_of_maps_nothing_is_known_without_their_recognizer(
    clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    assert adversarial(shadows).judged(clean).cosines is None
    other = adversarial(shadows, recognizer=embedder, layer="pool")
    with pytest.raises(UsageError, match="name the layer they were trained for"):
        other.judged(clean)


@pytest.mark.parametrize("name", ["advface", "decoy"])
def test_the_least_cosine_changes_neither_records_nor_marks(
    name: str, clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    method: Any = AdvFace if name == "advface" else Decoy
    one, two = (
        made(name, shadows, embedder, secret=SECRET, parameters=method(steps=4, least_cosine=least))
        for least in (0.01, 1.0)
    )
    assert np.array_equal(one(clean), two(clean))
    assert mark(one) == mark(two)
    found = [shielding.judged(clean).cosines for shielding in (one, two)]  # type: ignore[attr-defined]
    if name == "decoy":
        np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def made(name: str, shadows: list[Decoder], embedder: Model, **how: Any) -> Shielding:
    if name == "advface":
        return adversarial(shadows, **how)
    return disguising(embedder, torch.from_numpy(faces(4, 2)), **how)


@pytest.mark.parametrize("name", ["advface", "decoy"])
def test_a_record_depends_on_its_own_feature_and_the_secret(
    name: str, clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    shielding = made(name, shadows, embedder, secret=SECRET)
    together = shielding(clean)
    np.testing.assert_allclose(shielding(clean[2:3])[0], together[2], atol=1e-4)
    again = made(name, shadows, embedder, secret=SECRET)
    assert np.array_equal(again(clean), together)
    other = made(name, shadows, embedder)
    assert not np.array_equal(other(clean), together)
    assert other.digest == again.digest


@pytest.mark.parametrize("name", ["advface", "decoy"])
def test_other_parameters_have_another_digest(
    name: str, shadows: list[Decoder], embedder: Model
) -> None:
    p: Any = AdvFace(steps=2) if name == "advface" else Decoy(steps=2)
    assert (
        made(name, shadows, embedder).digest != made(name, shadows, embedder, parameters=p).digest
    )


@pytest.mark.parametrize("name", ["advface", "decoy"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda z: z[:, :5], r"of shape \(5, 8, 8\)"),
        (lambda z: np.where(np.arange(8) == 0, np.nan, z).astype(np.float32), "NaN or infinity"),
        (lambda z: 0 * z, "all zero"),
    ],
)
def test_features_that_cannot_be_protected_are_refused(
    name: str,
    spoil: Any,
    said: str,
    clean: NDArray[np.float32],
    shadows: list[Decoder],
    embedder: Model,
) -> None:
    with pytest.raises(UsageError, match=said):
        made(name, shadows, embedder)(spoil(clean))


def test_what_makes_no_shielding_is_refused(shadows: list[Decoder], embedder: Model) -> None:
    with pytest.raises(UsageError, match="no shadows"):
        adversarial([])
    with pytest.raises(UsageError, match="not one of running, own"):
        adversarial(shadows, statistics="batch")
    with pytest.raises(UsageError, match="a store holds no pictures"):
        adversarial(shadows, AdvFace(target="picture"))
    with pytest.raises(UsageError, match="takes the recognizer; give it"):
        adversarial(shadows, PRESETS["paper"])
    with pytest.raises(UsageError, match="name the layer they were trained for"):
        adversarial(shadows, PRESETS["paper"], recognizer=embedder, layer="pool")
    with pytest.raises(UsageError, match="32 bytes, not 3"):
        adversarial(shadows, secret=b"abc")
    with pytest.raises(UsageError, match="0 decoys"):
        disguising(embedder, torch.zeros(0, 3, 16, 16, dtype=torch.uint8))
    with pytest.raises(UsageError, match="a layer that makes maps"):
        disguising(embedder, torch.from_numpy(faces(2)), layer="head")


def test_portraits_stand_in_for_decoys(clean: NDArray[np.float32], embedder: Model) -> None:
    assert disguising(embedder, parameters=Decoy(steps=1))(clean).shape == clean.shape


def test_dead_channels_are_known_by_their_deviation() -> None:
    z = torch.randn(10, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    z[:, 1] = 0.5
    spread = spread_in(z)
    assert spread.deviation[1].item() == 0
    assert (spread.deviation[[0, 2]] > 0.5).all()


def test_shield_takes_pictures_where_a_recognizer_is_given(
    clean: NDArray[np.float32], shadows: list[Decoder], embedder: Model
) -> None:
    records = shield(faces(), "advface", shadows=shadows, recognizer=embedder)
    assert np.abs(records - clean).max() < 10
    assert records.shape == clean.shape
    with pytest.raises(UsageError, match="no features without a recognizer"):
        shield(faces(), "advface", shadows=shadows)


def test_shield_rotates_embeddings_by_a_key(embedder: Model) -> None:
    with torch.no_grad():
        embeddings: Tensor = embedder.output(torch.from_numpy(faces()).float() / 255)
    key = new("rotation")
    rotated = shield(embeddings.numpy(), "keyed", key=key)
    wanted = cosine(embeddings[:1], embeddings[1:2]).item()
    found = cosine(torch.from_numpy(rotated[:1]), torch.from_numpy(rotated[1:2])).item()
    assert abs(found - wanted) < 1e-5
    again = shield(faces(), "keyed", key=key, recognizer=embedder)
    np.testing.assert_allclose(again, rotated, atol=1e-4)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("advface", "no shadows to mislead"),
        ("decoy", "needs the recognizer"),
        ("keyed", "rotates by a key"),
        ("mirror", "no method 'mirror'; there are advface, decoy, keyed"),
    ],
)
def test_what_a_method_needs_is_asked_for(method: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        shielding_for(method)


def test_parameters_of_another_method_are_refused(shadows: list[Decoder]) -> None:
    with pytest.raises(UsageError, match="no parameters of the type Decoy"):
        shielding_for("advface", shadows=shadows, parameters=Decoy())
