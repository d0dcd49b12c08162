"""Indexing and index tensors: claims with what PyTorch 2.13 printed, and every form against PyTorch where it
is installed.
"""

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
        "x": make(np.arange(24, dtype=np.float32).reshape(2, 3, 4), requires_grad=True).clone(),
        "y": make([[0.0, 1, 2], [3, 4, 5]]),
        "z": make([0.0, 0, 0]),
        "m": make(np.arange(6).reshape(2, 3)),
        "i": make([0]),
        "I": make([[0], [0]]),
        "b": make([True, False]),
        "t": make([True, False, True]),
        "byte": make(np.array([1, 0, 1], np.uint8)),
        "one": make(1),
    }


READS = """
x[0] | x[:] | x[...] | x[None] | x[True] | x[False] | x[0, :] | x[:, :] | x[0, ..., 1] | x[()] | x[[0]]
x[[0, 1]]
x[[True, False]] | x[[0.5]] | x[[1.0, 0.0]] | x[[[0, 1], [1, 0]]] | x[[one]] | x[[slice(0, 1)]] | x[[None]]
x[np.array([0, 1])] | x[np.int64(1)] | x[np.array(1)] | x[np.array([True, False])] | x[np.bool_(True)]
x[one]
x[T(True)] | x[T(np.uint8(1))] | x[T(np.array([1], np.int32))] | x[T(np.array([1], np.int16))] | x[T(1.0)]
x[one, 0]
x["a"] | x[{}] | x[1j] | x[1.0] | x[0, "a"] | x[0:2.0] | x[0:one] | x[0, 0, 0, 0] | x[..., ...]
x[..., 0, ...]
x[None, None, 0] | x[True, 0] | x[:, True] | x[:, [0, 1], None, [0, 1]] | x[[0, 1], :, [0, 1]]
x[:, [0, 1], [0, 1]]
x[:, :, [0, 1]] | x[:, T([[0, 1], [1, 0]])] | x.permute(2, 1, 0)[:, [0, 1]] | x.permute(2, 1, 0)[[0, 1]]
x[[0, 1], [0, 1, 2]] | x[[0, 5]] | x[[0], [0], [9]] | x[[-1, -3]] | x[x > 3] | x[:, x[0] > 3] | x[b] | x[:, t]
x[t]
x[..., T([True, False, True, True])] | x[x[:, :2, 0] > 1] | x[T([])] | x[[]] | x[0:0][[0]] | x[0:0][[]]
x[::0]
x[::-1] | x[5:1] | x[-1] | x[-3] | x[0, 5] | x[2**70] | x[range(2)] | x[(0, 1),] | x[[0, 1], one]
x[0, [0, 1]]
x[-1:, [[0]]] | x[[0] * 40] | x[[[0]] * 40] | x[b"a"] | x[object()] | m[:, byte] | m[byte] | T(3.0)[0]
T(3.0)[:]
T(3.0)[...] | T(3.0)[None] | T(3.0)[True] | T(3.0)[i] | T(3.0)[0, 0] | x.to("meta")[i]
x.to("meta")[x.to("meta") > 0]
"""

WRITES = """
x[0] = 1 | x[0] = T(np.ones((1, 3, 4), "f")) | x[0] = T([1.0] * 4) | x[0] = T([1.0] * 3) | x[:] = 1
x[...] = 1
x[...] = x.detach() + 1 | x[:, :] = x.detach() | x[None] = 1 | x[True] = 1 | x[False] = 1 | x[[0]] = 1
x[[0, 0]] = y[0, 0]
x[0, [0]] = 1 | x[x > 3] = 0 | x[x > 3] = T([0.0]) | x[x > 3] = T([1.0] * 20) | x[x > 3] = T([1.0] * 19)
x[0] = [1, 2]
x[[0]] = T(np.ones(1)) | x[[0]] = one | x[0] = T(np.ones(4)) | x[0] = "a" | x[0] = None | x[0] = np.ones(4)
x[0] = np.float32(3) | x[0] = np.int64(3) | x[0] = True | x[0] = 2**70 | m[0] = 2**63 | m[0] = 1.7
m[0] = 1e300 | m[0] = 1j
m[[0]] = 1.7 | m[[0]] = float("nan") | z[0] = 1j | z[0] = T([1.0, 1.0]) | z[0] = T([1.0])
z[:2] = T([1.0] * 3)
z[:2] = [1, 2] | z[t] = T([1.0, 2.0]) | z[t] = T([1.0, 2.0, 3.0]) | z[[0, 0]] += 1 | z[byte] = 3
z[byte] = T([1.0, 2.0])
z.expand(2, 3)[[0]] = 1 | z.expand(2, 3)[0] = 1 | z.expand(2, 3)[:] = 1 | z[[0, 5]] = 1 | z[5] = 1
z[0, 0] = 1
z[1.0] = 1 | z[[0]] = T(1.0, requires_grad=True) | z[i[0]] = 1 | z[T(True)] = 1 | z[T(False)] = 1 | z[0:0] = 1
z[[]] = 1
z[[]] = T([1.0, 2.0]) | z[()] = 1 | del z[0] | z[[0]] = T([1j]) | T(3.0)[0] = 1 | T(3.0)[...] = 1
z.requires_grad_()[0] = 1 | z.requires_grad_()[[0]] = 1 | x[:, [0, 1], None, [0, 1]] = 1
x.unbind(0)[0][0] = 1
x[0:1][[0]] = 5 | x[[0, 1], :, [0, 1]] = y | x[1:, [0, 2], 1:3] = -1 | x.permute(2, 1, 0)[[0, 1]] = 7
"""

CALLS = """
y.index_select(0, T([5])) | y.index_select(1, T([-1])) | y.index_select(5, i) | y.index_select(0, I)
y.index_select(0, one)
y.index_select(0, T([0.0])) | y.index_select(0, T(np.array([0], np.int32))) | y[0, 0].index_select(0, i)
y[0, 0].index_select(0, T([0, 0])) | x.index_select(1, T([0, 2, 0])) | x.index_select(2, i)
x.permute(2, 0, 1).index_select(0, i)
y.gather(0, T([[5, 0, 0]])) | y.gather(0, T([[-1, 0, 0]])) | y.gather(0, i) | y.gather(0, T([[0] * 4]))
y.gather(2, I)
y.gather(1, I.to(torch.int32)) | y.gather(1, I.to(torch.float32)) | y.gather(0, T([[0, 1, 0]] * 5))
y[0, 0].gather(0, T([0, 0]))
x.gather(1, T(np.zeros((2, 2, 4), np.int64))) | y.take(T([0, -1])) | y.take(T([6])) | y.take(T([-7]))
y.take(i.to(torch.int32))
y[:0].take(i) | x.take(T([[3, 4], [5, 23]])) | y.put_(i, T([1.0, 1])) | y.put_(T([9]), T([1.0]))
y.put_(i, T(np.ones(1)))
y.put_(T([0, 0, -1]), T([1.0, 2, 3]), True) | y.t().put_(T([1]), T([9.0])) | x.put(i, T([5.0]))
y.masked_select(b)
y.masked_select(y) | y.masked_select(y > 2) | x.masked_select(x > 3) | y.masked_select(t)
y.masked_scatter(y > 2, T([1.0, 1]))
y.masked_scatter(y > 2, T(np.ones(3))) | y.masked_scatter(y > 2, T([7.0, 8, 9]))
y.masked_scatter(t, T([1.0] * 9))
z.masked_scatter_(y > 2, T([1.0] * 9)) | z.expand(2, 3).masked_scatter_(y > 2, T([1.0] * 9))
x.masked_scatter(x > 3, x * 2)
y.masked_scatter(byte, T([1.0] * 9)) | y.take_along_dim(I, 1) | y.take_along_dim(I - 1, 1)
y.take_along_dim(T([0, 3]))
y.take_along_dim(I[:, 0], 1) | y.take_along_dim(T([[0]] * 3), 1) | y.take_along_dim(I, 3) | torch.nonzero(y)
y.nonzero()
torch.nonzero(y, as_tuple=True) | y.nonzero(as_tuple=True) | torch.nonzero(y[0, 0], as_tuple=True)
torch.nonzero(y[0, 1])
torch.nonzero(y, as_tuple=1) | torch.argwhere(y) | torch.nonzero_static(y, size=7)
torch.nonzero_static(y, size=3)
torch.nonzero(y.to("meta")) | x.index_put((i,), T([1.0])) | x.index_put((i,), 1.0)
y.index_put_((T([0, 0]),), T([1.0]), True)
y.index_put((None, i), T([9.0])) | y.index_put_((T([0]), T([0, 1])), T([1.0]))
y.index_put_((i, i, i), T([1.0]))
x.index_put_((x > 3,), T(0.0))
T(np.zeros(3, np.float16)).index_put_((T([0, 0]),), T(np.array([1, 2], np.float16)), True)
torch.index_select(y, 0, i, out=torch.ones(3)) | torch.gather(y, 1, I, out=torch.ones(2, 1))
"""


@pytest.mark.parametrize("text", rows(READS) + rows(CALLS))
def test_an_index_gives_what_it_gives_in_pytorch(text: str) -> None:
    check(text, names)


@pytest.mark.parametrize("text", rows(WRITES))
def test_an_assignment_leaves_what_it_leaves_in_pytorch(text: str) -> None:
    check(text, names, ("x", "y", "z", "m"))


@pytest.mark.parametrize("text", [text for text in rows(READS) + rows(CALLS) if text[:2] in ("x[", "x.")])
def test_gradients_through_an_index_are_pytorchs(text: str) -> None:
    torch = pytorch()

    def gradient(module: Any) -> Any:
        found = names(module)
        leaf = tensor_of(module, np.arange(24, dtype=np.float32).reshape(2, 3, 4), requires_grad=True)
        try:
            result = eval(text, {"torch": module, "np": np, **found, "x": leaf})
        except Exception:
            return None
        if not result.requires_grad or result.is_meta:
            return None
        result.backward(
            tensor_of(module, np.arange(1, result.numel() + 1, dtype="f").reshape(tuple(result.shape)))
        )
        return leaf.grad.tolist() if module is torch else leaf.grad.values.tolist()

    with warnings.catch_warnings(action="ignore"):
        assert close(gradient(engine), gradient(torch))


# ---- recorded


def test_integers_slices_and_none_make_views_of_one_storage() -> None:
    x = tensor_of(engine, np.arange(6, dtype=np.float32).reshape(2, 3))
    for view in (x[0], x[:, 1], x[None], x[..., 0], x[...], x[0:1, 0:2]):
        assert view.memory is x.memory
        assert view._base is x


def test_lists_masks_and_tensors_make_copies() -> None:
    x = tensor_of(engine, np.arange(6, dtype=np.float32).reshape(2, 3))
    for copy in (x[[0]], x[x > 2], x[tensor_of(engine, [0])], x[True]):
        assert copy.memory is not x.memory
        assert copy._base is None


def test_an_assignment_counts_once_whatever_its_form() -> None:
    z = tensor_of(engine, [0.0, 0, 0])
    for count, index in enumerate((0, slice(0, 2), ..., None, [0, 0], z > 1, (), tensor_of(engine, 1)), 1):
        z[index] = 1.0
        assert z._version == count


def test_assigning_to_false_writes_nothing() -> None:
    z = tensor_of(engine, [0.0, 0, 0])
    z[False] = 1.0
    assert z._version == 0
    assert z.values.tolist() == [0, 0, 0]


def test_the_last_write_stays_where_an_index_occurs_twice() -> None:
    z = tensor_of(engine, [0.0, 0])
    z[[0, 0]] += 1
    assert z.values.tolist() == [1, 0]
    assert z.index_put_((tensor_of(engine, [0, 0]),), tensor_of(engine, [5.0]), True).values.tolist() == [
        11,
        0,
    ]


@pytest.mark.parametrize(
    ("index", "kind", "text"),
    [
        (5, IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        ((0, 5), IndexError, "index 5 is out of bounds for dimension 1 with size 3"),
        ((0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
        (
            1.0,
            IndexError,
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            "indices (got float)",
        ),
        (slice(None, None, -1), ValueError, "step must be greater than zero"),
        ([9], IndexError, "index 9 is out of bounds for dimension 0 with size 2"),
    ],
)
def test_a_wrong_index_is_told_in_pytorchs_words(index: Any, kind: type[Exception], text: str) -> None:
    x = tensor_of(engine, np.arange(6).reshape(2, 3))
    with pytest.raises(kind) as caught:
        x[index]
    assert str(caught.value) == text


def test_a_mask_of_another_shape_is_refused() -> None:
    x = tensor_of(engine, np.arange(6).reshape(2, 3))
    with pytest.raises(
        IndexError,
        match=r"The shape of the mask \[3\] at index 0 does not match the shape of the indexed tensor \[2, 3\]",
    ):
        x[tensor_of(engine, [True, False, True])]


def test_a_uint8_mask_warns_and_still_selects() -> None:
    x = tensor_of(engine, np.arange(3))
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
        assert x[tensor_of(engine, np.array([1, 0, 1], np.uint8))].values.tolist() == [0, 2]


def test_a_write_through_an_index_of_a_view_rewrites_the_base() -> None:
    x = tensor_of(engine, np.zeros((2, 3), np.float32), requires_grad=True).clone()
    x[0:1][[0]] = 5.0
    assert x.grad_fn.name() == "torch::autograd::CopySlices"
    assert x._version == 1
