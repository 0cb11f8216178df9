import pytest
import torch

from fingerspelling.model.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.99])
def test_dropout_drops_its_share_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(p), torch.ones(401, 1001, requires_grad=True)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.003)
    torch.testing.assert_close(y[y != 0].unique(), torch.tensor([1 / (1 - p)]))
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert not torch.equal(dropout(x), y)
    assert torch.equal(dropout.eval()(x), x)
