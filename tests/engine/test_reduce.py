"""Reductions, scans and sorting: PyTorch's values, dtypes, strides, nodes, gradients and complaints."""

from typing import Any

import numpy as np
import pytest

import tensorcli.engine as torch
from tests.engine.live import compare, error

DRAWN = np.random.default_rng(5).standard_normal((3, 4)).astype(np.float32)
HOLES = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, -6.0]], np.float32)


@pytest.mark.parametrize(
    "expression",
    [
        "x.sum()", "x.sum(0)", "x.sum((0, 1), keepdim=True)", "x.sum(-1, dtype=torch.float64)", "x.mean()", "x.mean(1)",
        "x.prod()", "x.prod(1)", "x.max()", "x.min()", "x.max(0)", "x.min(1, keepdim=True)", "x.amax(0)", "x.amin((0, 1))",
        "x.aminmax(dim=1)", "x.argmax()", "x.argmin(0)", "x.std()", "x.std(0)", "x.var(1, keepdim=True)",
        "x.var(correction=0)", "torch.std_mean(x, 0)", "torch.var_mean(x)", "x.norm()", "x.norm(1, dim=0)",
        "x.norm(float('inf'))", "x.norm(3, dim=1, keepdim=True)", "x.logsumexp(1)", "x.logsumexp((0, 1))", "x.median()",
        "x.median(1)", "x.nanmedian(0)", "x.nansum(0)", "x.nanmean()", "x.count_nonzero()", "x.sum_to_size(3, 1)",
        "x.cumsum(0)", "x.cumprod(1)", "x.cummax(0)", "x.cummin(1)", "x.logcumsumexp(0)", "x.sort()", "x.t().sort(0)",
        "x.sort(stable=True, descending=True)", "x.topk(2)", "x.topk(2, dim=0, largest=False)", "x.argsort(0)",
        "x.kthvalue(2, 0)", "x.msort()", "x.all()", "x.any(0)", "(x > 0).all(1)",
    ],
)  # fmt: skip
def test_reductions_agree_with_pytorch(expression: str) -> None:
    compare(expression, DRAWN)


@pytest.mark.parametrize(
    "expression",
    [
        "x.max()",
        "x.max(1)",
        "x.median()",
        "x.nanmedian()",
        "x.nansum()",
        "x.nanmean(1)",
        "x.sort()",
        "x.cummax(1)",
    ],
)
def test_nan_counts_as_in_pytorch(expression: str) -> None:
    compare(expression, HOLES, gradients=False)


TIES = np.random.default_rng(6).integers(0, 9, 700)
HOLED = np.where(TIES == 4, np.nan, TIES).astype(np.float32)


@pytest.mark.parametrize(
    "ties", [TIES, TIES > 4, TIES.reshape(7, 100), TIES.reshape(100, 7), TIES.astype(np.float32), HOLED]
)
@pytest.mark.parametrize(
    "expression",
    [
        "x.sort(0)", "x.sort(-1, descending=True)", "x.argsort()", "x.sort(stable=True)", "torch.sort(x, stable=False)",
        "x.mode()", "x.mode(0)", "x.msort()",
    ],
)  # fmt: skip
def test_of_equal_elements_the_one_is_found_that_pytorchs_algorithm_finds(expression: str, ties: Any) -> None:
    compare(expression, ties, gradients=False)


@pytest.mark.parametrize("size", [600, 5000, 40000])
@pytest.mark.parametrize("kind", [np.int64, np.float32, np.bool_])
def test_long_vectors_with_equal_elements_are_sorted_as_in_pytorch(size: int, kind: Any) -> None:
    compare("x.sort().indices", np.random.default_rng(7).integers(0, 50, size).astype(kind), gradients=False)


@pytest.mark.parametrize(
    "expression", ["x.sum()", "x.prod(0)", "x.cumsum(1)", "x.max(1)", "x.mode()", "x.unique()"]
)
@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64"])
def test_integers_add_up_in_int64(expression: str, kind: str) -> None:
    compare(expression, np.array([[3, 1, 3], [0, 2, 2]]).astype(kind), gradients=False)


@pytest.mark.parametrize(
    "expression",
    [
        "x.mean()", "x[:0].max()", "x[:0].max(0)", "x[:0].argmax()", "x[:0].amax(0)", "x[:0].aminmax()", "x.std()",
        "x.sum(2)", "x.float().sum((0, 0))", "x.logcumsumexp(0)", "x.float().kthvalue(9, 1)", "x.float().topk(9)",
        "x.nanmean()", "x.norm()", "x.sum_to_size(5)", "x.bool().median()",
    ],
)  # fmt: skip
def test_refusals_have_the_words_of_pytorch(expression: str) -> None:
    error(expression, np.arange(6).reshape(2, 3))


def test_bytes_are_still_booleans_for_all_and_any() -> None:
    assert torch.ones(2, dtype=torch.uint8).all().dtype is torch.uint8


def test_half_precision_rounds_to_the_dtype_that_was_asked_for() -> None:
    x = torch.full((3000,), 1.0, dtype=torch.float16)
    assert x.sum().item() == 3000.0
    assert x.sum(dtype=torch.float32).dtype is torch.float32
    assert torch.ones(3).sum(dtype=torch.float16).dtype is torch.float16


def test_named_results_print_as_pytorch_does() -> None:
    result = torch.arange(4.0).max(0)
    assert repr(result) == "torch.return_types.max(\nvalues=tensor(3.),\nindices=tensor(3))"
    assert result.values is result[0]
    with pytest.raises(TypeError, match="takes a 2-sequence"):
        type(result)((1, 2, 3))


def test_equal_extremes_share_the_gradient_of_all_but_not_of_a_dimension() -> None:
    x = torch.ones(2, 2).requires_grad_()
    x.max().backward()
    assert x.grad.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    x.grad = None
    x.max(0)[0].sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_a_product_with_one_zero_has_a_gradient_there_alone() -> None:
    x = torch.arange(3.0).requires_grad_()
    x.prod().backward()
    assert x.grad.tolist() == [2.0, 0.0, 0.0]


def test_unique_cannot_be_differentiated() -> None:
    x = torch.ones(2).requires_grad_()
    with pytest.raises(NotImplementedError, match="the derivative for '_unique2' is not implemented"):
        torch.unique(x).sum().backward()
