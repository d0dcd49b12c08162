"""Reducing values into the places of an index, and the gradients of that.

scatter_reduce has an index for each element and index_reduce one for each slice; otherwise they are the same, and so are
their gradients (after FunctionsManual.cpp's scatter_reduce_backward and index_reduce_backward).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.delayed import delayed_error
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.tensor import Tensor

REDUCTIONS = {"sum": "add", "prod": "multiply", "mean": "add", "amax": "maximum", "amin": "minimum"}

SHORT = {"max": "amax", "min": "amin"}
"""Other names that PyTorch takes, without a gradient."""


def accumulate(xp, name, target, key, values):
    """Reduce values into the target's places, one after the other; the half-width floats round once, at the end."""
    working = dtypes.from_numpy_dtype(target.dtype).computes_as.np
    if target.dtype == working:
        step_by_step(xp, name, target, key, values)
        return
    wide = target.astype(working)
    behind(xp).combine(name, wide, key, values.astype(working))
    target[...] = wide.astype(target.dtype)


def step_by_step(xp, name, target, key, values):
    """Reduce values into the target's places, one after the other, each result rounded to the target's dtype."""
    behind(xp).combine(name, target, key, values.astype(target.dtype, copy=False))


def identity(reduce, kind):
    """What a reduction starts from where self does not take part."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "b":
        return reduce == "amin"
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return limits.min if reduce == "amax" else limits.max
    return -np.inf if reduce == "amax" else np.inf


def reduce_into(xp, target, key, values, reduce, include_self, reduction=accumulate):
    """Reduce values into target[key]; the mean divides by how many took part."""
    values = xp.broadcast_to(values, target[key].shape)
    if not include_self:
        target[key] = identity(reduce, target.dtype)
    reduction(xp, REDUCTIONS[reduce], target, key, values)
    if reduce == "mean":
        count = xp.ones(target.shape, np.int64) if include_self else xp.zeros(target.shape, np.int64)
        behind(xp).combine("add", count, key, 1)
        count = xp.maximum(count, 1)
        if target.dtype.kind in "iu":
            target[...] = xp.floor_divide(target, count)
        else:
            target[...] = (target / count).astype(target.dtype)


class Places(NamedTuple):
    """How the places of an index are read and written, in operations on tensors that can be differentiated again."""

    read: Callable[[Tensor], Tensor]
    add: Callable[[Tensor, Tensor], Tensor]
    multiply: Callable[[Tensor, Tensor], Tensor]
    clear: Callable[[Tensor], Tensor]
    twice: str
    """The error of differentiating again a product that has several zeros at one place."""

    def gradients(self, grad, into, values, reduce, include_self, result):
        """The gradients for what was reduced into, and for the values."""
        if reduce == "sum":
            to_self, to_values = grad, self.read(grad)
        elif reduce == "prod":
            to_self, to_values = self._of_product(grad, into, values, result)
        elif reduce == "mean":
            count = functions.ones_like(into) if include_self else functions.zeros_like(into)
            count = self.add(count, functions.ones_like(values))
            count = count.masked_fill(count == 0, 1)
            to_self = grad / count
            to_values = self.read(grad) / self.read(count)
        else:
            # Those that tie share the gradient.
            reached = self.read(result)
            ties = values == reached
            own_ties = into == result
            shares = self.add(own_ties.to(into.dtype), ties.to(into.dtype))
            share = grad / shares
            to_self = own_ties * share
            to_values = ties * self.read(share)
        return to_self if include_self else self.clear(to_self), to_values

    def _of_product(self, grad, into, values, result):
        """A value that is the only zero at its place gets the product of the others."""
        masked = values == 0
        without_zeros = into.masked_fill(into == 0, 1)
        to_self = (grad * self.multiply(without_zeros, values)) / without_zeros
        zeros = self.read(self.add(functions.zeros_like(into), masked.to(into.dtype)))
        single_zero = functions.bitwise_and(masked, zeros == 1)
        others = self.multiply(into, values.masked_fill(single_zero, 1))
        to_values = functions.where(
            single_zero, self.read(grad * others), self.read(grad * result) / values.masked_fill(masked, 1)
        )
        if mode.enabled and bool((zeros > 1).any()):
            (to_values,) = delayed_error(self.twice, to_values)
        return to_self, to_values
