"""Fills: every element of a tensor, or of its diagonal, set to one value."""

from tensorcli.engine import allocation, conversion, effects, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.recording import make_node, wants_grad
from tensorcli.engine.conversion import filling
from tensorcli.engine.declare import composite, op
from tensorcli.engine.devices import CPU, META
from tensorcli.engine.ops._shared import zeros
from tensorcli.engine.ops.copy import moved
from tensorcli.engine.tensor import Tensor


def _fill_effect(declared, values):
    """Set every element: like other writes, but an expanded tensor may be filled with a number."""
    target, value = values
    requires = wants_grad(declared, values)
    views.check_in_place(target, requires)
    if isinstance(value, Tensor):
        _check_fill(value)
        effects.check_overlap(target, ())
    if isinstance(value, Tensor) and value.device is not META:
        _check_fill_device(target, value)
        if target.geometry.numel:
            messages.warn_discards(value.dtype, target.dtype)
        number = conversion.cast(moved(value, target.device), target.dtype)
    else:
        number = value
    if not isinstance(value, Tensor):
        number = filling(number, target.dtype, target.geometry.numel)
    node = make_node(declared, values) if requires else None
    effects.store(declared, target, values, number)
    if node is not None:
        views.rebase_history(target, node)
    return target


def _check_fill_device(target, value):
    if value.device is not CPU and value.device is not target.device:
        raise messages.different_devices(value.device, target.device)


def _check_fill(value):
    if value.geometry.sizes:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )


@op("fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)", effect=_fill_effect, node=2, self=zeros)
def fill_scalar_(xp, self, value):
    """Set all elements to one value."""


@op(
    "fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)",
    effect=_fill_effect,
    node=3,
    self=zeros,
    value=lambda grad: grad.sum(),
)
def fill_tensor_(xp, self, value):
    """Set all elements to the one element of value."""


@composite(
    "fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)", variants="method"
)
def fill_diagonal_(self, fill_value, wrap):
    """Set the elements whose indices are all equal; wrap=True begins anew below a square of a tall matrix."""
    sizes, strides = self.geometry.sizes, self.geometry.strides
    if len(sizes) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step, count, start = sum(strides), min(sizes), self.storage_offset()
    self.as_strided((count,), (step,), start).fill_(fill_value)
    height, width = sizes[0], sizes[1]
    if wrap and len(sizes) == 2 and height > width + 1:
        rest = (height * width + width) // (width + 1) - count
        self.as_strided((rest,), (step,), start + strides[0] * (width + 1)).fill_(fill_value)
    return self


def _fill_copy_effect(declared, values):
    """A filled copy: the sizes, dtype and format of self."""
    source, value = values
    if isinstance(value, Tensor):
        _check_fill(value)
        value = value.item()
    result = allocation.empty(
        source.geometry.sizes, geometry.preserved_strides(source.geometry), source.dtype, source.device
    )
    if result.device is not META:
        result.array[...] = effects.as_array(
            filling(value, source.dtype, source.geometry.numel), result.device
        )
    return effects.recorded(declared, values, result)


@op(
    "fill.Scalar(Tensor self, Scalar value) -> Tensor",
    effect=_fill_copy_effect,
    variants="function",
    out=False,
    self=zeros,
)
def fill_scalar(xp, self, value):
    """One value everywhere, in the sizes and dtype of self."""


@op(
    "fill.Tensor(Tensor self, Tensor value) -> Tensor",
    effect=_fill_copy_effect,
    node=1,
    variants="function",
    out=False,
    self=zeros,
    value=lambda grad: grad.sum(),
)
def fill_tensor(xp, self, value):
    """The one element of value everywhere, in the sizes and dtype of self."""


def _zero_effect(declared, values):
    return _fill_effect(declared, (values[0], 0))


@op("zero_(Tensor(a!) self) -> Tensor(a!)", effect=_zero_effect, self=zeros)
def zero_(xp, self):
    """Set all elements to zero."""
