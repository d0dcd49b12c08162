"""`torch.nn.Parameter`: a leaf that requires grad and says so in its repr."""

from typing import Any

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.tensor import Tensor, alias


class Parameter(Tensor):
    """A tensor that is a parameter of something: a leaf over the data's storage and version counter."""

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        from tensorcli.engine.construct import tensor

        if data is None:
            data = tensor([])
        if not isinstance(data, Tensor):
            raise TypeError(f"{data!r} is not a tensor")
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


class Buffer(Tensor):
    """A tensor that belongs to something without being trained."""

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        from tensorcli.engine.construct import tensor

        made: Any = (tensor([]) if data is None else data).detach()
        made.__class__ = cls
        made.persistent = persistent
        return made

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        """Everything was done in `__new__`."""
