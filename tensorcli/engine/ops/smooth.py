"""Smooth units: gelu, silu, mish, softplus."""

import math

import numpy as np

from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import PROMOTE, REDUCED, float16
from tensorcli.engine.fused import fused
from tensorcli.engine.ops import _arithmetic, _onednn, _registers
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.activation import floats_only

_SQRT_HALF, _SQRT_2_OVER_PI, _KAPPA = math.sqrt(0.5), math.sqrt(2 / math.pi), 0.044715


def _known_approximation(approximate):
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")


def _gelu_steps(*values):
    """The dtypes of which PyTorch's own kernel makes float32 and rounds back; oneDNN has the others (`_onednn`)."""
    return REDUCED if values[-1] == "tanh" else (float16,)


def _in_singles(function, *arrays):
    """An element-wise function of float32, rounded to the dtype of the arrays."""
    kind = arrays[0].dtype
    return _registers.by_place(
        lambda *these: function(*(one.astype(np.float32) for one in these[:-1]), these[-1]).astype(kind),
        *arrays,
    )


def _single_erf(x, is_register):
    return _registers.erf(x) if is_register else _arithmetic.widely(behind(np).special.erf, x)


def _single_tanh(x, is_register):
    """(tanh of the inner polynomial, the square of x)"""
    square = x * x
    inner = np.float32(_SQRT_2_OVER_PI) * fused(np.float32(_KAPPA), square * x, x)
    return _registers.tanh(inner) if is_register else _arithmetic.widely(np.tanh, inner), square


def _single_gelu(x, is_register):
    return x * np.float32(0.5) * (1 + _single_erf(x * np.float32(_SQRT_HALF), is_register))


def _single_gelu_by_tanh(x, is_register):
    return np.float32(0.5) * x * (1 + _single_tanh(x, is_register)[0])


def _single_slope(x, grad, is_register):
    share = np.float32(0.5) * (1 + _single_erf(x * np.float32(_SQRT_HALF), is_register))
    inner = x * x * np.float32(-0.5)
    density = _registers.exp(inner) if is_register else _arithmetic.widely(np.exp, inner)
    return grad * (share + x * (np.float32(0.5 * _SQRT_2_OVER_PI) * density))


def _single_slope_by_tanh(x, grad, is_register):
    t, square = _single_tanh(x, is_register)
    slope = np.float32(_SQRT_2_OVER_PI) * fused(np.float32(3 * _KAPPA), square, np.float32(1))
    away = np.float32(0.5) * x * fused(-t, t, np.float32(1))
    return grad * fused(away, slope, np.float32(0.5) * (1 + t))


@op(
    "gelu(Tensor self, *, str approximate='none') -> Tensor",
    stepwise=_gelu_steps,
    dtype=PROMOTE,
    namespace="nn",
    inplace=True,
    self=lambda grad, self, approximate: functions.gelu_backward(grad, self, approximate=approximate),
)
def gelu(xp, self, approximate):
    """Each element times the normal distribution function of it."""
    _known_approximation(approximate)
    floats_only("GeluKernelImpl", self)
    if _registers.is_reduced(self):
        return _in_singles(_single_gelu_by_tanh if approximate == "tanh" else _single_gelu, self)
    (self,) = widened(self)
    if approximate == "none" and _onednn.takes(xp, self):
        return _onednn.gelu(self)
    if _registers.is_small_single(xp, self):
        return _in_singles(_single_gelu_by_tanh if approximate == "tanh" else _single_gelu, self)
    if approximate == "tanh":
        return _arithmetic.widely(
            lambda x: 0.5 * x * (1 + xp.tanh(_SQRT_2_OVER_PI * (x + _KAPPA * x * x * x))), self
        )
    return _arithmetic.widely(lambda x: x * 0.5 * (1 + behind(xp).special.erf(x * _SQRT_HALF)), self)


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
    stepwise=_gelu_steps,
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
    alike = grad_output.dtype == self.dtype
    if approximate == "none" and alike and _onednn.takes(xp, self):
        return grad_output * _onednn.gelu_slope(self)
    if _registers.is_reduced(self) or (alike and _registers.is_small_single(xp, self)):
        return _in_singles(
            _single_slope_by_tanh if approximate == "tanh" else _single_slope, self, grad_output
        )
    return _arithmetic.widely(by_tanh if approximate == "tanh" else exactly, *widened(grad_output, self))


def _silu_gradient(grad, self):
    if not mode.enabled:
        return functions.silu_backward(grad, self)
    share = functions.sigmoid(self)
    return grad * share * (1 + self * (1 - share))


@op("silu(Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn", inplace=True, self=_silu_gradient)
def silu(xp, self):
    """Each element times its sigmoid."""
    refuse(self, "silu_cpu", "biu")
    return self / (1 + _arithmetic.powers(-self))


@op("silu_backward(Tensor grad_output, Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn")
def silu_backward(xp, grad_output, self):
    """The gradient of silu."""
    share = _arithmetic.sigmoid(self)
    return grad_output * share * (1 + self * (1 - share))


def _softplus(x):
    return np.logaddexp(x, 0)


def _mish_gradient(grad, self):
    if not mode.enabled:
        return functions.mish_backward(grad, self)
    share = functions.sigmoid(self)
    bent = self.exp().log1p().tanh()
    return grad * (bent + self * share * (1 - bent * bent))


@op("mish(Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn", inplace=True, self=_mish_gradient)
def mish(xp, self):
    """Each element times the tanh of its softplus."""
    floats_only("mish_cpu", self)
    return _arithmetic.widely(lambda x: x * xp.tanh(_softplus(x)), self)


@op("mish_backward(Tensor grad_output, Tensor self) -> Tensor", dtype=PROMOTE, namespace="nn")
def mish_backward(xp, grad_output, self):
    """The gradient of mish."""

    def slope(grad, x):
        bent = xp.tanh(_softplus(x))
        return grad * (bent + x * (1 / (1 + xp.exp(-x))) * (1 - bent * bent))

    return _arithmetic.widely(slope, grad_output, self)


@op(
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    self=lambda grad, self, beta, threshold: functions.softplus_backward(grad, self, beta, threshold),
)
def softplus(xp, self, beta, threshold):
    """log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold."""
    floats_only("softplus_cpu", self)
    scaled = self * self.dtype.type(beta)
    if _registers.is_small_single(xp, scaled):
        smooth = _registers.steps(
            scaled,
            lambda x: _registers.log1p(_registers.exp(x)),
            lambda x: np.log1p(_arithmetic.widely(np.exp, x)),
        )
    else:
        smooth = _arithmetic.widely(lambda x: xp.log1p(xp.exp(x)), scaled)
    smooth = smooth / self.dtype.type(beta)
    return xp.where(scaled > threshold, self, smooth)


def _softplus_second(grad, grad_output, self, beta, threshold):
    scaled = self * beta
    bend = functions.sigmoid_backward(grad * grad_output, functions.sigmoid(scaled))
    return bend * (scaled < threshold).to(grad.dtype) * beta


def _log_sigmoid_second(grad, grad_output, self):
    share = functions.sigmoid(self)
    return grad * grad_output * (share - 1) * share


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
    raised = _arithmetic.widely(xp.exp, xp.minimum(scaled, self.dtype.type(threshold)))
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
    floats_only("log_sigmoid_cpu", self)
    if _registers.is_small_single(xp, self):
        buffer = _registers.exp(-xp.abs(self))
        return xp.minimum(self, self.dtype.type(0)) - _registers.log1p(buffer), buffer
    buffer = _arithmetic.widely(lambda x: xp.exp(-xp.abs(x)), self)
    return xp.minimum(self, self.dtype.type(0)) - _arithmetic.widely(xp.log1p, buffer), buffer


@op(
    "log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor",
    dtype=PROMOTE,
    namespace="nn",
    buffer=None,
    grad_output=lambda grad, self, buffer: functions.log_sigmoid_backward(grad, self, buffer),
    self=_log_sigmoid_second,
)
def log_sigmoid_backward(xp, grad_output, self, buffer):
    """The gradient of log_sigmoid."""
    one = self.dtype.type(1)
    return xp.where(self < 0, one - buffer / (1 + buffer), buffer / (1 + buffer)) * grad_output
