"""What counts as kept."""

import pytest
import torch

from anamorph.adversaries.transforms import TRANSFORMS
from anamorph.app.protect.judging import Reader, Verdict, verdict
from anamorph.models import Model

X = (torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)) * 255).round() / 255


def told(*, was: bool, now: bool, **survives: bool) -> Verdict:
    return Verdict("toy", "ant", "bee", None, was, now, survives)


@pytest.mark.parametrize(
    ("one", "plainly", "in_all_forms"),
    [
        (told(was=True, now=True), True, True),
        (told(was=True, now=False), False, False),
        (told(was=False, now=False), True, True),
        (told(was=True, now=True, jpeg75=False), True, False),
        (told(was=False, now=True, jpeg75=False), True, True),
        (told(was=True, now=False, jpeg75=True), False, False),
    ],
)
def test_only_what_was_right_can_be_lost(one: Verdict, plainly: bool, in_all_forms: bool) -> None:
    assert one.keeps(all_forms=False) == plainly
    assert one.keeps(all_forms=True) == in_all_forms


def test_a_file_like_its_original_keeps_all(toy: Model, embedder: Model) -> None:
    forms = [TRANSFORMS["flip"]]
    one = verdict(Reader(toy, toy.output(X), None), X, forms, 0.9)
    assert (one.before, one.is_right, one.was_right) == (one.after, True, True)
    assert one.survives["flip"] == (
        toy.output(X.flip(-1)).argmax().item() == toy.output(X).argmax().item()
    )
    assert one.cosine is None
    other = verdict(Reader(embedder, embedder.output(X), None), X, [], 0.9)
    assert other.cosine == pytest.approx(1)
    assert other.before is None


def test_a_label_says_what_is_right(toy: Model) -> None:
    before = toy.output(X)
    answers = [verdict(Reader(toy, before, label), X, [], 0.9) for label in range(5)]
    assert [one.was_right for one in answers] == [
        label == before.argmax().item() for label in range(5)
    ]
