import io
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from anamorph.errors import WeightsError
from anamorph.models import weights_digest
from anamorph.models.weights import load_weights, read_weights


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_half_precision_is_widened_and_counters_stay(tiny: nn.Module, tmp_path: Path) -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in tiny.state_dict().items()}
    state["bn.num_batches_tracked"] += 7
    save_file(state, tmp_path / "w.safetensors")
    load_weights(tiny, tmp_path / "w.safetensors")
    assert {p.dtype for p in tiny.parameters()} == {torch.float32}
    assert tiny.state_dict()["bn.num_batches_tracked"] == 7
    torch.testing.assert_close(tiny.state_dict()["stem.weight"], state["stem.weight"].float())


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_a_torch_file_of_tensors_is_read(
    tiny: nn.Module, tmp_path: Path, wrapper: str | None
) -> None:
    state = tiny.state_dict()
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "w.pth")
    assert weights_digest(read_weights(tmp_path / "w.pth")) == weights_digest(state)


def test_a_file_that_does_not_fit_is_refused_with_what_is_wrong(
    tiny: nn.Module, tmp_path: Path
) -> None:
    state = dict(tiny.state_dict())
    del state["stem.weight"]
    state["head.weight"] = torch.zeros(5, 6, dtype=torch.float16)  # its width is no fault
    state["head.bias"] = torch.zeros(4, dtype=torch.int8)
    state.update({f"extra{i}": torch.zeros(1) for i in range(5)})
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        load_weights(tiny, tmp_path / "w.safetensors")
    message = str(caught.value)
    assert "missing: stem.weight" in message
    assert "unexpected: extra0, extra1, extra2 and 2 more" in message
    assert "head.weight [5, 6] instead of [4, 6]" in message
    assert "head.bias int8[4] instead of float32[4]" in message
    assert "float16" not in message
    assert "\n" not in message


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_pickle_does_not_run(tmp_path: Path, legacy: bool) -> None:
    ran = tmp_path / "ran"
    path = tmp_path / "w.pt"
    content = io.BytesIO()
    if legacy:
        pickle.dump({"a": Evil(ran)}, content)
    else:
        torch.save({"a": Evil(ran)}, content)
    path.write_bytes(content.getvalue())
    with pytest.raises(WeightsError, match="holds more than tensors"):
        read_weights(path)
    assert not ran.exists()


def test_a_whole_pickled_network_is_refused(tiny: nn.Module, tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="convert it with safetensors"):
        read_weights(tmp_path / "w.pt")


def test_a_torch_file_without_names_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="no table of named tensors"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("w.bin", "expected .safetensors, .pt or .pth"),
        ("w.pkl", "convert it with safetensors"),
        ("w.safetensors", "damaged safetensors"),
        ("w.pt", "or is damaged"),
    ],
)
def test_other_and_damaged_files_are_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match=says):
        read_weights(tmp_path / name)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*w\.safetensors"):
        read_weights(tmp_path / "w.safetensors")


def test_the_digest_sees_names_types_shapes_and_bytes_but_not_layout() -> None:
    a = torch.arange(24.0).reshape(1, 2, 3, 4)
    same = a.to(memory_format=torch.channels_last)
    others = [{"b": a}, {"a": a.double()}, {"a": a.reshape(2, 12)}, {"a": a + 1}]
    assert weights_digest({"a": a}) == weights_digest({"a": same})
    assert len({weights_digest(state) for state in [{"a": a}, *others]}) == 5
    assert weights_digest({"s": torch.tensor(3), "h": torch.zeros(2, dtype=torch.bfloat16)})
