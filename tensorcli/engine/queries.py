"""Questions about tensors and dtypes (`is_floating_point`, `result_type`, `finfo`): functions that make no tensor."""

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)
from tensorcli.engine.native import Native, qualified_name
from tensorcli.engine.tensor import CONJ, NEG, Size, Tensor

if TYPE_CHECKING:
    from tensorcli.engine.binding import Binder

# ---- dtypes


class _Info(Native):
    """Attributes of a dtype's numbers, printed as PyTorch prints them."""

    __slots__ = ("bits", "dtype")

    dtype: str
    bits: int

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.dtype == getattr(other, "dtype", None)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={self._text(n)}' for n in self._shown)}, dtype={self.dtype})"

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")

    _shown: tuple[str, ...] = ()

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        return f"{value:g}" if isinstance(value, float | int) else str(value)


class finfo(_Info):  # noqa: N801 (PyTorch's name)
    """The limits of a floating dtype (of the default one when none is named)."""

    __module__ = "torch"
    __slots__ = ("eps", "max", "min", "resolution", "smallest_normal", "tiny")
    _shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind = _parsed("finfo", args, kwargs)[0] if args or kwargs else dtypes.default.floating
        if kind.category < dtypes.FLOATING:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        real = kind.to_real()
        if real.name in ("float16", "float32", "float64"):
            found: Any = np.finfo(real.np)
        else:
            import ml_dtypes

            found = ml_dtypes.finfo(real.np)  # type: ignore[no-untyped-call]
        self.bits = real.itemsize * 8
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(f"1e-{int(-np.log10(self.eps))}")
        self.dtype = real.name


class iinfo(_Info):  # noqa: N801 (PyTorch's name)
    """The limits of an integral dtype."""

    __module__ = "torch"
    __slots__ = ("max", "min")
    _shown = ("min", "max")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind = _parsed("iinfo", args, kwargs)[0]
        if kind.category != dtypes.INTEGRAL:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
                if kind.category >= dtypes.FLOATING
                else "torch.bool is not supported by torch.iinfo"
            )
        self.bits = kind.itemsize * 8
        found = np.iinfo(kind.np)
        self.min, self.max = int(found.min), int(found.max)
        self.dtype = kind.name


def promote_types(*args: Any, **kwargs: Any) -> dtype:
    """The smallest dtype that holds both."""
    return dtypes.promote_types(*_parsed("promote_types", args, kwargs))


def can_cast(*args: Any, **kwargs: Any) -> bool:
    """Whether PyTorch lets a result of one dtype be written into another."""
    return dtypes.can_cast(*_parsed("can_cast", args, kwargs))


_NOTATION: Final = {
    "finfo": ("finfo(ScalarType type)", "finfo()"),
    "iinfo": ("iinfo(ScalarType type)",),
    "promote_types": ("promote_types(ScalarType type1, ScalarType type2)",),
    "can_cast": ("can_cast(ScalarType from_, ScalarType to)",),
    "result_type": (
        "result_type(Tensor tensor, Tensor other)",
        "result_type(Scalar scalar, Tensor tensor)",
        "result_type(Tensor tensor, Scalar other)",
        "result_type(Scalar scalar1, Scalar scalar2)",
    ),
}
"""What these functions take, in PyTorch's notation for the parsers that it wrote by hand."""


@cache
def _binder(name: str, *lines: str) -> "Binder":
    from tensorcli.engine.binding import Binder

    return Binder(name, lines, tensor_class=Tensor)


def _parsed(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """The values of a call. Errors: TypeError in the words of PyTorch's parser."""
    return _binder(name, *_NOTATION[name]).bind(args, kwargs)[1]


def result_type(*args: Any, **kwargs: Any) -> dtype:
    """The dtype of an operation on two tensors or numbers."""
    tensor1, tensor2 = _parsed("result_type", args, kwargs)
    kinds: dict[str, list[dtype]] = {"dimensioned": [], "scalar": [], "number": []}
    for one in (tensor1, tensor2):
        if isinstance(one, Tensor):
            kinds["number" if one.wrapped else "dimensioned" if one.geometry.sizes else "scalar"].append(
                one.dtype
            )
        else:
            kinds["number"].append(dtypes.of_operand(one))
    return dtypes.result_type(tuple(kinds["dimensioned"]), tuple(kinds["scalar"]), tuple(kinds["number"]))


# ---- tensors


def _question(takes: str = "Tensor input") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function take its arguments as PyTorch's parser does those of this notation. Errors of its calls: TypeError."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        line = f"{name}({takes})"

        @wraps(function)
        def asked(*args: Any, **kwargs: Any) -> Any:
            return function(*_binder(name, line).bind(args, kwargs)[1])

        return asked

    return declare


def is_tensor(obj: Any, /) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any, /) -> bool:
    """Whether it is a storage."""
    from tensorcli.engine.typed_storages import TypedStorage
    from tensorcli.engine.untyped_storages import UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))


@_question()
def is_floating_point(input: Tensor) -> bool:
    """Whether its dtype is a floating one."""
    return input.dtype.is_floating_point


@_question()
def is_complex(input: Tensor) -> bool:
    """Whether its dtype is a complex one."""
    return input.dtype.is_complex


@_question()
def is_conj(input: Tensor) -> bool:
    """Whether its bytes are to be read conjugated."""
    return bool(input.lazy & CONJ)


@_question()
def is_neg(input: Tensor) -> bool:
    """Whether its bytes are to be read negated."""
    return bool(input.lazy & NEG)


@_question()
def is_inference(input: Tensor) -> bool:
    """Whether it was made in inference mode."""
    return input.inference


@_question()
def is_nonzero(input: Tensor) -> bool:
    """Whether its one element is not zero. Errors: RuntimeError unless there is exactly one."""
    return bool(input)


@_question("Tensor input, Tensor other")
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same sizes."""
    return input.geometry.sizes == other.geometry.sizes


@_question()
def numel(input: Tensor) -> int:
    """How many elements there are."""
    return input.geometry.numel


def typename(obj: Any, /) -> str:
    """The legacy name of a tensor's type, or the name of any object's class."""
    if isinstance(obj, Tensor):
        from tensorcli.engine.ops.convert import type_string

        return type_string(obj)
    told = getattr(obj, "told", None)
    if isinstance(told, str):
        return qualified_name(told)
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = (getattr(named, "__module__", "") or "").replace("tensorcli.engine", "torch", 1)
    if module in ("", "builtins", "__builtin__"):
        module = ""
    if module.startswith("tensorcli.language."):
        module = "__main__"  # a function of the script
    return f"{module}.{named.__qualname__}" if module else named.__qualname__


@_question()
def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype has negative numbers."""
    return bool(input.dtype.is_signed)


@_question()
def is_distributed(input: Tensor) -> bool:
    """Whether other processes have parts of the tensor: none has."""
    return False


@_question()
def get_device(input: Tensor) -> int:
    """The index of the tensor's device; -1 for the CPU."""
    return int(input.get_device())


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """Flat indices as one index for each dimension of a shape. Errors: TypeError, ValueError with PyTorch's texts."""
    if indices.is_complex() or indices.dtype.category != dtypes.INTEGRAL:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, Sequence)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    from tensorcli.engine.construct import tensor

    steps = [1] * len(sizes)
    for i in range(len(sizes) - 1, 0, -1):
        steps[i - 1] = steps[i] * sizes[i]
    table = [tensor(row, dtype=dtypes.int64, device=indices.device) for row in (steps, list(sizes))]
    found = indices.unsqueeze(-1).div(table[0], rounding_mode="floor") % table[1]
    return tuple(found.unbind(-1))


def broadcast_shapes(*shapes: Any) -> Size:
    """The sizes that all shapes broadcast to. Errors: RuntimeError with PyTorch's text."""
    given = [(one,) if isinstance(one, int) else one for one in shapes if one is not None]
    for one in given:
        if not isinstance(one, Sequence):
            raise RuntimeError(
                f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {one}"
            )
    found: list[int] = [1] * max(map(len, given), default=0)
    for number, sizes in enumerate(given):
        for place in range(-1, -1 - len(sizes), -1):
            size = sizes[place]
            if size in (1, found[place]):
                continue
            if found[place] != 1:
                expected = f"[{', '.join(map(str, found))}]"
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {place}! Mismatching argument at index "
                    f"{number} had {sizes}; but expected shape should be broadcastable to {expected}"
                )
            if size < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            found[place] = size
    return Size(found)


__all__ = [
    "channels_last",
    "channels_last_3d",
    "contiguous_format",
    "layout",
    "memory_format",
    "preserve_format",
    "sparse_coo",
    "sparse_csr",
    "strided",
]
