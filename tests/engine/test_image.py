"""Resampling, grids, attention and bags of embeddings compute, lay out and differentiate as PyTorch's."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine

torch = pytest.importorskip("torch")

RESAMPLED = [
    (rank, mode, size)
    for rank, modes in (
        (1, "nearest linear area"),
        (2, "nearest nearest-exact bilinear bicubic area"),
        (3, "trilinear"),
    )
    for mode in modes.split()
    for size in ({"size": 7}, {"scale_factor": 0.6}, {"scale_factor": 1.7})
]
GRIDS = list(product((2, 3), ("bilinear", "nearest"), ("zeros", "border", "reflection"), (True, False)))
ATTENTION = [
    {},
    {"is_causal": True},
    {"scale": 0.3},
    {"attn_mask": [[0.5, 0.0, 1.0], [0.0, 0.0, -1.0]]},
    {"attn_mask": [[True, False, True], [False, False, False]]},
]


def agree(function: Any, *arrays: Any) -> None:
    """The function's value, strides, node and gradients are the same on both."""
    outcomes = []
    for space in (torch, engine):
        leaves = [space.tensor(array, requires_grad=True) for array in arrays]
        result = function(space, *leaves)
        result.backward(
            space.tensor(np.cos(np.arange(result.numel(), dtype=np.float32)).reshape(result.shape))
        )
        values = [one.detach().numpy() for one in (result, *(leaf.grad for leaf in leaves))]
        outcomes.append(((result.grad_fn.name(), tuple(result.stride())), values))
    assert outcomes[0][0] == outcomes[1][0]
    for one, other in zip(outcomes[0][1], outcomes[1][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def drawn(*sizes: int) -> Any:
    return np.random.default_rng(0).standard_normal(sizes).astype(np.float32)


@pytest.mark.parametrize(("rank", "mode", "size"), RESAMPLED)
def test_interpolate_and_its_gradient_agree_with_pytorch(rank: int, mode: str, size: dict[str, Any]) -> None:
    agree(
        lambda space, x: space.nn.functional.interpolate(x, mode=mode, **size), drawn(2, 3, *(5, 6, 4)[:rank])
    )


@pytest.mark.parametrize(("rank", "mode", "padding", "corners"), GRIDS)
def test_grid_sample_and_its_gradients_agree_with_pytorch(
    rank: int, mode: str, padding: str, corners: bool
) -> None:
    agree(
        lambda space, x, grid: space.nn.functional.grid_sample(x, grid, mode, padding, corners),
        drawn(2, 3, *(4, 5, 3)[:rank]),
        drawn(2, *(3, 4, 2)[:rank], rank),
    )


@pytest.mark.parametrize("settings", ATTENTION)
@pytest.mark.parametrize("lead", [(2, 3), (3,), ()])
def test_attention_and_its_gradients_agree_with_pytorch(
    settings: dict[str, Any], lead: tuple[int, ...]
) -> None:
    def attend(space: Any, *inputs: Any) -> Any:
        given = {k: space.tensor(v) if k == "attn_mask" else v for k, v in settings.items()}
        return space.nn.functional.scaled_dot_product_attention(*inputs, **given)

    agree(attend, drawn(*lead, 2, 4), drawn(*lead, 3, 4), drawn(*lead, 3, 4))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("settings", [{}, {"padding_idx": 1}, {"include_last_offset": True}])
def test_embedding_bag_and_its_gradient_agree_with_pytorch(mode: str, settings: dict[str, Any]) -> None:
    def bags(space: Any, weight: Any) -> Any:
        indices, offsets = (
            space.tensor([0, 1, 2, 1, 3]),
            space.tensor([0, 2, 5 if settings.get("include_last_offset") else 2]),
        )
        return space.nn.functional.embedding_bag(indices, weight, offsets, mode=mode, **settings)

    agree(bags, drawn(4, 3))


def test_assert_close_says_where() -> None:
    texts = []
    for space in (torch, engine):
        with pytest.raises(AssertionError) as caught:
            space.testing.assert_close({"a": space.tensor([1.0, 2.0])}, {"a": space.tensor([1.0, 2.5])})
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
