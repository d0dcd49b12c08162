"""Losses of probabilities: binary cross entropy, Kullback-Leibler, Poisson."""

import math

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import FLOATING, REDUCED
from tensorcli.engine.effects import composed
from tensorcli.engine.ops._arithmetic import widely
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._shared import times
from tensorcli.engine.ops.loss import MEAN, mean_share, reduced, reduced_in_place


@op(
    "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean) -> Tensor",
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, weight, reduction: functions.binary_cross_entropy_backward(
        grad, self, target, weight, reduction
    ),
    target=lambda grad, self, target, weight, reduction: _bce_target(grad, self, weight, reduction),
    constant="weight",
)
def binary_cross_entropy(xp, self, target, weight, reduction):
    """The cross entropy of probabilities and targets between 0 and 1."""
    if target.dtype != self.dtype:
        raise RuntimeError(f"Found dtype {kind_of(target)} but expected {kind_of(self)}")
    refuse(self, "binary_cross_entropy", "biuc")
    if not ((self >= 0) & (self <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if ((target < 0) | (target > 1)).any():
        raise RuntimeError("all elements of target should be between 0 and 1")
    least = self.dtype.type(-100)
    none, all_of_it = xp.maximum(widely(xp.log1p, -self), least), xp.maximum(widely(xp.log, self), least)
    losses = (target - 1) * none - target * all_of_it
    if weight is not None:
        if weight.dtype.kind == "c":
            raise messages.result_cast(kind_of(weight), kind_of(self))
        weighted = losses * weight
        if weighted.shape != losses.shape:
            raise messages.output_shape(losses.shape, weighted.shape)
        losses = weighted
    return reduced_in_place(xp, losses.astype(self.dtype), reduction, self)


def _bce_target(grad, self, weight, reduction):
    found = functions.logit(self).neg() * grad
    return mean_share(found if weight is None else found * weight, self, reduction)


def _bce_slope(self, target, weight, reduction):
    """The gradient of binary_cross_entropy for a gradient of one, in tensor operations."""
    found = (self - target) / (self * (1 - self)).clamp_min(1e-12)
    return mean_share(found if weight is None else found * weight, self, reduction)


def _bce_double(grad, grad_output, self, target, weight, reduction):
    scale = self * (1 - self) + 1e-12
    curve = ((self - 2 * target) * self + target) / scale**2
    found = grad * grad_output * curve
    return mean_share(found if weight is None else found * weight, self, reduction)


def _bce_double_target(grad, grad_output, self, weight, reduction):
    found = -(grad * grad_output) / (self * (1 - self)).clamp_min(1e-12)
    return mean_share(found if weight is None else found * weight, self, reduction)


@op(
    "binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, "
    "int reduction=Mean) -> Tensor",
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, weight, reduction: (
        grad * _bce_slope(self, target, weight, reduction)
    ),
    self=_bce_double,
    target=_bce_double_target,
    constant="weight",
)
def binary_cross_entropy_backward(xp, grad_output, self, target, weight, reduction):
    """The gradient of binary_cross_entropy."""
    slope = grad_output * (self - target) / xp.maximum((1 - self) * self, self.dtype.type(1e-12))
    slope = slope if weight is None else slope * weight
    return xp.divide(slope, max(self.size, 1)).astype(slope.dtype) if reduction == MEAN else slope


@op(
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
    "int reduction=Mean) -> Tensor",
    out=False,
    effect=composed,
    variants="function",
    self=lambda grad, self, target, weight, pos_weight, reduction: _logits_backward(
        grad, self, target, weight, pos_weight, reduction
    ),
    target=lambda grad, self, weight, pos_weight, reduction: _logits_target(
        grad, self, weight, pos_weight, reduction
    ),
    constant="weight pos_weight",
)
def binary_cross_entropy_with_logits(self, target, weight, pos_weight, reduction):
    """The cross entropy of the sigmoid of scores and targets between 0 and 1, without overflow."""
    log_sigmoid = functions.log_sigmoid(self)
    if target.dtype is dtypes.bool_:
        raise RuntimeError(messages.BOOL_SUBTRACTION)
    if pos_weight is not None:
        log_sigmoid.mul_((pos_weight - 1).mul(target).add_(1))
    loss = (1 - target).mul_(self).sub_(log_sigmoid)
    if weight is not None:
        loss.mul_(weight)
    return reduced(loss, reduction)


def _logits_backward(grad, self, target, weight, pos_weight, reduction):
    batched = any(one.batch is not None for one in (grad, self, target))
    slope = _logits_slope if mode.enabled or batched else _logits_slope_in_place
    found = slope(grad, self, target, weight, pos_weight)
    return direct("_div_.Scalar", found, self.numel()) if reduction == MEAN else found


def _logits_slope_in_place(grad, self, target, weight, pos_weight):
    # As PyTorch computes it: the writes show in the version of the leaf's gradient.
    if pos_weight is None:
        found = self.sigmoid().sub_(target).mul_(grad)
    else:
        heavy = pos_weight * target
        found = heavy.add(1).sub_(target).mul_(self.sigmoid()).sub_(heavy).mul_(grad)
    return found if weight is None else found.mul_(weight)


def _logits_slope(grad, self, target, weight, pos_weight):
    if pos_weight is None:
        found = (self.sigmoid() - target) * grad
    else:
        heavy = pos_weight * target
        found = ((heavy + 1 - target) * self.sigmoid() - heavy) * grad
    return found if weight is None else found * weight


def _logits_target(grad, self, weight, pos_weight, reduction):
    if pos_weight is None:
        found = -self * grad
    else:
        found = (functions.log_sigmoid(-self) - pos_weight * functions.log_sigmoid(self)) * grad
    return mean_share(found if weight is None else found * weight, self, reduction)


@composite(
    "kl_div(Tensor self, Tensor target, int reduction=Mean, *, bool log_target=False) -> Tensor",
    variants="function",
)
def kl_div(self, target, reduction, log_target):
    """The Kullback-Leibler divergence of the target from self, which holds logarithms of probabilities."""
    for name, refused in (
        ("Complex", (self.dtype.is_complex, target.dtype.is_complex)),
        ("Integral", (self.dtype.category < FLOATING, target.dtype.category < FLOATING)),
    ):
        if any(refused):
            raise RuntimeError(f"kl_div: {name} inputs not supported.")
    # Both sides in the order in which C++ evaluates them, the right one first: gradients add up from the last to the first.
    if log_target:
        difference = target - self
        return reduced(target.exp() * difference, reduction)
    product = target * self
    return reduced(functions.xlogy(target, target) - product, reduction)


@composite(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
    variants="function",
)
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """The negative log-likelihood of counts under a Poisson distribution."""
    if log_input:
        product = target * input  # first, as C++ evaluates it
        loss = input.exp() - product
    else:
        loss = input - target * direct("_add.Scalar", input, eps).log()
    if full:
        root = times(times(target, 2 * math.pi).log(), 0.5)  # first, as C++ evaluates it
        stirling = target * target.log() - target + root
        loss += stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)
