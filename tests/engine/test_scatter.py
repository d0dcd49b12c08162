"""The scatter and index_ families: every form against PyTorch where it is installed, and recorded claims."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tests.engine.side_by_side import check, close, pytorch, rows, tensor_of


def names(torch: Any) -> dict[str, Any]:
    """What the expressions speak of."""

    def make(data: Any, **options: Any) -> Any:
        return tensor_of(torch, data, **options)

    return {
        "T": make,
        "x": make([[0.0, 1, 2], [3, 4, 5]], requires_grad=True).clone(),
        "y": make([[0.0, 1, 2], [3, 4, 5]]),
        "p": make(np.arange(24, dtype=np.float32).reshape(2, 3, 4)).permute(2, 0, 1),
        "n": make(np.array([[0, -1, 2], [3, 4, -5]])),
        "c": make(np.array([[1 + 1j, 2, 0], [3, 4j, 5]], np.complex64)),
        "i": make([0]),
        "ij": make([1, 0]),
        "I": make([[0], [0]]),
        "one": make([[1.0, 1, 1]]),
        "col": make([[2.0], [3.0]]),
        "double": make(np.ones((1, 3))),
    }


CALLS = """
y.index_add(0, i, col) | y.index_add(0, i, one[0]) | y.index_add(0, i, y) | y.index_add(0, T([5]), one)
y.index_add(0, T([-1]), one) | y.index_add(0, i, double) | y.index_add(0, i.float(), one)
y.index_add(0, i.int(), one)
y.index_add(0, i.short(), one) | y.index_add(0, I, one) | y.index_add(2, i, one)
x.index_add(0, i, one, alpha=2)
n.index_add(0, i, one.long(), alpha=2.5) | (y > 2).index_add(0, i, one > 0)
y[0].index_add(0, T([7]), T([1.0]))
y[0].index_add(0, i, T(1.0)) | y[0, 0].index_add(0, i, T([1.0])) | y[0, 0].index_add(0, i, T(1.0))
x.index_add_(0, T([0, 0]), y) | p.index_add(0, i, p[:1]) | y[:1].expand(2, 3).index_add_(0, i, one)
y.index_copy(0, i, col) | y.index_copy(0, i, one[0]) | y.index_copy(0, i, T(1.0)) | y.index_copy(0, i, y)
y.index_copy(0, T([5]), one) | y.index_copy(0, T([-1]), one) | y.index_copy(0, i.int(), one)
y.index_copy(0, i, double)
y.index_copy(0, I, one) | y[0].index_copy(0, i, T(9.0)) | y[0].index_copy(0, ij, T(1.0))
x.index_copy(0, ij, y)
x.index_copy_(1, T([2]), col) | p.index_copy(0, i, p[:1]) | y[:1].expand(2, 3).index_copy_(0, i, one)
x.index_fill(0, i, 1) | x.index_fill(0, T([-1]), 1) | y.index_fill(0, T([5]), 1) | y.index_fill(0, i.int(), 1)
y.index_fill(0, I, 1) | y.index_fill(0, T(0), 1) | y.index_fill(0, i, T([1.0])) | x.index_fill(0, i, T(1.0))
y.index_fill(0, i, 1j) | y.index_fill(0, i, T(1j)) | n.index_fill(0, i, 1.5) | (y > 9).index_fill(0, i, 2)
p.index_fill(0, i, 0.5) | x.index_fill_(1, ij, -1) | y[:1].expand(2, 3).index_fill_(0, i, 1)
x.index_reduce(0, i, one * 2, "prod") | x.index_reduce(0, ij, y, "mean")
x.index_reduce(0, T([0, 0]), y, "amax")
x.index_reduce(0, T([0, 0]), y, "amin", include_self=False) | n.index_reduce(0, T([0, 0]), n, "mean")
y.index_reduce(0, i, one, "sum") | y.index_reduce(0, i, col, "prod") | y.index_reduce(0, T([5]), one, "prod")
y.index_reduce(0, i, double, "prod") | y.index_reduce(0, i.float(), one, "prod")
x.scatter(0, I, 1) | x.scatter(1, I, col) | y.scatter(1, I, one) | y.scatter(1, I, T([1.0, 1]))
y.scatter(1, I + 5, col)
y.scatter(1, I - 1, col) | y.scatter(1, I.int(), col) | y.scatter(1, I.float(), col)
y.scatter(1, I, col.double())
y.scatter(1, I, 1j) | y.scatter(1, T([[0], [0], [0]]), T([[1.0]] * 3)) | y.scatter(1, T([[0], [0], [0]]), 1.0)
y.scatter(1, i[:0], 1) | y.scatter(1, i, 1) | n.scatter(1, I, 1.5) | p.scatter(0, T([[[1]]]), 9.0)
x.scatter_(1, I, 7.0)
y.scatter(1, I, 2.0, reduce="add") | y.scatter(1, I, 2.0, reduce="multiply")
y.scatter(1, I, 2.0, reduce="other")
x.scatter(1, I, 2.0, reduce="add") | y.scatter_(1, I, y) | y.scatter_(1, I, y[:, :1])
y[:1].expand(2, 3).scatter_(0, I, 1)
x.scatter_add(1, I, col) | x.scatter_add_(1, T([[0, 0], [2, 2]]), y[:, :2])
y.scatter_add(1, I, col.double())
p.scatter_add(0, T([[[0]]]), p[:1, :1, :1]) | c.scatter_add(1, I, c[:, :1])
(y > 2).scatter_add(1, I, col > 0)
x.scatter_reduce(1, I, col, "sum") | x.scatter_reduce(1, T([[0, 0], [2, 2]]), y[:, :2], "prod")
x.scatter_reduce(1, T([[0, 0], [2, 2]]), y[:, :2], "mean")
x.scatter_reduce(1, T([[0, 0], [2, 2]]), y[:, :2], "amax")
x.scatter_reduce(1, T([[0, 0], [2, 2]]), y[:, :2], "amin", include_self=False)
n.scatter_reduce(1, I, n[:, 1:2], "mean")
n.scatter_reduce(1, I, n[:, 1:2], "amax", include_self=False) | (y > 2).scatter_reduce(1, I, col > 2, "amin")
c.scatter_reduce(1, I, c[:, :1], "amin") | c.scatter_reduce(1, I, c[:, :1], "mean")
y.scatter_reduce(1, I, col, "other")
x.scatter_reduce_(1, I, col, "mean", include_self=False) | T(2.0).scatter(0, T(0), 5.0)
torch.scatter(y, 1, I, col, out=torch.ones(1)) | torch.index_add(y, 0, i, one, out=torch.ones(2, 3))
"""


@pytest.mark.parametrize("text", rows(CALLS))
def test_a_call_gives_what_it_gives_in_pytorch(text: str) -> None:
    check(text, names)


GRADIENTS = """
a.index_add(0, k, s, alpha=3) | a.index_copy(0, k, s) | a.index_fill(0, k, s[0, 0])
a.index_reduce(0, k, s, "prod")
a.index_reduce(0, k, s, "mean") | a.index_reduce(0, k, s, "amax")
a.index_reduce(0, k, s, "amin", include_self=False)
a.scatter(1, K, s) | a.scatter(1, K, 2.0) | a.scatter_add(1, K, s) | a.scatter_reduce(1, K, s, "sum")
a.scatter_reduce(1, K, s, "prod") | a.scatter_reduce(1, K, s, "mean", include_self=False)
a.scatter_reduce(1, K, s, "amax")
a.gather(1, K) | a.index_select(1, k) | a.take(K) | a.masked_select(a > 2) | a.masked_scatter(a > 2, s)
a.put(K, s, True) | a.put(k, s[0, :2]) | a.index_put((k,), s) | a.index_put((k,), s, True) | a[k, k]
a.take_along_dim(K, 1)
"""


@pytest.mark.parametrize("text", rows(GRADIENTS))
@pytest.mark.parametrize("zeros", [0, 1])
def test_first_and_second_gradients_are_pytorchs(text: str, zeros: int) -> None:
    torch = pytorch()
    if zeros and "amax" in text:
        pytest.skip("ties")

    def gradients(module: Any) -> list[Any]:
        base = np.array([[2.0, 3, 5], [7, 11, 13]])
        source = np.array([[1.5, 4.5, 2.5], [0.5, 6.5, 8.5]])
        if zeros:
            base[0, 1] = source[1, 0] = 0
        a, s = tensor_of(module, base, True), tensor_of(module, source, True)
        known = {
            "a": a,
            "s": s,
            "k": tensor_of(module, [1, 0]),
            "K": tensor_of(module, [[0, 2, 2], [1, 1, 0]]),
        }
        if "K" in text:
            known["K"] = tensor_of(module, [[0, 2, 1], [1, 2, 0]]) if "scatter(" in text else known["K"]
        result = eval(text, known)
        weights = tensor_of(module, np.arange(1.0, result.numel() + 1).reshape(tuple(result.shape)), True)
        first = module.autograd.grad(result, [a, s], weights, create_graph=True, allow_unused=True)
        total = sum((one * one * one).sum() for one in first if one is not None)
        second = module.autograd.grad(total, [a, s, weights], allow_unused=True)
        return [
            None if one is None else (one.detach().numpy() if module is torch else one.values).tolist()
            for one in (*first, *second)
        ]

    with warnings.catch_warnings(action="ignore"):
        ours, theirs = gradients(engine), gradients(torch)
    assert close(ours, theirs, 1e-9), f"\nengine:  {ours}\npytorch: {theirs}"


def test_duplicate_indices_add_up_in_index_add() -> None:
    x = tensor_of(engine, [0.0, 0, 0])
    x.index_add_(0, tensor_of(engine, [0, 0, 2]), tensor_of(engine, [1.0, 2, 3]))
    assert x.values.tolist() == [3, 0, 3]
    assert x._version == 1


def test_the_last_write_stays_in_scatter() -> None:
    x = tensor_of(engine, [0.0, 0])
    x.scatter_(0, tensor_of(engine, [0, 0]), tensor_of(engine, [1.0, 2]))
    assert x.values.tolist() == [2, 0]


@pytest.mark.parametrize(
    "write",
    [
        "x.scatter_(0, torch.tensor([[0, 1], [2, 9], [1, 0]]), 1.)",
        "x.scatter_(1, torch.tensor([[0, 1], [2, -1], [3, 3]]), torch.ones(3, 2))",
        "x.scatter_add_(0, torch.tensor([[0, 1], [2, 9], [1, 0]]), torch.ones(3, 2))",
        "x.scatter_reduce_(1, torch.tensor([[0, 1], [2, 9]]), torch.ones(2, 2), 'prod', include_self=False)",
        "x.index_add_(0, torch.tensor([1, 5]), torch.ones(2, 4))",
        "x.index_copy_(1, torch.tensor([1, 5]), torch.ones(3, 2))",
        "x.index_fill_(1, torch.tensor([-1, 5]), 3.)",
        "x.index_reduce_(0, torch.tensor([1, 5]), torch.ones(2, 4), 'mean')",
        "x.index_put_((torch.tensor([0, 2, 9]),), torch.ones(3, 4), True)",
        "x[:, [1, 5]] = 1.",
        "x.put_(torch.tensor([0, 5, 99]), torch.ones(3))",
        "x.masked_scatter_(x == 0, torch.ones(5))",
    ],
)
def test_what_comes_before_an_index_that_is_out_of_range_is_written(write: str) -> None:
    caught = "\ntry:\n    {}\nexcept Exception as error:\n    text = type(error).__name__ + str(error)"
    check(f"x = torch.zeros(3, 4){caught.format(write)}", lambda torch: {}, ("x", "text"))


@pytest.mark.parametrize(
    "write",
    [
        "x[x] = 1",
        "x.index_put_((x[:2],), torch.tensor([1, 2]))",
        "x.index_fill_(0, x, 1)",
        "x.scatter_(0, torch.tensor([7]), x[:1])",
    ],
)
def test_what_an_index_is_read_from_is_not_written(write: str) -> None:
    caught = "\ntry:\n    {}\nexcept Exception as error:\n    text = type(error).__name__ + str(error)"
    check(f"x = torch.arange(4){caught.format(write)}", lambda torch: {}, ("x", "text"))
