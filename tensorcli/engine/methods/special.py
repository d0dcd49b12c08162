"""Tensor's special methods: Python's operators, indexing, printing, and conversion to Python's numbers.

Python looks special methods up on the class, so these are set here; each operator calls the one of the table it stands for.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine import callers, dtypes, messages, overrides
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor, wrapped_number

# ---- arithmetic and comparison

_BINARY = {
    "__add__": "add",
    "__radd__": "add",
    "__sub__": "sub",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__truediv__": "div",
    "__mod__": "remainder",
    "__pow__": "pow",
    "__matmul__": "matmul",
    "__eq__": "eq",
    "__ne__": "ne",
    "__lt__": "lt",
    "__le__": "le",
    "__gt__": "gt",
    "__ge__": "ge",
    "__and__": "bitwise_and",
    "__rand__": "bitwise_and",
    "__or__": "bitwise_or",
    "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor",
    "__rxor__": "bitwise_xor",
    "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
    "__floordiv__": "floor_divide",
    "__iadd__": "add_",
    "__isub__": "sub_",
    "__imul__": "mul_",
    "__itruediv__": "div_",
    "__ifloordiv__": "floor_divide_",
    "__imod__": "remainder_",
    "__ipow__": "pow_",
    "__iand__": "bitwise_and_",
    "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_",
    "__irshift__": "bitwise_right_shift_",
}
"""Special methods that are an operator called on (self, other)."""

_REFLECTED = {
    "__rmatmul__": "matmul",
    "__rfloordiv__": "floor_divide",
    "__rmod__": "remainder",
    "__rlshift__": "bitwise_left_shift",
    "__rrshift__": "bitwise_right_shift",
}
"""Special methods that are an operator called on (other, self)."""

_OPERANDS = (Tensor, int, float, complex)
"""What PyTorch complains about itself where an operator cannot take it; anything else gets its own turn."""

_UNARY = {"__neg__": "neg", "__pos__": "positive", "__abs__": "abs"}


def _binary(special: str, name: str) -> Callable[[Tensor, Any], Any]:
    """The special method: finds the operator at its first call, and puts it in its place."""

    def first(self: Tensor, other: Any) -> Any:
        call = callers.binary(name)

        def operator(self: Tensor, other: Any) -> Any:
            try:
                return call(self, other)
            except TypeError:
                if not isinstance(self, Tensor):
                    raise _not_a_tensor(special, self) from None
                if special == "__matmul__" and not isinstance(other, Tensor):
                    return NotImplemented
                # PyTorch gives the other operand its turn where its own parser refuses this one.
                if isinstance(other, _OPERANDS) and not overrides.overriding((self, other)):
                    raise
                if special == "__eq__" and isinstance(other, np.ndarray):
                    return _equal_to_array(self, other)
                return NotImplemented

        operator.__name__ = operator.__qualname__ = special
        setattr(Tensor, special, _of_two(operator) if special == "__pow__" else operator)
        return operator(self, other)

    return _of_two(first) if special == "__pow__" else first


def _not_a_tensor(special: str, value: Any) -> TypeError:
    """The complaint of a special method that was called on something else through the class."""
    return TypeError(
        f"descriptor '{special}' for 'torch._C.TensorBase' objects doesn't apply to a '{type_name(type(value))}' object"
    )


def _of_two(operator: Callable[[Tensor, Any], Any]) -> Callable[..., Any]:
    """A special method that Python may call with a third operand, as `pow` does: that is left to others."""

    def method(self: Tensor, other: Any, third: Any = None) -> Any:
        return operator(self, other) if third is None else NotImplemented

    return method


def _equal_to_array(self: Tensor, other: Any) -> Any:
    """`tensor == array`, which PyTorch compares as a tensor; the other comparisons refuse an array."""
    from tensorcli.engine.construct import from_numpy

    try:
        converted = from_numpy(other)
    except TypeError:
        return NotImplemented
    return self == converted


def _reflected(compute: Callable[[Tensor, Any], Any]) -> Callable[[Tensor, Any], Any]:
    """A special method that gets the operands the other way round: what it cannot take is left to the other operand."""

    def operator(self: Tensor, other: Any) -> Any:
        try:
            return compute(self, other)
        except TypeError:
            return NotImplemented

    return operator


def _swapped(name: str) -> Callable[[Tensor, Any], Any]:
    return _reflected(lambda self, other: callers.function(name)(other, self))


def _unary(name: str) -> Callable[[Tensor], Any]:
    def operator(self: Tensor) -> Any:
        return getattr(self, name)()

    return operator


for _special, _name in _BINARY.items():
    setattr(Tensor, _special, _binary(_special, _name))
for _special, _name in _REFLECTED.items():
    setattr(Tensor, _special, _swapped(_name))
for _special, _name in _UNARY.items():
    setattr(Tensor, _special, _unary(_name))


def _invert(self: Tensor) -> Tensor:
    if self.dtype.category > dtypes.INTEGRAL:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return callers.functions.bitwise_not(self)  # type: ignore[no-any-return]


def _divided(self: Tensor, other: Any) -> Any:
    """other / self: Python's PyTorch multiplies by the reciprocal, its C++ divides."""
    if mode.native:
        return callers.functions.div(wrapped_number(other), self)
    return self.reciprocal() * other


Tensor.__invert__ = _invert  # type: ignore[operator]
Tensor.__rsub__ = _reflected(lambda self, other: callers.functions.rsub(self, other))  # type: ignore[attr-defined]
Tensor.__rtruediv__ = _reflected(_divided)  # type: ignore[attr-defined]
for _old in ("div", "rdiv", "idiv"):  # what Python 2 called them
    setattr(Tensor, f"__{_old}__", getattr(Tensor, f"__{_old.replace('div', 'truediv')}__"))
Tensor.__rpow__ = _swapped("pow")  # type: ignore[attr-defined]


# ---- indexing


def _getitem(self: Tensor, index: Any) -> Any:
    from tensorcli.engine.indexing import get

    return get(self, index)


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    from tensorcli.engine.indexing import put

    put(self, index, value)


def _delitem(self: Tensor, index: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


def _iterate(self: Tensor) -> Any:
    if not self.geometry.sizes:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _length(self: Tensor) -> int:
    if not self.geometry.sizes:
        raise TypeError("len() of a 0-d tensor")
    return self.geometry.sizes[0]


def _reversed(self: Tensor) -> Any:
    return self.flip(0) if self.geometry.sizes else self


def _nonzero(self: Tensor, *others: Any, **named: Any) -> Any:
    from tensorcli.engine.indexing import nonzero

    if others:
        raise TypeError(f"nonzero() takes from 1 to 0 positional arguments but {len(others)} were given")
    if unknown := named.keys() - {"as_tuple"}:
        if len(named) == 1:
            raise TypeError('nonzero() missing 1 required positional arguments: "as_tuple"')
        got = "".join(
            f"{name}={type(value).__name__}, " for name, value in sorted(named.items(), reverse=True)
        )
        raise TypeError(
            f"nonzero() received an invalid combination of arguments - got ({got}), but expected one of:\n * ()\n"
            " * (*, bool as_tuple)\n      didn't match because some of the keywords were incorrect: "
            f"{', '.join(unknown)}\n"
        )
    return nonzero(self, **named)


Tensor.nonzero = _nonzero  # type: ignore[attr-defined]
setattr(Tensor, "__getitem__", _getitem)  # noqa: B010 (mypy reads an assignment to it as indexing)
setattr(Tensor, "__setitem__", _setitem)  # noqa: B010
Tensor.__delitem__ = _delitem  # type: ignore[attr-defined]
Tensor.__iter__ = _iterate  # type: ignore[attr-defined]
Tensor.__len__ = _length  # type: ignore[attr-defined]
Tensor.__reversed__ = _reversed  # type: ignore[attr-defined]


# ---- printing


def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    from tensorcli.engine.methods.text import text

    return text(self)


def _format(self: Tensor, spec: str) -> str:
    if not self.geometry.sizes and not self.is_meta and type(self) is Tensor:
        return self.item().__format__(spec)  # type: ignore[no-any-return]
    return object.__format__(self, spec)


Tensor.__repr__ = _repr  # type: ignore[method-assign, assignment]
Tensor.__format__ = _format  # type: ignore[method-assign, assignment]


# ---- Python numbers


def item(self: Tensor) -> Any:
    """The one element as a Python number. Errors: RuntimeError unless there is exactly one."""
    if self.batch is not None:
        return _item_of(self.batch)
    if self.geometry.numel != 1:
        raise RuntimeError(f"a Tensor with {self.geometry.numel} elements cannot be converted to Scalar")
    if self.is_meta:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    value = self.values
    return (value.astype(self.dtype.computes_as.np) if self.dtype.reduced else value).item()


def _item_of(batch: Any) -> Any:
    """The element of all examples of a batch. Errors: RuntimeError where each has its own."""
    if batch.dim is not None:
        raise _differs(batch, messages.BATCHED_ITEM, "item")
    return item(batch.value)


def _differs(batch: Any, text: str, name: str) -> RuntimeError:
    """The error of one element asked of a batch: inside a transform that differentiates it is not known what for; the vmap of
    `torch.autograd` names the operator.
    """
    if batch.layer.legacy:
        return RuntimeError(
            f"Batching rule not implemented for aten::{name}. We could not generate a fallback."
        )
    between = any(not each.batched for each in batch.layer.inside())
    return RuntimeError(messages.BATCHED_ELEMENT if between else text)


def _warn_of_graph(self: Tensor) -> Tensor:
    if self.requires_grad and mode.enabled:
        messages.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
            "Consider using tensor.detach() first.",
            once=True,
        )
    return self


def _scalar(self: Tensor) -> Any:
    if self.geometry.numel != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return item(self)


def _real(self: Tensor, kind: str) -> Any:
    value = _scalar(self)
    if not isinstance(value, complex):
        if kind == "int64_t" and self.dtype is dtypes.uint64 and value >= 1 << 63:
            raise messages.overflow(kind)
        return value
    if value.imag:
        raise messages.overflow(kind)
    return value.real


def _bool(self: Tensor) -> bool:
    if self.batch is not None:
        if self.batch.dim is not None:
            raise _differs(self.batch, messages.BATCHED_BOOL, "is_nonzero")
        return _bool(self.batch.value)
    if self.geometry.numel == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    if self.geometry.numel > 1:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    return bool(item(self))


def _index(self: Tensor) -> int:
    if self.geometry.numel != 1 or self.dtype.category > dtypes.INTEGRAL:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(item(self))


Tensor.__bool__ = _bool  # type: ignore[attr-defined]
Tensor.__index__ = _index  # type: ignore[attr-defined]
Tensor.__float__ = lambda self: float(_real(_warn_of_graph(self), "double"))  # type: ignore[attr-defined]
Tensor.__int__ = lambda self: int(_real(self, "int64_t"))  # type: ignore[attr-defined]
Tensor.__complex__ = lambda self: complex(_scalar(_warn_of_graph(self)))  # type: ignore[attr-defined]
