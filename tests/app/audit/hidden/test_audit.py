"""The audit of hidden files, with toy models and simple attackers."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from anamorph.adversaries.hidden import ATTACKERS, by_mean
from anamorph.app.audit.hidden.audit import audit_hide
from anamorph.app.hide.hide import hide
from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.spoiling import SPOILINGS
from anamorph.auditing.hidden.verdict import caution, grade, verdict
from anamorph.errors import BadKey, Cancelled, ModelError, UsageError
from anamorph.keys import file as key_file
from anamorph.keys import key as keys
from anamorph.keys.key import Key
from anamorph.methods.permuted import Permuted
from anamorph.methods.sealed import Sealed
from anamorph.models import Model

Run: TypeAlias = Callable[..., HideAudit]
ToyOf: TypeAlias = Callable[..., Model]
PICTURES = 10


class Hidden(NamedTuple):
    """A folder of originals, what hides them, and the key."""

    originals: Path
    folder: Path
    key: Key


class Crash(nn.Module):
    """Reads what loading takes, and then no more."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.early = inside
        self.broken = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.broken:
            raise RuntimeError("<b>out</b> of memory")
        answer: torch.Tensor = self.early(x)
        return answer


def _broken(model: Model) -> Model:
    for network in (model.network, *([model.folded.network] if model.folded else [])):
        for inner in network.modules():
            if isinstance(inner, Crash):
                inner.broken = True
    return model


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ATTACKERS, "convolutional", by_mean)  # training takes its time


@pytest.fixture(scope="module")
def originals(
    tmp_path_factory: pytest.TempPathFactory, crop: Callable[..., NDArray[np.uint8]]
) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "originals"
    (folder / "more").mkdir(parents=True)
    for i in range(PICTURES):
        name = ("astronaut", "chelsea", "coffee", "rocket")[i % 4]
        place = folder / "more" if i % 5 == 4 else folder
        pixels = crop(name, 30 + i, 80)[:, 8 * (i // 4) : 40 + 8 * (i // 4)]
        Image.fromarray(pixels).save(place / f"{i:02d}.png")
    return folder


def _hidden(originals: Path, kind: Any, model: Model) -> Hidden:
    folder, key = originals.parent / f"{kind}-{model.task}", keys.new(kind)
    p = Sealed(steps=20) if kind == "sealed" else Permuted(steps=30)
    assert hide([originals], folder, model, key, parameters=p).ok
    return Hidden(originals, folder, key)


@pytest.fixture(scope="module")
def sealed(originals: Path, embedder: Model) -> Hidden:
    return _hidden(originals, "sealed", embedder)


@pytest.fixture(scope="module")
def permuted(originals: Path, embedder: Model) -> Hidden:
    return _hidden(originals, "permuted", embedder)


@pytest.fixture
def judge(network: Callable[..., nn.Module], toy_of: ToyOf) -> Model:
    return toy_of(network(8, 21), name="judge", task="embed")


@pytest.fixture
def run(embedder: Model) -> Run:
    """`audit_hide` without reports and inversion unless told otherwise."""

    def start(hidden: Hidden, **how: Any) -> HideAudit:
        given = {
            "originals": hidden.originals,
            "hidden": hidden.folder,
            "service": embedder,
            "key": hidden.key,
            "pairs": [4],
            "inverted": 0,
            **how,
        }
        return audit_hide(**given)

    return start


def test_sealed_pictures_come_back_and_nothing_else_does(
    run: Run, sealed: Hidden, judge: Model
) -> None:
    audit = run(sealed, judge=judge, inverted=1)
    assert audit.ok
    (kind,) = audit.kinds
    assert (kind.kind, kind.n) == ("sealed", PICTURES)
    assert kind.service.kept.value == 1.0
    assert kind.service.cosine is not None
    assert kind.service.cosine.least >= 0.98
    assert all(image.exact and image.model_matches for image in audit.images)
    assert kind.wrong_keys.refused.value == kind.wrong_keys.nothing.value == 1.0
    assert kind.wrong_keys.ssim is None
    assert kind.shared == ()
    assert [row.name for row in kind.attackers] == ["correlation", "linear", "convolutional"]
    assert {row.pairs for row in kind.attackers} == {4}
    assert [row.name for row in kind.inverted] == ["from hidden", "from original"]
    spoiled = {row.name: row for row in kind.spoiled}
    assert set(spoiled) == {one.name for one in SPOILINGS}
    assert spoiled["png"].exact.value == 1.0
    assert spoiled["jpeg85"].revealed.value == 0.0
    assert sum(spoiled["jpeg85"].reasons.values()) == PICTURES
    assert any("recompressed as JPEG" in why for why in spoiled["jpeg85"].reasons)
    assert "jpeg85" in caution(audit)


def test_the_reports_hold_the_figures_and_no_secret(
    run: Run, sealed: Hidden, judge: Model, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    path = tmp_path / "where nobody looks.amkey"
    key_file.write(sealed.key, path)
    audit = run(sealed, key=path, judge=judge, out=out, formats=("html", "json", "md"))
    assert {p.name for p in out.iterdir()} == {"audit.json", "report.html", "report.md"}
    told = json.loads((out / "audit.json").read_text())
    assert told == json.loads(json.dumps(audit.as_json(), allow_nan=False))
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg") >= 4 * 4
    for text in (page, json.dumps(told), (out / "report.md").read_text()):
        assert sealed.key.secret.reveal().hex() not in text
        assert "where nobody looks" not in text
        assert sealed.key.fingerprint in text
    assert verdict(audit).split(":")[0] in page


def test_an_audit_is_the_same_again(run: Run, permuted: Hidden, judge: Model) -> None:
    first, second = (run(permuted, judge=judge, seed=5).as_json() for _ in range(2))
    for told in (first, second):
        told["summary"].pop("seconds")
    assert first == second


def test_permuted_pictures_come_back_nearly_and_one_subkey_is_tried_too(
    run: Run, permuted: Hidden
) -> None:
    audit = run(permuted)
    (kind,) = audit.kinds
    assert kind.judge is None
    assert kind.wrong_keys.refused.value == 1.0
    assert kind.wrong_keys.nothing.value == 0.0
    assert kind.wrong_keys.ssim is not None
    assert [row.name for row in kind.shared] == [row.name for row in kind.attackers]
    assert all(image.revealed_psnr and image.exact is False for image in audit.images)
    assert {row.name: row for row in kind.spoiled}["png"].revealed.value == 1.0
    assert "was not measured" in caution(audit)


def test_a_classifier_is_held_to_its_best_class(
    run: Run, originals: Path, toy: Model, network: Callable[..., nn.Module], toy_of: ToyOf
) -> None:
    hidden = _hidden(originals, "sealed", toy)
    other = toy_of(network(5, 31), name="other classifier")
    (kind,) = run(hidden, service=toy, judge=other).kinds
    assert kind.service.kept.value == 1.0
    assert kind.service.cosine is None
    assert kind.service.found.value is None
    assert kind.judge is not None
    assert kind.judge.kept.n == PICTURES
    assert kind.attackers[0].identity is None


def test_another_model_than_they_were_hidden_for_is_claimed_nothing_of(
    run: Run, sealed: Hidden, judge: Model
) -> None:
    audit = run(sealed, service=judge)
    (kind,) = audit.kinds
    assert kind.service.kept.value is None
    assert "another model" in kind.service.error
    assert kind.inverted == ()
    assert any("no agreement is claimed" in note for note in audit.notes)
    assert all(row.read.value is None for row in kind.spoiled)
    assert all(image.exact for image in audit.images)
    assert audit.ok


def test_a_key_of_none_of_them_is_refused(run: Run, sealed: Hidden) -> None:
    other = keys.new("sealed")
    with pytest.raises(BadKey, match=f"{other.fingerprint} hides none .* {sealed.key.fingerprint}"):
        run(sealed, key=other)
    with pytest.raises(BadKey, match="rotation key, which hides no pictures"):
        run(sealed, key=keys.new("rotation"))


def test_pictures_of_two_kinds_get_figures_of_their_own_and_one_key_reveals_its_own(
    run: Run, sealed: Hidden, permuted: Hidden, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    shutil.copytree(sealed.folder, both / "s", ignore=lambda *_: ["more", "manifest.jsonl"])
    shutil.copytree(permuted.folder / "more", both / "p")
    audit = run(Hidden(sealed.originals, both, sealed.key))
    counts = {kind.kind: kind.n for kind in audit.kinds}
    assert counts == {"permuted": 2, "sealed": 8}
    assert all(image.exact == (True if image.kind == "sealed" else None) for image in audit.images)
    assert any("2 pictures hidden with another key" in note for note in audit.notes)
    assert any("2 permuted pictures: too few for attackers" in note for note in audit.notes)
    permuted_row = next(kind for kind in audit.kinds if kind.kind == "permuted")
    assert permuted_row.shared == ()
    assert all(row.revealed.value is None for row in permuted_row.spoiled)


def test_a_damaged_file_is_named_and_the_others_stand(
    run: Run, sealed: Hidden, tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    shutil.copytree(sealed.folder, hidden)
    (hidden / "00.png").write_bytes(b"no picture")
    Image.new("RGB", (16, 16)).save(hidden / "01.png")
    (hidden / "manifest.jsonl").unlink()
    (hidden / "02.png").unlink()
    shutil.copy(hidden / "03.png", hidden / "stray.png")
    audit = run(Hidden(sealed.originals, hidden, sealed.key))
    assert not audit.ok
    reasons = {Path(i.source or i.output).name: i.reason for i in audit.failed}
    assert set(reasons) == {"00.png", "01.png", "02.png", "stray.png"}
    assert "is no hidden picture" in reasons["01.png"]
    assert "hide it, or take it away" in reasons["02.png"]
    assert audit.kinds[0].n == PICTURES - 3


def test_a_judge_that_crashes_says_so_and_the_rest_stands(
    run: Run, sealed: Hidden, network: Callable[..., nn.Module], toy_of: ToyOf, tmp_path: Path
) -> None:
    judge = _broken(toy_of(Crash(network(8, 4)), name="brittle", task="embed", tap=()))
    audit = run(sealed, judge=judge, out=tmp_path / "report")
    assert not audit.ok
    (kind,) = audit.kinds
    assert kind.judge is not None
    assert kind.judge.error == "RuntimeError: <b>out</b> of memory"
    assert kind.service.kept.value == 1.0
    assert len(kind.attackers) == 3
    assert "&lt;b&gt;out" in (tmp_path / "report" / "report.html").read_text()


def test_a_service_model_that_crashes_ends_the_audit(
    run: Run, originals: Path, network: Callable[..., nn.Module], toy_of: ToyOf, tmp_path: Path
) -> None:
    model = toy_of(Crash(network(8, 5)), name="brittle", task="embed", tap=())
    key = keys.new("sealed")
    hide([originals], tmp_path / "hidden", model, key, parameters=Sealed(steps=5, least_cosine=0.1))
    _broken(model)
    with pytest.raises(ModelError, match="brittle: the service model failed: RuntimeError"):
        run(Hidden(originals, tmp_path / "hidden", key), service=model)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"judge": "service"}, "is the service model, so it is no judge"),
        ({"pairs": [1]}, "at least 2 pairs"),
        ({"inverted": -1}, "0 pictures or more"),
        ({"formats": ["pdf"]}, "there is no report 'pdf'"),
        ({"originals": "missing"}, "missing: no such file or folder; check --originals"),
    ],
)
def test_what_means_nothing_is_refused(
    run: Run, sealed: Hidden, embedder: Model, given: dict[str, Any], says: str
) -> None:
    if given.get("judge") == "service":
        given = {"judge": embedder}
    with pytest.raises(UsageError, match=says):
        run(sealed, **given)


def test_reports_never_land_among_pictures(run: Run, sealed: Hidden) -> None:
    with pytest.raises(UsageError, match="is --hidden too"):
        run(sealed, out=sealed.folder)
    with pytest.raises(UsageError, match="is --originals too"):
        run(sealed, out=sealed.originals)


def test_progress_adds_up_and_can_stop_it(run: Run, permuted: Hidden) -> None:
    expected: list[int] = []
    done: list[int] = []
    run(permuted, found=expected.append, watch=done.append)
    assert sum(done) == expected[0]

    def stop(_: int) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        run(permuted, watch=stop)


def test_nothing_is_written_where_no_report_is_asked(run: Run, sealed: Hidden) -> None:
    def files(folder: Path) -> Iterator[tuple[str, int]]:
        return ((str(p), p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")))

    before: Sequence[tuple[str, int]] = list(files(sealed.originals.parent))
    assert grade(run(sealed)) in ("too few to tell", "partly hidden", "not hidden")
    assert list(files(sealed.originals.parent)) == before
