from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from anamorph.errors import ModelError
from anamorph.models.readers.loading import load_reader
from anamorph.models.sources.onnx_files import _locations, model_digest, side_files

WriteCard = Callable[..., Path]
MakeOnnx = Callable[..., onnx.ModelProto]
WEIGHTS = np.ones((3, 4), np.float32).tobytes()


def test_the_digest_of_one_file_is_its_sha256(onnx_card: WriteCard) -> None:
    path = onnx_card().parent / "net.onnx"
    digest = sha256(path.read_bytes()).hexdigest()
    assert model_digest(path, side_files(path)) == digest


def test_weights_in_a_side_file_are_read_and_count_in_the_digest(onnx_card: WriteCard) -> None:
    card = onnx_card(location="w.bin")
    (card.parent / "w.bin").write_bytes(WEIGHTS)
    first = load_reader(card)
    (card.parent / "w.bin").write_bytes((2 * np.ones((3, 4), np.float32)).tobytes())
    assert load_reader(card).weights_digest != first.weights_digest


@pytest.mark.parametrize("form", ["../w.bin", "{parent}/w.bin", "link.bin"])
def test_weights_outside_the_folder_are_refused(
    make_onnx: MakeOnnx, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(WEIGHTS)
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    path = folder / "net.onnx"
    path.write_bytes(make_onnx(location=form.format(parent=tmp_path)).SerializeToString())
    with pytest.raises(ModelError, match="outside its folder, which is refused"):
        side_files(path)


def test_a_missing_side_file_is_named(onnx_card: WriteCard) -> None:
    with pytest.raises(ModelError, match=r"its weights 'w\.bin' are missing"):
        load_reader(onnx_card(location="w.bin"))


def outside(name: str) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", name
    return tensor


def test_side_files_are_found_wherever_tensors_can_stand() -> None:
    below = helper.make_graph([], "below", [], [], [outside("in a branch")])
    node = helper.make_node("If", ["x"], ["y"], then_branch=below)
    constant = helper.make_node("Constant", [], ["c"], value=outside("in a node"))
    sparse = onnx.SparseTensorProto(values=outside("values"), indices=outside("indices"))
    graph = helper.make_graph(
        [node, constant], "g", [], [], [outside("weights")], sparse_initializer=[sparse]
    )
    function = helper.make_function("d", "f", [], ["c"], [constant], [helper.make_opsetid("", 17)])
    model = helper.make_model(graph, functions=[function])
    found = set(_locations(memoryview(model.SerializeToString()), "model", 64))
    assert found == {"in a branch", "in a node", "values", "indices", "weights"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        names = list(_locations(memoryview(content), "model", 64))
    except ValueError:
        return
    assert all(isinstance(name, str) for name in names)
