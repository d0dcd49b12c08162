"""Factories: tensors made of sizes, ranges and values."""

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.op import composite, factory


@factory(
    "zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) "
    "-> Tensor"
)
def zeros(xp, size, dtype):
    """A tensor of zeros."""
    return xp.zeros(size, (dtype or dtypes.default.floating).np)


@factory(
    "ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) "
    "-> Tensor"
)
def ones(xp, size, dtype):
    """A tensor of ones."""
    return xp.ones(size, (dtype or dtypes.default.floating).np)


@composite(
    "new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None) -> Tensor",
    variants="method",
)
def new_zeros(self, size, dtype, layout, device, pin_memory):
    """Zeros of the same dtype and on the same device, unless others are named."""
    from tensorcli.engine.op import function

    return function("zeros")(size, dtype=dtype or self.dtype, device=device or self.device)


__all__ = ["np"]
