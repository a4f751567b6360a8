"""timm, torchvision and transformers, with weights written on the spot."""

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from anamorph.errors import ModelError
from anamorph.models import Preprocess, card_of, default_taps, load
from anamorph.models.sources import hugging_face, timm_zoo, torchvision_zoo
from anamorph.models.torchvision_compat import make_torchvision_importable

make_torchvision_importable()
timm = pytest.importorskip("timm")
models = pytest.importorskip("torchvision.models")
WriteCard = Callable[..., Path]


def test_a_timm_network_takes_weights_from_a_file(tmp_path: Path, write_card: WriteCard) -> None:
    network = timm.create_model("test_resnet", num_classes=5).eval()
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    model = load(
        write_card(
            'source = "timm:test_resnet"',
            'weights = "w.safetensors"',
            "options = { num_classes = 5 }",
            size=64,
        )
    )
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model.output(images), network((images - 0.5) / 0.5))
    assert model.taps


def test_timm_tells_the_input_where_the_card_is_silent(tmp_path: Path) -> None:
    network = timm.create_model("test_vit", num_classes=5)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    card = tmp_path / "c.toml"
    card.write_text(
        'name = "v"\nsource = "timm:test_vit"\nweights = "w.safetensors"\n'
        "options = { num_classes = 5 }\n"
    )
    model = load(card)
    assert model.input.size == (160, 160)
    assert model.input.resize == "shortest+crop"
    assert model.taps == default_taps(model.candidates())
    assert [c.name for c in model.candidates()][1:6] == [f"blocks.{i}" for i in range(5)]


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_a_wrong_name_is_answered_with_the_nearest(kind: str) -> None:
    with pytest.raises(ModelError, match=r"no network 'resnet-18'; nearest: .*resnet18"):
        load(card_of(f"{kind}:resnet-18"))


def test_options_that_do_not_fit_are_told_in_one_line(write_card: WriteCard) -> None:
    with pytest.raises(ModelError, match="timm cannot create test_resnet") as caught:
        load(write_card('source = "timm:test_resnet"', "options = { colour = 1 }"))
    assert "\n" not in str(caught.value)


def test_without_the_hub_timm_asks_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*arguments: object, **options: object) -> None:
        raise LocalEntryNotFoundError("Cannot find the file\nand the hub is not reachable")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        ModelError, match=r"Cannot find the file; .*`weights =` in a card"
    ) as caught:
        load("timm:test_resnet")
    assert "\n" not in str(caught.value)


def test_without_the_hub_torchvision_asks_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*arguments: object, **options: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(ModelError, match=r"no route.*`weights =` in a card"):
        load("torchvision:squeezenet1_1")


def test_a_torchvision_network_takes_weights_and_its_own_input(tmp_path: Path) -> None:
    network = models.get_model("squeezenet1_1", num_classes=6, weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    card = tmp_path / "c.toml"
    card.write_text(
        'name = "s"\nsource = "torchvision:squeezenet1_1"\nweights = "w.pth"\n'
        "options = { num_classes = 6 }\n"
    )
    model = load(card)
    assert (model.input.size, model.input.resize) == ((224, 224), "shortest+crop")
    assert int(224 / model.input.crop) == 256
    assert model.output(torch.full((1, 3, 60, 50), 0.5)).shape == (1, 6)


@pytest.mark.parametrize("size", range(160, 520, 8))
def test_the_crop_leads_back_to_the_resized_side(size: int) -> None:
    for resized in range(size, size + 80, 3):
        assert int(size / torchvision_zoo.kept(size, resized)) == resized


@pytest.mark.parametrize(("mode", "resize"), [("center", "shortest+crop"), ("squash", "squash")])
def test_timms_crop_mode_is_kept(mode: str, resize: str) -> None:
    config = {
        "input_size": (3, 96, 64),
        "crop_pct": 1.0,
        "crop_mode": mode,
        "mean": (0.1, 0.2, 0.3),
        "std": (1.0, 1.0, 1.0),
        "interpolation": "bicubic",
    }
    found = timm_zoo.input_of(config)
    assert (found.size, found.resize, found.interpolation) == ((96, 64), resize, "bicubic")


PROCESSOR = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}


@pytest.mark.parametrize(
    ("settings", "size", "resize", "resized"),
    [
        ({"size": {"height": 32, "width": 48}}, (32, 48), "squash", 32),
        (
            {
                "size": {"height": 256, "width": 256},
                "crop_size": {"height": 224, "width": 224},
                "do_center_crop": True,
            },
            (224, 224),
            "squash",
            256,
        ),
        (
            {
                "size": {"height": 64, "width": 64},
                "crop_size": {"height": 32, "width": 32},
                "do_center_crop": False,
            },
            (64, 64),
            "squash",
            64,
        ),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}},
            (224, 224),
            "shortest+crop",
            256,
        ),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, (224, 224), "shortest+crop", 256),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, (384, 384), "squash", 384),
    ],
)
def test_an_image_processors_settings_are_understood(
    settings: dict[str, object], size: tuple[int, int], resize: str, resized: int
) -> None:
    found = hugging_face.input_of({**PROCESSOR, **settings, "resample": 3})
    assert (found.size, found.resize, found.interpolation) == (size, resize, "bicubic")
    assert int(found.size[0] / found.crop) == resized


@pytest.mark.slow
def test_a_transformers_folder_is_loaded(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        num_labels=3,
        id2label={0: "a", 1: "b", 2: "c"},
    )
    network = transformers.ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"size": {"height": 32, "width": 32}, "resample": 2, "do_normalize": true,'
        ' "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}'
    )
    model = load(f"hf:{tmp_path}")
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            model.output(images), network(pixel_values=(images - 0.5) / 0.5).logits
        )
    assert model.labels == ("a", "b", "c")
    assert model(images).features[0].shape == (2, 17, 16)


@pytest.mark.slow
def test_the_view_is_that_of_the_models_own_processor(tmp_path: Path) -> None:
    """Where the size is a plain number, only the processor's class knows what is meant."""
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
    )
    transformers.ResNetForImageClassification(config).eval().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"crop_pct": 0.875, "feature_extractor_type": "ConvNextFeatureExtractor", "size": 224,'
        ' "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 3}'
    )
    photo = np.zeros((300, 500, 3), np.uint8)
    photo[..., 0] = np.linspace(0, 255, 500)
    photo[:, :60, 1] = 255
    own = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    wanted = own(Image.fromarray(photo), return_tensors="pt")["pixel_values"]
    picture = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    view = Preprocess(load(f"hf:{tmp_path}").input)(picture)
    assert view.shape == wanted.shape
    assert (view - wanted).abs().mean() < 0.01


def test_a_folder_without_a_model_is_told_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ModelError, match="transformers cannot load") as caught:
        load(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)
