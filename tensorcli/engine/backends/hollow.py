"""Hollow arrays: one element, spread over any sizes by strides of zero, and what numpy's functions answer for them.

Element-wise functions, reductions, products and what only moves elements about compute on that one element and answer with a
hollow array of the right sizes. What is none of these runs as numpy has it, over the spread element.
"""

from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from tensorcli.engine.geometry import contiguous_strides


class Hollow(np.ndarray[Any, Any]):
    """An array of one element that is spread over all sizes. What is written into it is let go.

    It tells the strides of the tensor that it is a window of, or those of a new array: kernels that keep the order of
    memory ask for them.
    """

    _told: tuple[int, ...] | None = None

    @property  # type: ignore[misc]
    def strides(self) -> tuple[int, ...]:
        """In bytes, as numpy has them."""
        if self._told is not None:
            return self._told
        return tuple(step * self.itemsize for step in contiguous_strides(self.shape))

    def moved(self, function: Callable[..., Any]) -> Any:
        """What a function makes of it that moves dimensions about and reads no element."""
        answer = function(self.view(np.ndarray)).view(Hollow)
        answer._told = function(
            np.lib.stride_tricks.as_strided(_plain(self), self.shape, self.strides)
        ).strides
        return answer

    def transpose(self, *axes: Any) -> Any:
        return self.moved(lambda array: array.transpose(*axes))

    def swapaxes(self, first: Any, second: Any) -> Any:
        return self.moved(lambda array: array.swapaxes(first, second))

    @property
    def T(self) -> Any:
        return self.transpose()

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        function, options = ufunc, kwargs
        if method == "at":
            return None
        out = options.pop("out", None)
        if out is not None and any(isinstance(one, Hollow) for one in out):
            return out[0] if len(out) == 1 else out
        answer = NotImplemented
        if out is None and options.pop("where", True) is not None:
            answer = _of_ufunc(function, method, inputs, options)
        if answer is NotImplemented:
            if out is not None:
                options["out"] = out
            options = {key: _plain(value) for key, value in options.items()}
            answer = getattr(function, method)(*(_plain(one) for one in inputs), **options)
        return answer

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        known = _FUNCTIONS.get(function)
        if known is not None:
            answer = known(*args, **kwargs)
            if answer is not NotImplemented:
                return answer
        return function(*_deep(args), **{key: _deep(value) for key, value in kwargs.items()})

    def __int__(self) -> int:
        # Whole numbers of elements become sizes, and there are none to look at.
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")

    __index__ = __int__

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, np.ndarray) and index.dtype.kind in "iu":
            return hollow((*index.shape, *self.shape[1:]), self.dtype)
        parts = index if isinstance(index, tuple) else (index,)
        if all(part is None or isinstance(part, (slice, EllipsisType)) for part in parts):
            return self.moved(lambda array: array[index])
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        pass

    def fill(self, value: Any) -> None:
        pass

    def sort(self, *args: Any, **options: Any) -> None:
        pass

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        return hollow(self.shape, dtype, strides=tuple(stride // self.itemsize for stride in self.strides))

    def argmax(self, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        return np.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        return np.argmin(self, axis=axis, keepdims=keepdims)

    def take(self, indices: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
        return np.take(self, indices, axis=axis)

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


def hollow(sizes: Any, element: Any, value: Any = None, strides: tuple[int, ...] | None = None) -> Any:
    """A hollow array of these sizes. Its element is 1 where it has a point and 0 else, unless a value was computed.

    `strides`: those that it tells, in elements; row-major ones where none are given.
    """
    kind = np.dtype(element)
    if value is None:
        value = kind.kind not in "biu"
    made = np.broadcast_to(np.asarray(value).astype(kind), tuple(sizes)).view(Hollow)
    if strides is not None:
        made._told = tuple(step * made.itemsize for step in strides)
    return made


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Hollow) else value


def _deep(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_deep(one) for one in value)
    return _plain(value)


def _sample(value: Any) -> Any:
    """One element of an array, with its dtype; numbers as they are."""
    if not isinstance(value, np.ndarray):
        return value
    value = _plain(value)
    return value.reshape(-1)[:1] if value.size and not any(value.strides) else np.resize(value.flat[:1], 1)


def _of_ufunc(function: Any, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    if method == "reduce":
        return _reduced(function, inputs[0], options)
    if method == "accumulate":
        one = function.accumulate(_sample(inputs[0]), dtype=options.get("dtype"))
        return hollow(inputs[0].shape, one.dtype)
    if method != "__call__":
        return NotImplemented
    if function is np.matmul:
        return _product(*inputs)
    if function.signature is not None:
        return NotImplemented
    sizes = np.broadcast_shapes(*(np.shape(one) for one in inputs))
    with np.errstate(all="ignore"):
        answer = function(*(_sample(one) for one in inputs), **options)
    if isinstance(answer, tuple):
        return tuple(hollow(sizes, one.dtype, one[0]) for one in answer)
    return hollow(sizes, answer.dtype, answer[0])


def _reduced(function: Any, array: Any, options: dict[str, Any]) -> Any:
    axis = options.get("axis", 0)
    rank = array.ndim
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    chosen = {a + rank if a < 0 else a for a in axes}
    if function.identity is None and any(array.shape[a] == 0 for a in chosen):
        return NotImplemented
    keep = options.get("keepdims", False)
    sizes = [1 if i in chosen else size for i, size in enumerate(array.shape) if keep or i not in chosen]
    if function in (np.logical_and, np.logical_or):
        # Of elements that are not there all are right, and none is wrong.
        return hollow(sizes, bool, function is np.logical_and)
    with np.errstate(all="ignore"):
        one = function.reduce(_sample(array), dtype=options.get("dtype"))
    return hollow(sizes, one.dtype, one)


def _product(a: Any, b: Any) -> Any:
    """The sizes of `a @ b`, as numpy has them."""
    left, right = np.shape(a), np.shape(b)
    if not left or not right or left[-1] != right[-2 if len(right) > 1 else 0]:
        return NotImplemented
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    rows = left[-2:-1] if len(left) > 1 else ()
    columns = right[-1:] if len(right) > 1 else ()
    return hollow((*batch, *rows, *columns), np.result_type(a, b))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sizes of a product over pairs of axes, as numpy has them."""
    if isinstance(axes, int):
        axes = (range(-axes, 0), range(axes))
    left, right = ([axis] if isinstance(axis, int) else list(axis) for axis in axes)
    gone = {axis % a.ndim for axis in left}, {axis % b.ndim for axis in right}
    if [np.shape(a)[axis] for axis in left] != [np.shape(b)[axis] for axis in right]:
        return NotImplemented
    sizes = [
        size
        for array, out in zip((a, b), gone, strict=True)
        for i, size in enumerate(array.shape)
        if i not in out
    ]
    return hollow(sizes, np.result_type(a, b))


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    widths = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
    sizes = [size + before + after for size, (before, after) in zip(array.shape, widths, strict=True)]
    return hollow(sizes, array.dtype)


def _where(condition: Any, *others: Any) -> Any:
    if len(others) != 2:
        return NotImplemented
    sizes = np.broadcast_shapes(np.shape(condition), *(np.shape(one) for one in others))
    return hollow(sizes, np.where(np.zeros(1, bool), *(_sample(one) for one in others)).dtype)


def _concatenate(arrays: Any, axis: int = 0, **options: Any) -> Any:
    if options or axis is None:
        return NotImplemented
    first = np.shape(arrays[0])
    if any(len(np.shape(one)) != len(first) for one in arrays) or not first:
        return NotImplemented
    axis = axis + len(first) if axis < 0 else axis
    sizes = [size if i != axis else sum(np.shape(one)[i] for one in arrays) for i, size in enumerate(first)]
    return hollow(sizes, np.result_type(*(np.asarray(_sample(one)) for one in arrays)))


def _stack(arrays: Any, axis: int = 0, **options: Any) -> Any:
    if options:
        return NotImplemented
    sizes = list(np.shape(arrays[0]))
    sizes.insert(axis + len(sizes) + 1 if axis < 0 else axis, len(arrays))
    return hollow(sizes, np.result_type(*(np.asarray(_sample(one)) for one in arrays)))


def _as_it_is(array: Any, *args: Any, **options: Any) -> Any:
    return hollow(np.shape(array), array.dtype) if isinstance(array, Hollow) else NotImplemented


def _broadcast_to(array: Any, shape: Any, *args: Any, **options: Any) -> Any:
    return hollow(np.broadcast_shapes(np.shape(array), tuple(np.atleast_1d(shape))), array.dtype)


def _nothing(*args: Any, **options: Any) -> None:
    """What writes into its first argument."""


def _along(array: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False, **options: Any) -> Any:
    """`argmax` and its kind: positions along an axis."""
    if not isinstance(array, Hollow) or not array.size:
        return NotImplemented
    rank = array.ndim
    if axis is None:
        return hollow((1,) * rank if keepdims is True else (), np.int64)
    axis = axis + rank if axis < 0 else axis
    sizes = [1 if i == axis else size for i, size in enumerate(array.shape) if keepdims is True or i != axis]
    return hollow(sizes, np.int64)


def _count_nonzero(array: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    if axis is None and not keepdims:
        return array.size and array.size * int(np.count_nonzero(_sample(array)))
    return np.sum(array != 0, axis=axis, dtype=np.int64, keepdims=keepdims)


def _cumulative(function: Any, array: Any, axis: Any, options: dict[str, Any]) -> Any:
    if options.keys() - {"dtype"}:
        return NotImplemented
    one = function.accumulate(_sample(array), dtype=options.get("dtype"))
    return hollow((array.size,) if axis is None else array.shape, one.dtype)


def _take(array: Any, indices: Any, axis: Any = None, **options: Any) -> Any:
    if options:
        return NotImplemented
    sizes = np.shape(array)
    axis = axis + len(sizes) if axis is not None and axis < 0 else axis
    before, after = ((), ()) if axis is None else (sizes[:axis], sizes[axis + 1 :])
    return hollow((*before, *np.shape(indices), *after), array.dtype)


def _moving(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that moves dimensions about: the element stays spread."""
    return lambda array, *args, **options: array.moved(lambda one: function(one, *args, **options))


def _unravel(indices: Any, shape: Any, **options: Any) -> Any:
    return tuple(hollow(np.shape(indices), np.int64) for _ in shape)


def _identity(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of matrices, run over one identity matrix and spread over the batch: it takes no real values."""

    def over(array: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(array, Hollow) or array.ndim < 2:
            return NotImplemented
        one = np.eye(*array.shape[-2:], dtype=array.dtype)
        others = [_identity_like(value) for value in args]
        answer = function(one, *others, **options)
        batch = array.shape[:-2]
        if isinstance(answer, tuple):
            return tuple(hollow((*batch, *np.shape(part)), np.asarray(part).dtype) for part in answer)
        return hollow((*batch, *np.shape(answer)), np.asarray(answer).dtype)

    return over


def _identity_like(value: Any) -> Any:
    return (
        np.eye(*value.shape[-2:], dtype=value.dtype)
        if isinstance(value, Hollow) and value.ndim > 1
        else value
    )


_MATRIX_FUNCTIONS = tuple(
    getattr(np.linalg, name)
    for name in "inv det slogdet eig eigvals eigh eigvalsh svd qr cholesky solve pinv".split()
)

_LEADING_ON: tuple[Any, ...] = (
    np.sum,
    np.prod,
    np.max,
    np.min,
    np.amax,
    np.amin,
    np.any,
    np.all,
    np.mean,
    np.var,
    np.std,
    np.split,
    np.array_split,
)
"""Functions whose code of numpy's own leads to a ufunc, which looks at one element, or to slices."""

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
    np.tensordot: _tensordot,
    np.unravel_index: _unravel,
    **{
        function: _moving(function)
        for function in (np.moveaxis, np.swapaxes, np.transpose, np.expand_dims, np.squeeze)
    },
    np.pad: _pad,
    np.tril: _as_it_is,
    np.triu: _as_it_is,
    np.dot: lambda a, b, **options: _product(a, b) if np.ndim(a) < 3 and np.ndim(b) < 3 else NotImplemented,
    np.broadcast_to: _broadcast_to,
    np.argmax: _along,
    np.argmin: _along,
    np.argsort: lambda array, *args, **options: hollow(np.shape(array), np.int64),
    np.copyto: _nothing,
    np.put: _nothing,
    np.put_along_axis: _nothing,
    np.putmask: _nothing,
    np.place: _nothing,
    np.count_nonzero: _count_nonzero,
    np.cumsum: lambda array, axis=None, **options: _cumulative(np.add, array, axis, options),
    np.cumprod: lambda array, axis=None, **options: _cumulative(np.multiply, array, axis, options),
    np.take: _take,
    np.take_along_axis: lambda array, indices, axis=-1: hollow(np.shape(indices), array.dtype),
    **{function: _identity(function) for function in _MATRIX_FUNCTIONS},
    **{function: function.__wrapped__ for function in _LEADING_ON},
}
"""What numpy's functions answer for hollow arrays, without looking at elements."""
