"""`torch.autograd.Variable`, which old programs wrap tensors in: an alias of its data, cut from the graph."""

from collections.abc import Callable
from operator import index
from typing import Any

from tensorcli.engine import addresses, messages
from tensorcli.engine.autograd.modes import passing
from tensorcli.engine.callers import functions
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


class _Engine:
    """What runs the backward passes, as programs reach it to be called when a pass is over."""

    __module__ = "torch._C"

    def queue_callback(self, callback: Callable[[], Any]) -> None:
        """Call a function at the end of the pass that runs. Errors: RuntimeError where none does."""
        if not passing:
            raise RuntimeError("Final callbacks can only be installed during backward pass.")
        passing[-1].callbacks.append(callback)

    def __repr__(self) -> str:
        return f"<torch._C._EngineBase object at {addresses.of_object(self)}>"


_Engine.__name__ = _Engine.__qualname__ = "_EngineBase"


class VariableMeta(type):
    """Every tensor is a Variable."""

    __module__ = "torch.autograd.variable"

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)


class Variable(metaclass=VariableMeta):
    """A tensor that shares memory and version counter with its data. Errors: TypeError for what is not a tensor."""

    __module__ = "torch.autograd.variable"

    _execution_engine = _Engine()

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
