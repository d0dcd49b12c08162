"""Meta: shapes and dtypes without elements.

Kernels run over hollow arrays: one element, spread over any sizes by strides of zero. Element-wise functions, reductions,
products and what only moves elements about compute on that one element and answer with a hollow array of the right sizes,
so that a tensor of any size costs nothing. What is none of these runs as numpy has it, over the spread element.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine.backends import Backend, Description, Memory
from tensorcli.engine.devices import Device


class Hollow(np.ndarray[Any, Any]):
    """An array of one element that is spread over all sizes. Nothing of it can be written."""

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        answer = NotImplemented
        if not options.get("out") and options.get("where", True) is True:
            answer = _of_ufunc(function, method, inputs, options)
        if answer is NotImplemented:
            plain = [_plain(one) for one in inputs]
            options = {key: _plain(value) for key, value in options.items()}
            if options.get("out"):
                options["out"] = tuple(_plain(one) for one in options["out"])
            answer = getattr(function, method)(*plain, **options)
        return answer

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        known = _FUNCTIONS.get(function)
        if known is not None:
            answer = known(*args, **kwargs)
            if answer is not NotImplemented:
                return answer
        return function(*_deep(args), **{key: _deep(value) for key, value in kwargs.items()})

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        return hollow(self.shape, dtype)

    def copy(self, order: Any = "C") -> Any:
        return hollow(self.shape, self.dtype)

    def conj(self) -> Any:
        return hollow(self.shape, self.dtype)

    conjugate = conj

    def reshape(self, *shape: Any, **options: Any) -> Any:
        sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        sizes = tuple(int(size) for size in sizes)
        if -1 in sizes:
            known = -int(np.prod(sizes, dtype=np.int64))
            if not known or self.size % known:
                raise ValueError(f"cannot reshape array of size {self.size} into shape {sizes}")
            sizes = tuple(self.size // known if size == -1 else size for size in sizes)
        if int(np.prod(sizes, dtype=np.int64)) != self.size:
            raise ValueError(f"cannot reshape array of size {self.size} into shape {sizes}")
        return hollow(sizes, self.dtype)

    def ravel(self, order: Any = "C") -> Any:
        return hollow((self.size,), self.dtype)

    flatten = ravel


def hollow(sizes: Any, element: Any) -> Any:
    """A hollow array of these sizes."""
    kind = np.dtype(element)
    one = np.zeros((), kind)
    return np.broadcast_to(one, tuple(sizes)).view(Hollow)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Hollow) else value


def _deep(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_deep(one) for one in value)
    return _plain(value)


def _sample(value: Any) -> Any:
    """One element of an array, with its dtype; numbers as they are."""
    return np.zeros((1,), value.dtype) if isinstance(value, np.ndarray) else value


def _of_ufunc(function: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    if method == "reduce":
        return _reduced(function, inputs[0], options)
    if method == "accumulate":
        kind = function.accumulate(_sample(_plain(inputs[0])), dtype=options.get("dtype")).dtype
        return hollow(inputs[0].shape, kind)
    if method != "__call__":
        return NotImplemented
    if function is np.matmul:
        return _product(*inputs)
    if function.signature is not None:
        return NotImplemented
    sizes = np.broadcast_shapes(*(np.shape(one) for one in inputs))
    with np.errstate(all="ignore"):
        answer = function(*(_sample(_plain(one)) for one in inputs), **options)
    if isinstance(answer, tuple):
        return tuple(hollow(sizes, one.dtype) for one in answer)
    return hollow(sizes, answer.dtype)


def _reduced(function: Any, array: Any, options: dict[str, Any]) -> Any:
    axis = options.get("axis", 0)
    rank = array.ndim
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    chosen = {a + rank if a < 0 else a for a in axes}
    if function.identity is None and any(array.shape[a] == 0 for a in chosen):
        return NotImplemented
    keep = options.get("keepdims", False)
    sizes = [1 if i in chosen else size for i, size in enumerate(array.shape) if keep or i not in chosen]
    with np.errstate(all="ignore"):
        kind = function.reduce(np.zeros((1,) * max(rank, 1), array.dtype), dtype=options.get("dtype")).dtype
    return hollow(sizes, kind)


def _product(a: Any, b: Any) -> Any:
    """The sizes of `a @ b`, as numpy has them."""
    left, right = np.shape(a), np.shape(b)
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        return NotImplemented
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    rows = left[-2:-1] if len(left) > 1 else ()
    columns = right[-1:] if len(right) > 1 else ()
    return hollow((*batch, *rows, *columns), np.result_type(a, b))


def _where(condition: Any, *others: Any) -> Any:
    if len(others) != 2:
        return NotImplemented
    sizes = np.broadcast_shapes(np.shape(condition), *(np.shape(one) for one in others))
    return hollow(sizes, np.where(np.zeros(1, bool), *(_sample(_plain(one)) for one in others)).dtype)


def _concatenate(arrays: Any, axis: int = 0, **options: Any) -> Any:
    if options or axis is None:
        return NotImplemented
    first = np.shape(arrays[0])
    if any(len(np.shape(one)) != len(first) for one in arrays) or not first:
        return NotImplemented
    axis = axis + len(first) if axis < 0 else axis
    sizes = [size if i != axis else sum(np.shape(one)[i] for one in arrays) for i, size in enumerate(first)]
    return hollow(sizes, np.result_type(*(np.asarray(_sample(_plain(one))) for one in arrays)))


def _stack(arrays: Any, axis: int = 0, **options: Any) -> Any:
    if options:
        return NotImplemented
    sizes = list(np.shape(arrays[0]))
    sizes.insert(axis + len(sizes) + 1 if axis < 0 else axis, len(arrays))
    return hollow(sizes, np.result_type(*(np.asarray(_sample(_plain(one))) for one in arrays)))


def _as_it_is(array: Any, *args: Any, **options: Any) -> Any:
    return hollow(np.shape(array), array.dtype) if isinstance(array, Hollow) else NotImplemented


def _broadcast_to(array: Any, shape: Any, *args: Any, **options: Any) -> Any:
    return hollow(np.broadcast_shapes(np.shape(array), tuple(np.atleast_1d(shape))), array.dtype)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.sort: _as_it_is,
    np.flip: _as_it_is,
    np.roll: _as_it_is,
    np.copy: _as_it_is,
    np.clip: lambda array, *bounds, **options: (
        NotImplemented if any(np.ndim(one) for one in bounds) or options else _as_it_is(array)
    ),
    np.dot: lambda a, b, **options: _product(a, b) if np.ndim(a) < 3 and np.ndim(b) < 3 else NotImplemented,
    np.broadcast_to: _broadcast_to,
}
"""What numpy's functions answer for hollow arrays, without looking at elements."""


class MetaBackend(Backend):
    """Hollow arrays."""

    name = "meta"

    def window(
        self, buffer: Any, sizes: tuple[int, ...], strides: tuple[int, ...], offset: int, element: Any
    ) -> Any:
        return hollow(sizes, element)

    def from_host(self, array: Any, device: Device) -> Any:
        return hollow(array.shape, array.dtype)

    def settled(self, answer: Any, device: Device) -> Any:
        return answer if isinstance(answer, Hollow) else hollow(np.shape(answer), np.asarray(answer).dtype)

    def memory(self, device: Device) -> Memory | None:
        return None

    def describe(self, device: Device) -> Description:
        return Description("numpy", np.__version__, "")
