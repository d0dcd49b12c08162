"""Variance and standard deviation."""

from functools import reduce
from operator import add

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._dimensions import count, restore, restore_dims, wrap_dims
from tensorcli.engine.ops._shared import masked_quotient


def _spread(xp, self, dim, correction, keepdim, name):
    if self.dtype.kind not in "fc":
        called = name if name.endswith("mean") else "std and var"
        raise RuntimeError(f"{called} only support floating point and complex dtypes")
    dims = wrap_dims(dim, self.ndim, one_by_one=True)
    number = count(self.shape, dims if dims else None)
    # PyTorch takes the parts of complex numbers one by one: their variances add up, each rounded, and undefined by itself where
    # there is nothing to divide by.
    parts = (self.real, self.imag) if self.dtype.kind == "c" else (self,)
    # PyTorch counts what each result is of by the elements of all: none where there are none.
    degrees = (number if self.size else 0) - (1 if correction is None else correction)
    if degrees <= 0:
        for _ in parts:
            messages.warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
                "(input numel divided by output numel)."
            )
    # PyTorch accumulates float32 in float64 here.
    wide = [part.astype(np.float64) for part in parts]
    means = [xp.divide(xp.sum(part, axis=dims, keepdims=True), number) for part in wide]
    away = (part - mean for part, mean in zip(wide, means, strict=True))
    squares = (xp.sum(part * part, axis=dims, keepdims=keepdim) for part in away)
    rounded = self.real.dtype if self.dtype.kind == "c" else np.float64
    divisor = np.float64(max(degrees, 0) if self.size else np.nan)
    variances = (xp.divide(each, divisor) for each in squares)
    variance = reduce(add, (each.astype(rounded, copy=False) for each in variances))
    means = [_as_it_runs(xp, *each, dims).reshape(variance.shape) for each in zip(wide, means, strict=True)]
    if len(means) == 1:
        return variance, means[0]
    mean = xp.empty(variance.shape, np.complex128)
    mean.real, mean.imag = means
    return variance, mean


def _as_it_runs(xp, array, mean, dims):
    """The mean as PyTorch's single pass has it (Welford's): what comes after an infinite number makes it nan."""
    if not xp.isinf(mean).any():
        return mean
    kept = [d for d in range(array.ndim) if d not in dims]
    rows = array.transpose(*kept, *dims).reshape(mean.size, -1)
    return xp.where(xp.isinf(rows[:, :-1]).any(axis=1).reshape(mean.shape), np.nan, mean)


def _real(array, like):
    return array.astype(like.real.dtype)


def var_backward(grad, self, dim, correction, keepdim):
    """The gradient of the variance (torch/csrc/autograd/FunctionsManual.cpp, var_backward)."""
    correction = 1 if correction is None else correction
    whole = not self.ndim or dim is None
    mean = self.mean() if whole else self.mean(dim, True)
    degrees = count(self.geometry.sizes, None if whole else dim) - correction
    if not whole and self.ndim > 1:
        grad = restore_dims(grad, self.ndim, dim, keepdim)
    if whole and degrees <= 0:
        return grad * functions.where(self == mean, float("nan"), float("inf"))
    return (2.0 / degrees if degrees else float("inf")) * grad * (self - mean)


def std_backward(grad, result, self, dim, correction, keepdim):
    """The gradient of the standard deviation, zero where it is zero."""
    return var_backward(masked_quotient(grad, result * 2, result == 0), self, dim, correction, keepdim)


def with_mean_backward(grads, self, dim, keepdim, of_spread):
    """The gradient of a spread and a mean that were computed together; None where neither has one."""
    total = None if grads[0] is None else of_spread(grads[0])
    if grads[1] is not None:
        part = restore(grads[1], self.geometry.sizes, dim, keepdim) / count(self.geometry.sizes, dim)
        total = part if total is None else total + part
    return total


@op(
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    self=std_backward,
)
def std_correction(xp, self, dim, correction, keepdim):
    """The standard deviation along some dimensions."""
    return _real(xp.sqrt(_spread(xp, self, dim, correction, keepdim, "std")[0]), self)


@op(
    "var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    self=var_backward,
)
def var_correction(xp, self, dim, correction, keepdim):
    """The variance along some dimensions."""
    return _real(_spread(xp, self, dim, correction, keepdim, "var")[0], self)


@op(
    "std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
    "(Tensor, Tensor)", out=False,
    variants="function",
    self=lambda grads, self, result0, dim, correction, keepdim: with_mean_backward(
        grads, self, dim, keepdim,
        lambda grad: std_backward(grad, result0, self, dim, correction, keepdim),
    ),
)  # fmt: skip
def std_mean_correction(xp, self, dim, correction, keepdim):
    """The standard deviation and the mean along some dimensions."""
    variance, mean = _spread(xp, self, dim, correction, keepdim, "std_mean")
    return _real(xp.sqrt(variance), self), mean.astype(self.dtype)


@op(
    "var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
    "(Tensor, Tensor)", out=False,
    variants="function",
    self=lambda grads, self, dim, correction, keepdim: with_mean_backward(
        grads, self, dim, keepdim,
        lambda grad: var_backward(grad, self, dim, correction, keepdim),
    ),
)  # fmt: skip
def var_mean_correction(xp, self, dim, correction, keepdim):
    """The variance and the mean along some dimensions."""
    variance, mean = _spread(xp, self, dim, correction, keepdim, "var_mean")
    return _real(variance, self), mean.astype(self.dtype)


def _declare_unbiased(name, returns, variants, what):
    """The two overloads with `unbiased=` of one of the four above."""

    def call(self, dim, unbiased, keepdim):
        return getattr(functions, name)(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)

    def of_all(self, unbiased):
        return call(self, None, unbiased, False)

    def of_dims(self, dim, unbiased, keepdim):
        return call(self, dim, unbiased, keepdim)

    of_all.__doc__ = f"The {what} of all elements."
    of_dims.__doc__ = f"The {what} along some dimensions."
    composite(f"{name}(Tensor self, bool unbiased=True) -> {returns}", variants=variants)(of_all)
    composite(
        f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> {returns}",
        variants=variants,
        out=returns == "Tensor",
    )(of_dims)


_declare_unbiased("std", "Tensor", "", "standard deviation")


_declare_unbiased("var", "Tensor", "", "variance")


_declare_unbiased("std_mean", "(Tensor, Tensor)", "function", "standard deviation and mean")


_declare_unbiased("var_mean", "(Tensor, Tensor)", "function", "variance and mean")
