"""The step rule of AVIH's code: step by step against a transcription of the published loop."""

import torch
from torch import Tensor
from torch.testing import assert_close

from anamorph.optimize.plateau import ShrinkingMomentum

RULE = ShrinkingMomentum(step_size=0.01, decay=0.3, patience=3, shrink=0.5)


def published(gradients: Tensor, losses: Tensor, patience: int = 3) -> Tensor:
    """Moves (t, values) of one sample as the published code makes them."""
    m, a, worse = torch.zeros_like(gradients[0]), 0.01, 0
    moves = []
    for i, (gradient, loss) in enumerate(zip(gradients, losses, strict=True)):
        m = 0.3 * m + gradient / gradient.abs().mean()
        moves.append(a * m)
        if i > 1 and loss > losses[i - 1]:
            worse += 1
            if worse == patience:
                a, worse = a * 0.5, 0
    return torch.stack(moves)


def test_it_moves_as_the_published_code_does() -> None:
    generator = torch.Generator().manual_seed(5)
    gradients = torch.randn(40, 2, 6, generator=generator, dtype=torch.float64)
    losses = torch.rand(40, 2, generator=generator, dtype=torch.float64)
    state, moves = RULE.init(gradients[0]), []
    for gradient, loss in zip(gradients, losses, strict=True):
        move, state = RULE(gradient.clone(), loss, state)
        moves.append(move)
    for sample in range(2):
        expected = published(gradients[:, sample], losses[:, sample])
        assert_close(torch.stack(moves)[:, sample], expected)
    assert (state.step_size < 0.01 / 4).all()


def test_only_the_sample_that_gets_worse_slows_down() -> None:
    gradient, state = torch.ones(2, 4), RULE.init(torch.ones(2, 4))
    for loss in range(6):
        _, state = RULE(gradient.clone(), torch.tensor([float(loss), -float(loss)]), state)
    assert_close(state.step_size, torch.tensor([0.005, 0.01]))


def test_a_gradient_of_zero_moves_nothing() -> None:
    move, _ = RULE(torch.zeros(1, 3), torch.zeros(1), RULE.init(torch.zeros(1, 3)))
    assert (move == 0).all()
