"""Exported programs and TorchScript."""

import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from anamorph.errors import ModelError
from anamorph.models import load
from anamorph.models.sources.pt2_archive import clean

WriteCard = Callable[..., Path]
X = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def exported(tiny: nn.Module, tmp_path: Path) -> Path:
    dynamic = ({0: torch.export.Dim("n")},)
    program = torch.export.export(tiny.eval(), (X,), dynamic_shapes=dynamic)
    torch.export.save(program, tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


def changed(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Rewrites one JSON file inside an archive."""
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    for entry in files:
        if entry.endswith(name):
            files[entry] = json.dumps(change(json.loads(files[entry]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)


def test_an_exported_program_answers_as_the_network_did(
    exported: Path, tiny: nn.Module, write_card: WriteCard
) -> None:
    model = load(write_card('source = "pt2:net.pt2"'))
    torch.testing.assert_close(model.output(X), tiny((X - 0.5) / 0.5))


def test_its_layers_keep_their_names_and_can_be_tapped(
    exported: Path, tiny: nn.Module, write_card: WriteCard
) -> None:
    model = load(write_card('source = "pt2:net.pt2"', 'tap = ["blocks.1"]'))
    hidden = tiny.get_submodule("bn")(tiny.get_submodule("stem")((X - 0.5) / 0.5))
    for index in (0, 1):
        hidden = tiny.get_submodule(f"blocks.{index}")(hidden)
    torch.testing.assert_close(model(X).features[0], hidden)
    assert [candidate.name for candidate in model.candidates()][1] == "blocks.0"


def test_whole_view_stops_early_in_an_exported_program(
    exported: Path, write_card: WriteCard
) -> None:
    card = write_card('source = "pt2:net.pt2"', extra='resize = "shortest+crop"\n')
    assert load(card)(torch.rand(2, 3, 20, 40)).features[0].shape == (2, 12, 8, 8)


def test_sample_inputs_are_left_behind_unread(exported: Path) -> None:
    with zipfile.ZipFile(clean(exported)) as archive:
        assert archive.read("model/data/sample_inputs/model.pt") == b""


def pickled_weight(config: Any) -> Any:
    next(iter(config["config"].values()))["use_pickle"] = True
    return config


def hostile(key: str, text: str) -> Callable[[Any], Any]:
    def change(program: Any) -> Any:
        node = program["graph_module"]["graph"]["nodes"][0]
        if key == "target":
            node["target"] = text
        elif key == "name":
            program["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = text
        else:
            sizes = program["graph_module"]["graph"]["tensor_values"]
            next(iter(sizes.values()))["sizes"][0] = {"as_expr": {"expr_str": text, "hint": None}}
        return program

    return change


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("model_weights_config.json", pickled_weight, "is a pickle"),
        ("models/model.json", hostile("target", "torch.load"), "target 'torch.load'"),
        ("models/model.json", hostile("target", "torch.ops.aten.from_file.default"), "from_file"),
        ("models/model.json", hostile("name", "x=print(1)"), "name 'x=print"),
        ("models/model.json", hostile("expr_str", "exec(chr(105))"), "expr_str 'exec"),
        ("models/model.json", hostile("expr_str", "__import__('os')"), "expr_str .__import__"),
    ],
)
def test_an_archive_with_code_in_it_is_refused(
    exported: Path,
    write_card: WriteCard,
    file: str,
    change: Callable[[Any], Any],
    says: str,
) -> None:
    changed(exported, file, change)
    with pytest.raises(ModelError, match=says) as caught:
        load(write_card('source = "pt2:net.pt2"'))
    assert "\n" not in str(caught.value)


def test_guards_in_an_archive_are_not_run(
    exported: Path, tmp_path: Path, write_card: WriteCard
) -> None:
    ran = tmp_path / "ran"

    def change(program: Any) -> Any:
        program["guards_code"] = [f"open({str(ran)!r}, 'w') is not None"]
        return program

    changed(exported, "models/model.json", change)
    load(write_card('source = "pt2:net.pt2"')).output(X)
    assert not ran.exists()


def test_a_network_exported_for_one_picture_says_what_is_wrong(
    tiny: nn.Module, tmp_path: Path, write_card: WriteCard
) -> None:
    torch.export.save(torch.export.export(tiny.eval(), (X[:1],)), tmp_path / "net.pt2")
    with pytest.raises(ModelError, match="fails on two pictures of 16 x 16"):
        load(write_card('source = "pt2:net.pt2"'))


@pytest.mark.parametrize("kind", ["pt2", "torchscript"])
@pytest.mark.parametrize("content", [b"not an archive", pickle.dumps({"a": 1}), None])
def test_damaged_and_missing_files_are_told_in_one_line(
    tmp_path: Path, write_card: WriteCard, kind: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "net").write_bytes(content)
    with pytest.raises(ModelError, match=r"is not|there is no file") as caught:
        load(write_card(f'source = "{kind}:net"'))
    assert "\n" not in str(caught.value)


@pytest.fixture
def scripted(tiny: nn.Module, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(tiny.eval(), X).save(  # type: ignore[no-untyped-call]
            str(tmp_path / "net.ts")
        )


@pytest.mark.usefixtures("scripted")
def test_torchscript_reads_and_passes_gradients_but_has_no_taps(
    tiny: nn.Module, write_card: WriteCard
) -> None:
    model = load(write_card('source = "torchscript:net.ts"'))
    images = X.clone().requires_grad_()
    reading = model(images)
    torch.testing.assert_close(reading.output, tiny((X - 0.5) / 0.5))
    (gradient,) = torch.autograd.grad(reading.output.sum(), images)
    assert gradient.abs().max() > 0
    assert (model.taps, model.candidates(), reading.features) == ((), [], ())


@pytest.mark.usefixtures("scripted")
def test_a_tap_on_torchscript_is_refused(write_card: WriteCard) -> None:
    with pytest.raises(ModelError, match=r"cannot be tapped; .*pt2:FILE"):
        load(write_card('source = "torchscript:net.ts"', 'tap = ["stem"]'))
