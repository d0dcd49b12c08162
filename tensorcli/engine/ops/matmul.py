"""matmul and linear: products of any dimensions, made of the others; traces and Kronecker products."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.effects import broadcast_sizes
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops.contract import tensordot_dims


@composite("matmul(Tensor self, Tensor other) -> Tensor", out=True)
def matmul(self, other):
    """Multiply vectors, matrices or batches of them, as their dimensions say."""
    dim1, dim2 = self.ndim, other.ndim
    if not dim1 or not dim2:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {dim1}D and {dim2}D"
        )
    if dim1 == 1 and dim2 == 1:
        return self.dot(other)
    if dim1 == 2 and dim2 == 1:
        return self.mv(other)
    if dim1 == 1 and dim2 == 2:
        return self.unsqueeze(0).mm(other).squeeze_(0)
    if dim1 == 2 and dim2 == 2:
        return self.mm(other)
    if _folds(self, other):
        return _folded(self, other)
    return _batched_matmul(self, other)


def _folds(a, b):
    """Whether the larger side becomes one matrix (aten/src/ATen/native/LinearAlgebra.cpp, should_fold)."""
    larger, other = (a, b) if a.ndim >= b.ndim else (b.mT, a)
    if not (larger.ndim >= 3 and other.ndim <= 2):
        return False
    if other.requires_grad:
        return True
    if a.ndim == 2:
        return False
    if not larger.numel():
        return True
    sizes, strides = larger.geometry.sizes, larger.geometry.strides
    return all(strides[i] == strides[i + 1] * sizes[i + 1] for i in range(larger.ndim - 2))


def _folded(a, b):
    turned = a.ndim < b.ndim
    larger, other = (b.mT, a.t() if a.ndim == 2 else a) if turned else (a, b)
    sizes = larger.geometry.sizes
    shape = sizes[:-1]
    rows = 1
    for size in shape:
        rows *= size
    flat = larger.reshape((rows, sizes[-1]))
    if other.ndim == 1:
        return functions._unsafe_view(flat.mv(other), shape)
    result = functions._unsafe_view(flat.mm(other), (*shape, other.size(1)))
    return result.mT.contiguous() if turned else result


def _batched_matmul(a, b):
    sizes1, sizes2 = a.geometry.sizes, b.geometry.sizes
    if a.ndim == 3 and b.ndim == 3 and sizes1[0] != sizes2[0]:
        if sizes1[0] == 1 and a.requires_grad:
            return matmul(a.squeeze(0), b)
        if sizes2[0] == 1 and b.requires_grad:
            return matmul(a, b.squeeze(0))
    n = sizes1[-2] if a.ndim > 1 else 1
    m1 = sizes1[-1]
    m2 = sizes2[-2] if b.ndim > 1 else sizes2[-1]
    p = sizes2[-1] if b.ndim > 1 else 1
    batch = broadcast_sizes([sizes1[:-2], sizes2[:-2]])
    count = 1
    for size in batch:
        count *= size
    left = a.expand((*batch, n, m1)).reshape((count, n, m1))
    if b.ndim == 1:
        right = b.expand((*batch, m2)).reshape((count, m2)).unsqueeze(2)
    else:
        right = b.expand((*batch, m2, p)).reshape((count, m2, p))
    shape = (*batch, *((n,) if a.ndim > 1 else ()), *((p,) if b.ndim > 1 else ()))
    product = left.bmm(right)
    return functions._unsafe_view(product.squeeze(-1) if b.ndim == 1 else product, shape)


def _is_row(bias, weight):
    """Whether a bias has a number for each output, as of which PyTorch adds it in the product itself."""
    own = bias.geometry
    return own.contiguous and (own.ndim == 1 or own.numel == weight.geometry.sizes[0])


@composite("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", namespace="nn", out=True)
def linear(input, weight, bias):
    """input times the transposed weight, plus the bias: a layer of a network."""
    if not input.ndim or not weight.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    if bias is not None and input.ndim == 2:
        return functions.addmm(bias, input, weight.t())
    if bias is not None and _is_row(bias, weight) and input.geometry.contiguous:
        sizes = input.geometry.sizes
        flat = input.reshape((prod(sizes[:-1]), sizes[-1]))
        result = functions.addmm(bias, flat, weight.t())
        return result.view((*sizes[:-1], result.size(1)))
    result = functions.matmul(input, weight.t())
    return result if bias is None else result.add_(bias)


@composite("inner(Tensor self, Tensor other) -> Tensor", out=True)
def inner(self, other):
    """The dot products along the last dimensions."""
    if not self.ndim or not other.ndim:
        return self * other
    if self.size(-1) != other.size(-1):
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{messages.numbers(self.geometry.sizes)} and {messages.numbers(other.geometry.sizes)}"
        )
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    if self.dtype is dtypes.bool_ and self.ndim == other.ndim == 1:
        raise messages.not_implemented("dot", "Bool")
    return tensordot_dims(self, other, [-1], [-1])


@composite("chain_matmul(Tensor[] matrices) -> Tensor", variants="function", out=True)
def chain_matmul(matrices):
    """The product of several matrices, multiplied in the cheapest order."""
    messages.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters.",
        once=True,
    )
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for matrix in matrices:
        if matrix.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else functions.linalg_multi_dot(list(matrices))


@op(
    "trace(Tensor self) -> Tensor", out=False, self=lambda grad, self_sizes: _trace_backward(grad, self_sizes)
)
def trace(xp, self):
    """The sum of the diagonal of a matrix."""
    refuse(self, "trace", "b" if self.dtype.itemsize == 1 else "bu")
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return xp.trace(self).astype(np.int64 if self.dtype.kind in "iu" else self.dtype)


def _trace_backward(grad, sizes):
    # C++'s own zeros are an empty tensor that is written: the gradient comes with version 2.
    filled = grad.new_empty((sizes[0] * sizes[1],)).zero_()
    diagonal = functions.arange(0, min(sizes) * (sizes[1] + 1), sizes[1] + 1, device=grad.device)
    return filled.index_fill_(0, diagonal, grad).view(sizes)


@composite("kron(Tensor self, Tensor other) -> Tensor", out=True)
def kron(self, other):
    """The Kronecker product: other times each element of self, as blocks."""
    ndim = max(self.ndim, other.ndim)
    left = (1,) * (ndim - self.ndim) + self.geometry.sizes
    right = (1,) * (ndim - other.ndim) + other.geometry.sizes
    spread = [size for one in left for size in (one, 1)]
    inner = [size for one in right for size in (1, one)]
    # Views with counters of their own, as PyTorch's kernel takes them: the version check does not see their sources' writes.
    product = functions._unsafe_view(self, spread) * functions._unsafe_view(other, inner)
    return functions._unsafe_view(product, [a * b for a, b in zip(left, right, strict=True)])
