"""`torch.nn.Parameter`: a leaf that requires grad and says so in its repr; `Buffer`: a tensor that a module keeps."""

from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.tensor import Tensor, TensorType, alias

__all__ = ["Buffer", "Parameter"]


class Parameter(Tensor):
    """A tensor that is a parameter of something: a leaf over the data's storage and version counter."""

    __module__ = "torch.nn.parameter"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        from tensorcli.engine.construct import tensor

        if data is None:
            data = tensor([])
        if not isinstance(data, Tensor):
            data.detach()  # as PyTorch asks of whatever it is given: an AttributeError
        if requires_grad and data.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_FACTORY)
        made: Any = alias(data)
        made.__class__ = cls
        made.requires_grad_(requires_grad)
        return made

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        """Everything was done in `__new__`."""

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + Tensor.__repr__(self)

    __str__ = __repr__

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            with no_grad():
                found = memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _again, (self.data, self.requires_grad)


def _again(data: Tensor, requires_grad: bool) -> Parameter:
    """A parameter from a pickle."""
    return Parameter(data, requires_grad)


class _BufferType(TensorType):
    """A buffer is a plain tensor that is marked."""

    def __instancecheck__(cls, instance: Any) -> bool:  # noqa: N805 (a class of classes)
        return isinstance(instance, Tensor) and "_is_buffer" in vars(instance)


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that belongs to a module without being trained."""

    __module__ = "torch.nn.parameter"
    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        from tensorcli.engine.construct import tensor

        data = tensor([]) if data is None else data
        made: Any = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made
