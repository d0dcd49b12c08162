"""Element-wise arithmetic and functions: each is a numpy function, with its gradient as one formula an input."""

from tensorcli.engine.dtypes import INT_TO_FLOAT, PROMOTE
from tensorcli.engine.effects import Viewed
from tensorcli.engine.op import composite, op, view
from tensorcli.engine.tensor import CONJ


@op(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: grad,
    other=lambda grad, alpha: grad if alpha == 1 else grad * alpha,
)
def add(xp, self, other, alpha):
    """Add other (times alpha) to self, element by element."""
    return xp.add(self, other if alpha == 1 else xp.multiply(other, alpha))


@op(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad, other: grad * other.conj(),
    other=lambda grad, self: grad * self.conj(),
)
def mul(xp, self, other):
    """Multiply self by other, element by element."""
    return xp.multiply(self, other)


@op("exp(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, inplace=True, self=lambda grad, result: grad * result.conj())
def exp(xp, self):
    """Raise e to each element."""
    return xp.exp(self)


@view("_conj(Tensor(a) self) -> Tensor(a)", self=lambda grad: grad.conj())
def lazy_conj(viewed):
    """The conjugate as a view: the bytes stay, a bit says how to read them."""
    return Viewed(viewed.geometry, viewed.dtype, viewed.lazy ^ CONJ, viewed.nbytes)


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self):
    """The complex conjugate, as a view; a real tensor is returned as it is."""
    return self._conj() if self.dtype.is_complex else self
