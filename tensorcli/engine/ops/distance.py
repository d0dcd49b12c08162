"""Distances between tensors and between rows; norms of slices."""

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import kind_of, wrap
from tensorcli.engine.ops._matrices import check_order
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._registers import is_reduced
from tensorcli.engine.ops._shared import no_derivative
from tensorcli.engine.ops.norms import vector_norm_backward
from tensorcli.engine.ops.pointwise import no_bool
from tensorcli.engine.queries import result_type

# ---- distances


def _check_difference(self, other, p):
    # PyTorch subtracts first.
    no_bool(self, other)
    sizes = effects.broadcast_sizes([self.geometry.sizes, other.geometry.sizes])
    if p == float("inf") and 0 in sizes:
        raise RuntimeError(
            "linalg.vector_norm cannot compute the inf norm on an empty tensor because the operation does not have an identity"
        )


@op(
    "dist(Tensor self, Tensor other, Scalar p=2) -> Tensor",
    stepwise=REDUCED,
    out=False,
    dtype=dtypes.COMMON,
    check=_check_difference,
    self=lambda grad, self, other, p, result: vector_norm_backward(
        grad, self - other, p, result, None, False
    ),
    other=lambda grad, self, other, p, result: (
        -vector_norm_backward(grad, self - other, p, result, None, False)
    ),
)
def dist(xp, self, other, p):
    """The p-norm of the difference of two tensors."""
    check_order(p, "linalg.vector_norm")
    size = xp.abs(self - other)
    if size.dtype.kind in "biu":
        raise messages.norm_dtype(kind_of(size))
    return _length(xp, size, p, tuple(range(size.ndim))).astype(size.dtype)


def _length(xp, size, p, axes):
    if p == float("inf"):
        return size.max(axis=axes) if size.size else size.sum(axis=axes)
    if p == -float("inf"):
        return size.min(axis=axes)
    if p == 0:
        return (size != 0).sum(axis=axes).astype(size.dtype)
    wide = size.astype(np.float64)
    if p == 2:
        return xp.sqrt((wide * wide).sum(axis=axes))
    kind = np.promote_types(size.dtype, np.float32)  # In which PyTorch has the powers, and takes the root.
    total = (wide ** float(p)).astype(kind).sum(axis=axes, dtype=np.float64)
    return total.astype(kind) ** kind.type(1 / float(p))


def _row_length(xp, size, p):
    """`_length` of each row, where nan is not counted as different for p = 0 but makes the sum nan."""
    return xp.minimum(xp.ceil(size), 1).sum(axis=-1) if p == 0 else _length(xp, size, p, (-1,))


def _pair_backward(xp, grad, x1, x2, p, distance):
    """The gradient for x1 of all distances between rows (aten/src/ATen/native/cpu/DistanceOpsKernel.cpp)."""
    difference = x1[..., :, None, :] - x2[..., None, :, :]
    size, sign = xp.abs(difference), xp.sign(difference)
    grad, distance = grad[..., None], distance[..., None]
    if p == 0:
        return xp.zeros(x1.shape, x1.dtype)
    if p == 1:
        part = grad * sign
    elif p == float("inf"):
        part = grad * sign * (size == distance)
    elif p == 2:
        part = xp.where(distance == 0, 0, grad * difference / xp.where(distance == 0, 1, distance))
    else:
        safe = xp.where(distance == 0, 1, distance)
        power = (
            sign * size ** (p - 1)
            if p > 1
            else sign * xp.where(size == 0, 0, xp.where(size == 0, 1, size) ** (p - 1))
        )
        part = xp.where(distance == 0, 0, power * grad / safe ** (p - 1))
    return part.sum(axis=-2).astype(x1.dtype)


def _euclidean_backward(grad, x1, x2, result):
    """Zero where the distance is, which has no derivative (FunctionsManual.cpp, _euclidean_dist_backward)."""
    ratio = (grad / result).masked_fill(result == 0, 0)
    return (
        x1 * ratio.sum(-1, True) - ratio.matmul(x2),
        x2 * ratio.sum(-2, False).unsqueeze(-1) - ratio.mT.matmul(x1),
    )


@op(
    "_euclidean_dist(Tensor x1, Tensor x2) -> Tensor",
    out=False,
    variants="function",
    x1__x2=_euclidean_backward,
)
def euclidean_dist(xp, x1, x2):
    """The Euclidean distances between all rows of two matrices, by one product of matrices."""
    norm1, norm2 = (xp.sum(x * x, axis=-1, keepdims=True) for x in (x1, x2))
    left = xp.concatenate([-2 * x1, norm1, xp.ones_like(norm1)], -1)
    right = xp.concatenate([x2, xp.ones_like(norm2), norm2], -1)
    return xp.sqrt(xp.maximum(left @ right.swapaxes(-1, -2), 0))


@op(
    "_cdist_backward(Tensor grad, Tensor x1, Tensor x2, float p, Tensor cdist) -> Tensor",
    variants="function",
    grad=no_derivative("_cdist_backward"),
    x1=no_derivative("_cdist_backward"),
    x2=no_derivative("_cdist_backward"),
    cdist=no_derivative("_cdist_backward"),
)
def cdist_backward(xp, grad, x1, x2, p, cdist):
    """The gradient of cdist for its first input."""
    return _pair_backward(xp, grad, x1, x2, p, cdist)


@op(
    "_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor",
    variants="function",
    x1=lambda grad, x1, x2, p, result: functions._cdist_backward(grad.contiguous(), x1, x2, p, result),
    x2=lambda grad, x1, x2, p, result: functions._cdist_backward(
        grad.mT.contiguous(), x2, x1, p, result.mT.contiguous()
    ),
)
def cdist_forward(xp, x1, x2, p, compute_mode):
    """The p-norm distances between all rows of two matrices."""
    size = xp.abs(x1[..., :, None, :] - x2[..., None, :, :])
    if p == float("inf"):
        size = xp.where(xp.isnan(size), 0, size)  # nan is never the larger one
    return _row_length(xp, size, p).astype(x1.dtype)


@composite("cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor", variants="function")
def cdist(x1, x2, p, compute_mode):
    """The p-norm distances between all rows of two (batches of) matrices."""
    if x1.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X1 got: {x1.ndim}D")
    if x2.ndim < 2:
        raise RuntimeError(f"cdist only supports at least 2D tensors, X2 got: {x2.ndim}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}"
        )
    for name, one in (("X1", x1), ("X2", x2)):
        if not one.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {one.dtype.scalar_type}"
            )
    if not p >= 0:
        raise RuntimeError("cdist only supports non-negative p values")
    rows = max(x1.size(-2), x2.size(-2))
    if p == 2 and x1.numel() and x2.numel() and (compute_mode == 1 or (not compute_mode and rows > 25)):
        batch = effects.broadcast_sizes([x1.geometry.sizes[:-2], x2.geometry.sizes[:-2]])
        wanted = [(*batch, *x.geometry.sizes[-2:]) for x in (x1, x2)]
        left, right = (
            x if x.geometry.sizes == s else x.expand(s) for x, s in zip((x1, x2), wanted, strict=True)
        )
        return functions._euclidean_dist(left, right).view((*batch, x1.size(-2), x2.size(-2)))
    if x1.numel() and x2.numel():
        if x1.dtype.reduced:
            raise messages.not_implemented("cdist", x1.dtype.scalar_type)
        if x2.dtype is not x1.dtype:
            raise messages.expected_scalar_type(x1.dtype.scalar_type, x2.dtype.scalar_type)
    return functions._cdist_forward(x1, x2, p, compute_mode)


def _pairs(xp, n):
    return xp.triu_indices(n, 1)


@op(
    "_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor",
    variants="function",
    grad=no_derivative("_pdist_backward"),
    self=no_derivative("_pdist_backward"),
    pdist=no_derivative("_pdist_backward"),
)
def pdist_backward(xp, grad, self, p, pdist):
    """The gradient of pdist."""
    n = len(self)
    whole, distance = xp.zeros((n, n), self.dtype), xp.zeros((n, n), self.dtype)
    rows, cols = _pairs(xp, n)
    for target, values in ((whole, grad), (distance, pdist)):
        target[rows, cols] = values
        target[cols, rows] = values
    return _pair_backward(xp, whole, self, self, p, distance)


@op(
    "_pdist_forward(Tensor self, float p=2) -> Tensor",
    variants="function",
    self=lambda grad, self, p, result: functions._pdist_backward(grad.contiguous(), self, p, result),
)
def pdist_forward(xp, self, p):
    """The p-norm distances between the rows of a matrix, each pair once."""
    rows, cols = _pairs(xp, len(self))
    return _row_length(xp, xp.abs(self[rows] - self[cols]), p).astype(self.dtype)


@composite("pdist(Tensor self, float p=2) -> Tensor", variants="function")
def pdist(self, p):
    """The p-norm distances between the rows of a matrix, each pair once."""
    if self.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.ndim}D")
    if not self.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if self.dtype.reduced and self.size(0) > 1:
        raise messages.not_implemented("pdist", self.dtype.scalar_type)
    return functions._pdist_forward(self.contiguous(), p)


# ---- norms of slices


def _renorm_backward(grad, self, p, dim, maxnorm):
    """After torch/csrc/autograd/FunctionsManual.cpp: sums of the reduced dtypes stay in float32."""
    dims = [d for d in range(self.ndim) if d != wrap(dim, self.ndim)]
    adding = self.dtype.computes_as
    norm = functions.linalg_vector_norm(self, p, dims, True, dtype=adding)
    weighted = self.conj() * grad
    if weighted.dtype.is_complex:
        weighted = functions.real(weighted)
    weighted = weighted.sum(dims, True, dtype=adding.to_real())
    of_norm = vector_norm_backward(weighted, self, p, norm, dims, True)
    inverse = (norm + 1e-7).reciprocal()
    scaled = maxnorm * inverse * (grad - inverse * of_norm)
    return functions.where(norm > maxnorm, scaled.to(grad.dtype), grad)


@op(
    "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    inplace=True,
    stepwise=REDUCED,
    self=_renorm_backward,
)
def renorm(xp, self, p, dim, maxnorm):
    """Each slice along a dimension scaled down to a p-norm of at most maxnorm."""
    if isinstance(p, complex):
        raise RuntimeError("renorm: p must be real-valued")
    if not p > 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if isinstance(maxnorm, complex):
        raise RuntimeError("renorm: maxnorm must be real-valued")
    if not maxnorm >= 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if self.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.ndim} dimensions")
    (wide,) = widened(self)
    if wide.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {kind_of(self)}"
        )
    axes = tuple(d for d in range(self.ndim) if d != wrap(dim, self.ndim))
    norm = xp.expand_dims(_length(xp, xp.abs(wide), p, axes), axes)
    factor = xp.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)
    return (self * (factor.astype(self.dtype) if is_reduced(self) else factor)).astype(self.dtype)


# ---- similarities


@composite(
    "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", variants="function"
)
def cosine_similarity(x1, x2, dim, eps):
    """The cosine of the angle between two tensors' rows along a dimension."""
    kind = result_type(x1, x2)
    if kind.category != dtypes.FLOATING:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {kind.scalar_type}"
        )
    if not eps >= 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g}")
    x1, x2 = (one if one.dtype.category == dtypes.FLOATING else one.to(kind) for one in (x1, x2))
    if x1.shape != x2.shape:
        x1, x2 = functions.broadcast_tensors([x1, x2])
    norm1 = functions.linalg_vector_norm(x1, 2, [dim], True).clone()
    norm2 = functions.linalg_vector_norm(x2, 2, [dim], True).clone()
    # The norm is clamped without a trace in the graph: its derivative stays the derivative of the norm.
    with no_grad():
        norm1.clamp_min_(eps)
        norm2.clamp_min_(eps)
    return ((x1 / norm1) * (x2 / norm2)).sum(dim)


@composite(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor",
    variants="function",
)
def pairwise_distance(x1, x2, p, eps, keepdim):
    """The p-norm of the differences of rows, eps added to each difference."""
    last = max(x1.ndim, x2.ndim) - 1
    return direct("_norm.ScalarOpt_dim", direct("_add.Scalar", x1 - x2, eps), p, [last], keepdim)
