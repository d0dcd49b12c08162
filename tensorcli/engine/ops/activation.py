"""Sigmoid, exponential units and gates."""

import math

import numpy as np

from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import INT_TO_FLOAT, PROMOTE, REDUCED, float16
from tensorcli.engine.effects import Laid
from tensorcli.engine.fused import fused
from tensorcli.engine.geometry import elementwise_strides
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._dimensions import refuse, wrap
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import own_geometry, zero


def floats_only(name, array):
    """Errors: NotImplementedError where the dtype is not real and floating."""
    refuse(array, name, "biuc")


# ---- sigmoid and tanh


@op(
    "sigmoid(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: functions.sigmoid_backward(grad, result),
)
def sigmoid(xp, self):
    """1 / (1 + exp(-x)): a number between 0 and 1."""
    return _arithmetic.sigmoid(self)


@op(
    "sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor",
    stepwise=(float16,),
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, output: functions.sigmoid_backward(grad, output.conj()),
    output=lambda grad, grad_output, output: grad.conj() * grad_output * (-2 * output.conj() + 1),
)
def sigmoid_backward(xp, grad_output, output):
    """The gradient of sigmoid."""
    if output.dtype.kind == "c":
        return grad_output * xp.conj((1 - output) * output)
    return grad_output * (1 - output) * output


@op(
    "tanh_backward(Tensor grad_output, Tensor output) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, output: functions.tanh_backward(grad, output.conj()),
    output=lambda grad, grad_output, output: grad.conj() * (-2 * output.conj() * grad_output),
)
def tanh_backward(xp, grad_output, output):
    """The gradient of tanh."""
    if _registers.is_small_single(xp, output):
        return grad_output * fused(-output, output, np.float32(1))
    return grad_output * xp.conj(1 - output * output)


@op(
    "logit(Tensor self, float? eps=None) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self, eps: _logit_gradient(grad, self, eps),
)
def logit(xp, self, eps):
    """The logarithm of the odds x / (1 - x), with x moved into [eps, 1 - eps] where eps is given."""
    floats_only("logit_cpu", self)
    if eps is not None:
        low, high = self.dtype.type(eps), self.dtype.type(1 - eps)
        self = xp.where(self < low, low, xp.where(self > high, high, self))
    return _arithmetic.widely(xp.log, self / (1 - self))


def _logit_gradient(grad, self, eps):
    if not mode.enabled:
        return functions.logit_backward(grad, self, eps)
    if eps is None:
        return functions.where(
            functions.logical_and(self >= 0.0, self <= 1.0),
            grad / (self * (1.0 - self)),
            grad.new_zeros(()) * math.nan,
        )
    inside = functions.logical_and(self >= eps, self <= 1.0 - eps)
    return functions.where(inside, grad / (self * (1.0 - self)), zero(grad))


@op(
    "logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor",
    stepwise=REDUCED,
    dtype=PROMOTE,
    namespace="nn",
)
def logit_backward(xp, grad_output, self, eps):
    """The gradient of logit."""
    low, high = (0.0, 1.0) if eps is None else (eps, 1.0 - eps)
    outside = (self < low) | (self > high)
    return xp.where(
        outside, self.dtype.type(math.nan if eps is None else 0), grad_output / (self * (1 - self))
    )


# ---- exponential units


@op(
    "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace={
        "node": 1,
        "self": lambda grad, alpha, scale, input_scale, result: functions.elu_backward(
            grad, alpha, scale, input_scale, True, result
        ),
    },
    self=lambda grad, alpha, scale, input_scale, self: functions.elu_backward(
        grad, alpha, scale, input_scale, False, self
    ),
)
def elu(xp, self, alpha, scale, input_scale):
    """Each element, and alpha (exp(x) - 1) where it is negative."""
    floats_only("elu_cpu", self)
    new = self.dtype.type
    scaled = self * new(input_scale)
    if _registers.is_small_single(xp, scaled):
        below = _registers.steps(scaled, lambda x: _arithmetic.widely(np.expm1, x), np.expm1)
    else:
        below = xp.expm1(scaled)
    return xp.where(self < 0, below * new(alpha * scale), self * new(scale))


def _elu_second(grad, grad_output, alpha, scale, input_scale, is_result, self_or_result):
    if is_result:
        return grad * grad_output * input_scale * (self_or_result < 0).to(grad.dtype)
    bend = functions.elu_backward(
        grad * grad_output * input_scale, alpha, scale, input_scale, is_result, self_or_result
    )
    return bend * (self_or_result < 0).to(grad.dtype)


@op(
    "elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, "
    "Tensor self_or_result) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, alpha, scale, input_scale, is_result, self_or_result: functions.elu_backward(
        grad, alpha, scale, input_scale, is_result, self_or_result
    ),
    self_or_result=_elu_second,
)
def elu_backward(xp, grad_output, alpha, scale, input_scale, is_result, self_or_result):
    """The gradient of elu, from its input or its result."""
    if is_result and alpha < 0:
        raise RuntimeError(
            "In-place elu backward calculation is triggered with a negative slope which is not supported. This is caused "
            "by calling in-place forward function with a negative slope, please call out-of-place version instead."
        )
    new = self_or_result.dtype.type
    if is_result:
        slope = new(input_scale) * (self_or_result + new(alpha * scale))
    else:
        slope = new(alpha * scale * input_scale) * _arithmetic.widely(
            xp.exp, self_or_result * new(input_scale)
        )
    return grad_output * xp.where(self_or_result <= 0, slope, new(scale))


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite("selu(Tensor self) -> Tensor", variants="function")
def selu(self):
    """The scaled exponential linear unit."""
    return functions.elu(self, _SELU_ALPHA, _SELU_SCALE)


@composite("selu_(Tensor(a!) self) -> Tensor(a!)", variants="function")
def selu_in_place(self):
    """The scaled exponential linear unit, in place."""
    return functions.elu_(self, _SELU_ALPHA, _SELU_SCALE)


@op(
    "celu(Tensor self, Scalar alpha=1.0) -> Tensor",
    dtype=PROMOTE,
    variants="function",
    out=False,
    inplace={
        "node": 1,
        "self": lambda grad, alpha, result: functions.elu_backward(grad, alpha, 1, 1.0 / alpha, True, result),
    },
    self=lambda grad, alpha, self: functions.elu_backward(grad, alpha, 1, 1.0 / alpha, False, self),
)
def celu(xp, self, alpha):
    """Each element, and alpha (exp(x / alpha) - 1) where it is negative."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return elu(xp, self, alpha, 1, 1.0 / alpha)


# ---- gates


def _halves(array, dim):
    """The two halves along a dimension. Errors: RuntimeError where it is odd."""
    if array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    at = wrap(dim, array.ndim)
    if array.shape[at] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {at} is size {array.shape[at]}")
    return np.split(array, 2, at)


@op(
    "glu(Tensor self, int dim=-1) -> Tensor",
    namespace="nn",
    self=lambda grad, self, dim: functions.glu_backward(grad, self, dim),
)
def glu(xp, self, dim):
    """The first half along a dimension times the sigmoid of the second."""
    first, second = _halves(self, dim)
    floats_only("glu_cpu", self)
    halves = [own_geometry(first), own_geometry(second)]
    return Laid(first * _arithmetic.sigmoid(second), elementwise_strides(first.shape, halves))


def _glu_slopes(self, dim):
    first, second = self.chunk(2, dim)
    share = functions.sigmoid(second)
    return first, share, share * (1 - share)


def _glu_second(grad, grad_output, self, dim):
    first, share, slope = _glu_slopes(self, dim)
    to_first, to_second = grad.chunk(2, dim)
    return functions.cat(
        [
            to_second * grad_output * slope,
            (to_first * slope + to_second * first * slope * (1 - 2 * share)) * grad_output,
        ],
        dim,
    )


def _glu_second_output(grad, self, dim):
    first, share, slope = _glu_slopes(self, dim)
    to_first, to_second = grad.chunk(2, dim)
    return to_first * share + to_second * first * slope


@op(
    "glu_backward(Tensor grad_output, Tensor self, int dim) -> Tensor",
    stepwise=REDUCED,
    namespace="nn",
    grad_output=_glu_second_output,
    self=_glu_second,
)
def glu_backward(xp, grad_output, self, dim):
    """The gradient of glu."""
    first, second = _halves(self, dim)
    own = self.dtype
    # PyTorch keeps the sigmoid in the gradient of the first half, rounded.
    share = _arithmetic.sigmoid(*widened(second)).astype(own)
    share, first, grad_output = widened(share, first, grad_output)
    return xp.concatenate(
        [(share * grad_output).astype(own), ((1 - share) * share * first * grad_output).astype(own)], dim
    )
