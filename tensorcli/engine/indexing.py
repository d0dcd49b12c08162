"""What `x[index]` and `x[index] = value` mean: chains of view operators, then one index or index_put_ for
what is left.

Integers, slices, None and Ellipsis become views (select, slice, unsqueeze, alias), in PyTorch's order;
tensors, lists and masks are gathered and indexed at once. The rules are those of
torch/csrc/autograd/python_variable_indexing.cpp, as they show from outside. Errors: IndexError, TypeError,
ValueError, RuntimeError with PyTorch's texts.
"""

from collections.abc import Sequence
from operator import index as as_index
from typing import Any

import numpy as np

from tensorcli.engine import allocation, dtypes, messages
from tensorcli.engine.binding.parameters import is_long
from tensorcli.engine.conversion import filling
from tensorcli.engine.devices import CPU, Device
from tensorcli.engine.native import type_name
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

_SEQUENCE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch "
    "2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, "
    "x[torch.tensor(seq)], which will result either in an error or a different result"
)
_ZERO_DIMENSIONAL = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
    "a 0-dim tensor to a number"
)
_TRUNCATED = (
    "Truncating the start/stop/step of slice. This is likely because of saved old models when the "
    "start/stop/step were larger."
)
_LEAST_BOUND = -(2**62)  # PyTorch keeps the integers below for symbols.
_MANY = 32  # A longer list is one index, whatever it holds (a rule that PyTorch took over from numpy).


def get(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`: a view where the index has no tensor, list or mask in it, else a copy."""
    kind = type(index)
    if kind is int or is_long(index):
        return _select(tensor, 0, index, 0)
    if kind is slice:
        return _slice(tensor, 0, index, whole=True)
    if index is None:
        return tensor.unsqueeze(0)  # type: ignore[no-any-return]
    if index is Ellipsis:
        return _run("alias", tensor)  # type: ignore[no-any-return]
    indices: list[Tensor | None] = []
    sliced = _sliced(tensor, _as_tuple(index), indices)
    if not indices:
        return _run("alias", sliced) if sliced is tensor else sliced
    return _run("index.Tensor", sliced, indices)  # type: ignore[no-any-return]


def put(tensor: Tensor, index: Any, value: Any) -> None:
    """`tensor[index] = value`: one write, counted once."""
    source = assigned_value(tensor, value)
    kind = type(index)
    if index is False:
        return
    if index is Ellipsis:
        _copy(tensor, source)
    elif index is None or index is True:
        _copy(tensor.unsqueeze(0), source)
    elif kind is int or is_long(index):
        _copy(_select(tensor, 0, index, 0), source)
    elif kind is slice:
        _copy(_slice(tensor, 0, index, whole=False), source)
    else:
        indices: list[Tensor | None] = []
        sliced = _sliced(tensor, _as_tuple(index), indices)
        if indices:
            _run("index_put_", sliced, indices, _without_leading_ones(source), False)
        else:
            _copy(sliced, source)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a row each, or (as_tuple=True) a vector for each dimension."""
    given: Any
    for name, given, kind, wanted in (
        ("input' (position 1)", input, Tensor, "Tensor"),
        ("as_tuple'", as_tuple, bool, "bool"),
        ("out'", input if out is None else out, Tensor, "Tensor"),
    ):
        if not isinstance(given, kind):
            raise TypeError(f"nonzero(): argument '{name} must be {wanted}, not {type_name(type(given))}")
    if as_tuple and out is not None:
        raise RuntimeError("nonzero does not support the out kwarg when as_tuple is True")
    if as_tuple:
        return tuple(_run("nonzero_numpy", input))
    return OPS["nonzero"].run((input,) if out is None else (input, out))


# ---- the parts of an index


def _run(name: str, *values: Any) -> Any:
    return OPS[name].run(values)


def _long(index: Any) -> int:
    """A Python integer that a 64-bit one holds. Errors: ValueError."""
    number = int(index)
    if not -(2**63) <= number < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return number


def _size(tensor: Tensor, dim: int) -> int:
    """The size of a dimension. Two ellipses count the dimensions twice, and PyTorch then reads on behind the last size: it has
    room for five, which are 0. Errors: IndexError."""
    sizes = tensor.geometry.sizes
    if dim < len(sizes):
        return sizes[dim]
    from tensorcli.engine.ops._dimensions import wrap

    return 0 if dim < 5 else sizes[wrap(dim, len(sizes))]


def _select(tensor: Tensor, dim: int, index: Any, told: int) -> Tensor:
    """One index of a dimension; `told` is the dimension's number in the user's index, for the error."""
    position = _long(index)
    sizes = tensor.geometry.sizes
    if not sizes and not position:
        raise IndexError(_ZERO_DIMENSIONAL)
    size = _size(tensor, dim)
    if not -size <= position < size:
        raise IndexError(f"index {position} is out of bounds for dimension {told} with size {size}")
    return _run("select.int", tensor, dim, position)  # type: ignore[no-any-return]


def _slice(tensor: Tensor, dim: int, index: slice, whole: bool) -> Tensor:
    """A slice of a dimension. A slice of everything is the tensor itself, unless `whole` asks for a view of it."""
    step = 1 if index.step is None else _bound(index.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    start = (2**63 - 1 if step < 0 else 0) if index.start is None else _bound(index.start)
    stop = (-(2**63) if step < 0 else 2**63 - 1) if index.stop is None else _bound(index.stop)
    if step < 0:
        raise ValueError("step must be greater than zero")
    sizes = tensor.geometry.sizes
    if not sizes:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if not whole and start == 0 and stop >= _size(tensor, dim) and step == 1:
        return tensor
    return _run("slice.Tensor", tensor, dim, start, stop, step)  # type: ignore[no-any-return]


def _bound(value: Any) -> int:
    try:
        number = as_index(value)
    except TypeError:
        if isinstance(value, Tensor):
            raise
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None
    if number < _LEAST_BOUND:
        messages.warn(_TRUNCATED)
    return max(min(number, 2**63 - 1), _LEAST_BOUND)


def _as_tuple(index: Any) -> Sequence[Any]:
    """The index as a tuple: a list that holds tensors, sequences or slices counts as one, with PyTorch's warning."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, (Tensor, np.ndarray)) or not _is_sequence(index) or len(index) >= _MANY:
        return (index,)
    for one in index:
        if one is None or one is Ellipsis or isinstance(one, (Tensor, slice)) or _is_sequence(one):
            messages.warn(_SEQUENCE)
            return tuple(index)
    return (index,)


def _is_sequence(value: Any) -> bool:
    """What Python's C interface takes for a sequence: anything with items that is not a mapping."""
    kind = type(value)
    if kind in (list, tuple, str, bytes, range):
        return True
    return hasattr(kind, "__getitem__") and not isinstance(value, (dict, np.generic))


def _sliced(tensor: Tensor, index: Sequence[Any], indices: list[Tensor | None]) -> Tensor:
    """The views that an index begins with; the tensors that remain are put into `indices`, each at its dimension."""
    specified = sum(map(_dimensions_of, index))
    if specified > tensor.ndim:
        raise IndexError(f"too many indices for tensor of dimension {tensor.ndim}")
    rest = tensor.ndim - specified
    result = tensor
    dim = 0
    for told, one in enumerate(index):
        if is_long(one):
            result = _select(result, dim, one, told)
        elif isinstance(one, slice):
            result = _slice(result, dim, one, whole=False)
            dim += 1
        elif one is Ellipsis:
            dim += rest
        elif one is None:
            result = result.unsqueeze(dim)
            dim += 1
        elif isinstance(one, bool):
            result = result.unsqueeze(dim)
            dim = _record(_chosen(result, one), indices, dim, tensor.device)
        elif isinstance(one, Tensor) or _is_sequence(one):
            found = one if isinstance(one, Tensor) else _from_sequence(tensor, one)
            mapped = found.batch is not None and found.batch.dim is not None
            if mapped or found.geometry.sizes or found.dtype.category > dtypes.INTEGRAL:
                dim = _record(found, indices, dim, tensor.device)
            elif found.dtype.name in ("bool", "uint8"):
                result = result.unsqueeze(dim)
                dim = _record(_chosen(result, bool(found.item())), indices, dim, tensor.device)
            else:
                result = _select(result, dim, found.item(), told)
        else:
            result = _select(result, dim, _index_of(one), told)
    return result


def _dimensions_of(one: Any) -> int:
    """How many of the tensor's dimensions an entry stands for."""
    if isinstance(one, Tensor):
        return one.ndim if one.dtype.name in ("bool", "uint8") else 1
    return 0 if one is None or one is Ellipsis or isinstance(one, bool) else 1


def _record(found: Tensor, indices: list[Tensor | None], dim: int, device: Device) -> int:
    """Put an index tensor at its dimension; the next dimension."""
    if device is not CPU and found.device is CPU:
        found = found.to(device)
    indices.extend([None] * (dim - sum(map(_covered, indices))))
    indices.append(found)
    return dim + _covered(found)


def _covered(index: Tensor | None) -> int:
    """How many dimensions an index tensor stands for: a mask for all of its own."""
    return 1 if index is None else max(_dimensions_of(index), 1)


def _chosen(tensor: Tensor, wanted: bool) -> Tensor:
    """The index that stands for True (the one element) or False (none) along a dimension of size 1."""
    return allocation.adopt(np.zeros(1 if wanted else 0, np.int64), dtypes.int64, tensor.device)


def _from_sequence(tensor: Tensor, sequence: Any) -> Tensor:
    """A list, range or array as an index tensor: masks stay masks, everything else becomes int64. Errors: RuntimeError,
    ValueError for numbers that do not fit, TypeError for what holds none.
    """
    if type(sequence) in (list, range) and all(type(one) is int for one in sequence):
        array = np.array([_long(one) for one in sequence], np.int64)
        return allocation.adopt(array, dtypes.int64, tensor.device)
    from tensorcli.engine.construct import tensor as of_values

    made = of_values(sequence)
    if made.dtype not in (dtypes.bool_, dtypes.uint8):
        from_numpy = isinstance(sequence, np.ndarray)
        made = made.to(dtypes.int64) if from_numpy else of_values(sequence, dtype=dtypes.int64)
    return allocation.adopt(np.array(made.values), made.dtype, tensor.device)


def _index_of(one: Any) -> int:
    """An object with `__index__` as an integer. Errors: IndexError."""
    try:
        return as_index(one)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            f"indices (got {type_name(type(one))})"
        ) from None


# ---- the value of an assignment


def assigned_value(tensor: Tensor, value: Any) -> Tensor:
    """What is assigned, as a tensor. Errors: TypeError for what is neither a tensor nor a number."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (int, np.integer)):
        value = _long(value)
    elif isinstance(value, (float, complex)) and type(value).__module__ != "numpy":
        pass
    elif isinstance(value, (np.float64, np.complex128)):
        value = value.item()
    else:
        from tensorcli.engine.ops.convert import type_string

        raise TypeError(f"can't assign a {type_name(type(value))} to a {type_string(tensor)}")
    return allocation.adopt(filling(value, tensor.dtype, 1), tensor.dtype, tensor.device)


def _without_leading_ones(source: Tensor) -> Tensor:
    sizes = source.geometry.sizes
    first = 0
    while first < len(sizes) and sizes[first] == 1:
        first += 1
    return source.view(sizes[first:]) if first else source


def _copy(target: Tensor, source: Tensor) -> None:
    """Write a value into a view: copied, filled or (after its leading dimensions of size 1) expanded."""
    sizes = target.geometry.sizes
    if source.geometry.sizes == sizes:
        target.copy_(source)
    elif not source.geometry.sizes and source.is_cpu:
        target.fill_(source)
    else:
        source = source.view(_without_leading_ones(source).geometry.sizes)
        target.copy_(source if source.geometry.sizes == sizes else source.expand(sizes))
