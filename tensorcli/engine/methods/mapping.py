"""`apply_`, `map_`, `map2_`: a Python function of each element, written in place. PyTorch does not count these writes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.effects import store_quietly
from tensorcli.engine.methods.declared import parsed
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


def apply_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Each element replaced by what the function makes of it. Errors: RuntimeError for a tensor that requires grad."""
    if kwargs:
        raise TypeError("TensorBase.apply_() takes no keyword arguments")
    if len(args) != 1:
        raise TypeError(f"TensorBase.apply_() takes exactly one argument ({len(args)} given)")
    return _mapped("apply_", self, (), args[0])


@parsed("map_(Tensor other, PyObject* callable)")
def map_(self: Tensor, other: Any, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Each element replaced by what the function makes of it and the other tensor's."""
    return _mapped("map_", self, (other,), callable)


@parsed("map2_(Tensor x, Tensor y, PyObject* callable)")
def map2_(self: Tensor, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Each element replaced by what the function makes of it and those of two other tensors."""
    return _mapped("map2_", self, (x, y), callable)


def _mapped(name: str, target: Tensor, others: tuple[Any, ...], function: Callable[..., Any]) -> Tensor:
    names = ("other",) if len(others) == 1 else ("x", "y")
    if any(one.requires_grad for one in (target, *others)):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    for other, called in zip(others, names, strict=False):
        if other.dtype is not target.dtype:
            raise TypeError(
                f"{name}: expected {target.dtype.tensor_type} for '{called}' (got {other.dtype.tensor_type})"
            )
    spread = [other.expand_as(target).values for other in others]
    if events.observer is not None:
        events.observer.writes(target, name, (target, *others))
    # Element by element, so that an expanded tensor's one element is mapped as often as it is seen.
    for place in np.ndindex(*target.geometry.sizes):
        one: Tensor = target[place].detach()  # type: ignore[index]
        values = [_number(one.values), *(_number(array[place]) for array in spread)]
        found = function(*values)
        if isinstance(found, str) or found is None:
            given = type_name(type(found))
            if target.dtype.category <= dtypes.INTEGRAL:
                raise TypeError(f"'{given}' object cannot be interpreted as an integer")
            raise TypeError(f"must be real number, not {given}")
        if isinstance(found, int) and not -(2**63) <= found < 2**63:
            raise ValueError("Overflow when unpacking long long")
        if target.dtype.category == dtypes.INTEGRAL:
            limits = np.iinfo(target.dtype.np)
            low = limits.min or (0 if isinstance(found, float) else -limits.max)
            if not low <= found <= limits.max:
                raise messages.overflow(target.dtype.name)
        store_quietly(one, np.asarray(found))
    if events.observer is not None:
        events.observer.wrote(target, name, (target, *others))
    return target


def _number(value: Any) -> Any:
    found = np.asarray(value)
    return (found.astype(np.float32) if found.dtype.kind == "V" else found).item()
