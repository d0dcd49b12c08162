"""Weights as a direction and a length: weight normalisation."""

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op


def _kept_sizes(v, dim):
    """Ones but for one dimension."""
    return [size if d == dim else 1 for d, size in enumerate(v.shape)]


@composite("norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", variants="function")
def norm_except_dim(v, pow, dim):
    """The norm over all dimensions but one (over all of them for -1)."""
    if v.dtype.category < dtypes.FLOATING:
        raise messages.norm_dtype(v.dtype.scalar_type)
    if dim == -1:
        return v.norm(pow)
    last = v.dim() - 1
    if dim == 0:
        return v.contiguous().view(v.size(0), -1).norm(pow, 1).view(_kept_sizes(v, 0))
    if dim == last:
        return v.contiguous().view(-1, v.size(last)).norm(pow, 0).view(_kept_sizes(v, last))
    return norm_except_dim(v.transpose(0, dim), pow, 0).transpose(0, dim)


@composite("_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", variants="function")
def _weight_norm(v, g, dim):
    """v scaled so that its norm along all dimensions but one is g."""
    if dim in (0, v.dim() - 1):
        return functions._weight_norm_interface(v.contiguous(), g.contiguous(), dim)[0]
    return v * (g / functions.norm_except_dim(v, 2, dim))


def _backward(grad, v, g, norms, dim):
    grad = grad.contiguous()
    along = functions.sum(grad * v, [d for d in range(v.dim()) if d != dim], True)
    return (g / norms) * (grad - v * (along / (norms * norms))), along / norms


@op(
    "_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)",
    variants="function",
    out=False,
    v__g=lambda grad, g, v, result1, dim: _backward(grad, v, g, result1, dim),
)
def _weight_norm_interface(xp, v, g, dim):
    """The scaled direction, and the norms that it was divided by."""
    others = tuple(d for d in range(v.ndim) if d != dim)
    norms = xp.sqrt((v * v).sum(axis=others, keepdims=True))
    return v * (g / norms), norms
