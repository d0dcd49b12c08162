"""Units of straight pieces: hardtanh, hardswish, shrinkage."""

import numpy as np

from tensorcli.engine.autograd.modes import pushing
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import BOOL, FLOAT_BOUNDS, PROMOTE, REDUCED
from tensorcli.engine.ops import _registers
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import zero, zeros
from tensorcli.engine.ops.activation import floats_only
from tensorcli.engine.ops.limits import limited


def _hard_limits(self, min_val, max_val):
    if self.dtype.category == BOOL:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if self.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    if self.dtype.name == "uint8" and (min_val <= -1 or max_val <= -1):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")


@op(
    "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace=True,
    check=_hard_limits,
    self=lambda grad, self, min_val, max_val: functions.hardtanh_backward(grad, self, min_val, max_val),
)
def hardtanh(xp, self, min_val, max_val):
    """Move the elements outside [min_val, max_val] to its ends."""
    new = self.dtype.type
    return limited(xp, xp.minimum, limited(xp, xp.maximum, self, new(min_val)), new(max_val))


@op(
    "hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, min_val, max_val: functions.hardtanh_backward(
        grad, self, min_val, max_val
    ),
    self=zeros,
)
def hardtanh_backward(xp, grad_output, self, min_val, max_val):
    """The gradient of hardtanh: it passes between the limits."""
    new = self.dtype.type
    return xp.where((self <= new(min_val)) | (self >= new(max_val)), new(0), grad_output)


@composite("relu6(Tensor self) -> Tensor", namespace="nn")
def relu6(self):
    """Move the elements outside [0, 6] to its ends."""
    return functions.hardtanh(self, 0, 6)


@composite("relu6_(Tensor(a!) self) -> Tensor(a!)", namespace="nn")
def relu6_in_place(self):
    """Move the elements outside [0, 6] to its ends, in place."""
    return functions.hardtanh_(self, 0, 6)


@op(
    "hardsigmoid(Tensor self) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace=True,
    self=lambda grad, self: _hardsigmoid_backward(grad, self),
)
def hardsigmoid(xp, self):
    """x / 6 + 1 / 2, cut off at 0 and 1."""
    floats_only("hardsigmoid_cpu", self)
    new = self.dtype.type
    return xp.minimum(xp.maximum(self + new(3), new(0)), new(6)) / new(6)


def _hardsigmoid_backward(grad, self):
    """PyTorch does not differentiate this gradient; what a tangent is pushed through is made of what is."""
    if pushing:
        return functions.where((self > -3) & (self < 3), grad * (1 / 6), 0)
    return functions.hardsigmoid_backward(grad, self)


@op("hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn")
def hardsigmoid_backward(xp, grad_output, self):
    """The gradient of hardsigmoid."""
    new = self.dtype.type
    return xp.where((self > -3) & (self < 3), grad_output * new(1 / 6), new(0))


@op(
    "hardswish(Tensor self) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace=True,
    self=lambda grad, self: functions.hardswish_backward(grad, self),
)
def hardswish(xp, self):
    """Each element times its hardsigmoid."""
    floats_only("hardswish_cpu", self)
    new = self.dtype.type
    return self * xp.minimum(xp.maximum(self + new(3), new(0)), new(6)) / new(6)


@op(
    "hardswish_backward(Tensor grad_output, Tensor self) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self: functions.hardswish_backward(grad, self),
    self=lambda grad, grad_output, self: functions.where(
        functions.logical_and(self > -3.0, self < 3.0), grad * grad_output / 3.0, zero(self)
    ),
)
def hardswish_backward(xp, grad_output, self):
    """The gradient of hardswish."""
    new = self.dtype.type
    inner = grad_output * (self / new(3) + new(0.5))
    return xp.where(self <= -3, new(0), xp.where(self < 3, inner, grad_output))


@op(
    "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
    dtype=PROMOTE,
    self=lambda grad, self, lambd: functions.hardshrink_backward(grad, self, lambd),
)
def hardshrink(xp, self, lambd):
    """Each element, and 0 within lambd of 0."""
    floats_only("hardshrink_cpu", self)
    limit = self.dtype.type(lambd)
    return xp.where((self >= -limit) & (self <= limit), self.dtype.type(0), self)


@op(
    "hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor",
    dtype=PROMOTE,
    grad_out=lambda grad, self, lambd: functions.hardshrink_backward(grad, self, lambd),
    self=zeros,
)
def hardshrink_backward(xp, grad_out, self, lambd):
    """The gradient of hardshrink and softshrink: it passes outside lambd."""
    limit = self.dtype.type(lambd)
    return xp.where((self >= -limit) & (self <= limit), self.dtype.type(0), grad_out)


def _check_lambda(self, lambd):
    """Errors: RuntimeError for a number that the dtype does not hold."""
    largest = FLOAT_BOUNDS.get(self.dtype.name)
    if largest is not None and not 0 <= lambd <= largest:
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype {self.dtype.scalar_type}, but found {lambd:g}"
        )


@op(
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
    dtype=PROMOTE,
    stepwise=REDUCED,
    namespace="nn",
    check=_check_lambda,
    self=lambda grad, self, lambd: functions.softshrink_backward(grad, self, lambd),
)
def softshrink(xp, self, lambd):
    """Move each element by lambd towards 0."""
    floats_only("softshrink_check", self)

    def towards_zero(x, is_register):
        own, (x,) = x.dtype, widened(x)
        limit = x.dtype.type(lambd)
        inside = xp.where(xp.isnan(x), x, 0) if is_register else x * 0  # Registers hold zeros without signs.
        moved = xp.where(x > limit, x - limit, xp.where(x < -limit, x + limit, inside))
        return moved.astype(own)

    return (
        _registers.by_place(towards_zero, self) if isinstance(self, np.ndarray) else towards_zero(self, False)
    )


op(
    "softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, lambd: functions.softshrink_backward(grad, self, lambd),
    self=zeros,
)(hardshrink_backward)
