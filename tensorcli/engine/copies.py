"""Copies and pickles of tensors: `copy.copy`, `copy.deepcopy`, `__reduce_ex__`, and what makes a tensor of a pickle again."""

from inspect import get_annotations
from typing import Any

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.construct.sharing import laid, laid_over
from tensorcli.engine.devices import META
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.storage import Storage, allocate
from tensorcli.engine.tensor import Tensor, stored_tensor


def own_names(self: Tensor) -> dict[str, Any]:
    """The attributes that the user has set on a tensor."""
    return {name: value for name, value in self.__dict__.items() if not is_own(name)}


def is_own(name: str) -> bool:
    """Whether an attribute of this name is the tensor's and not the user's."""
    return name in _STATE


_STATE = frozenset(name for kind in Tensor.__mro__ for name in (*vars(kind), *get_annotations(kind)))


def deepcopy(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    """`copy.deepcopy` of a leaf: new storage, shared among the copies of what shared it. Errors: RuntimeError."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If "
            "you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    copied = _deep(self, memo)
    if self.requires_grad:
        copied.requires_grad_()
    if self._grad is not None:
        copied._grad = deepcopy(self._grad, memo)
    memo[id(self)] = copied
    own = own_names(self)
    if own:
        from copy import deepcopy as deep

        copied.__dict__.update(deep(own, memo))
    if events.observer is not None:
        events.observer.made(copied, "deepcopy", (self,))
    return copied


def _deep(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    if self.device is META:
        found: Tensor = self.detach().clone()
        return found
    storages = memo.setdefault("torch", {})
    known = storages.get(id(self.memory))
    if known is None:
        own = self.memory
        # The original is kept beside its copy, so that its id stays its own.
        known = storages[id(own)] = (own, Storage(own.bytes.copy(), own.device))
    copied = laid(known[1], self.geometry, self.dtype, self.lazy)
    if self.lazy:
        resolved: Tensor = copied.resolve_conj().resolve_neg()
        return resolved
    return copied


def warn_of_hooks(self: Tensor) -> None:
    """Say which hooks a pickle, or a copy made by the same way, leaves behind."""
    from tensorcli.engine.autograd.hooks import unserializable

    for hook in (self.hooks or {}).values():
        if hook in unserializable:
            continue
        messages.warn(
            f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function with "
            "@torch.utils.hooks.unserializable_hook to suppress this warning"
        )


def reduce_ex(self: Tensor, protocol: Any) -> Any:
    """`copy.copy` and pickle: the storage, and how this tensor lies over it; history and gradient stay behind."""
    from tensorcli.engine.typed_storages import typed_storage
    from tensorcli.engine.untyped_storages import wrap

    warn_of_hooks(self)
    shape = self.geometry
    if self.device is META:
        described = (self.dtype.name, shape.sizes, shape.strides, self.requires_grad)
        return (rebuild_meta, described, own_names(self) or None)
    arguments = (
        wrap(self.memory) if self.dtype.np.char in dtypes.WIDE_UNSIGNED else typed_storage(self),
        self.dtype.name,
        shape.offset,
        shape.sizes,
        shape.strides,
        self.requires_grad,
        self.lazy,
    )
    return (rebuild, arguments, own_names(self) or None)


def rebuild(
    storage: Any, kind: str, offset: int, sizes: Any, strides: Any, requires_grad: bool, lazy: int
) -> Tensor:
    """A tensor over a storage, as `reduce_ex` described it.

    Errors: AttributeError for unsigned integers of more than a byte, which have no kind of typed storage: PyTorch 2.13 looks
    for one where they are.
    """
    found: dtype = dtypes.DTYPES[kind]
    if found.np.char in dtypes.WIDE_UNSIGNED:
        raise AttributeError("'torch.storage.UntypedStorage' object has no attribute '_untyped_storage'")
    shape = Geometry(tuple(sizes), tuple(strides), offset)
    return laid_over(storage.engine_storage, shape, found, requires_grad, lazy)


def rebuild_meta(kind: str, sizes: Any, strides: Any, requires_grad: bool) -> Tensor:
    """A tensor on the meta device, with memory of its own."""
    shape = Geometry(tuple(sizes), tuple(strides))
    found: dtype = dtypes.DTYPES[kind]
    made = stored_tensor(allocate(shape.span * found.itemsize, META), shape, found)
    made.inference = mode.inference
    made.leaf_requires_grad = requires_grad
    return made
