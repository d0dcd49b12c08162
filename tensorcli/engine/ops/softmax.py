"""Softmax, its logarithm, and their gradients."""

from math import prod

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.fused import fused
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._dimensions import kind_of, refuse, wrap
from tensorcli.engine.ops._moments import widened


def _softmax_input(self, dtype):
    return self if dtype is None or dtype is self.dtype else self.to(dtype)


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=True)
def softmax(self, dim, dtype):
    """Exponentials scaled to add up to one along a dimension."""
    return functions._softmax(_softmax_input(self, dtype), dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=True)
def log_softmax(self, dim, dtype):
    """The logarithm of the softmax along a dimension, computed without overflow."""
    return functions._log_softmax(_softmax_input(self, dtype), dim, False)


def _shifted(xp, self, dim, name):
    last = not self.ndim or dim == self.ndim - 1
    refuse(self, f"{name}_{'lastdim_' if last else ''}kernel_impl", "buic")
    if not self.ndim:
        return self - self
    most = xp.max(self, axis=dim, keepdims=True)
    return self - most


def _powers(shifted, dim):
    """Exponentials, in a kernel for a dimension that is not the last."""
    rows = shifted.reshape(prod(shifted.shape[:dim]), shifted.shape[dim], -1)
    registers = _registers.divided(len(rows), rows.shape[2])[:, None]
    return np.where(registers, _registers.exp(rows), _arithmetic.widely(np.exp, rows)).reshape(shifted.shape)


def _kept_powers(xp, powers, dim, own):
    """Exponentials as PyTorch keeps them where the result of a reduced dtype comes: rounded to it outside of registers."""
    if xp is not np:
        return powers
    outer, inner = prod(powers.shape[:dim]), prod(powers.shape[dim + 1 :])
    registers = _registers.divided(outer, inner, 2 * _registers.LANES)
    shape = (*powers.shape[:dim], 1, *powers.shape[dim + 1 :])
    return np.where(registers.reshape(shape), powers, *widened(powers.astype(own)))


def _in_turn(array, dim):
    """Sums along a dimension, kept, one element after the other."""
    return np.take(np.add.accumulate(array, axis=dim), [-1], axis=dim)


def _check_softmax_backward(grad, output, dim, name):
    if grad.shape != output.shape:
        raise RuntimeError(
            f"Expected tensor for argument #1 'grad' to have same size as tensor for argument #2 'output'; but "
            f"{messages.numbers(grad.shape)} does not equal {messages.numbers(output.shape)} (while checking arguments for "
            f"{name}_backward)"
        )
    last = wrap(dim, grad.ndim) >= grad.ndim - 1
    refuse(grad, f"{name}_backward{'_lastdim' * last}_kernel_impl", "biuc")
    if grad.dtype != output.dtype:
        raise messages.expected_scalar_type(kind_of(grad), kind_of(output))


def _check_conversion(self, dim, half_to_float):
    wrap(dim, self.ndim)
    if half_to_float:
        raise RuntimeError("softmax with half to float conversion is not supported on CPU")


@op(
    "_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    check=_check_conversion,
    stepwise=REDUCED,
    variants="function",
    self=lambda grad, result, dim, self_dtype: functions._softmax_backward_data(
        grad, result, dim, self_dtype
    ),
)
def softmax_(xp, self, dim, half_to_float):
    """Exponentials scaled to add up to one along a dimension."""
    dim = wrap(dim, self.ndim)
    if not self.size:
        return self.copy()
    own = self.dtype
    (self,) = widened(self)
    shifted = _shifted(xp, self, dim, "softmax")
    if not self.ndim:
        return xp.exp(shifted).astype(own, copy=False)
    if own.itemsize == 2 and dim < self.ndim - 1:
        powers = _arithmetic.widely(xp.exp, shifted)
        total = xp.sum(powers, axis=dim, keepdims=True)
        return (_kept_powers(xp, powers, dim, own) / total).astype(own)
    if not _registers.is_small_single(xp, self):
        powers = xp.exp(shifted)
        return (powers / xp.sum(powers, axis=dim, keepdims=True)).astype(own, copy=False)
    if dim == self.ndim - 1:
        powers = _registers.exp(shifted)
        return (powers * (1 / _registers.reduced(powers))[..., None]).astype(own, copy=False)
    powers = _powers(shifted, dim)
    return powers / _in_turn(powers, dim)


@op(
    "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    variants="function",
    grad_output=lambda grad, output, dim, input_dtype: functions._softmax_backward_data(
        grad.to(output.dtype), output, dim, input_dtype
    ),
    output=lambda grad, grad_output, dim, output: (
        grad_output * grad - (output * grad_output).sum(dim, True) * grad
        - grad_output * (output * grad).sum(dim, True)
    ),
)  # fmt: skip
def softmax_backward(xp, grad_output, output, dim, input_dtype):
    """The gradient of softmax."""
    _check_softmax_backward(grad_output, output, dim, "softmax")
    weighted = grad_output * output
    if not output.ndim or not output.size:
        return weighted - output * weighted
    dim = wrap(dim, output.ndim)
    if not _registers.is_small_single(xp, output):
        return weighted - output * xp.sum(weighted, axis=dim, keepdims=True)
    if dim == output.ndim - 1:
        return output * (grad_output - _registers.reduced(weighted)[..., None])
    total = np.zeros((), np.float32)
    for one, share in zip(np.moveaxis(grad_output, dim, 0), np.moveaxis(output, dim, 0), strict=True):
        total = fused(one, share, total)
    return output * (grad_output - np.expand_dims(total, dim))


@op(
    "_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    check=_check_conversion,
    stepwise=REDUCED,
    variants="function",
    self=lambda grad, result, dim, self_dtype: functions._log_softmax_backward_data(
        grad, result, dim, self_dtype
    ),
)
def log_softmax_(xp, self, dim, half_to_float):
    """The logarithm of the softmax along a dimension, computed without overflow."""
    dim = wrap(dim, self.ndim)
    if not self.size:
        return self.copy()
    own, last = self.dtype, dim == self.ndim - 1
    (wide,) = widened(self)
    shifted = _shifted(xp, wide, dim, "log_softmax")
    if not self.ndim:
        return shifted.astype(own)
    if not _registers.is_small_single(xp, wide):
        log = xp.log(xp.sum(xp.exp(shifted), axis=dim, keepdims=True))
    elif last:
        total = _registers.reduced(_registers.exp(shifted))[..., None]
        # Of reduced dtypes the last dimension's sum and its logarithm are rounded on the way.
        log = _registers.log(total.astype(own).astype(wide.dtype)).astype(own).astype(wide.dtype)
    else:
        log = _registers.log(_in_turn(_powers(shifted, dim), dim))
    return (shifted - log).astype(own)


@op(
    "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    variants="function",
    grad_output=lambda grad, output, dim: (
        grad.to(output.dtype) - (grad.to(output.dtype) * output.exp()).sum(dim, True)
    ),
    output=lambda grad, grad_output, output, dim: (
        -grad_output.sum(dim, True) * output.exp() * grad.to(output.dtype)
    ).to(output.dtype),
)
def log_softmax_backward(xp, grad_output, output, dim, input_dtype):
    """The gradient of log_softmax."""
    _check_softmax_backward(grad_output, output, dim, "log_softmax")
    if not output.ndim or not output.size:
        return grad_output - xp.exp(output) * grad_output
    dim = wrap(dim, output.ndim)
    if not _registers.is_small_single(xp, output):
        return grad_output - xp.exp(output) * xp.sum(grad_output, axis=dim, keepdims=True)
    if dim == output.ndim - 1:
        total = _registers.reduced(grad_output)[..., None]
        return fused(-_registers.exp(output), total, grad_output)
    return fused(-_powers(output, dim), _in_turn(grad_output, dim), grad_output)
