"""`torch.autograd.Variable`, which old programs wrap tensors in: an alias of its data, cut from the graph."""

from operator import index
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


class VariableMeta(type):
    """Every tensor is a Variable."""

    __module__ = "torch.autograd.variable"

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=VariableMeta):
    """A tensor that shares memory and version counter with its data. Errors: TypeError for what is not a tensor."""

    __module__ = "torch.autograd.variable"

    def __new__(
        cls,
        data: Any = None,
        requires_grad: Any = False,
        volatile: Any = False,
        _grad_fn: Any = None,
        name: Any = None,
    ) -> Any:
        if data is None:
            found = functions.empty(0)
        elif isinstance(data, Tensor):
            found = data.detach()
        else:
            raise TypeError(f"Variable data has to be a tensor, but got {type_name(type(data))}")
        if volatile:
            messages.warn(messages.VOLATILE)
        for flag in (requires_grad, volatile):
            index(flag)
        if requires_grad and not (found.dtype.is_floating_point or found.dtype.is_complex):
            raise RuntimeError(messages.FLOATING_FACTORY)
        return found.requires_grad_() if requires_grad else found
