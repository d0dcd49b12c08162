"""Activation functions and the operators that their gradients are.

Those of PyTorch's `nn` namespace are reached through `torch.nn.functional`.
"""

import math

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import BOOL, INT_TO_FLOAT, PROMOTE
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops import numeric
from tensorcli.engine.ops._shared import behind, zero, zeros


def _floats(name, array):
    """Errors: NotImplementedError where the dtype is not real and floating."""
    if array.dtype.kind != "f":
        raise numeric.refuse(name, array)


# ---- sigmoid and tanh


@op(
    "sigmoid(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, result: functions.sigmoid_backward(grad, result),
)
def sigmoid(xp, self):
    """1 / (1 + exp(-x)): a number between 0 and 1."""
    return numeric.sigmoid(self)


@op(
    "sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, output: functions.sigmoid_backward(grad, output.conj()),
    output=lambda grad, grad_output, output: grad.conj() * grad_output * (-2 * output.conj() + 1),
)
def sigmoid_backward(xp, grad_output, output):
    """The gradient of sigmoid."""
    return grad_output * xp.conj((1 - output) * output)


@op(
    "tanh_backward(Tensor grad_output, Tensor output) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, output: functions.tanh_backward(grad, output.conj()),
    output=lambda grad, grad_output, output: grad.conj() * (-2 * output.conj() * grad_output),
)
def tanh_backward(xp, grad_output, output):
    """The gradient of tanh."""
    return grad_output * xp.conj(1 - output * output)


@op(
    "logit(Tensor self, float? eps=None) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self, eps: _logit_gradient(grad, self, eps),
)
def logit(xp, self, eps):
    """The logarithm of the odds x / (1 - x), with x moved into [eps, 1 - eps] where eps is given."""
    _floats("logit_cpu", self)
    if eps is not None:
        self = xp.clip(self, self.dtype.type(eps), self.dtype.type(1 - eps))
    return numeric.widely(xp.log, self / (1 - self))


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


# ---- the rectified linear unit and its kin


def _relu_dtype(self):
    if self.dtype.category == BOOL:
        raise RuntimeError("Boolean inputs not supported for relu")
    if self.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")


@op(
    "relu(Tensor self) -> Tensor",
    out=False,
    dtype=PROMOTE,
    inplace=True,
    check=_relu_dtype,
    self=lambda grad, result: functions.threshold_backward(grad, result, 0),
)
def relu(xp, self):
    """Each element, or 0 where it is negative."""
    zero = self.dtype.type(0)
    return xp.where(self == zero, self, xp.maximum(self, zero))


def _threshold(xp, self, threshold, value):
    """Each element that is above the threshold, and the value elsewhere."""
    if self.dtype.kind in "bc":
        raise numeric.refuse("threshold_cpu", self)
    return xp.where(self <= self.dtype.type(threshold), self.dtype.type(value), self)


op(
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
    dtype=PROMOTE,
    variants="function",
    inplace={
        "node": 1,
        "self": lambda grad, self, threshold: functions.threshold_backward(grad, self, threshold),
    },
    self=lambda grad, self, threshold: functions.threshold_backward(grad, self, threshold),
)(_threshold)


@op(
    "threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
    dtype=PROMOTE,
    variants="function",
    grad_output=lambda grad, self, threshold: functions.threshold_backward(grad, self, threshold),
    self=zeros,
)
def threshold_backward(xp, grad_output, self, threshold):
    """The gradient of relu and threshold: it passes where self is above the threshold."""
    return xp.where(self <= self.dtype.type(threshold), self.dtype.type(0), grad_output)


@op(
    "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace={
        "node": 1,
        "self": lambda grad, result, negative_slope: functions.leaky_relu_backward(
            grad, result, negative_slope, True
        ),
    },
    self=lambda grad, self, negative_slope: functions.leaky_relu_backward(grad, self, negative_slope, False),
)
def leaky_relu(xp, self, negative_slope):
    """Each element, times a small slope where it is negative."""
    _floats("leaky_relu_cpu", self)
    return xp.where(self > 0, self, self * self.dtype.type(negative_slope))


@op(
    "leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, negative_slope: functions.leaky_relu_backward(
        grad, self, negative_slope, False
    ),
    self=zeros,
)
def leaky_relu_backward(xp, grad_output, self, negative_slope, self_is_result):
    """The gradient of leaky_relu."""
    if self_is_result and negative_slope < 0:
        raise RuntimeError(
            "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. This is "
            "caused by calling in-place forward function with a negative slope, please call out-of-place version instead. "
            "File an issue at https://github.com/pytorch/pytorch if you do require supporting in-place leakRelu backward "
            "calculation with negative slope"
        )
    return xp.where(self > 0, grad_output, grad_output * self.dtype.type(negative_slope))


def _slope_fits(self, weight):
    if self.dtype is not weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {self.dtype.scalar_type} and {weight.dtype.scalar_type}"
        )


@composite("prelu(Tensor self, Tensor weight) -> Tensor")
def prelu(self, weight):
    """Each element, times a learned slope (one, or one a channel) where it is negative."""
    _slope_fits(self, weight)
    if weight.geometry.numel != 1:
        sizes = self.geometry.sizes
        if not sizes:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = sizes[1] if len(sizes) > 1 else 1
        if channels != weight.geometry.numel:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.geometry.numel} "
                f"and channel size = {channels}."
            )
    if len(weight.geometry.sizes) > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(weight.geometry.sizes)}"
        )
    dims = len(self.geometry.sizes)
    if len(weight.geometry.sizes) != dims:
        wide = [1] * dims
        if dims > 1 and weight.geometry.sizes:
            wide[1] = weight.geometry.sizes[0]
        weight = weight.reshape(wide)
    return functions._prelu_kernel(self, weight)


def _prelu_gradient(grad, self, weight):
    return functions._prelu_kernel_backward(grad, self, weight)


@op(
    "_prelu_kernel(Tensor self, Tensor weight) -> Tensor",
    out=False,
    dtype=PROMOTE,
    variants="function",
    self__weight=_prelu_gradient,
)
def prelu_kernel(xp, self, weight):
    """Each element, times the weight where it is negative."""
    _floats("prelu_cpu", self)
    return xp.where(self > 0, self, self * weight)


def _prelu_second(grads, self, weight):
    first, second = grads
    if first is None:
        return functions.where(self >= 0, zero(second), second * self)
    plain = first * weight
    return functions.where(self >= 0, first, plain if second is None else plain + second * self)


@op(
    "_prelu_kernel_backward(Tensor grad_output, Tensor self, Tensor weight) -> (Tensor, Tensor)",
    variants="function",
    out=False,
    grad_output=_prelu_second,
    self=lambda grads, self, grad_output: (
        zeros(self) if grads[1] is None else functions.where(self >= 0, zero(self), grad_output * grads[1])
    ),
    weight=lambda grads, self, grad_output: (
        zeros(self) if grads[0] is None else functions.where(self >= 0, zero(self), grad_output * grads[0])
    ),
)
def prelu_kernel_backward(xp, grad_output, self, weight):
    """The gradients of prelu."""
    nothing = self.dtype.type(0)
    return xp.where(self > 0, grad_output, grad_output * weight), xp.where(
        self > 0, nothing, grad_output * self
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
    _floats("elu_cpu", self)
    new = self.dtype.type
    return xp.where(
        self <= 0, numeric.widely(xp.expm1, self * new(input_scale)) * new(alpha * scale), self * new(scale)
    )


def _elu_second(grad, grad_output, alpha, scale, input_scale, is_result, self_or_result):
    if is_result:
        return grad * grad_output * input_scale * (self_or_result < 0).to(grad.dtype)
    slope = functions.exp(self_or_result * input_scale) * (input_scale * input_scale * alpha * scale)
    return grad * grad_output * slope * (self_or_result < 0).to(grad.dtype)


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
        slope = new(alpha * scale * input_scale) * numeric.widely(xp.exp, self_or_result * new(input_scale))
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


# ---- smooth units


_SQRT_HALF, _SQRT_2_OVER_PI, _KAPPA = math.sqrt(0.5), math.sqrt(2 / math.pi), 0.044715


def _known_approximation(approximate):
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")


@op(
    "gelu(Tensor self, *, str approximate='none') -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    inplace=True,
    self=lambda grad, self, approximate: functions.gelu_backward(grad, self, approximate=approximate),
)
def gelu(xp, self, approximate):
    """Each element times the normal distribution function of it."""
    _known_approximation(approximate)
    _floats("GeluKernelImpl", self)
    if approximate == "tanh":
        return numeric.widely(
            lambda x: 0.5 * x * (1 + xp.tanh(_SQRT_2_OVER_PI * (x + _KAPPA * x * x * x))), self
        )
    return numeric.widely(lambda x: x * 0.5 * (1 + behind(xp).special.erf(x * _SQRT_HALF)), self)


def _gelu_second(grad, grad_output, self, approximate):
    if approximate == "tanh":
        inner = _SQRT_2_OVER_PI * (self + _KAPPA * self * self * self)
        slope = _SQRT_2_OVER_PI * (1 + 3 * _KAPPA * self * self)
        bend = _SQRT_2_OVER_PI * 6 * _KAPPA * self
        t = functions.tanh(inner)
        away = 1 - t * t
        return grad * grad_output * (away * slope + 0.5 * self * (away * bend - 2 * t * away * slope * slope))
    density = functions.exp(-0.5 * self * self) * (0.5 * _SQRT_2_OVER_PI)
    return grad * grad_output * density * (2 - self * self)


@op(
    "gelu_backward(Tensor grad_output, Tensor self, *, str approximate='none') -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, approximate: functions.gelu_backward(grad, self, approximate=approximate),
    self=_gelu_second,
)
def gelu_backward(xp, grad_output, self, approximate):
    """The gradient of gelu."""

    def by_tanh(grad, x):
        t = xp.tanh(_SQRT_2_OVER_PI * (x + _KAPPA * x * x * x))
        slope = _SQRT_2_OVER_PI * (1 + 3 * _KAPPA * x * x)
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)

    def exactly(grad, x):
        return grad * (
            0.5 * (1 + behind(xp).special.erf(x * _SQRT_HALF))
            + x * xp.exp(-0.5 * x * x) * (0.5 * _SQRT_2_OVER_PI)
        )

    _known_approximation(approximate)
    return numeric.widely(by_tanh if approximate == "tanh" else exactly, grad_output, self)


def _silu_gradient(grad, self):
    if not mode.enabled:
        return functions.silu_backward(grad, self)
    share = functions.sigmoid(self)
    return grad * share * (1 + self * (1 - share))


@op("silu(Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn", inplace=True, self=_silu_gradient)
def silu(xp, self):
    """Each element times its sigmoid."""
    if self.dtype.kind in "biu":
        raise numeric.refuse("silu_cpu", self)
    return numeric.widely(lambda x: x / (1 + xp.exp(-x)), self)


@op("silu_backward(Tensor grad_output, Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn")
def silu_backward(xp, grad_output, self):
    """The gradient of silu."""
    share = numeric.sigmoid(self)
    return grad_output * share * (1 + self * (1 - share))


def _softplus(x):
    return np.logaddexp(x, 0)


def _mish_gradient(grad, self):
    if not mode.enabled:
        return functions.mish_backward(grad, self)
    share = functions.sigmoid(self)
    bent = functions.tanh(functions.softplus(self))
    return grad * (bent + self * share * (1 - bent * bent))


@op("mish(Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn", inplace=True, self=_mish_gradient)
def mish(xp, self):
    """Each element times the tanh of its softplus."""
    _floats("mish_cpu", self)
    return numeric.widely(lambda x: x * xp.tanh(_softplus(x)), self)


@op("mish_backward(Tensor grad_output, Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn")
def mish_backward(xp, grad_output, self):
    """The gradient of mish."""

    def slope(grad, x):
        bent = xp.tanh(_softplus(x))
        return grad * (bent + x * (1 / (1 + xp.exp(-x))) * (1 - bent * bent))

    return numeric.widely(slope, grad_output, self)


@op(
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    self=lambda grad, self, beta, threshold: functions.softplus_backward(grad, self, beta, threshold),
)
def softplus(xp, self, beta, threshold):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    _floats("softplus_cpu", self)
    scaled = self * self.dtype.type(beta)
    smooth = numeric.widely(lambda x: xp.log1p(xp.exp(x)) / beta, scaled)
    return xp.where(scaled > threshold, self, smooth)


def _softplus_second(grad, grad_output, self, beta, threshold):
    share = functions.sigmoid(self * beta)
    bend = grad * grad_output * share * (1 - share) * beta
    return functions.where(self * beta > threshold, zero(bend), bend)


@op(
    "softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, beta, threshold: functions.softplus_backward(grad, self, beta, threshold),
    self=_softplus_second,
)
def softplus_backward(xp, grad_output, self, beta, threshold):
    """The gradient of softplus."""
    scaled = self * self.dtype.type(beta)
    raised = numeric.widely(xp.exp, xp.minimum(scaled, self.dtype.type(threshold)))
    return xp.where(scaled > threshold, grad_output, grad_output * (raised / (raised + 1)))


@composite("log_sigmoid(Tensor self) -> Tensor", namespace="nn", out=True)
def log_sigmoid(self):
    """The logarithm of the sigmoid of each element."""
    return functions.log_sigmoid_forward(self)[0]


@op(
    "log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)",
    namespace="nn",
    out=False,
    self=lambda grad, self, buffer: functions.log_sigmoid_backward(grad, self, buffer),
)
def log_sigmoid_forward(xp, self):
    """The logarithm of the sigmoid, and what its gradient needs."""
    _floats("log_sigmoid_cpu", self)
    buffer = numeric.widely(lambda x: xp.exp(-xp.abs(x)), self)
    return xp.minimum(self, self.dtype.type(0)) - numeric.widely(xp.log1p, buffer), buffer


@op(
    "log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    buffer=None,
    grad_output=lambda grad, self, buffer: functions.log_sigmoid_backward(grad, self, buffer),
    self=lambda grad, grad_output, self: functions.sigmoid_backward(
        grad * grad_output, functions.sigmoid(self)
    ).neg(),
)
def log_sigmoid_backward(xp, grad_output, self, buffer):
    """The gradient of log_sigmoid."""
    one = self.dtype.type(1)
    return xp.where(self < 0, one - buffer / (1 + buffer), buffer / (1 + buffer)) * grad_output


# ---- hard and soft edges


def _hard_limits(self, min_val, max_val):
    if self.dtype.category == BOOL:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if self.dtype.is_complex:
        raise NotImplementedError("clamp is not supported for complex types")
    if self.dtype.name == "uint8" and (min_val < 0 or max_val < 0):
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
    return xp.minimum(xp.maximum(self, new(min_val)), new(max_val))


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
    self=lambda grad, self: functions.hardsigmoid_backward(grad, self),
)
def hardsigmoid(xp, self):
    """x / 6 + 1 / 2, cut off at 0 and 1."""
    _floats("hardsigmoid_cpu", self)
    new = self.dtype.type
    return xp.minimum(xp.maximum(self + new(3), new(0)), new(6)) / new(6)


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
    _floats("hardswish_cpu", self)
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
    _floats("hardshrink_cpu", self)
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
    largest = numeric.LARGEST.get(self.dtype.name)
    if largest is not None and not 0 <= lambd <= largest:
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype {self.dtype.scalar_type}, but found {lambd:g}"
        )


@op(
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    check=_check_lambda,
    self=lambda grad, self, lambd: functions.softshrink_backward(grad, self, lambd),
)
def softshrink(xp, self, lambd):
    """Move each element by lambd towards 0."""
    _floats("softshrink_check", self)
    new = self.dtype.type
    limit = new(lambd)
    return xp.where(self > limit, self - limit, xp.where(self < -limit, self + limit, self * new(0)))


op(
    "softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    grad_output=lambda grad, self, lambd: functions.softshrink_backward(grad, self, lambd),
    self=zeros,
)(hardshrink_backward)


# ---- gates


def _halves(array, dim):
    """The two halves along a dimension. Errors: RuntimeError where it is odd."""
    if array.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    from tensorcli.engine.ops.reduce import wrap

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
    _floats("glu_cpu", self)
    return first * numeric.sigmoid(second)


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
    namespace="nn",
    grad_output=_glu_second_output,
    self=_glu_second,
)
def glu_backward(xp, grad_output, self, dim):
    """The gradient of glu."""
    first, second = _halves(self, dim)
    share = numeric.sigmoid(second)
    return xp.concatenate([share * grad_output, (1 - share) * share * first * grad_output], dim)


# ---- a random slope


@op(
    "rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower, Scalar upper, bool training, "
    "bool self_is_result) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    noise=None,
    grad_output=lambda grad, self, noise, lower, upper, training: functions.rrelu_with_noise_backward(
        grad, self, noise, lower, upper, training, False
    ),
    self=zeros,
)
def rrelu_with_noise_backward(xp, grad_output, self, noise, lower, upper, training, self_is_result):
    """The gradient of rrelu."""
    if training and upper - lower > 1e-6:
        return grad_output * noise
    return leaky_relu_backward(xp, grad_output, self, (lower + upper) / 2, self_is_result)


@op(
    "rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, "
    "Generator? generator=None) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    out=False,
    noise=None,
    inplace={
        "node": 1,
        "noise": None,
        "self": lambda grad, result, noise, lower, upper, training: functions.rrelu_with_noise_backward(
            grad, result, noise, lower, upper, training, True
        ),
    },
    self=lambda grad, self, noise, lower, upper, training: functions.rrelu_with_noise_backward(
        grad, self, noise, lower, upper, training, False
    ),
)
def rrelu_with_noise(xp, self, noise, lower, upper, training, generator):
    """Each element, times the noise (in training) or the middle of the range where it is negative."""
    _floats("rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu", self)
    if training:
        return self * noise
    return xp.where(self > 0, self, self * self.dtype.type((lower + upper) / 2))


def _noise_for(self, lower, upper, training, generator):
    """The slopes of rrelu: drawn one after the other for the elements that are not positive, 1 for the others."""
    noise = functions.empty_like(self)
    if not training:
        return noise
    negative = self.detach() <= 0
    count = int(negative.values.sum())
    drawn = functions.empty((count,), dtype=dtypes.float64, device=self.device).uniform_(
        lower, upper, generator=generator
    )
    noise.fill_(1.0)
    noise.array[negative.values] = drawn.array
    return noise


@composite(
    "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, "
    "Generator? generator=None) -> Tensor",
    variants="function",
)
def rrelu(self, lower, upper, training, generator):
    """Each element, times a random slope (in training) where it is negative."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    noise = _noise_for(self, lower, upper, training, generator)
    return functions.rrelu_with_noise(self, noise, lower, upper, training, generator)


@composite(
    "rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, "
    "Generator? generator=None) -> Tensor(a!)",
    variants="function",
)
def rrelu_in_place(self, lower, upper, training, generator):
    """Each element, times a random slope (in training) where it is negative, in place."""
    noise = _noise_for(self, lower, upper, training, generator)
    return functions.rrelu_with_noise_(self, noise, lower, upper, training, generator)
