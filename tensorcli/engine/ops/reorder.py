"""Elements in other orders, triangles and diagonals."""

import numpy as np

from tensorcli.engine import effects, geometry
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._dimensions import distinct, existing, wrap
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.table import OPS

# ---- other orders


@op(
    "flip(Tensor self, int[] dims) -> Tensor",
    check=lambda self, dims: distinct(dims, len(self.geometry.sizes)),
    out=False,
    self=lambda grad, dims: grad.flip(dims),
)
def flip(xp, self, dims):
    """Some dimensions in reverse order."""
    dims = tuple(wrap(dim, self.ndim) for dim in dims) if self.ndim else ()
    return Laid(xp.flip(self, dims), geometry.preserved_strides(own_geometry(self)))


@composite("fliplr(Tensor self) -> Tensor")
def fliplr(self):
    """The columns in reverse order."""
    if len(self.geometry.sizes) < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return self.flip((1,))


@composite("flipud(Tensor self) -> Tensor")
def flipud(self):
    """The rows in reverse order."""
    if not self.geometry.sizes:
        raise RuntimeError("Input must be >= 1-d.")
    return self.flip((0,))


@op(
    "roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor",
    check=lambda self, shifts, dims: _check_roll(self, shifts, dims),
    out=False,
    self=lambda grad, shifts, dims: grad.roll(
        tuple(-shift for shift in reversed(shifts)), tuple(reversed(dims))
    ),
)
def roll(xp, self, shifts, dims):
    """The elements moved along dimensions; what leaves at one end comes in at the other."""
    if not self.size and xp is np and dims:
        return Laid(self.copy(), own_geometry(self).strides)
    if not dims:
        return xp.roll(self, shifts[0])
    if not self.ndim:
        return self.copy()
    dims = [wrap(dim, self.ndim) for dim in dims]
    rolled = xp.roll(self, tuple(shifts), dims)
    # PyTorch joins two parts, one dimension after the other: without elements in both, the result is row-major.
    both = self.size and all(shift % self.shape[dim] for shift, dim in zip(shifts, dims, strict=True))
    if both and geometry.suggests_channels_last(own_geometry(self)):
        return Laid(rolled, geometry.channels_last_strides(self.shape))
    return rolled


def _check_roll(self, shifts, dims):
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and not (len(shifts) == 1 and not dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    for dim in dims if self.numel() else ():
        existing(dim, len(self.geometry.sizes))


@op(
    "rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor",
    check=lambda self, k, dims: _check_rotation(self, dims),
    out=False,
    self=lambda grad, k, dims: grad.rot90(-k, dims),
)
def rot90(xp, self, k, dims):
    """Turned by a number of right angles in the plane of two dimensions."""
    first, second = (wrap(dim, self.ndim) for dim in dims)
    k %= 4
    if k in (0, 2):
        array = xp.flip(self, (first, second)) if k else self
        return Laid(
            array,
            geometry.preserved_strides(own_geometry(self)) if k else geometry.contiguous_strides(self.shape),
        )
    turned = xp.swapaxes(xp.flip(self, second if k == 1 else first), first, second)
    kept = Geometry(self.shape, geometry.preserved_strides(own_geometry(self)))
    return Laid(turned, kept.swapped(first, second).strides)


def _check_rotation(self, dims):
    ndim = len(self.geometry.sizes)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if wrap(dims[0], ndim) == wrap(dims[1], ndim):
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )


# ---- triangles and diagonals


def _check_matrix(name):
    def check(self, diagonal):
        if len(self.geometry.sizes) < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")

    return check


def _emptied(name):
    """The kernel for an expanded tensor: an element that many positions share is zero if one of them is to be."""

    def kernel(xp, self, diagonal):
        kept = getattr(xp, name)(xp.ones(self.shape[-2:], bool), diagonal)
        for axis in (-2, -1):
            if not self.strides[axis]:
                kept = kept.all(axis, keepdims=True)
        self[...] = xp.where(kept, self, self.dtype.type(0))

    return kernel


def _written(op, values):
    """The in-place twin writes zeros only, where it finds rows of matrices that it can walk: expanded ones too."""
    shape = values[0].geometry
    if not geometry.has_internal_overlap(shape):
        return effects.write_twin(op, values)
    step = shape.sizes[-1] * shape.sizes[-2] if len(shape.sizes) > 3 else None
    for d in range(len(shape.sizes) - 3, -1, -1) if step else ():
        if d == 0 and (shape.strides[0] == 0 or shape.sizes[0] == 1):
            break
        if shape.strides[d] != step:
            effects.check_overlap(values[0], ())
        step *= shape.sizes[d]
    return effects.write(op, values)


@op(
    "tril(Tensor self, SymInt diagonal=0) -> Tensor",
    inplace={"kernel": _emptied("tril")},
    check=_check_matrix("tril"),
    self=lambda grad, diagonal: grad.tril(diagonal),
)
def tril(xp, self, diagonal):
    """The elements on and below a diagonal, zeros above."""
    return xp.tril(self, diagonal)


@op(
    "triu(Tensor self, SymInt diagonal=0) -> Tensor",
    inplace={"kernel": _emptied("triu")},
    check=_check_matrix("triu"),
    self=lambda grad, diagonal: grad.triu(diagonal),
)
def triu(xp, self, diagonal):
    """The elements on and above a diagonal, zeros below."""
    return xp.triu(self, diagonal)


for _name in ("tril_", "triu_"):
    OPS[_name].variants = "method"  # PyTorch has them as methods only.
    OPS[_name].effect = _written


@composite("diag(Tensor self, int diagonal=0) -> Tensor", out=True)
def diag(self, diagonal):
    """The diagonal of a matrix as a copy, or the matrix that has a vector on its diagonal."""
    ndim = len(self.geometry.sizes)
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return self.diag_embed(diagonal) if ndim == 1 else functions.diagonal_copy(self, diagonal)


@op(
    "diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
    check=lambda self, offset, dim1, dim2: _check_planes(len(self.geometry.sizes) + 1, dim1, dim2),
    out=False,
    self=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2),
)
def diag_embed(xp, self, offset, dim1, dim2):
    """The last dimension laid on the diagonal of two new ones, zeros elsewhere."""
    ndim = self.ndim + 1
    dim1, dim2 = wrap(dim1, ndim), wrap(dim2, ndim)
    length = self.shape[-1]
    size = length + abs(offset)
    result = xp.zeros((*self.shape[:-1], size, size), self.dtype)
    index = xp.arange(length)
    result[..., index + max(-offset, 0), index + max(offset, 0)] = self
    return xp.ascontiguousarray(xp.moveaxis(result, (-2, -1), (dim1, dim2)))


def _check_planes(ndim, dim1, dim2):
    if wrap(dim1, ndim) == wrap(dim2, ndim):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")


@composite("diagflat(Tensor self, int offset=0) -> Tensor")
def diagflat(self, offset):
    """The matrix that has all elements on its diagonal."""
    return self.contiguous().view((-1,)).diag(offset)
