"""Random operators and the generator: the same seed gives PyTorch's numbers, and leaves PyTorch's state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tests.engine.side_by_side import check, close, outcome, pytorch, rows, tensor_of

CALLS = """
torch.rand(2, generator=g) | torch.rand(-1) | torch.rand((2, 3), dtype=torch.long)
torch.rand(2, dtype=torch.complex64)
torch.rand(2, device="meta") | torch.rand([]) | torch.rand(2, requires_grad=True)
torch.rand(3, out=torch.empty(2))
torch.rand(40, dtype=torch.float64) | torch.rand(3, dtype=torch.float16) | torch.randn(3) | torch.randn(5, 5)
torch.randn(2, dtype=torch.int32) | torch.randn(20, dtype=torch.float64)
torch.randn(9, dtype=torch.complex64)
torch.randint(5, (2,)) | torch.randint(2, 5, (2,)) | torch.randint(5, 2, (2,)) | torch.randint(0, (2,))
torch.randint(0, 2)
torch.randint(300, (2,), dtype=torch.uint8) | torch.randint(3, (2,), dtype=torch.float16)
torch.randint(2.5, (2,))
torch.randint(3, (2,), requires_grad=True) | torch.randint(high=3, size=(2,), generator=g)
torch.randint(3, (2,), device="meta")
torch.randperm(5) | torch.randperm(-1) | torch.randperm(5, dtype=torch.float32)
torch.randperm(3, generator=g)
torch.rand_like(p) | torch.rand_like(p, dtype=torch.float64) | torch.rand_like(n) | torch.randn_like(p)
torch.randint_like(p, 5) | torch.randint_like(p, 2, 5) | torch.rand_like(x[:, :1].expand(3, 2))
torch.rand_like(x, requires_grad=True)
torch.normal(0.0, 1.0, (3,)) | torch.normal(y, 1.0) | torch.normal(y, y + 1) | torch.normal(0.0, y + 1)
torch.normal(0.0, -y)
torch.normal(y[:, :1], y[0] + 1) | torch.normal(x, y + 1) | torch.normal(x, 1.0) | torch.normal(1.0, x)
torch.normal(0.0, -1.0, (2,))
torch.bernoulli(x) | torch.bernoulli(p) | torch.bernoulli(x, 0.3) | torch.bernoulli(x + 1)
torch.bernoulli(n)
x.bernoulli_() | x.bernoulli_(0.2) | x.bernoulli_(x.detach()) | x.bernoulli_(T(0.5)) | x.bernoulli_(2.0)
x.uniform_()
x.uniform_(2, 3) | x.uniform_(3, 2) | x.uniform_(**{"from": 2, "to": 3}) | x.normal_()
x.normal_(1, 2, generator=g) | x.normal_(0, -1)
x.exponential_() | x.exponential_(0) | x.geometric_(0.5) | x.geometric_(2) | x.cauchy_() | x.log_normal_()
x.random_()
x.random_(5) | x.random_(2, 5) | x.random_(5, 2) | n.random_() | n.bool().random_() | n.uniform_()
n.normal_() | n.exponential_()
x.expand(2, 3, 4).uniform_() | torch.native_dropout(x, 0.5, True) | torch.native_dropout(x, 0.5, False)
torch.multinomial(y[1] + 0.1, 2) | torch.multinomial(y + 0.1, 5, True) | torch.multinomial(y, 0)
torch.multinomial(y, 9)
torch.multinomial(n, 2) | torch.multinomial(p, 2) | torch.multinomial(-y - 1, 2) | torch.multinomial(x, 2)
torch.zeros(0).uniform_() | torch.zeros(2, 3).t().random_(0, 100) | torch.zeros(20, 2).t().normal_()
torch.zeros(6, 8)[::2, ::2].uniform_()
torch.manual_seed("a") | torch.manual_seed(2**64) | torch.manual_seed(-1).initial_seed()
torch.manual_seed(1.7).initial_seed()
torch.set_rng_state(torch.zeros(3)) | g.manual_seed(1.5) | g.clone_state().initial_seed()
torch.rand(2, generator=5)
torch.Generator(device="cpu").get_state() | torch.Generator().initial_seed() | str(g.device)
torch.get_rng_state()
torch.poisson(x) | torch.poisson(x * 80) | torch.poisson(T([-1.0])) | torch.poisson(p * 100)
torch.poisson(T(np.ones(3) * 50))
torch.binomial(T([10.0, 5.0, 40.0, 300.0]), T([0.5, 0.1, 0.9, 0.4])) | torch.binomial(T([1.0]), T([-1.0]))
torch.binomial(n, T(0.5))
"""


def names(torch: Any) -> dict[str, Any]:
    """What the expressions speak of, after the seed 0."""
    torch.manual_seed(0)

    def make(data: Any, **options: Any) -> Any:
        return tensor_of(torch, data, **options)

    return {
        "T": make,
        "g": torch.Generator().manual_seed(5),
        "x": make(np.full((3, 4), 0.5, np.float32), requires_grad=True).clone(),
        "y": make(np.arange(12, dtype=np.float32).reshape(3, 4)),
        "n": make(np.arange(3)),
        "p": make(np.linspace(0, 1, 60, dtype=np.float32).reshape(4, 5, 3)).permute(2, 0, 1),
    }


@pytest.mark.parametrize("text", rows(CALLS))
def test_a_draw_gives_pytorchs_numbers_and_leaves_its_state(text: str) -> None:
    torch = pytorch()
    check(text, names)
    states = []
    for module in (engine, torch):
        outcome(module, text, names(module))
        state = module.get_rng_state()
        states.append((state.values if module is engine else state.numpy()).tolist())
    assert states[0] == states[1]


# ---- recorded


def test_the_same_seed_gives_the_same_numbers() -> None:
    engine.manual_seed(0)
    first = engine.rand(3).values.tolist()
    engine.manual_seed(0)
    assert engine.rand(3).values.tolist() == first
    assert close(first, [0.4962565898895264, 0.7682217955589294, 0.08847743272781372])


def test_a_generator_of_its_own_leaves_the_default_one_alone() -> None:
    engine.manual_seed(0)
    before = engine.get_rng_state().values.tolist()
    engine.rand(3, generator=engine.Generator().manual_seed(1))
    assert engine.get_rng_state().values.tolist() == before


def test_fork_rng_draws_inside_without_moving_outside() -> None:
    engine.manual_seed(0)
    with engine.random.fork_rng():
        inside = engine.rand(2).values.tolist()
    assert engine.rand(2).values.tolist() == inside


def test_a_state_can_be_set_back() -> None:
    engine.manual_seed(3)
    state = engine.get_rng_state()
    first = engine.randn(20).values.tolist()
    engine.set_rng_state(state)
    assert engine.randn(20).values.tolist() == first


def test_a_draw_counts_as_one_write_and_stops_the_gradient() -> None:
    x = engine.ones(3).requires_grad_()
    y = x * 2
    y.uniform_()
    assert y._version == 1
    assert type(y.grad_fn).__name__ == "UniformBackward0"
    y.sum().backward()
    assert x.grad.values.tolist() == [0, 0, 0]


def test_a_leaf_that_requires_grad_cannot_be_drawn_into() -> None:
    with pytest.raises(
        RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"
    ):
        engine.ones(3).requires_grad_().normal_()
