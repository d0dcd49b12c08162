"""Tensor: a storage, a geometry over it, a dtype, and what autograd knows about it.

Properties only: operators are declared in `ops/` and reach the class through `Tensor.__getattr__`, when they are first
used. Defaults stand on the class, so that a temporary costs four attributes: most tensors are temporaries that nobody
looks at, and their Storage and Version are made when first asked for.
"""

from collections.abc import Callable
from operator import attrgetter, index
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import dtypes, messages, overrides
from tensorcli.engine.autograd import modes
from tensorcli.engine.devices import CPU, META, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry, contiguous
from tensorcli.engine.native import Native, type_name
from tensorcli.engine.storage import Storage, Version, applied

CONJ, NEG = 1, 2
"""Bits of `Tensor.lazy`: the bytes are to be read conjugated, negated."""

missing_attribute: Callable[[str, Any], Any] = None  # type: ignore[assignment]
"""What an attribute that the class does not have is: an operator's method (set by `callers`), or an AttributeError."""


method_names: Callable[[], list[str]] = list
"""The names that `missing_attribute` finds (set by `callers`)."""


if TYPE_CHECKING:
    ReadOnly = property
else:

    class ReadOnly(property):
        """A property that PyTorch's C class has: its complaint about a write names that class."""

        def __set__(self, instance: Any, value: Any) -> None:
            raise AttributeError(f"{self!r} is not writable".replace("<", "").replace(">", ""))

        def __repr__(self) -> str:
            name = next(name for name, found in vars(Tensor).items() if found is self)
            return f"<attribute '{name}' of 'torch._C.TensorBase' objects>"

        def __delete__(self, instance: Any) -> None:
            self.__set__(instance, None)


class TensorType(type):
    """The class of Tensor: finds operators as methods on the class itself (`torch.Tensor.exp`)."""

    def __getattr__(cls, name: str) -> Any:
        return missing_attribute(name, None)

    def __dir__(cls) -> list[str]:
        return sorted({*type.__dir__(cls), *method_names()})


class Tensor(metaclass=TensorType):
    """A multi-dimensional array of one dtype that shares storage with its views and can be differentiated."""

    __module__ = "torch"

    geometry: Geometry
    _dtype: dtype
    _array: Any = None
    _storage: Storage | None = None
    _generation = 0
    _counter: Version | None = None
    lazy = 0
    wrapped = False
    """Whether it stands for a Python number, which counts less in promotion than a tensor."""
    inference = False
    _uncounted: bool | None = None
    """Whether it has no version counter, where that is not as `inference` says: `.data = ` leaves a handle what it had."""
    _unguarded = False
    """Of an inference tensor: whether PyTorch forgets to refuse writes outside inference mode (detach and data, taken there)."""

    node: Any = None
    """The recorded grad_fn; of a view, the one last made (see `grad_fn`)."""
    output_nr = 0
    leaf_requires_grad = False
    grad: "Tensor | None"
    _grad: "Tensor | None" = None
    _grad_dtype: Any = None
    """Of a leaf whose `grad_dtype` was set: that dtype, or `accumulate.ANY`."""
    view_of: Any = None
    """How it views another tensor (autograd.views.View), or None."""
    accumulator: Any = None
    hooks: Any = None
    """The hooks registered on it as it is now, by their handles' ids; None before the first."""
    _post_accumulate_grad_hooks: Any = None
    """The same of those that run after a gradient was accumulated into it."""
    retains_grad = False
    levels: tuple[Any, ...] = ()
    """The running transforms of `torch.func` that it belongs to, outermost first."""
    _tangents: dict[Any, Any] | None = None
    """The tangents that it was given or that were computed with it, by level (autograd.tangents), or None."""
    batch: Any = None
    """Of what batch it is one example (batch.layer.Batch), or None."""

    def __hash__(self) -> int:
        return id(self)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        overrides.adopt(cls, Tensor)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What a function does with instances of a subclass: what it does with tensors, and its results are of the subclass."""
        return overrides.of_tensor(cls, func, types, args, kwargs)

    as_subclass = overrides.as_subclass
    _make_subclass = staticmethod(overrides.make_subclass)

    __add__: Callable[..., Any]

    # ---- memory

    @property
    def memory(self) -> Storage:
        """The storage. A result has none until somebody asks for it."""
        found = self._storage
        if found is None:
            found = self._storage = Storage(self._array)
        return found

    @property
    def array(self) -> Any:
        """The ndarray over the storage's bytes, bits of `lazy` not applied. Never escapes to a user."""
        storage = self._storage
        if storage is None:
            return self._array
        if self._array is None or storage.generation != self._generation:
            self._array = storage.window(self.geometry, self.dtype)
            self._generation = storage.generation
        return self._array

    @property
    def values(self) -> Any:
        """The array with conjugation and negation applied: what a kernel reads."""
        array = self.array
        if self.lazy & CONJ:
            array = applied(np.conjugate, array)
        return negated(array, self._dtype) if self.lazy & NEG else array

    @property
    def uncounted(self) -> bool:
        """Whether its writes are not counted: it is an inference tensor, or was one."""
        return self.inference if self._uncounted is None else self._uncounted

    def become_inference(self, origin: "Tensor", unguarded: bool) -> None:
        """Become an inference tensor, as a new handle on the bytes of `origin`.

        `unguarded`: PyTorch forgets to refuse writes outside inference mode. They are counted anew where those of the origin
        are.
        """
        self.inference = True
        self._unguarded = unguarded
        if unguarded and not origin.uncounted:
            self._uncounted = False

    @property
    def counter(self) -> Version:
        """The version counter. Errors: RuntimeError for inference tensors, which have none."""
        if self.uncounted:
            raise RuntimeError(messages.INFERENCE_VERSION)
        found = self._counter
        if found is None:
            found = self._counter = Version()
        return found

    @ReadOnly
    def _version(self) -> int:
        counter = self.counter
        # What stands for a batch, and is differentiated by nobody inside, counts nothing of its own.
        return 0 if self.batch is not None and not self.levels else counter.count

    def bump(self) -> None:
        """Count an in-place write. Errors: RuntimeError for an inference tensor outside inference mode (PyTorch finds out
        here, when the bytes are already written)."""
        if not self.uncounted:
            self.counter.count += 1
        elif not modes.mode.inference and not self._unguarded:
            raise RuntimeError(messages.INFERENCE_IN_PLACE)

    def replace_memory(
        self, storage: Storage, geometry: Geometry, kind: "dtypes.dtype | None" = None
    ) -> None:
        """Move this handle to other memory; other handles on the old memory stay there."""
        self._storage = storage
        self.geometry = geometry
        if kind is not None:
            self._dtype = kind
        self._array = None

    # ---- shape and kind

    dtype: dtype = ReadOnly(attrgetter("_dtype"))  # type: ignore[assignment]

    @ReadOnly
    def shape(self) -> Any:
        return tuple.__new__(Size, self.geometry.sizes)

    @ReadOnly
    def ndim(self) -> int:
        return len(self.geometry.sizes)

    @ReadOnly
    def device(self) -> Device:
        return CPU if self._storage is None else self._storage.device

    @ReadOnly
    def is_meta(self) -> bool:
        return self.device is META

    @ReadOnly
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @ReadOnly
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"

    @ReadOnly
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @ReadOnly
    def nbytes(self) -> int:
        return self.dtype.itemsize * self.geometry.numel

    # ---- autograd

    @property
    def requires_grad(self) -> bool:
        return (
            self.leaf_requires_grad
            or self.node is not None
            or (self.view_of is not None and self.view_of.base.requires_grad)
        )

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if self.node is not None:
            raise RuntimeError(
                messages.NON_LEAF_FLAG if value else messages.NON_LEAF_FLAG + messages.NON_LEAF_DETACH
            )
        if value and self.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_FLAG)
        self.set_requires_grad(value)

    @requires_grad.deleter
    def requires_grad(self) -> None:
        raise RuntimeError("requires_grad must be a bool")

    def set_requires_grad(self, value: bool) -> None:
        """Set the leaf's flag. Errors: RuntimeError for an inference tensor outside inference mode."""
        if value and self.inference and not modes.mode.inference:
            raise RuntimeError(messages.INFERENCE_REQUIRES_GRAD)
        self.leaf_requires_grad = value

    @ReadOnly
    def is_leaf(self) -> bool:
        return self.node is None if self.view_of is None else self.view_of.grad_fn(self) is None

    @ReadOnly
    def grad_fn(self) -> Any:
        return self.node if self.view_of is None else self.view_of.grad_fn(self)

    def _is_view(self) -> bool:
        return self.view_of is not None

    @ReadOnly
    def _base(self) -> "Tensor | None":
        return None if self.view_of is None else self.view_of.base

    # ---- everything else is an operator

    def __getattr__(self, name: str) -> Any:
        return missing_attribute(name, self)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *dir(type(self))})


class Size(Native, tuple[int, ...]):
    """`torch.Size`: a tuple of sizes."""

    __slots__ = ()
    __module__ = "torch"

    def __new__(cls, *sizes: Any, **keywords: Any) -> "Size":
        found = []
        for i, size in enumerate(tuple(*sizes, **keywords)):  # whose complaints are PyTorch's too
            try:
                found.append(index(size))
            except TypeError:
                raise TypeError(
                    f"torch.Size() takes an iterable of 'int' (item {i} is '{type_name(type(size))}')"
                ) from None
        return tuple.__new__(cls, found)

    def __reduce__(self) -> Any:
        return _size, (tuple(self),)

    def numel(self) -> int:
        result = 1
        for size in self:
            result *= size
        return result

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> "Size":
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type_name(type(other))}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> "Size":
        return Size(tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, other: Any) -> "Size":
        return Size(tuple.__mul__(self, other))

    __rmul__ = __mul__


def _size(sizes: tuple[int, ...]) -> Size:
    """A Size from a pickle, which knows no module called torch."""
    return Size(sizes)


_new = object.__new__


def fresh_tensor(array: Any, geometry: Geometry, kind: dtype) -> Tensor:
    """A tensor that owns `array`, whose memory has `geometry` (offset 0)."""
    tensor = _new(Tensor)
    tensor._array = array
    tensor.geometry = geometry
    tensor._dtype = kind
    return tensor


overrides.Tensor = Tensor
overrides.PLAIN.add(Tensor)


def stored_tensor(storage: Storage, geometry: Geometry, kind: dtype, lazy: int = 0) -> Tensor:
    """A tensor over a storage that is already there, with a version counter of its own."""
    tensor = _new(Tensor)
    tensor._storage = storage
    tensor.geometry = geometry
    tensor._dtype = kind
    tensor._generation = storage.generation
    if lazy:
        tensor.lazy = lazy
    return tensor


def negated(array: Any, kind: dtype) -> Any:
    """The values of a tensor that is read negated. Errors: NotImplementedError for values of bool."""
    if kind is dtypes.bool_ and array.size:
        raise messages.not_implemented("neg_cpu", "Bool")
    return applied(np.negative, array)


def alias(tensor: Tensor) -> Tensor:
    """Another handle on the same storage, geometry and version counter, without autograd history (detach's core)."""
    twin = stored_tensor(tensor.memory, tensor.geometry, tensor.dtype, tensor.lazy)
    if tensor.inference:
        twin.become_inference(tensor, unguarded=not modes.mode.inference)
    elif tensor._uncounted:
        twin._uncounted = True
    else:
        twin._counter = tensor.counter
    twin._array = tensor._array
    twin._generation = tensor._generation
    if tensor.batch is not None:
        twin.batch = tensor.batch
    return twin


def wrapped_number(value: Any) -> Tensor:
    """A Python number as the zero-dimensional tensor that PyTorch makes of it, which counts less in promotion."""
    kind = dtypes.of_operand(value)
    if kind is dtypes.default.floating:
        kind = dtypes.float64
    elif kind.is_complex:
        kind = dtypes.complex128
    tensor = fresh_tensor(np.asarray(value, kind.np), contiguous(()), kind)
    tensor.wrapped = True
    return tensor
