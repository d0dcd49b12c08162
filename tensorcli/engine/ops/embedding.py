"""Embeddings: rows of a table looked up, one for each index."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._shared import behind, refuse_sparse_rows


def _check_indices(indices, name):
    if indices.dtype not in (np.int64, np.int32):
        kind = dtypes.from_numpy_dtype(indices.dtype).tensor_type
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{kind} instead (while checking arguments for {name})"
        )


def _check_rows(weight, *rest):
    """What PyTorch finds out when it looks how many rows there are, for the node."""
    if not weight.ndim and mode.enabled and weight.requires_grad:
        raise messages.no_dimensions(0)


def _embedding_backward(grad, indices, weight_argsize_0, padding_idx, scale_grad_by_freq, sparse):
    if sparse:
        refuse_sparse_rows("embedding", grad, (weight_argsize_0, grad.size(-1)), scale_grad_by_freq)
    return functions.embedding_dense_backward(
        grad, indices, weight_argsize_0, padding_idx, scale_grad_by_freq
    )


@op(
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) "
    "-> Tensor",
    out=False,
    variants="function",
    check=_check_rows,
    weight=_embedding_backward,
    indices=None,
)
def embedding(xp, weight, indices, padding_idx, scale_grad_by_freq, sparse):
    """The rows of weight that indices name."""
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices(indices, "embedding")
    if indices.size and (indices.min() < 0 or indices.max() >= len(weight)):
        if not len(weight):
            raise RuntimeError("index_select(): self indexing axis dim should be positive")
        raise IndexError("index out of range in self")
    return weight[indices]


def _embedding_double_backward(grad, indices, padding_idx):
    rows = grad.index_select(0, indices.reshape(-1))
    if padding_idx >= 0:
        rows.masked_fill_((indices == padding_idx).reshape(-1, 1), 0)
    return rows.view((*indices.geometry.sizes, grad.size(1)))


@op(
    "embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, "
    "bool scale_grad_by_freq) -> Tensor",
    stepwise=REDUCED,
    variants="function",
    grad_output=_embedding_double_backward,
    indices=None,
)
def embedding_backward(xp, grad_output, indices, num_weights, padding_idx, scale_grad_by_freq):
    """The gradient of embedding: each row's gradients added up, none for the padding row."""
    flat = indices.reshape(-1)
    rows = grad_output.reshape(flat.size, grad_output.shape[-1])
    if scale_grad_by_freq:
        rows = rows / xp.bincount(flat, minlength=num_weights)[flat].astype(rows.dtype)[:, None]
    kept = flat != padding_idx
    result = xp.zeros((num_weights, grad_output.shape[-1]), grad_output.dtype)
    behind(xp).combine("add", result, flat[kept], rows[kept])
    return result


@op(
    "embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)",
    variants="function",
    self=None,
    indices=None,
)
def embedding_renorm_(xp, self, indices, max_norm, norm_type):
    """Scale the named rows down to a norm of at most max_norm, in place."""
    where = "(while checking arguments for embedding_renorm_)"
    if self.ndim != 2:
        raise RuntimeError(
            f"Expected 2-dimensional tensor, but got {self.ndim}-dimensional tensor for argument #1 'self' {where}"
        )
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #2 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{dtypes.from_numpy_dtype(indices.dtype).tensor_type} instead {where}"
        )
    for row in indices.reshape(-1):
        if not -len(self) <= row < len(self):
            raise IndexError(
                f"select(): index {row} out of range for tensor of size {messages.numbers(self.shape)} at dimension 0"
            )
    if indices.size and self.dtype.kind in "biu":
        raise messages.norm_dtype(kind_of(self))
    for row in xp.unique(indices):
        norm = float(np.linalg.norm(self[row], norm_type))
        if norm > max_norm:
            self[row] *= self.dtype.type(max_norm / (norm + 1e-7))


@op(
    "one_hot(Tensor self, int num_classes=-1) -> Tensor",
    out=False,
    variants="function",
    namespace="nn",
    self=None,
)
def one_hot(xp, self, num_classes):
    """For each class index a row that is one there and zero elsewhere."""
    if self.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not self.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return xp.zeros((*self.shape, num_classes), np.int64)
    if self.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(self.max()) + 1
    elif self.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (self[..., None] == xp.arange(num_classes)).astype(np.int64)
