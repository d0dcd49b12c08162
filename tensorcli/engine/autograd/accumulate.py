"""AccumulateGrad: the end of the graph, where a leaf's `.grad` is made or added to."""

import weakref
from typing import Any, ClassVar

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.allocation import empty
from tensorcli.engine.autograd import edges
from tensorcli.engine.autograd.hooks import lend
from tensorcli.engine.autograd.modes import mode, passes
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor, alias

ANY = "any"
"""The `grad_dtype` of a leaf whose gradient may have any dtype."""


class AccumulateGrad(Node):
    """Adds what arrives to `variable.grad`. It runs before any other node that is ready, as in PyTorch."""

    __module__ = "builtins"

    title: ClassVar[str] = "torch::autograd::AccumulateGrad"

    edges = ()
    saved: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    sequence = 2**64 - 1

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable
        self.outputs = ((variable.geometry, _wanted(variable), variable.device),)
        if variable.hooks is not None or variable._post_accumulate_grad_hooks is not None:
            lend(variable, self)

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        """What calling the node does: accumulate."""
        if grads[0] is not None:
            self.accumulate(grads[0], False)
        return []

    def accumulate(self, gradient: Tensor, owned: bool) -> None:
        """Store or add `gradient`, if the leaf still asks for one.

        `owned`: nobody else holds the tensor, so it may become `.grad` itself. Errors: RuntimeError for a leaf that a write
        made a result since.
        """
        variable = self.variable
        if variable.node is not None:
            raise RuntimeError("leaf variable has been moved into the graph interior")
        if not variable.leaf_requires_grad:
            return
        present = variable._grad
        if present is None:
            kind = "new"
            if not mode.enabled and owned and (not passes.grad_layout or _obeys_layout(gradient, variable)):
                kept = alias(gradient)
            else:
                kept = _copy_in_layout(gradient, variable)
        else:
            if not mode.enabled:
                kept = present.add_(gradient)
                kind = "in place"
            else:
                kept = present + gradient
                kind = "replaced"
            if passes.grad_layout and not _obeys_layout(kept, variable):
                messages.warn(
                    messages.grad_layout(kept.geometry, variable.geometry), once=f"grad layout, {kind}"
                )
        variable._grad = kept
        if events.observer is not None:
            events.observer.accumulated(variable, kept, kind)

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


def _make(variable: Tensor) -> AccumulateGrad:
    """The AccumulateGrad of a leaf: one at a time, alive while a graph holds it."""
    made = AccumulateGrad(variable)
    variable.accumulator = weakref.ref(made)
    return made


edges.make_accumulator = _make


def _obeys_layout(gradient: Tensor, variable: Tensor) -> bool:
    """Whether the gradient's strides are the ones `.grad` should have: the leaf's when dense, else row-major.

    (torch/csrc/autograd/utils/grad_layout_contract.h)
    """
    own = variable.geometry
    if geometry.is_non_overlapping_and_dense(own.sizes, own.strides):
        return all(
            found != 0 if size == 1 else found == wanted
            # A leaf that got more dimensions since is asked for the first strides only.
            for size, wanted, found in zip(
                gradient.geometry.sizes, own.strides, gradient.geometry.strides, strict=False
            )
        )
    return gradient.geometry.contiguous


def _copy_in_layout(gradient: Tensor, variable: Tensor) -> Tensor:
    own = variable.geometry
    if geometry.is_non_overlapping_and_dense(own.sizes, own.strides):
        copied: Tensor = empty(own.sizes, own.strides, gradient.dtype, variable.device)
        copied.inference = mode.inference
        copied.copy_(gradient)
    else:
        copied = gradient.clone(memory_format=contiguous_format)
    return copied


def grad_dtype(tensor: Tensor) -> Any:
    """The dtype that a leaf's gradient has, None where it may be any. Errors: RuntimeError for another tensor."""
    if not tensor.is_leaf:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    return _wanted(tensor)


def _wanted(leaf: Tensor) -> Any:
    """The dtype of a leaf's gradient; None where it may be any."""
    own = leaf._grad_dtype
    return None if own is ANY else own or leaf.dtype


def set_grad_dtype(tensor: Tensor, wanted: Any) -> None:
    """`tensor.grad_dtype = wanted`.

    Errors: RuntimeError for what is not a dtype, for what is not a leaf, and where a gradient of another dtype is there.
    """
    if wanted is not None and not isinstance(wanted, dtypes.dtype):
        raise RuntimeError(f"grad_dtype must be a torch.dtype or None, but got {type_name(type(wanted))}")
    present = tensor.grad
    if not tensor.is_leaf:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if wanted is not None and present is not None and present.dtype is not wanted:
        raise RuntimeError(
            f"Cannot set grad_dtype to '{wanted.scalar_type}' because there is already a gradient with dtype "
            f"'{present.dtype.cpp_name}'. Please clear the gradient (.grad = None) before changing grad_dtype, or ensure "
            "the new grad_dtype matches the existing gradient's dtype."
        )
    tensor._grad_dtype = ANY if wanted is None else wanted
    accumulator = None if tensor.accumulator is None else tensor.accumulator()
    if accumulator is not None:
        accumulator.outputs = ((tensor.geometry, wanted, tensor.device),)


def check_assigned_grad(tensor: Tensor, gradient: Any) -> None:
    """The checks of `tensor.grad = gradient`. Errors: TypeError, RuntimeError with PyTorch's texts."""
    if gradient is None:
        return
    if not isinstance(gradient, Tensor):
        raise TypeError(
            f"assigned grad expected to be a Tensor or None but got grad of type {type_name(type(gradient))}"
        )
    if gradient is tensor:
        raise RuntimeError("can't assign Variable as its own grad")
    wanted = _wanted(tensor)
    if wanted is not None and gradient.dtype is not wanted:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{gradient.dtype.cpp_name}' to a tensor with grad_dtype "
            f"'{wanted.scalar_type}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
            "dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set "
            "grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that "
            "assume they match."
        )
    if gradient.device.type != tensor.device.type:
        raise RuntimeError(
            f"attempting to assign a gradient with device type '{gradient.device.type}' to a tensor with device type "
            f"'{tensor.device.type}'. Please ensure that the gradient and the tensor are on the same device"
        )
    if gradient.device is not tensor.device:
        raise RuntimeError(
            f"attempting to assign a gradient located on device with index '{gradient.device.index}' to a tensor "
            f"located on device with index '{tensor.device.index}'. Please ensure that the gradient and the tensor are on "
            "the same device"
        )
    if gradient.geometry.sizes != tensor.geometry.sizes:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{messages.numbers(gradient.geometry.sizes)}' to a tensor of size "
            f"'{messages.numbers(tensor.geometry.sizes)}'. Please ensure that the gradient and the tensor are the same size"
        )
