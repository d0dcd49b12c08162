"""Pieces of networks: softmax, dropout, embeddings."""

from math import prod
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.fused import fused
from tensorcli.engine.op import OPS, composite, op
from tensorcli.engine.ops import _registers, numeric
from tensorcli.engine.ops._dimensions import kind_of, refuse, wrap
from tensorcli.engine.ops._shared import behind


def derived(outputs_of, inputs, grads, needs):
    """The gradients of a composite expression with respect to its inputs: second derivatives of fused operators.

    `outputs_of` maps the inputs to a tuple of outputs; `grads` are their gradients (None where there is none).
    """
    from tensorcli.engine.autograd.differentiate import grad as gradients
    from tensorcli.engine.autograd.modes import enable_grad, mode

    wanted = [i for i, need in enumerate(needs) if need and inputs[i] is not None]
    create_graph = mode.enabled
    with enable_grad():
        own = [
            None if t is None else _handle(t, create_graph) if i in wanted else t
            for i, t in enumerate(inputs)
        ]
        outputs = outputs_of(*own)
        pairs = [
            (o, g)
            for o, g in zip(outputs, grads, strict=True)
            if o is not None and g is not None and o.requires_grad
        ]
        if not pairs:
            return [None] * len(inputs)
        found = gradients(
            [o for o, _ in pairs], [own[i] for i in wanted], [g for _, g in pairs],
            create_graph=create_graph, allow_unused=True,
        )  # fmt: skip
    result = [None] * len(inputs)
    for i, one in zip(wanted, found, strict=True):
        result[i] = one
    return result


def _handle(tensor, create_graph):
    """What stands for an input in the composition: connected to it where its own gradients are to be differentiated."""
    connected = create_graph and tensor.requires_grad
    return tensor.view_as(tensor) if connected else tensor.detach().requires_grad_()


def direct(name: str, *values: Any) -> Any:
    """Run an operator of the table on values in the schema's order: for those that no Python signature has."""
    found = OPS[name]
    return found.effect(found, values)


@op(
    "_div.Scalar(Tensor self, Scalar other) -> Tensor",
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
    dtype=dtypes.PROMOTE,
    inplace=True,
    node=1,
    variants="function",
    self=lambda grad: grad,
)
def subtracted(xp, self, other):
    """Subtract a number that C++ gave: PyTorch's node for it is SubBackward1."""
    return xp.subtract(self, other)


# ---- softmax


def _softmax_input(self, dtype):
    return self if dtype is None or dtype is self.dtype else self.to(dtype)


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=True)
def softmax(self, dim, dtype):
    """Exponentials scaled to add up to one along a dimension."""
    return functions._softmax(_softmax_input(self, dtype), dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=True)
def log_softmax(self, dim, dtype):
    """The logarithm of the softmax along a dimension, computed without overflow."""
    return functions._log_softmax(_softmax_input(self, dtype), dim, False)


def _shifted(xp, self, dim, name):
    last = not self.ndim or dim == self.ndim - 1
    refuse(self, f"{name}_{'lastdim_' if last else ''}kernel_impl", "buic")
    if not self.ndim:
        return self - self
    most = xp.max(self, axis=dim, keepdims=True)
    return self - most


def _powers(shifted, dim):
    """Exponentials, in a kernel for a dimension that is not the last."""
    rows = shifted.reshape(prod(shifted.shape[:dim]), shifted.shape[dim], -1)
    registers = _registers.divided(len(rows), rows.shape[2])[:, None]
    return np.where(registers, _registers.exp(rows), numeric.widely(np.exp, rows)).reshape(shifted.shape)


def _in_turn(array, dim):
    """Sums along a dimension, kept, one element after the other."""
    return np.take(np.add.accumulate(array, axis=dim), [-1], axis=dim)


def _check_softmax_backward(grad, output, dim, name):
    if grad.shape != output.shape:
        raise RuntimeError(
            f"Expected tensor for argument #1 'grad' to have same size as tensor for argument #2 'output'; but "
            f"{messages.numbers(grad.shape)} does not equal {messages.numbers(output.shape)} (while checking arguments for "
            f"{name}_backward)"
        )
    last = wrap(dim, grad.ndim) >= grad.ndim - 1
    refuse(grad, f"{name}_backward{'_lastdim' * last}_kernel_impl", "biuc")
    if grad.dtype != output.dtype:
        raise messages.expected_scalar_type(kind_of(grad), kind_of(output))


@op(
    "_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    variants="function",
    self=lambda grad, result, dim, self_dtype: functions._softmax_backward_data(
        grad, result, dim, self_dtype
    ),
)
def softmax_(xp, self, dim, half_to_float):
    """Exponentials scaled to add up to one along a dimension."""
    dim = wrap(dim, self.ndim)
    if not self.size:
        return self.copy()
    shifted = _shifted(xp, self, dim, "softmax")
    if not self.ndim:
        return xp.exp(shifted)
    if not _registers.is_small_single(xp, self):
        powers = xp.exp(shifted)
        return powers / xp.sum(powers, axis=dim, keepdims=True)
    if dim == self.ndim - 1:
        powers = _registers.exp(shifted)
        return powers * (1 / _registers.reduced(powers))[..., None]
    powers = _powers(shifted, dim)
    return powers / _in_turn(powers, dim)


@op(
    "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    variants="function",
    grad_output=lambda grad, output, dim, input_dtype: functions._softmax_backward_data(
        grad.to(output.dtype), output, dim, input_dtype
    ),
    output=lambda grad, grad_output, dim, output: (
        grad_output * grad - (output * grad_output).sum(dim, True) * grad
        - grad_output * (output * grad).sum(dim, True)
    ),
)  # fmt: skip
def softmax_backward(xp, grad_output, output, dim, input_dtype):
    """The gradient of softmax."""
    _check_softmax_backward(grad_output, output, dim, "softmax")
    weighted = grad_output * output
    if not output.ndim or not output.size:
        return weighted - output * weighted
    dim = wrap(dim, output.ndim)
    if not _registers.is_small_single(xp, output):
        return weighted - output * xp.sum(weighted, axis=dim, keepdims=True)
    if dim == output.ndim - 1:
        return output * (grad_output - _registers.reduced(weighted)[..., None])
    total = np.zeros((), np.float32)
    for one, share in zip(np.moveaxis(grad_output, dim, 0), np.moveaxis(output, dim, 0), strict=True):
        total = fused(one, share, total)
    return output * (grad_output - np.expand_dims(total, dim))


@op(
    "_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    stepwise=REDUCED,
    variants="function",
    self=lambda grad, result, dim, self_dtype: functions._log_softmax_backward_data(
        grad, result, dim, self_dtype
    ),
)
def log_softmax_(xp, self, dim, half_to_float):
    """The logarithm of the softmax along a dimension, computed without overflow."""
    dim = wrap(dim, self.ndim)
    if not self.size:
        return self.copy()
    own, last = self.dtype, dim == self.ndim - 1
    wide = self.astype(np.float32) if dtypes.from_numpy_dtype(own) in REDUCED else self
    shifted = _shifted(xp, wide, dim, "log_softmax")
    if not self.ndim:
        return shifted.astype(own)
    if not _registers.is_small_single(xp, wide):
        log = xp.log(xp.sum(xp.exp(shifted), axis=dim, keepdims=True))
    elif last:
        total = _registers.reduced(_registers.exp(shifted))[..., None]
        # Of reduced dtypes the last dimension's sum and its logarithm are rounded on the way.
        log = _registers.log(total.astype(own).astype(wide.dtype)).astype(own).astype(wide.dtype)
    else:
        log = _registers.log(_in_turn(_powers(shifted, dim), dim))
    return (shifted - log).astype(own)


@op(
    "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    variants="function",
    grad_output=lambda grad, output, dim: (
        grad.to(output.dtype) - (grad.to(output.dtype) * output.exp()).sum(dim, True)
    ),
    output=lambda grad, grad_output, output, dim: (
        -grad_output.sum(dim, True) * output.exp() * grad.to(output.dtype)
    ).to(output.dtype),
)
def log_softmax_backward(xp, grad_output, output, dim, input_dtype):
    """The gradient of log_softmax."""
    _check_softmax_backward(grad_output, output, dim, "log_softmax")
    if not output.ndim or not output.size:
        return grad_output - xp.exp(output) * grad_output
    dim = wrap(dim, output.ndim)
    if not _registers.is_small_single(xp, output):
        return grad_output - xp.exp(output) * xp.sum(grad_output, axis=dim, keepdims=True)
    if dim == output.ndim - 1:
        total = _registers.reduced(grad_output)[..., None]
        return fused(-_registers.exp(output), total, grad_output)
    return fused(-_powers(output, dim), _in_turn(grad_output, dim), grad_output)


# ---- dropout


def _dropped(input, p, train, noise_of, in_place):
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or not input.numel():
        return input
    if p == 1:
        zeros = input.new_zeros(())
        return input.mul_(zeros) if in_place else input.mul(zeros)
    noise = noise_of(input).bernoulli_(1 - p).div_(1 - p)
    return input.mul_(noise) if in_place else input.mul(noise)


def _whole(input):
    return functions.empty_like(input)


def _channels(input):
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return input.new_empty(input.geometry.sizes[:2] + (1,) * (input.ndim - 2))


@composite("dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def dropout(input, p, train):
    """In training, zero each element with probability p and scale the others up."""
    return _dropped(input, p, train, _whole, False)


@composite("dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def dropout_(self, p, train):
    """Dropout, written into the input."""
    return _dropped(self, p, train, _whole, True)


@composite("feature_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def feature_dropout(input, p, train):
    """In training, zero whole channels with probability p and scale the others up."""
    return _dropped(input, p, train, _channels, False)


@composite("feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def feature_dropout_(self, p, train):
    """Dropout of whole channels, written into the input."""
    return _dropped(self, p, train, _channels, True)


def _alpha_dropped(input, p, train, noise_of):
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or not input.numel():
        return input
    if p == 1:
        return input.mul(input.new_zeros(()))
    alpha = 1.7580993408473766
    a = 1.0 / ((alpha * alpha * p + 1) * (1 - p)) ** 0.5
    noise = noise_of(input).bernoulli_(1 - p)
    b = noise.add(-1).mul_(alpha * a).add_(alpha * a * p)
    return input.mul(noise.mul_(a)).add_(b)


@composite("alpha_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def alpha_dropout(input, p, train):
    """Dropout that keeps mean and variance, for networks of SELUs."""
    return _alpha_dropped(input, p, train, _whole)


@composite("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def feature_alpha_dropout(input, p, train):
    """Alpha dropout of whole channels."""
    return _alpha_dropped(input, p, train, _channels)


# ---- embeddings


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
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")


@op(
    "embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) "
    "-> Tensor",
    out=False,
    variants="function",
    check=_check_rows,
    weight=lambda grad, indices, weight_sizes, padding_idx, scale_grad_by_freq: (
        functions.embedding_dense_backward(grad, indices, weight_sizes[0], padding_idx, scale_grad_by_freq)
    ),
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
    variants="function",
    grad_output=lambda grad, indices, padding_idx: _embedding_double_backward(grad, indices, padding_idx),
    indices=None,
)
def embedding_backward(xp, grad_output, indices, num_weights, padding_idx, scale_grad_by_freq):
    """The gradient of embedding: each row's gradients added up, none for the padding row."""
    flat = indices.reshape(-1)
    rows = grad_output.reshape(flat.size, -1)
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
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {kind_of(self)} instead."
        )
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


# ---- distances and similarities


@composite(
    "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", variants="function"
)
def cosine_similarity(x1, x2, dim, eps):
    """The cosine of the angle between two tensors' rows along a dimension."""
    if eps < 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g}")
    kind = dtypes.promote_types(x1.dtype, x2.dtype)
    if kind.category != dtypes.FLOATING:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {kind.scalar_type}"
        )
    x1, x2 = (
        functions.broadcast_tensors([x1.to(kind), x2.to(kind)])
        if x1.shape != x2.shape
        else (x1.to(kind), x2.to(kind))
    )
    norm1 = functions.linalg_vector_norm(x1, 2, [dim], True).clone()
    norm2 = functions.linalg_vector_norm(x2, 2, [dim], True).clone()
    # The norm is clamped without a trace in the graph: its derivative stays the derivative of the norm.
    from tensorcli.engine.autograd.modes import no_grad

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
