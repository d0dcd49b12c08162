"""Losses of differences, and how losses are reduced."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import COMMON, REDUCED, bfloat16
from tensorcli.engine.effects import Laid, broadcast_sizes
from tensorcli.engine.geometry import elementwise_strides
from tensorcli.engine.ops._arithmetic import widely
from tensorcli.engine.ops._cascade import total
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._registers import by_place
from tensorcli.engine.ops._shared import own_geometry

NONE, MEAN, SUM = 0, 1, 2


def reduced(loss, reduction):
    """A tensor of losses as the reduction asks."""
    return loss.mean() if reduction == MEAN else loss.sum() if reduction == SUM else loss


def reduced_array(xp, array, reduction, *inputs):
    """An array of losses as the reduction asks; those of a reduced dtype are added up in float32."""
    if reduction in (MEAN, SUM):
        added = total(xp, array.astype(np.float32) if array.dtype.itemsize == 2 else array)
        # numpy's mean warns where there is nothing to average.
        return (xp.divide(added, array.size) if reduction == MEAN else added).astype(array.dtype)
    if xp is not np or not array.ndim:
        return array
    # Element by element, the inputs decide in which order the result lies.
    shapes = [own_geometry(np.broadcast_to(one, array.shape)) for one in inputs or (array,)]
    return Laid(array, elementwise_strides(array.shape, shapes))


def reduced_in_place(xp, array, reduction, *inputs):
    """As `reduced_array`, where PyTorch reduces the losses into their own memory, which keeps its size."""
    found = reduced_array(xp, array, reduction, *inputs)
    return found if reduction == NONE else Laid(xp.asarray(found), None, array.size)


def share_of(array, reduction):
    """What each element's gradient is scaled by."""
    return array.dtype.type(1 / max(array.size, 1) if reduction == MEAN else 1)


def mean_share(tensor, like, reduction):
    """The part of a gradient of a mean that each element gets; of any other reduction, all of it."""
    return tensor / like.numel() if reduction == MEAN else tensor


# ---- differences


@op(
    "mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction: functions.mse_loss_backward(grad, self, target, reduction),
    target=lambda grad, self, target, reduction: functions.mse_loss_backward(grad, target, self, reduction),
)
def mse_loss(xp, self, target, reduction):
    """The squared differences."""
    refuse(self, "mse_cpu", "biuc")
    difference = self - target
    return reduced_in_place(xp, difference * difference, reduction, self, target)


@op(
    "mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, reduction: functions.mse_loss_backward(
        grad, self, target, reduction
    ),
    self=lambda grad, grad_output, self_sizes, reduction: _mse_double(
        grad * grad_output, self_sizes, reduction
    ),
    target=lambda grad, grad_output, target_sizes, reduction: (
        -_mse_double(grad * grad_output, target_sizes, reduction)
    ),
)
def mse_loss_backward(xp, grad_output, self, target, reduction):
    """The gradient of mse_loss."""
    difference = self - target
    return (
        difference.dtype.type(2 / max(difference.size, 1) if reduction == MEAN else 2)
        * difference
        * grad_output
    )


def _mse_double(grad, sizes, reduction):
    return grad * (2.0 / np.prod(sizes, dtype=float) if reduction == MEAN else 2.0)


@composite(
    "l1_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor", namespace="nn", variants="function"
)
def l1_loss(self, target, reduction):
    """The absolute differences."""
    return reduced((self - target).abs(), reduction)


def _smooth_double(grad, self, target, reduction, beta):
    return mean_share(grad * ((self - target).abs() < beta).to(grad.dtype) / beta, self, reduction)


@op(
    "smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, self, target, reduction, beta
    ),
    target=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, target, self, reduction, beta
    ),
)
def smooth_l1_loss(xp, self, target, reduction, beta):
    """Half the squared differences over beta below beta, the absolute differences less half of beta above."""
    if not beta >= 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    refuse(self, "smooth_l1_cpu", "biuc")
    # PyTorch rounds the differences of float16 ones, and of bfloat16 only the losses.
    own = self.dtype
    size = xp.abs(
        self - target if own != bfloat16.np else self.astype(np.float32) - target.astype(np.float32)
    )
    if beta:
        edge = size.dtype.type(beta)
        half = size.dtype.type(0.5)
        size = xp.where(size < edge, half * size * size / edge, size - half * edge)
    return reduced_in_place(xp, size.astype(own), reduction)


@op(
    "smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, self, target, reduction, beta
    ),
    self=lambda grad, grad_output, self, target, reduction, beta: _smooth_double(
        grad * grad_output, self, target, reduction, beta
    ),
    target=lambda grad, grad_output, self, target, reduction, beta: (
        -_smooth_double(grad * grad_output, self, target, reduction, beta)
    ),
)
def smooth_l1_loss_backward(xp, grad_output, self, target, reduction, beta):
    """The gradient of smooth_l1_loss."""
    difference = self - target
    inner = difference / difference.dtype.type(beta) if beta else difference
    slope = xp.where(xp.abs(difference) >= beta, xp.sign(difference), inner)
    return slope * share_of(difference, reduction) * grad_output


def _huber_double(grad, self, target, reduction, delta):
    return mean_share(grad * ((self - target).abs() < delta), self, reduction)


def _huber_double_output(grad, grad_output, self, target, reduction, delta):
    if reduction == NONE:
        return functions.huber_loss_backward(grad, self, target, reduction, delta)
    ones = functions.ones_like(grad_output)
    return (functions.huber_loss_backward(ones, self, target, reduction, delta) * grad).sum()


@op(
    "huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    into_self=True,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction, delta: functions.huber_loss_backward(
        grad, self, target, reduction, delta
    ),
    target=lambda grad, self, target, reduction, delta: functions.huber_loss_backward(
        grad, target, self, reduction, delta
    ),
)
def huber_loss(xp, self, target, reduction, delta):
    """Half the squared differences up to delta, growing linearly above."""
    if not delta > 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    refuse(self, "huber_cpu", "biuc")
    # PyTorch rounds each step of bfloat16 ones, and of float16 only the losses.
    own = self.dtype
    size = xp.abs(self - target if own != np.float16 else self.astype(np.float32) - target.astype(np.float32))
    kind = size.dtype.type
    losses = xp.where(size <= delta, kind(0.5) * size * size, kind(delta) * (size - kind(0.5 * delta)))
    return reduced_array(xp, losses.astype(own), reduction)


def _check_same_dtype(grad_output, self, target, reduction, delta):
    if self.dtype is not target.dtype:
        raise RuntimeError(f"Found dtype {target.dtype.scalar_type} but expected {self.dtype.scalar_type}")


@op(
    "huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    namespace="nn",
    variants="function",
    check=_check_same_dtype,
    grad_output=_huber_double_output,
    self=lambda grad, grad_output, self, target, reduction, delta: _huber_double(
        grad * grad_output, self, target, reduction, delta
    ),
    target=lambda grad, grad_output, self, target, reduction, delta: (
        -_huber_double(grad * grad_output, self, target, reduction, delta)
    ),
)
def huber_loss_backward(xp, grad_output, self, target, reduction, delta):
    """The gradient of huber_loss."""
    share = share_of(self, reduction)

    def slope(difference, grad, is_register):
        # In registers delta is rounded to a reduced dtype too.
        edge = difference.dtype.type(delta) if is_register else np.float32(delta)
        steep = xp.sign(difference) * (share * grad)
        found = xp.where(xp.abs(difference) < edge, share * difference * grad, steep * edge)
        return found.astype(difference.dtype)

    if self.dtype.itemsize > 2 or xp is not np:
        return slope(self - target, grad_output, True)
    return by_place(slope, self - target, grad_output)


def _check_soft_margin(self, target, reduction):
    if self.dtype is dtypes.bool_:
        raise RuntimeError(messages.BOOL_NEGATION)
    if self.dtype.category < dtypes.FLOATING:
        found = target.dtype if target.dtype.category >= dtypes.FLOATING else dtypes.default.floating
        raise messages.result_cast(found.scalar_type, self.dtype.scalar_type)


@op(
    "soft_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    into_self=True,
    check=_check_soft_margin,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction: functions.soft_margin_loss_backward(
        grad, self, target, reduction
    ),
    constant="target",
)
def soft_margin_loss(xp, self, target, reduction):
    """The logistic loss for targets of 1 and -1."""
    sizes = broadcast_sizes([self.shape, target.shape])
    if sizes != self.shape:
        raise messages.output_shape(self.shape, sizes)
    return reduced_in_place(xp, widely(xp.log1p, widely(xp.exp, -target * self)), reduction)


def _soft_margin_double(grad, self, target, reduction):
    power = (self * -target).exp()
    return mean_share(grad * power / (power + 1) ** 2 * target**2, self, reduction)


def _soft_margin_double_output(grad, grad_output, self, target, reduction):
    ones = functions.ones_like(grad_output)
    found = functions.soft_margin_loss_backward(ones, self, target, reduction) * grad
    return found if reduction == NONE else found.sum()


@op(
    "soft_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    stepwise=REDUCED,
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=_soft_margin_double_output,
    self=lambda grad, grad_output, self, target, reduction: _soft_margin_double(
        grad * grad_output, self, target, reduction
    ),
    constant="target",
)
def soft_margin_loss_backward(xp, grad_output, self, target, reduction):
    """The gradient of soft_margin_loss."""
    power = widely(xp.exp, -target * self)
    return target * power * -share_of(power, reduction) / (power + 1) * grad_output
