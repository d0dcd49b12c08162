"""Arithmetic with a number where PyTorch's own C++ calls it: the nodes have names of their own (`MulBackward1`)."""

from tensorcli.engine import dtypes
from tensorcli.engine.declare import op
from tensorcli.engine.ops._composed import direct


@op(
    "_div.Scalar(Tensor self, Scalar other) -> Tensor",
    out=False,
    dtype=dtypes.INT_TO_FLOAT,
    inplace=True,
    node=1,
    variants="function",
    self=lambda grad, other: direct("_div.Scalar", grad, other),
)
def divided(xp, self, other):
    """Divide by a number that C++ gave: PyTorch's node for it is DivBackward1."""
    return xp.divide(self, other)


@op(
    "_mul.Scalar(Tensor self, Scalar other) -> Tensor",
    out=False,
    dtype=dtypes.PROMOTE_SCALARS,
    inplace=True,
    node=1,
    variants="function",
    self=lambda grad, other: direct("_mul.Scalar", grad, other.conjugate()),
)
def multiplied(xp, self, other):
    """Multiply by a number that C++ gave: PyTorch's node for it is MulBackward1."""
    return xp.multiply(self, self.dtype.type(other) if self.dtype.kind in "fc" else other)


@op(
    "_add.Scalar(Tensor self, Scalar other) -> Tensor",
    out=False,
    dtype=dtypes.PROMOTE_SCALARS,
    inplace=True,
    node=1,
    variants="function",
    self=lambda grad: grad,
)
def added(xp, self, other):
    """Add a number that C++ gave: PyTorch's node for it is AddBackward1."""
    return xp.add(self, other)


@op(
    "_sub.Scalar(Tensor self, Scalar other) -> Tensor",
    out=False,
    dtype=dtypes.PROMOTE_SCALARS,
    inplace=True,
    node=1,
    variants="function",
    self=lambda grad: grad,
)
def subtracted(xp, self, other):
    """Subtract a number that C++ gave: PyTorch's node for it is SubBackward1."""
    return xp.subtract(self, other)
