"""Reductions: sums, means, extremes and norms over some dimensions."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops._shared import behind

# ---- dimensions, shared by all chapters


def wrap(dim, ndim):
    """A dimension counted from the front. Errors: IndexError with PyTorch's text."""
    least = -max(ndim, 1)
    if not least <= dim < -least:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{least}, {-least - 1}], but got {dim})"
        )
    return dim + max(ndim, 1) if dim < 0 else dim


def wrap_dims(dims, ndim):
    """Several dimensions counted from the front; all of them for None or none. Errors: IndexError, RuntimeError."""
    if dims is None or (not isinstance(dims, int) and len(dims) == 0):
        return tuple(range(ndim))
    wrapped = []
    for dim in (dims,) if isinstance(dims, int) else dims:
        one = wrap(dim, ndim)
        if one in wrapped:
            raise RuntimeError(f"dim {one} appears multiple times in the list of dims")
        wrapped.append(one)
    return tuple(wrapped) if ndim else ()


def restore_dims(tensor, ndim, dims, keepdim):
    """Put the dimensions that a reduction took out back in, with size 1."""
    if not keepdim and ndim:
        for dim in sorted(wrap_dims(dims, ndim)):
            tensor = tensor.unsqueeze(dim)
    return tensor


def restore(grad, sizes, dims, keepdim):
    """Spread the gradient of a reduction over the dimensions that it reduced."""
    if dims is not None and (isinstance(dims, int) or len(dims)):
        grad = restore_dims(grad, len(sizes), dims, keepdim)
    return grad.expand(sizes)


def count(sizes, dims):
    """How many elements a reduction over these dimensions takes together."""
    total = 1
    for dim in wrap_dims(dims, len(sizes)):
        total *= sizes[dim]
    return total


def axis(dim, ndim):
    """The one dimension as numpy's axis: none for a zero-dimensional tensor."""
    dim = wrap(dim, ndim)
    return dim if ndim else ()


def computing(array, dtype):
    """The array in the dtype asked for, as kernels compute it; integers and booleans as int64 when none was asked."""
    if dtype is not None:
        from tensorcli.engine.effects import cast

        return cast(array, dtype.computes_as)
    return array.astype(np.int64) if array.dtype.kind in "bui" else array


def kind_of(array):
    """PyTorch's name of an array's dtype, as errors have it: `Long`."""
    return dtypes.from_numpy_dtype(array.dtype).scalar_type


def refuse(array, name, kinds):
    """Refuse arrays of numpy's kinds `kinds`. Errors: NotImplementedError with PyTorch's text."""
    if array.dtype.kind in kinds:
        raise NotImplementedError(f"\"{name}\" not implemented for '{kind_of(array)}'")


def not_empty(array, dim, name):
    """Refuse to reduce a dimension of size 0 that has no neutral element. Errors: IndexError."""
    if array.ndim and not array.shape[dim]:
        raise IndexError(f"{name}: Expected reduction dim {dim} to have non-zero size.")


# ---- sums and products


@op(
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    out=False,
    self=lambda grad, self_sizes: grad.expand(self_sizes),
)
def sum_all(xp, self, dtype):
    """Add up all elements."""
    array = computing(self, dtype)
    return xp.sum(array, dtype=array.dtype)


@op(
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim),
)
def sum_dim(xp, self, dim, keepdim, dtype):
    """Add up the elements along some dimensions."""
    array = computing(self, dtype)
    return xp.sum(array, dtype=array.dtype, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)


@composite("sum_to_size(Tensor self, SymInt[] size) -> Tensor", variants="method")
def sum_to_size(self, size):
    """Add up the dimensions that broadcasting to self's sizes would stretch."""
    own = self.geometry.sizes
    size = tuple(size)
    lead = len(own) - len(size)
    if lead < 0 or any(a != b and b != 1 for a, b in zip(own[lead:], size, strict=True)):
        raise RuntimeError(
            f"size {{{messages.numbers(size)}}} is not expandable to size {{{messages.numbers(own)}}}."
        )
    dims = [*range(lead), *(d + lead for d, s in enumerate(size) if s == 1 and own[d + lead] != 1)]
    if not size:
        return self.sum()
    if not dims:
        return self if lead == 0 else self.view(size)
    summed = self.sum(dims, keepdim=True)
    return summed.view(size) if lead else summed


@op(
    "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    self=lambda grad, self, dim, keepdim: (
        restore(grad.to(self.dtype), self.geometry.sizes, dim, keepdim) * self.isnan().logical_not()
    ),
)
def nansum(xp, self, dim, keepdim, dtype):
    """Add up the elements along some dimensions, NaN counting as zero."""
    if self.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    array = computing(self, dtype)
    if array.dtype.kind == "f":
        array = xp.where(xp.isnan(array), array.dtype.type(0), array)
    return xp.sum(array, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)


def _mean_input(array, dtype):
    kind = dtype or dtypes.from_numpy_dtype(array.dtype)
    if kind.category < dtypes.FLOATING:
        what = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} dtype must be either a floating point or complex dtype. Got: "
            f"{kind.scalar_type}"
        )
    return computing(array, dtype)


@op(
    "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    self=lambda grad, self_sizes: grad.expand(self_sizes) / count(self_sizes, None),
)
def mean_all(xp, self, dtype):
    """The mean of all elements."""
    array = _mean_input(self, dtype)
    return _divided(xp, xp.sum(array), array.size)


@op(
    "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self_sizes, dim, keepdim: (
        restore(grad, self_sizes, dim, keepdim) / max(count(self_sizes, dim), 1)
    ),
)
def mean_dim(xp, self, dim, keepdim, dtype):
    """The mean along some dimensions."""
    array = _mean_input(self, dtype)
    total = xp.sum(array, axis=wrap_dims(dim, self.ndim), keepdims=keepdim)
    return _divided(xp, total, count(self.shape, dim))


def _divided(xp, total, n):
    return xp.divide(total, total.dtype.type(n))


@composite(
    "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def nanmean(self, dim, keepdim, dtype):
    """The mean along some dimensions, NaN left out."""
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {self.dtype.scalar_type}"
        )
    dim = () if dim is None else dim
    factor = self.isnan().logical_not_().sum(dim, keepdim)
    return self.nansum(dim, keepdim, dtype=dtype).div(factor)


def _prod_backward(grad, self, result):
    if not self.ndim:
        return grad
    zeros = int(np.count_nonzero(self.values == 0))
    if not zeros:
        return grad * (result / self).conj()
    if zeros > 1:
        return functions.zeros_like(self)
    return _prod_safe(grad, self.contiguous().view(-1), 0).view_as(self)


def _prod_dim_backward(grad, self, result, dim, keepdim):
    if not self.ndim:
        return grad
    dim = wrap(dim, self.ndim)
    if not keepdim:
        grad, result = grad.unsqueeze(dim), result.unsqueeze(dim)
    if not np.count_nonzero(self.values == 0):
        return grad * (result / self).conj()
    return _prod_safe(grad, self, dim)


def _prod_safe(grad, self, dim):
    """The product of all others, from both sides: no division, so zeros do no harm."""
    if not self.numel():
        return grad.expand_as(self)
    size = self.size(dim)
    if size == 1:
        return grad.clone()
    one = functions.ones_like(self.narrow(dim, 0, 1))
    before = functions.cat([one, self.narrow(dim, 0, size - 1)], dim).cumprod(dim)
    after = functions.cat([one, self.narrow(dim, 1, size - 1).flip(dim)], dim).cumprod(dim).flip(dim)
    return grad * (before * after).conj()


@op(
    "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    out=False,
    self=lambda grad, self, result: _prod_backward(grad, self.to(grad.dtype), result),
)
def prod_all(xp, self, dtype):
    """Multiply all elements."""
    array = computing(self, dtype)
    return xp.prod(array, dtype=array.dtype)


@op(
    "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self, result, dim, keepdim: _prod_dim_backward(
        grad, self.to(grad.dtype), result, dim, keepdim
    ),
)
def prod_dim(xp, self, dim, keepdim, dtype):
    """Multiply the elements along a dimension."""
    array = computing(self, dtype)
    return xp.prod(array, dtype=array.dtype, axis=axis(dim, self.ndim), keepdims=keepdim)


# ---- extremes


def evenly_distribute(grad, self, value):
    """The gradient of an extreme over all elements: those that are it share the gradient."""
    mask = self.isnan() if np.isnan(value.values).any() else self == value
    return functions.zeros_like(self).masked_fill_(mask, grad / mask.sum())


def selecting_backward(grad, dim, indices, sizes, keepdim):
    """The gradient of a selection along a dimension: each gradient goes where its index points."""
    if not keepdim and sizes:
        grad, indices = grad.unsqueeze(dim), indices.unsqueeze(dim)
    # PyTorch's zeros are filled in place here, which counts: the gradient arrives with version 2.
    return grad.new_zeros(sizes).zero_().scatter_(dim, indices, grad)


def selected(xp, array, indices, dim, keepdim):
    """The values at the (kept) indices of a dimension, and the indices, both without it unless it is to be kept."""
    values = xp.take_along_axis(array, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


def _needs_dim(array, name):
    if not array.size:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )


def _selecting(xp, self, dim, keepdim, name, find):
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, f"{name}()")
    if self.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    return selected(xp, self, find(self, axis=dim, keepdims=True), dim, keepdim)


@op(
    "max(Tensor self) -> Tensor",
    node=1,
    self=lambda grad, self, result: evenly_distribute(grad, self, result),
)
def max_all(xp, self):
    """The largest element; NaN when there is one."""
    _needs_dim(self, "max")
    refuse(self, "max_all", "c")
    return xp.max(self)


@op(
    "min(Tensor self) -> Tensor",
    node=1,
    self=lambda grad, self, result: evenly_distribute(grad, self, result),
)
def min_all(xp, self):
    """The smallest element; NaN when there is one."""
    _needs_dim(self, "min")
    refuse(self, "min_all", "c")
    return xp.min(self)


@op(
    "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=lambda grad, dim, indices, self_sizes, keepdim: selecting_backward(
        grad, dim, indices, self_sizes, keepdim
    ),
)
def max_dim(xp, self, dim, keepdim):
    """The largest elements along a dimension and where they are."""
    return _selecting(xp, self, dim, keepdim, "max", xp.argmax)


@op(
    "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=lambda grad, dim, indices, self_sizes, keepdim: selecting_backward(
        grad, dim, indices, self_sizes, keepdim
    ),
)
def min_dim(xp, self, dim, keepdim):
    """The smallest elements along a dimension and where they are."""
    return _selecting(xp, self, dim, keepdim, "min", xp.argmin)


@composite("max.other(Tensor self, Tensor other) -> Tensor", out=True)
def max_other(self, other):
    """The larger of two, element by element."""
    return functions.maximum(self, other)


@composite("min.other(Tensor self, Tensor other) -> Tensor", out=True)
def min_other(self, other):
    """The smaller of two, element by element."""
    return functions.minimum(self, other)


def _extreme_backward(grad, self, result, dim, keepdim):
    grad, result = restore_dims(grad, self.ndim, dim, keepdim), restore_dims(result, self.ndim, dim, keepdim)
    mask = result == self
    return (grad * mask) / mask.sum(dim, True)


def _extreme(xp, self, dim, keepdim, name, kernel, find):
    if self.ndim > 64:
        raise RuntimeError("only tensors with up to 64 dims are supported")
    dims = wrap_dims(dim, self.ndim)
    if not dim and self.ndim:
        _needs_dim(self, name)
    for one in dims:
        not_empty(self, one, f"{name}()")
    refuse(self, kernel, "c")
    return find(self, axis=dims, keepdims=keepdim)


@op(
    "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    self=lambda grad, self, result, dim, keepdim: _extreme_backward(grad, self, result, dim, keepdim),
)
def amax(xp, self, dim, keepdim):
    """The largest elements along some dimensions; equal ones share the gradient."""
    return _extreme(xp, self, dim, keepdim, "amax", "max_values_cpu", xp.max)


@op(
    "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
    self=lambda grad, self, result, dim, keepdim: _extreme_backward(grad, self, result, dim, keepdim),
)
def amin(xp, self, dim, keepdim):
    """The smallest elements along some dimensions; equal ones share the gradient."""
    return _extreme(xp, self, dim, keepdim, "amin", "min_values_cpu", xp.min)


def _aminmax_backward(grads, self, dim, keepdim, least, most):
    dims = () if dim is None else (dim,)
    result = None
    for grad, value in zip(grads, (least, most), strict=True):
        if grad is not None:
            part = _extreme_backward(grad, self, value, dims, keepdim)
            result = part if result is None else result + part
    return result


@op(
    "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
    self=lambda grads, self, dim, keepdim, min, max: _aminmax_backward(grads, self, dim, keepdim, min, max),
)
def aminmax(xp, self, dim, keepdim):
    """The smallest and the largest elements, along a dimension or of all."""
    if dim is None:
        if not self.size:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        dims = tuple(range(self.ndim))
    else:
        not_empty(self, wrap(dim, self.ndim), "aminmax")
        dims = axis(dim, self.ndim)
    refuse(self, "aminmax_cpu", "c")
    return xp.min(self, axis=dims, keepdims=keepdim), xp.max(self, axis=dims, keepdims=keepdim)


def _arg(xp, self, dim, keepdim, name, find):
    if self.dtype.kind in "cb":
        raise RuntimeError(
            f"{name}(): does not support {'complex' if self.dtype.kind == 'c' else 'bool'} input"
        )
    if dim is not None:
        not_empty(self, wrap(dim, self.ndim), f"{name}()")
    elif not self.size:
        raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
    if dim is None:
        return xp.asarray(find(self)).reshape((1,) * self.ndim if keepdim else ())
    return find(self, axis=wrap(dim, self.ndim), keepdims=keepdim) if self.ndim else xp.zeros((), np.int64)


@op("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", self=None)
def argmax(xp, self, dim, keepdim):
    """The index of the largest element, along a dimension or of all elements in a row."""
    return _arg(xp, self, dim, keepdim, "argmax", xp.argmax)


@op("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", self=None)
def argmin(xp, self, dim, keepdim):
    """The index of the smallest element, along a dimension or of all elements in a row."""
    return _arg(xp, self, dim, keepdim, "argmin", xp.argmin)


# ---- truth and counts


def _truth(find, self, dims, keepdim):
    answer = find(self != 0, axis=dims, keepdims=keepdim)
    # uint8 was PyTorch's boolean once, and these still answer in it.
    return answer.astype(np.uint8) if self.dtype == np.uint8 else answer


@op("all(Tensor self) -> Tensor", self=None)
def all_(xp, self):
    """Whether all elements are true."""
    return _truth(xp.all, self, None, False)


@op("all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", self=None)
def all_dim(xp, self, dim, keepdim):
    """Whether all elements along a dimension are true."""
    return _truth(xp.all, self, axis(dim, self.ndim), keepdim)


@op("all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", self=None)
def all_dims(xp, self, dim, keepdim):
    """Whether all elements along some dimensions are true."""
    return _truth(xp.all, self, _named_dims(dim, self.ndim), keepdim)


@op("any(Tensor self) -> Tensor", self=None)
def any_(xp, self):
    """Whether some element is true."""
    return _truth(xp.any, self, None, False)


@op("any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", self=None)
def any_dim(xp, self, dim, keepdim):
    """Whether some element along a dimension is true."""
    return _truth(xp.any, self, axis(dim, self.ndim), keepdim)


@op("any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", self=None)
def any_dims(xp, self, dim, keepdim):
    """Whether some element along some dimensions is true."""
    return _truth(xp.any, self, _named_dims(dim, self.ndim), keepdim)


def _named_dims(dim, ndim):
    # Here an empty list means no dimension, and only None means all.
    return wrap_dims(dim, ndim) if dim is None or len(dim) else ()


@op("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", out=False, self=None)
def count_nonzero_dims(xp, self, dim):
    """How many elements are not zero, along some dimensions."""
    return xp.asarray(xp.count_nonzero(self, axis=wrap_dims(dim, self.ndim)), np.int64)


@op("count_nonzero(Tensor self, int? dim=None) -> Tensor", out=False, self=None)
def count_nonzero(xp, self, dim):
    """How many elements are not zero, along a dimension or of all."""
    dims = wrap_dims(None, self.ndim) if dim is None else axis(dim, self.ndim)
    return xp.asarray(xp.count_nonzero(self, axis=dims), np.int64)


# ---- spread


def _spread(xp, self, dim, correction, keepdim, name):
    if self.dtype.kind not in "fc":
        called = name if name.endswith("mean") else "std and var"
        raise RuntimeError(f"{called} only support floating point and complex dtypes")
    dims = wrap_dims(dim, self.ndim)
    number = count(self.shape, dims if dims else None)
    degrees = number - (1 if correction is None else correction)
    if degrees <= 0 or not self.size:
        messages.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel)."
        )
    # PyTorch accumulates float32 in float64 here.
    wide = self.astype(np.complex128 if self.dtype.kind == "c" else np.float64)
    mean = xp.divide(xp.sum(wide, axis=dims, keepdims=True), number)
    squares = xp.sum(xp.abs(wide - mean) ** 2, axis=dims, keepdims=keepdim)
    variance = xp.divide(squares, np.float64(max(degrees, 0)))
    return variance, mean if keepdim else mean.reshape(variance.shape)


def _real(array, like):
    return array.astype(like.real.dtype)


def var_backward(grad, self, dim, correction, keepdim):
    """The gradient of the variance (torch/csrc/autograd/FunctionsManual.cpp, var_backward)."""
    correction = 1 if correction is None else correction
    whole = not self.ndim or dim is None
    mean = self.mean() if whole else self.mean(dim, True)
    degrees = count(self.geometry.sizes, None if whole else dim) - correction
    if not whole:
        grad = restore_dims(grad, self.ndim, dim, keepdim)
    if degrees <= 0:
        return grad * functions.where(self == mean, float("nan"), float("inf"))
    return (2.0 / degrees) * grad * (self - mean)


def std_backward(grad, result, self, dim, correction, keepdim):
    """The gradient of the standard deviation, zero where it is zero."""
    return var_backward((grad / (result * 2)).masked_fill_(result == 0, 0), self, dim, correction, keepdim)


def _with_mean_backward(grads, self, dim, correction, keepdim, of_spread):
    total = None if grads[0] is None else of_spread(grads[0])
    if grads[1] is not None:
        part = restore(grads[1], self.geometry.sizes, dim, keepdim) / count(self.geometry.sizes, dim)
        total = part if total is None else total + part
    return total


@op(
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    self=lambda grad, result, self, dim, correction, keepdim: std_backward(
        grad, result, self, dim, correction, keepdim
    ),
)
def std_correction(xp, self, dim, correction, keepdim):
    """The standard deviation along some dimensions."""
    return _real(xp.sqrt(_spread(xp, self, dim, correction, keepdim, "std")[0]), self)


@op(
    "var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
    self=lambda grad, self, dim, correction, keepdim: var_backward(grad, self, dim, correction, keepdim),
)
def var_correction(xp, self, dim, correction, keepdim):
    """The variance along some dimensions."""
    return _real(_spread(xp, self, dim, correction, keepdim, "var")[0], self)


@op(
    "std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
    "(Tensor, Tensor)", out=False,
    variants="function",
    self=lambda grads, self, result0, dim, correction, keepdim: _with_mean_backward(
        grads, self, dim, correction, keepdim,
        lambda grad: std_backward(grad, result0, self, dim, correction, keepdim),
    ),
)  # fmt: skip
def std_mean_correction(xp, self, dim, correction, keepdim):
    """The standard deviation and the mean along some dimensions."""
    variance, mean = _spread(xp, self, dim, correction, keepdim, "std_mean")
    return _real(xp.sqrt(variance), self), mean.astype(self.dtype)


@op(
    "var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
    "(Tensor, Tensor)", out=False,
    variants="function",
    self=lambda grads, self, dim, correction, keepdim: _with_mean_backward(
        grads, self, dim, correction, keepdim,
        lambda grad: var_backward(grad, self, dim, correction, keepdim),
    ),
)  # fmt: skip
def var_mean_correction(xp, self, dim, correction, keepdim):
    """The variance and the mean along some dimensions."""
    variance, mean = _spread(xp, self, dim, correction, keepdim, "var_mean")
    return _real(variance, self), mean.astype(self.dtype)


def _declare_unbiased(name, returns, variants, what):
    """The two overloads with `unbiased=` of one of the four above."""

    def call(self, dim, unbiased, keepdim):
        return getattr(functions, name)(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)

    def of_all(self, unbiased):
        return call(self, None, unbiased, False)

    def of_dims(self, dim, unbiased, keepdim):
        return call(self, dim, unbiased, keepdim)

    of_all.__doc__ = f"The {what} of all elements."
    of_dims.__doc__ = f"The {what} along some dimensions."
    composite(f"{name}(Tensor self, bool unbiased=True) -> {returns}", variants=variants)(of_all)
    composite(
        f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> {returns}",
        variants=variants,
        out=returns == "Tensor",
    )(of_dims)


_declare_unbiased("std", "Tensor", "", "standard deviation")
_declare_unbiased("var", "Tensor", "", "variance")
_declare_unbiased("std_mean", "(Tensor, Tensor)", "function", "standard deviation and mean")
_declare_unbiased("var_mean", "(Tensor, Tensor)", "function", "variance and mean")


# ---- sums of exponentials


def _logsumexp_backward(grad, self, result, dim, keepdim):
    grad, result = restore_dims(grad, self.ndim, dim, keepdim), restore_dims(result, self.ndim, dim, keepdim)
    return grad * (self - result).exp().conj()


@op(
    "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
    self=lambda grad, self, result, dim, keepdim: _logsumexp_backward(grad, self, result, dim, keepdim),
)
def logsumexp(xp, self, dim, keepdim):
    """The logarithm of the sum of exponentials along some dimensions, without overflow."""
    if self.dtype.kind not in "fc":
        self = self.astype(dtypes.default.floating.np)
    dims = wrap_dims(dim, self.ndim)
    if self.ndim and self.size and not len(dim) and not keepdim:
        raise messages.output_shape([], [1] * self.ndim)
    if not self.size:
        return xp.log(xp.sum(xp.exp(self), axis=dims, keepdims=keepdim))
    most = xp.max(self.real, axis=dims, keepdims=True)
    most = xp.where(xp.isfinite(most), most, most.dtype.type(0))
    found = xp.log(xp.sum(xp.exp(self - most), axis=dims, keepdims=True)) + most
    return found if keepdim else found.reshape([size for d, size in enumerate(self.shape) if d not in dims])


# ---- middle and most frequent values


def _middle(xp, self, dim, keepdim, name, skip_nan):
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, f"{name}()")
    refuse(self, "median_out", "cb")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    order = xp.argsort(self, axis=dim, kind="stable")
    size = self.shape[dim]
    place = xp.full((*self.shape[:dim], 1, *self.shape[dim + 1 :]), (size - 1) // 2)
    if self.dtype.kind == "f":
        missing = xp.isnan(self).sum(axis=dim, keepdims=True)
        place = (
            (xp.maximum(size - missing, 1) - 1) // 2
            if skip_nan
            else xp.where(missing > 0, size - missing, place)
        )
    return selected(xp, self, xp.take_along_axis(order, place, dim), dim, keepdim)


def _middle_all(xp, self, skip_nan):
    refuse(self, "median_cpu", "cb")
    if not self.size:
        return xp.asarray(np.nan if self.dtype.kind == "f" else np.iinfo(self.dtype).min, self.dtype)
    return _middle(xp, self.reshape(-1), 0, False, "median", skip_nan)[0]


@op(
    "median(Tensor self) -> Tensor",
    out=False,
    self=lambda grad, self, result: evenly_distribute(grad, self, result),
)
def median(xp, self):
    """The median of all elements: the lower one of two middle elements; NaN when there is one."""
    return _middle_all(xp, self, False)


@op(
    "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    node=1,
    self=lambda grad, dim, indices, self_sizes, keepdim: selecting_backward(
        grad, dim, indices, self_sizes, keepdim
    ),
)
def median_dim(xp, self, dim, keepdim):
    """The medians along a dimension and where they are."""
    return _middle(xp, self, dim, keepdim, "median", False)


@op(
    "nanmedian(Tensor self) -> Tensor",
    out=False,
    self=lambda grad, self, result: evenly_distribute(grad, self, result),
)
def nanmedian(xp, self):
    """The median of all elements, NaN left out."""
    return _middle_all(xp, self, True)


@op(
    "nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    node=1,
    self=lambda grad, dim, indices, self_sizes, keepdim: selecting_backward(
        grad, dim, indices, self_sizes, keepdim
    ),
)
def nanmedian_dim(xp, self, dim, keepdim):
    """The medians along a dimension, NaN left out, and where they are."""
    return _middle(xp, self, dim, keepdim, "median", True)


@op(
    "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=lambda grad, dim, indices, self_sizes, keepdim: selecting_backward(
        grad, dim, indices, self_sizes, keepdim
    ),
)
def mode(xp, self, dim, keepdim):
    """The most frequent values along a dimension (the smallest of several) and where they stand last."""
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, "mode()")
    refuse(self, "mode_cpu", "c")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    order = xp.argsort(self, axis=dim, kind="stable")
    rows = xp.moveaxis(xp.take_along_axis(self, order, dim), dim, -1)
    starts = xp.ones(rows.shape, bool)
    starts[..., 1:] = rows[..., 1:] != rows[..., :-1]
    place = xp.arange(rows.shape[-1])
    length = place - behind(xp).running("maximum", xp.where(starts, place, 0), -1)
    last = xp.moveaxis(xp.argmax(length, axis=-1, keepdims=True), -1, dim)
    return selected(xp, self, xp.take_along_axis(order, last, dim), dim, keepdim)
