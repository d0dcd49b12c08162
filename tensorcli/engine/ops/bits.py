"""Integers and their bits, element by element."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import PROMOTE, PROMOTE_SCALARS
from tensorcli.engine.ops._dimensions import kind_of

# ---- integers and bits


@op("gcd(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)
def gcd(xp, self, other):
    """The greatest common divisor."""
    if self.dtype.kind not in "iu":
        raise messages.not_implemented("gcd_cpu", kind_of(self))
    found = xp.gcd(self, other)
    if self.dtype.kind == "u" or xp is not np:
        return found
    return np.where(_is_least(self) | _is_least(other), _divisor_by_steps(self, other), found)


def _is_least(x):
    """Where an integer has no absolute value."""
    return x == np.iinfo(x.dtype).min


def _divisor_by_steps(self, other):
    """Euclid's algorithm of remainders with the dividend's sign, which PyTorch goes by where the size of a number wraps around."""
    a, b = np.abs(self), np.abs(other)
    a, b = (one.copy() for one in np.broadcast_arrays(a, b))
    while (more := a != 0).any():
        rest = np.fmod(b, np.where(more, a, 1))
        a, b = np.where(more, rest, 0), np.where(more, a, b)
    return b


@op("lcm(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)
def lcm(xp, self, other):
    """The least common multiple."""
    if self.dtype.kind not in "iu":
        raise messages.not_implemented("lcm_cpu", kind_of(self))
    return xp.lcm(self, other)


@op("bitwise_not(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, variants="function, method")
def bitwise_not(xp, self):
    """Invert each bit; of bool, each truth value."""
    if self.dtype.kind not in "biu":
        raise messages.not_implemented("bitwise_not_cpu", kind_of(self))
    return xp.invert(self)


def _bitwise(name, function, refusal, kinds, description, scalar_overloads):
    def kernel(xp, self, other):
        if self.dtype.kind not in kinds:
            raise messages.not_implemented(refusal, kind_of(self))
        return getattr(xp, function)(self, other)

    kernel.__doc__ = description
    tensor_scalar, scalar_tensor = scalar_overloads
    op(f"{name}.{tensor_scalar}(Tensor self, Scalar other) -> Tensor", dtype=PROMOTE_SCALARS, inplace=True)(
        kernel
    )
    op(
        f"{name}.{scalar_tensor}(Scalar self, Tensor other) -> Tensor",
        out=False,
        dtype=PROMOTE_SCALARS,
        variants="function",
    )(kernel)
    op(f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", dtype=PROMOTE, inplace=True)(kernel)


_bitwise(
    "bitwise_and",
    "bitwise_and",
    "bitwise_and_cpu",
    "biu",
    "The bits that both have.",
    ("Scalar", "Scalar_Tensor"),
)
_bitwise(
    "bitwise_or", "bitwise_or", "bitwise_or_cpu", "biu", "The bits that one has.", ("Scalar", "Scalar_Tensor")
)
_bitwise(
    "bitwise_xor",
    "bitwise_xor",
    "bitwise_xor_cpu",
    "biu",
    "The bits that just one has.",
    ("Scalar", "Scalar_Tensor"),
)
_bitwise(
    "bitwise_left_shift", "left_shift", "lshift_cpu", "iu", "Shift the bits to the left.", ("Tensor_Scalar", "Scalar_Tensor")
)  # fmt: skip
_bitwise(
    "bitwise_right_shift", "right_shift", "rshift_cpu", "iu", "Shift the bits to the right.",
    ("Tensor_Scalar", "Scalar_Tensor"),
)  # fmt: skip
