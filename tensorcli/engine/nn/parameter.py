"""`torch.nn.Parameter`: a leaf that requires grad and says so in its repr; `Buffer`: a tensor that a module keeps; and both
while their sizes are unknown.
"""

from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.native import PYTHON_FUNCTIONS, PYTHON_METHODS
from tensorcli.engine.overrides import disabled
from tensorcli.engine.table import PACKETS
from tensorcli.engine.tensor import Size, Tensor, TensorType, alias

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class Parameter(Tensor):
    """A tensor that is a parameter of something: a leaf over the data's storage and version counter."""

    __torch_function__ = staticmethod(disabled)

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
        made.set_requires_grad(requires_grad)
        made.levels = data.levels
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

    __torch_function__ = staticmethod(disabled)

    __module__ = "torch.nn.parameter"
    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        from tensorcli.engine.construct import tensor

        data = tensor([]) if data is None else data
        made: Any = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


_UNSET = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when "
    "trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before "
    "accessing their attributes."
)
_ALLOWED = frozenset(
    "size copy_ is_complex is_floating_point half float double char short int long cuda cpu to get_device".split()
)
"""The operators that have a meaning without sizes."""
_REFUSED = frozenset(
    "apply_ backward data_ptr detach dim dim_order index is_contiguous is_shared item map_ nbytes ndimension nelement "
    "new_tensor nonzero numel numpy register_hook register_post_accumulate_grad_hook requires_grad_ resize split storage "
    "storage_offset stride tolist type untyped_storage".split()
)
"""The methods without a meaning that are no operators."""
_OF_PYTHON = PYTHON_METHODS | {"__array__", "__contains__", "__format__", "__len__", "__reversed__"}
_OTHERWISE = {"nelement": "numel", "ndimension": "dim", "__iter__": "dim"}
"""Methods by what they ask first."""


class _Uninitialized(Tensor):
    """A tensor of which only the dtype and the device are known so far."""

    __torch_function__ = staticmethod(disabled)

    cls_to_become: type

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give it sizes: it becomes an ordinary parameter or tensor, whose values are still to come."""
        from tensorcli.engine.callers import functions

        own: Any = self
        device, dtype = device or own.device, dtype or own.dtype
        self.__class__ = self.cls_to_become
        own.data = functions.empty(shape, device=device, dtype=dtype)

    @property
    def shape(self) -> Any:
        raise RuntimeError(_UNSET)

    def share_memory_(self) -> Any:
        """Refused: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before "
            "calling `module.share_memory()`."
        )

    def __getattribute__(self, name: str) -> Any:
        if name in _REFUSED or (name in PACKETS and name not in _ALLOWED):
            _refuse(type(self), _method(name))
        return super().__getattribute__(name)

    def size(self, dim: int | None = None) -> Any:
        """The sizes of the nothing that it holds until then."""
        sizes = Size(self.geometry.sizes)
        return sizes if dim is None else sizes[dim]

    def __reduce_ex__(self, protocol: Any) -> Any:
        persistent = getattr(self, "persistent", None)
        return _lazily_again, (persistent, self.requires_grad, self.device, self.dtype)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


def _lazily_again(persistent: bool | None, *facts: Any) -> Any:
    """A parameter (`persistent` is None) or buffer without sizes from a pickle."""
    if persistent is None:
        return UninitializedParameter(*facts)
    return UninitializedBuffer(*facts, persistent)


def _refuse(kind: type, what: str) -> None:
    raise ValueError(
        f"Attempted to use an uninitialized parameter in {what}. This error happens when you are using a `LazyModule` or "
        f"explicitly manipulating `torch.nn.parameter.{kind.__name__}` objects. When using LazyModules Call `forward` "
        "with a dummy batch to initialize the parameters before calling torch functions"
    )


def _method(name: str) -> str:
    """What PyTorch shows of a method of tensors."""
    name = _OTHERWISE.get(name, name)
    if name in _OF_PYTHON:
        return f"<function Tensor.{name} at {id(name):#x}>"
    kind = "slot wrapper" if name in ("__getitem__", "__setitem__") else "method"
    return f"<{kind} '{name}' of 'torch._C.TensorBase' objects>"


def _function(func: Any) -> str:
    """What PyTorch shows of a function."""
    name = func.__name__
    if name in PYTHON_FUNCTIONS:
        return f"<function {name} at {id(func):#x}>"
    overloads = PACKETS.get(name)
    if overloads and overloads[0].namespace:
        return f"<built-in function {name}>"
    return f"<built-in method {name} of type object at {id(func):#x}>"


def _answer(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of what has no sizes. Errors: ValueError."""
    if func.__name__ not in _ALLOWED:
        is_method = func.__qualname__.startswith("Tensor.")
        _refuse(types[0], _method(func.__name__) if is_method else _function(func))
    return disabled(func, types, args, kwargs)


def _refusing(name: str) -> Any:
    def operator(self: Any, *operands: Any) -> Any:
        _refuse(type(self), _method(name))

    return operator


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[misc] # both have a repr; the first one's counts
    """A parameter whose sizes are still to be found."""

    __module__ = "torch.nn.parameter"
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        from tensorcli.engine.callers import functions

        made = Parameter(functions.empty(0, device=device, dtype=dtype), requires_grad)
        made.__class__ = cls
        return made

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        """Everything was done in `__new__`."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        return found


class UninitializedBuffer(_Uninitialized):
    """A buffer whose sizes are still to be found."""

    __module__ = "torch.nn.parameter"
    cls_to_become = Tensor
    persistent: bool

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        from tensorcli.engine.callers import functions

        made: Any = functions.empty(0, device=device, dtype=dtype).requires_grad_(requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        made.__class__ = cls
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Everything was done in `__new__`."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = memo[id(self)] = type(self)(False, self.device, self.dtype, self.persistent)
        return found


for _kind in (UninitializedParameter, UninitializedBuffer):
    # Now that they are made: classes that are made with another `__torch_function__` have attributes of their own class.
    _kind.__torch_function__ = staticmethod(_answer)
    for _name in (
        *("__getitem__", "__setitem__", "__len__", "__iter__", "__contains__", "__format__"),
        *("__bool__", "__int__", "__float__", "__complex__", "__index__"),
    ):
        setattr(_kind, _name, _refusing(_name))


def is_lazy(param: Any) -> bool:
    """Whether a parameter or buffer has no sizes yet."""
    return isinstance(param, _Uninitialized)
