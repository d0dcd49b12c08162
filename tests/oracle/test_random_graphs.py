"""Gradients of random graphs are PyTorch's: of views, in-place writes, joins and arithmetic, whose gradients often share memory
on their way. Also which storages `.grad` ends up with, and how often they were written.
"""

import random
from typing import Any, Final

import numpy as np
import pytest

import tensorcli.engine as engine

torch = pytest.importorskip("torch")

STEPS: Final[tuple[Any, ...]] = (
    lambda space, a, b: a.T,
    lambda space, a, b: a.view(4).view(2, 2) if a.is_contiguous() else a.T.contiguous(),
    lambda space, a, b: a.reshape(-1).reshape(2, 2).transpose(0, 1),
    lambda space, a, b: a.squeeze().unsqueeze(0).squeeze(0).permute(1, 0),
    lambda space, a, b: a.diagonal().expand(2, 2),
    lambda space, a, b: a.sum(0, keepdim=True).expand(2, 2),
    lambda space, a, b: a + b,
    lambda space, a, b: b + a,
    lambda space, a, b: a - b,
    lambda space, a, b: a * b,
    lambda space, a, b: a * 2,
    lambda space, a, b: a.sin(),
    lambda space, a, b: a.mT.tanh(),
    lambda space, a, b: a.flip(0),
    lambda space, a, b: a.clone(),
    lambda space, a, b: a.to(space.float32).to(space.float64),
    lambda space, a, b: space.stack([a[0], b[1]]),
    lambda space, a, b: space.cat([a[:1], b[1:]]),
    lambda space, a, b: a.unbind(0)[0].unsqueeze(0) + b,
    lambda space, a, b: _written(a.clone(), lambda c: c.__setitem__(0, b[1])),
    lambda space, a, b: _written(a.clone(), lambda c: c.T.add_(b)),
    lambda space, a, b: _written(a.clone(), lambda c: c[:, 1].mul_(b[0])),
)


def _written(tensor: Any, write: Any) -> Any:
    write(tensor)
    return tensor


def facts(space: Any, seed: int) -> list[Any]:
    """What a pass through the random graph of this number left behind."""
    draw = random.Random(seed)
    x = space.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, dtype=space.float64)
    z = space.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True, dtype=space.float64)
    nodes = [x * 1, z * 1, x, z]
    for _ in range(draw.randrange(4, 16)):
        nodes.append(draw.choice(STEPS)(space, draw.choice(nodes[-6:]), draw.choice(nodes[-6:])))
    held: list[Any] = []
    for node in nodes[2:]:
        what = draw.randrange(16)
        if what == 0:
            node.register_hook(held.append)
        elif what == 1:
            node.register_hook(lambda grad: grad * 2)
        elif what == 2 and not node.is_leaf:
            node.retain_grad()
    roots = nodes[-3:]
    seeds = [
        space.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=space.float64) * place
        for place in range(1, len(roots) + 1)
    ]
    space.autograd.backward(roots, seeds)
    kept = [node.grad for node in nodes if node.is_leaf or node.retains_grad]
    addresses = [one.untyped_storage().data_ptr() for one in seeds + held]
    return [
        [one.tolist() for one in seeds + held],
        [None if grad is None else (grad.tolist(), grad.stride(), grad._version) for grad in kept],
        [grad is not None and grad.untyped_storage().data_ptr() in addresses for grad in kept],
    ]


def test_gradients_of_random_graphs_are_pytorchs() -> None:
    for seed in range(400):
        (expected, *others), (found, *own) = facts(torch, seed), facts(engine, seed)
        np.testing.assert_allclose(
            found, expected, rtol=1e-12, err_msg=f"seed {seed}: seeds or hooks' gradients"
        )
        assert others[1] == own[1], f"seed {seed}: memory"
        for want, got in zip(others[0], own[0], strict=True):
            if want is None or got is None:
                assert want is got, f"seed {seed}: a gradient too many or too few"
                continue
            np.testing.assert_allclose(got[0], want[0], rtol=1e-6, err_msg=f"seed {seed}: gradients")
            assert got[1:] == want[1:], f"seed {seed}: stride and version"
