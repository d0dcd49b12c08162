"""The Jacobians of a function of tensors, found in three ways: by finite differences, by the backward pass, by tangents.

`gradcheck` (check.py) compares them. A whole Jacobian is a numpy array of shape (elements of the input, elements of the
output); between two vectors it is a number, with one vector a tensor of one dimension.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.forward_ad import dual_level, make_dual, unpack_dual
from tensorcli.engine.callers import functions
from tensorcli.engine.random import Generator
from tensorcli.engine.tensor import Tensor

Function = Callable[..., Any]


class GradcheckError(RuntimeError):
    """An analytical gradient that finite differences do not confirm."""

    __module__ = "torch.autograd.gradcheck"


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


def _check_same(low: Tensor, high: Tensor, eps: float, index: tuple[int, ...] | None = None) -> None:
    """Errors: AssertionError where a moved input changes the shape or the dtype of an output."""
    where = "" if index is None else f"on index {index} "
    for fact in ("shape", "dtype"):
        first, second = getattr(low, fact), getattr(high, fact)
        if first != second:
            raise AssertionError(
                f"Expected `func` to return outputs with the same {fact} when inputs are perturbed {where}by {eps}, "
                f"but got: {fact}s {first} and {second}."
            )


def by_backward(
    output: Tensor, leaves: list[Tensor], seed: Tensor | None = None
) -> tuple[list[Any], bool, bool]:
    """The Jacobians of one output by all inputs, a column at a time: the gradients of one element of it; or (`seed`) the one
    column of these gradients together.

    Also returned: whether all gradients had the sizes of their inputs, and whether they had their dtypes.
    """
    count = output.geometry.numel if seed is None else 1
    found = [np.zeros((leaf.geometry.numel, count), leaf.dtype.np) for leaf in leaves]
    sizes_agree = dtypes_agree = True
    for row in range(count):
        given = seed
        if given is None:
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


class Pushed:
    """The tangents that a function makes of those of its inputs; `dtypes`: they must be complex where the outputs are."""

    def __init__(
        self, func: Function, given: tuple[Any, ...], results: tuple[Any, ...], dtypes: bool
    ) -> None:
        self.func, self.given, self.results, self.dtypes = func, given, results, dtypes

    def __call__(self, tangents: Sequence[Tensor]) -> list[Tensor | None]:
        """One for each output, for one of each input that requires grad. Errors: GradcheckError."""
        left = iter(tangents)
        with dual_level():
            inputs = [
                make_dual(one.detach(), next(left)) if isinstance(one, Tensor) and one.requires_grad else one
                for one in self.given
            ]
            pairs = [
                unpack_dual(one) if has_derivative(one) else (one, None)
                for one in as_tuple(self.func(*inputs))
            ]
        for primal, tangent in pairs if self.dtypes else ():
            if tangent is not None and primal.dtype.is_complex is not tangent.dtype.is_complex:
                raise GradcheckError("Forward AD gradient has dtype mismatch.")
        return [tangent for _, tangent in pairs]


def by_tangents(pushed: Pushed, leaves: list[Tensor]) -> list[list[Tensor]]:
    """The Jacobians of all outputs by each (real) input, a row at a time: the tangents for one element of it.

    They are tensors, which show whether the tangents have a history.
    """
    found = []
    for i, leaf in enumerate(leaves):
        jacobians = [one.new_zeros((leaf.geometry.numel, one.numel())) for one in pushed.results]
        for row in range(leaf.geometry.numel):
            tangents = zeros_like(leaves)
            tangents[i].array.reshape(-1)[row] = 1
            for jacobian, one in zip(jacobians, pushed(tangents), strict=True):
                if one is not None:
                    jacobian[row].copy_(one.reshape(-1))
        found.append(jacobians)
    return found


# ---- between two vectors: the numbers are PyTorch's to the last bit, which messages show


def drawn_vectors(leaves: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[list[Any], list[Tensor]]:
    """A vector of length 1 for each input (two where it is complex, for its parts) and for each output, always the same."""
    generator = Generator()

    def drawn(like: Tensor, parts: bool = False) -> Tensor:
        kind = like.dtype.to_real() if parts else like.dtype
        vector = functions.rand(like.geometry.numel, generator=generator, device="cpu")
        vector = vector.to(dtype=kind, device=like.device)
        vector /= vector.norm()
        return vector  # type: ignore[no-any-return]

    of_inputs = [tuple(drawn(one, parts=True) for _ in range(1 + one.dtype.is_complex)) for one in leaves]
    return of_inputs, [drawn(one) for one in outputs]


def projected_differences(
    func: Function, given: tuple[Any, ...], leaf: Tensor, vectors: tuple[Tensor, ...], eps: float
) -> list[Tensor]:
    """The Jacobians of all outputs by one input times its vector, by moving it along the vector.

    For a complex input they are conjugate Wirtinger derivatives, each part with a vector of its own.
    Errors: AssertionError where an output's shape or dtype changes on the way.
    """
    moved: Any = leaf.data

    def difference(step: Any) -> list[Any]:
        original = moved.clone()
        sides = []
        for place in (original - step, original + step):
            moved.copy_(place)
            sides.append([one.clone() for one in as_tuple(func(*given))])
            moved.copy_(original)
        for low, high in zip(*sides, strict=True):
            _check_same(low, high, eps)
        return [((high - low) / (2 * eps)).detach().reshape(-1) for low, high in zip(*sides, strict=True)]

    first, *second = (eps * one.reshape(moved.shape) for one in vectors)
    found = difference(first)
    if not second:
        return found
    return [a + b * 1j for a, b in zip(found, difference(second[0] * 1j), strict=True)]


def projected_backward(columns: list[Any], vectors: Sequence[tuple[Tensor, ...]]) -> list[Tensor]:
    """The columns that the backward pass gave for a vector of the outputs, one for each input, times its vectors."""
    from tensorcli.engine.construct import from_numpy

    found = []
    for column, (first, *second) in zip(columns, vectors, strict=True):
        flat = np.ascontiguousarray(column[:, 0])
        if second:
            real, imaginary = from_numpy(flat.real.copy()), from_numpy(flat.imag.copy())
            found.append(real.dot(first) + 1j * imaginary.dot(second[0]))
        else:
            found.append(from_numpy(flat).dot(first))
    return found


def projected_tangents(
    pushed: Pushed, leaves: list[Tensor], vectors: Sequence[tuple[Tensor, ...]]
) -> list[list[Tensor]]:
    """For each (real) input the tangents of all floating outputs, where the input's tangent is its vector."""
    found = []
    for i, (leaf, (vector, *_)) in enumerate(zip(leaves, vectors, strict=True)):
        tangents = zeros_like(leaves)
        tangents[i] = vector.view_as(leaf)
        row = []
        for one, result in zip(pushed(tangents), pushed.results, strict=True):
            if has_derivative(result):
                place = result.new_zeros(result.numel())
                row.append(place if one is None else place.copy_(one.reshape(-1)))
        found.append(row)
    return found


def has_derivative(value: Any) -> bool:
    """Whether it is a floating or complex tensor."""
    return isinstance(value, Tensor) and (value.dtype.is_floating_point or value.dtype.is_complex)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """What a function was given or gave: a tuple, also where it is a single value."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def zeros_like(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Zeros of the sizes, dtypes and devices of these tensors."""
    return [functions.zeros(tuple(one.shape), dtype=one.dtype, device=one.device) for one in outputs]
