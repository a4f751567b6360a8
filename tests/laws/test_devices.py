"""Wherever models compute, files come out as on the CPU: on a device that mixes with none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.testing import assert_close

from anamorph.app.audit.compare.compare import compare
from anamorph.app.audit.hidden.audit import audit_hide
from anamorph.app.audit.protected.audit import audit
from anamorph.app.hide.hide import hide
from anamorph.app.hide.reveal import reveal
from anamorph.app.models import check_model, rank_layers
from anamorph.app.protect.protect import protect, protect_images
from anamorph.app.shield.advface import adversarial
from anamorph.app.shield.shield import features_of, shield
from anamorph.app.train import key_training, shadow_training
from anamorph.app.train.key_training import KeyTraining
from anamorph.app.train.shadow import train_shadow
from anamorph.app.train.shadow_training import Pairs, ShadowTraining
from anamorph.app.train.tail_training import TailTraining, fine_tuned
from anamorph.auditing.hidden import attacking
from anamorph.errors import UsageError
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.avih import AVIH
from anamorph.methods.feature_parameters import AdvFace, Decoy
from anamorph.methods.fmd_parameters import FMD
from anamorph.methods.inversion import Inversion
from anamorph.methods.permuted import Permuted
from anamorph.methods.sealed import Sealed
from anamorph.models import Model, load
from anamorph.models.device import device_in
from anamorph.models.first_layer import first_layer
from anamorph.models.maps import last_map
from anamorph.models.networks import decoders, generator, stranger
from anamorph.models.networks.decoder_bodies import Design
from anamorph.models.split import split
from anamorph.optimize import engine
from anamorph.optimize.problem import Problem

Pixels = NDArray[np.uint8]
QUICK = FMD(steps=3)


class Folded(nn.Module):
    """With a norm that folds, and a layer that can be cut at."""

    def __init__(self, outputs: int, seed: int) -> None:
        super().__init__()
        self.early = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.late = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.head = nn.Linear(8, outputs)
        generator = torch.Generator().manual_seed(seed)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, or an embedding."""
        maps = self.late(self.norm(self.early(x)).relu()).relu()
        answer: Tensor = self.head(maps.mean((2, 3)))
        return answer


Made = Callable[..., Model]
Both = tuple[Model, Model]


@pytest.fixture
def both(toy_of: Made, elsewhere: torch.device) -> Callable[..., Both]:
    """Makes the same model here and elsewhere."""

    def make(outputs: int = 5, seed: int = 3, **about: Any) -> Both:
        here = toy_of(Folded(outputs, seed), **about)
        there = toy_of(Folded(outputs, seed), device=elsewhere, **about)
        assert there.device == elsewhere
        assert here.folded is not None
        assert there.folded is not None
        return here, there

    return make


@pytest.fixture
def recognizers(both: Callable[..., Both]) -> Both:
    return both(8, 1, name="eyes", task="embed", tap=("norm",))


Begun = set[torch.device]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """Where problems were solved."""
    where: Begun = set()
    begin = engine._begin

    def noted(problem: Problem[Any], first: int) -> Any:
        where.add(problem.start.device)
        return begin(problem, first)

    monkeypatch.setattr(engine, "_begin", noted)
    return where


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".png", ".jpg")
    }


def test_the_device_refuses_what_a_gpu_refuses(elsewhere: torch.device) -> None:
    here, there = torch.rand(3), torch.rand(3).to(elsewhere)
    assert there.device == elsewhere
    with pytest.raises(RuntimeError, match="two devices"):
        here + there
    with pytest.raises(RuntimeError, match="two devices"):
        here[there > 0.5]
    with pytest.raises(RuntimeError, match="not supported"):
        there.numpy()
    assert torch.equal((there * 2 + torch.tensor(1.0)).cpu(), here.mul(1) * 0 + there.cpu() * 2 + 1)


def test_a_model_answers_where_it_is_asked(
    both: Callable[..., Both], elsewhere: torch.device, crop: Callable[..., Pixels]
) -> None:
    here, there = both()
    x = torch.from_numpy(crop("astronaut", 20, 30)).permute(2, 0, 1)[None].float() / 255
    for asked in (x, x.to(elsewhere)):
        reading = there(asked)
        assert reading.output.device == asked.device
        assert reading.features[0].device == asked.device
        assert_close(reading.output.cpu(), here(x).output)
        assert_close(there.output(asked).cpu(), here.output(x))
        assert first_layer(there)(asked).device == asked.device
        looked = last_map(there)(asked)
        (slope,) = torch.autograd.grad(looked.output.sum(), looked.activation)
        assert slope.device == asked.device
    assert there.candidates() == here.candidates()
    assert there.digest == here.digest


def test_both_halves_of_a_recognizer_answer_where_they_are_asked(
    recognizers: Both, elsewhere: torch.device
) -> None:
    here, there = (split(model) for model in recognizers)
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for asked in (x, x.to(elsewhere)):
        feature = there.head(asked)
        assert feature.device == there.tail(feature).device == asked.device
        assert_close(there.tail(feature).cpu(), here.tail(here.head(x)))


@pytest.mark.parametrize("how", [{}, {"survive": ["jpeg75"]}, {"labels": {"cup.png": 1}}])
def test_protected_files_are_the_same(
    both: Callable[..., Both],
    photos: Path,
    tmp_path: Path,
    begun: Begun,
    how: dict[str, Any],
) -> None:
    models, others = both(), both(5, 4, name="other")
    if "labels" in how:
        names = [path.name for path in photos.rglob("*.*")]
        how = {"labels": {name: at % 5 for at, name in enumerate(names)}}
    made = []
    for model, other in zip(models, others, strict=True):
        out = tmp_path / model.device.type
        report = protect([photos], out, model, surrogates=[other], parameters=QUICK, **how)
        made.append(([(r.status, r.kept, r.linf) for r in report.images], files(out)))
        assert begun == {model.device}
        begun.clear()
    assert made[0] == made[1]
    assert made[0][1]


def test_pictures_in_memory_come_back_where_they_were(
    both: Callable[..., Both], elsewhere: torch.device, begun: Begun
) -> None:
    here, there = both()
    x = torch.randint(0, 256, (2, 3, 12, 12), generator=torch.Generator().manual_seed(2)) / 255
    labels = torch.tensor([1, 2])
    wanted = protect_images(x, here, labels=labels, parameters=QUICK)
    begun.clear()
    for asked in (x, x.to(elsewhere)):
        made = protect_images(asked, there, labels=labels, parameters=QUICK)
        assert made.device == asked.device
        assert torch.equal(made.cpu(), wanted)
    assert begun == {elsewhere}


def test_models_of_one_run_must_be_on_one_device(
    both: Callable[..., Both], photos: Path, tmp_path: Path
) -> None:
    (_, there), (other, _) = both(), both(5, 4, name="other")
    with pytest.raises(UsageError, match="other is on cpu, but toy is on lazy:0"):
        protect([photos], tmp_path / "out", there, surrogates=[other])


@pytest.fixture(params=["sealed", "permuted", "network"])
def hiding(request: pytest.FixtureRequest) -> tuple[Key, Any]:
    """A key of each kind, with parameters that are quick."""
    match request.param:
        case "sealed":
            return keys.new("sealed"), Sealed(steps=20, least_cosine=0.1)
        case "permuted":
            return keys.new("permuted"), Permuted(steps=20, least_cosine=0.1)
        case _:
            network = generator.dump(stranger.network())
            return keys.network_key(network), AVIH(steps=20, least_cosine=0.1)


def test_what_was_hidden_elsewhere_is_read_and_revealed(
    recognizers: Both,
    hiding: tuple[Key, Any],
    crop: Callable[..., Pixels],
    tmp_path: Path,
    begun: Begun,
) -> None:
    key, parameters = hiding
    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "coffee"):
        Image.fromarray(crop(name, 48, 48)).save(tmp_path / "photos" / f"{name}.png")
    _, there = recognizers
    report = hide([tmp_path / "photos"], tmp_path / "hidden", there, key, parameters=parameters)
    assert begun == {there.device}
    assert [record.kept for record in report.images] == [True, True]
    back = reveal([tmp_path / "hidden"], tmp_path / "back", key, service=there)
    assert back.ok
    assert all(r.cosine is not None for r in back.images)


@pytest.fixture
def shadow(recognizers: Both) -> decoders.Decoder:
    """A decoder of the recognizers' maps, with weights drawn by chance."""
    cut = split(recognizers[0])
    maps = cut.head(torch.rand(9, 3, 16, 16, generator=torch.Generator().manual_seed(5)))
    design = Design(kind="deconvolution", feature=cut.shape, picture=(16, 16), width=4)
    drawn = decoders.fresh(design, decoders.moments(maps), np.random.default_rng(1))
    return drawn.eval().requires_grad_(False)


@pytest.mark.parametrize("start", ["uniform", "shadow"])
def test_adversarial_features_are_the_same(
    recognizers: Both, shadow: decoders.Decoder, begun: Begun, start: str
) -> None:
    pictures = np.random.default_rng(3).integers(0, 256, (5, 3, 16, 16), np.uint8)
    clean = features_of(pictures, recognizers[0])
    assert np.array_equal(clean, features_of(pictures, recognizers[1]))
    made = []
    for recognizer in recognizers:
        begun.clear()
        shielding = adversarial(
            [shadow], AdvFace(start=start), recognizer=recognizer, secret=bytes(32)
        )
        made.append((shielding.digest, shielding(clean)))
    assert begun == {recognizers[1].device}
    assert made[0][0] == made[1][0]
    assert np.array_equal(made[0][1], made[1][1])
    assert not np.array_equal(made[0][1], clean)


@pytest.mark.parametrize("choice", ["drawn", "nearest"])
def test_decoys_are_dressed_elsewhere(recognizers: Both, begun: Begun, choice: str) -> None:
    generator = np.random.default_rng(4)
    pictures = generator.integers(0, 256, (3, 3, 16, 16), np.uint8)
    decoys = torch.from_numpy(generator.integers(0, 256, (4, 3, 16, 16), np.uint8))
    made = shield(
        pictures,
        "decoy",
        recognizer=recognizers[1],
        decoys=decoys,
        parameters=Decoy(steps=4, choice=choice),
    )
    assert begun == {recognizers[1].device}
    assert np.isfinite(made).all()
    assert made.shape == features_of(pictures, recognizers[0]).shape


def test_layers_are_ranked_elsewhere(
    both: Callable[..., Both], begun: Begun, elsewhere: torch.device
) -> None:
    here, there = (rank_layers(model, count=2) for model in both())
    assert [(s.layer, s.kept) for s in there] == [(s.layer, s.kept) for s in here]
    assert begun == {elsewhere, torch.device("cpu")}


def test_an_audit_finds_the_same(both: Callable[..., Both], photos: Path, tmp_path: Path) -> None:
    models, others = both(), both(5, 4, name="other")
    protect([photos], tmp_path / "out", models[0], parameters=QUICK)
    found = []
    for model, other in zip(models, others, strict=True):
        result = audit(
            originals=photos,
            protected=tmp_path / "out",
            authorized=model,
            panel=[other],
            transforms=("jpeg75",),
            distill=(2,),
            analyses=True,
        )
        assert not result.failed
        assert result.analyses
        learned = [(one.after, one.before) for one in result.adaptive]
        found.append(([one.kept for one in (result.authorized, *result.panel)], learned))
    assert found[0] == found[1]


def test_decoders_learn_where_the_recognizer_is(
    recognizers: Both, photos: Path, tmp_path: Path, elsewhere: torch.device
) -> None:
    p = ShadowTraining(updates=3, kind="deconvolution", width=4, batch=2)
    made = [
        train_shadow([photos], model, tmp_path / model.device.type, parameters=p)
        for model in recognizers
    ]
    assert made[1].ssim == pytest.approx(made[0].ssim, abs=1e-4)
    features = torch.rand(4, *made[0].feature, generator=torch.Generator().manual_seed(1))
    pairs = Pairs(features, torch.zeros(4, 3, 16, 16, dtype=torch.uint8))
    begun = shadow_training.begin(pairs, p, None, elsewhere)
    half = shadow_training.advance(begun, pairs, 1, p, lambda _: None)
    again = shadow_training.load(shadow_training.dump(half), "it", pairs, p, elsewhere)
    assert device_in(again.decoder) == elsewhere
    done = shadow_training.advance(again, pairs, 2, p, lambda _: None)
    assert done.done == 2
    assert device_in(done.decoder) == elsewhere


def test_a_tail_learns_where_the_recognizer_is(recognizers: Both) -> None:
    p, learned = TailTraining(updates=2, batch=3), []
    clean = torch.rand(6, 6, 8, 8, generator=torch.Generator().manual_seed(1))
    for model in recognizers:
        changed = fine_tuned(split(model), clean, clean + 0.1, p)
        assert changed.model.device == model.device
        learned.append(changed.tail(clean))
    assert_close(learned[1], learned[0])
    assert not torch.allclose(learned[0], split(recognizers[0]).tail(clean))


def test_a_key_learns_elsewhere(elsewhere: torch.device) -> None:
    p = KeyTraining(updates=3, batch=2, side=8)
    photos = torch.randint(0, 256, (3, 3, 8, 8), generator=torch.Generator().manual_seed(1))
    begun = key_training.begin(bytes(32), p, elsewhere)
    assert device_in(begun.network) == elsewhere
    half = key_training.advance(begun, photos.byte(), 1, p, lambda _: None)
    saved = key_training.dump(half, photos.byte(), p)
    again = key_training.load(saved, "it", photos.byte(), p, elsewhere)
    assert device_in(again.network) == elsewhere
    assert key_training.advance(again, photos.byte(), 3, p, lambda _: None).done == 3


def test_ways_are_compared_elsewhere(
    both: Callable[..., Both], photos: Path, tmp_path: Path, begun: Begun
) -> None:
    (_, model), (_, other) = both(), both(5, 4, name="other")
    only = ("fmd fast", "pgd", "null-space noise", "gaussian noise", "sign noise")
    result = compare([photos / "coffee.png"], tmp_path / "out", model, [other], steps=2, only=only)
    assert [row.failed for row in result.rows] == [0] * len(only)
    assert begun == {model.device}


def test_hidden_pictures_are_attacked_elsewhere(
    recognizers: Both,
    crop: Callable[..., Pixels],
    tmp_path: Path,
    begun: Begun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attacking, "Inversion", lambda: Inversion(steps=2))
    (tmp_path / "photos").mkdir()
    for at, name in enumerate(("astronaut", "coffee", "chelsea", "rocket")):
        picture = Image.fromarray(crop(name, 24 + at, 24))
        picture.save(tmp_path / "photos" / f"{at}.png")
    key, quick = keys.new("permuted"), Permuted(steps=4, least_cosine=0.1)
    hide([tmp_path / "photos"], tmp_path / "hidden", recognizers[1], key, parameters=quick)
    result = audit_hide(
        originals=tmp_path / "photos",
        hidden=tmp_path / "hidden",
        service=recognizers[1],
        key=key,
        pairs=(2,),
        inverted=1,
    )
    (kind,) = result.kinds
    assert begun == {recognizers[1].device}
    assert kind.inverted
    assert not [row.error for row in kind.inverted if row.error]


def test_a_name_is_loaded_where_it_was_asked_for(
    cuda_is_elsewhere: Any, elsewhere: torch.device, photos: Path, tmp_path: Path
) -> None:
    spec = "portraits:expression-depthwise"
    assert load(spec, device="cuda").device == elsewhere
    report = protect([photos / "coffee.png"], tmp_path / "a", spec, parameters=QUICK, device="cuda")
    again = protect([photos / "coffee.png"], tmp_path / "b", spec, parameters=QUICK)
    assert report.summary["failed"] == again.summary["failed"]
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert check_model(spec, device="cuda").outputs == check_model(spec).outputs
