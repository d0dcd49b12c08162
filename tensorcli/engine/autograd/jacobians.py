"""The Jacobians of a function of tensors, found in three ways: by finite differences, by the backward pass, by tangents.

`gradcheck` (check.py) compares them. Each Jacobian here is a numpy array of shape (elements of the input, elements of the
output).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.forward_ad import dual_level, make_dual, unpack_dual
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor

Function = Callable[..., Any]


def by_differences(
    func: Function, given: tuple[Any, ...], leaf: Tensor, results: Sequence[Tensor], eps: float
) -> list[Any]:
    """The Jacobians of all outputs by one input: central differences, with each element moved by `eps` both ways.

    For a complex input they are conjugate Wirtinger derivatives of the (real) outputs, as the backward pass gives them.
    Errors: AssertionError where an output's shape or dtype changes on the way.
    """
    array = leaf.array
    is_complex = leaf.dtype.is_complex
    rows: list[list[Any]] = [[] for _ in results]

    def difference(index: tuple[int, ...], step: complex) -> list[Any]:
        original = array[index].copy()  # CuPy's element is a view
        sides = []
        for moved in (original - step, original + step):
            array[index] = moved
            sides.append([one.detach().clone() for one in as_tuple(func(*given))])
            array[index] = original
        for low, high in zip(*sides, strict=True):
            _check_same(low, high, eps, index)
        return [((high - low) / (2 * eps)).cpu().values.reshape(-1) for low, high in zip(*sides, strict=True)]

    for index in np.ndindex(*array.shape):
        found = difference(index, eps)
        if is_complex:
            found = [a + 1j * b for a, b in zip(found, difference(index, eps * 1j), strict=True)]
        for row, one in zip(rows, found, strict=True):
            row.append(one)
    return [
        np.stack(row) if row else np.zeros((0, one.geometry.numel), one.dtype.np)
        for row, one in zip(rows, results, strict=True)
    ]


def _check_same(low: Tensor, high: Tensor, eps: float, index: tuple[int, ...]) -> None:
    """Errors: AssertionError where a moved input changes the shape or the dtype of an output."""
    for fact in ("shape", "dtype"):
        first, second = getattr(low, fact), getattr(high, fact)
        if first != second:
            raise AssertionError(
                f"Expected `func` to return outputs with the same {fact} when inputs are perturbed on index {index} by {eps}, "
                f"but got: {fact}s {first} and {second}."
            )


def by_backward(output: Tensor, leaves: list[Tensor]) -> tuple[list[Any], bool, bool]:
    """The Jacobians of one output by all inputs, a column at a time: the gradients of one element of it.

    Also returned: whether all gradients had the sizes of their inputs, and whether they had their dtypes.
    """
    count = output.geometry.numel
    found = [np.zeros((leaf.geometry.numel, count), leaf.dtype.np) for leaf in leaves]
    sizes_agree = dtypes_agree = True
    for row in range(count):
        given = zeros_like([output])[0]
        given.array.reshape(-1)[row] = 1
        for jacobian, leaf, one in zip(
            found, leaves, grad(output, leaves, given, retain_graph=True, allow_unused=True), strict=True
        ):
            if one is None:
                continue
            if one.geometry.sizes != leaf.geometry.sizes:
                sizes_agree = False
            elif one.dtype is not leaf.dtype:
                dtypes_agree = False
            jacobian[:, row] = one.detach().cpu().values.reshape(-1)
    return found, sizes_agree, dtypes_agree


def by_tangents(func: Function, given: tuple[Any, ...], leaf: Tensor, results: Sequence[Tensor]) -> list[Any]:
    """The Jacobians of all outputs by one input, a row at a time: the tangents that forward mode gives for one element of it."""
    found = [np.zeros((leaf.geometry.numel, one.geometry.numel), leaf.dtype.np) for one in results]
    steps = (1, 1j) if leaf.dtype.is_complex else (1,)
    for row in range(leaf.geometry.numel):
        for step in steps:
            with dual_level():
                duals = [_dual(one, (row, step) if one is leaf else None) for one in given]
                tangents = [unpack_dual(one).tangent for one in as_tuple(func(*duals))]
            for jacobian, one in zip(found, tangents, strict=True):
                if one is not None:
                    jacobian[row] += step * one.detach().cpu().values.reshape(-1)
    return found


def _dual(value: Any, moved: tuple[int, complex] | None) -> Any:
    """An input that requires grad with a tangent of zeros, but for one element; any other input as it is."""
    if not (isinstance(value, Tensor) and value.requires_grad):
        return value
    tangent = zeros_like([value])[0]
    if moved is not None:
        at, step = moved
        tangent.array.reshape(-1)[at] = step
    return make_dual(value, tangent)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """What a function was given or gave: a tuple, also where it is a single value."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def zeros_like(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Zeros of the sizes, dtypes and devices of these tensors."""
    return [functions.zeros(tuple(one.shape), dtype=one.dtype, device=one.device) for one in outputs]
