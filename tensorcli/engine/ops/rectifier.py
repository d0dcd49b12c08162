"""The rectified linear unit and its variants, with fixed, trained and random slopes."""

from math import isfinite

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import number_for
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import BOOL, PROMOTE
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import zero, zeros
from tensorcli.engine.ops.activation import floats_only

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
    refuse(self, "threshold_cpu", "bc")
    kind = dtypes.from_numpy_dtype(self.dtype)
    return xp.where(self <= number_for(threshold, kind), number_for(value, kind), self)


def _check_numbers(self, threshold, value):
    for each in () if self.dtype in dtypes.FEW_KERNELS else (threshold, value):
        number_for(each, self.dtype)


op(
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
    check=_check_numbers,
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
    floats_only("leaky_relu_cpu", self)
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
    """Each element, times a learned slope (one, or one for each channel) where it is negative."""
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
    floats_only("prelu_cpu", self)
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
    into_self=True,
    namespace="nn",
    noise=None,
    inplace={
        "node": 1,
        "noise": None,
        "self": lambda grad, result, noise, lower, upper, training: functions.rrelu_with_noise_backward(
            grad, result, noise.to(result.dtype), lower, upper, training, True
        ),
    },
    self=lambda grad, self, noise, lower, upper, training: functions.rrelu_with_noise_backward(
        grad, self, noise.to(self.dtype), lower, upper, training, False
    ),
)
def rrelu_with_noise(xp, self, noise, lower, upper, training, generator):
    """Each element, times the noise (in training) or the middle of the range where it is negative."""
    floats_only("rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu", self)
    (self,) = widened(self)
    if training:
        return self * noise
    return xp.where(self > 0, self, self * self.dtype.type((lower + upper) / 2))


def _noise_for(self, lower, upper, training, generator):
    """The slopes of rrelu: drawn one after the other for the elements that are not positive, 1 for the others; not yet rounded to
    a reduced dtype, in which the elements are multiplied before they are.
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if training and self.dtype not in (dtypes.float32, dtypes.float64, dtypes.bfloat16):
        raise messages.not_implemented("rrelu_with_noise_out_cpu", self.dtype.scalar_type)
    noise = functions.empty_like(self, dtype=self.dtype.computes_as)
    if not training or self.is_meta:
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
    for name, bound in (("lower", lower), ("upper", upper)):
        if not isfinite(bound):
            raise RuntimeError(f"rrelu: {name} bound must be finite, got {bound:g}")
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
