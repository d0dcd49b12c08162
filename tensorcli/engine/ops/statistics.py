"""Statistics and calculus over samples: quantiles, histograms, covariance, differences, distances."""

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops.linalg import vector_norm_backward
from tensorcli.engine.ops.nn import direct
from tensorcli.engine.ops.order import not_implemented
from tensorcli.engine.ops.pointwise import no_bool
from tensorcli.engine.ops.reduce import kind_of, wrap
from tensorcli.engine.tensor import Tensor

# ---- differences and integrals


@composite(
    "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", out=True
)
def diff(self, n, dim, prepend, append):
    """The n-th differences of neighbours along a dimension."""
    if not self.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        result = functions.zeros_like(self)
        return result.copy_(self)
    parts = [t for t in (prepend, self, append) if t is not None]
    if len(parts) > 1:
        self = functions.cat(parts, dim)
    n = min(n, self.size(dim))
    for _ in range(n):
        size = self.size(dim)
        after, before = self.narrow(dim, 1, size - 1), self.narrow(dim, 0, size - 1)
        self = functions.logical_xor(after, before) if self.dtype is dtypes.bool_ else after - before
    return self


def _halves(y, dim):
    size = y.size(dim)
    return y.narrow(dim, 0, size - 1), y.narrow(dim, 1, size - 1)


def _spacing(y, x, dim):
    if x.ndim == 1:
        if x.size(0) != y.size(dim):
            raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
        shape = [1] * y.ndim
        shape[wrap(dim, y.ndim)] = x.size(0)
        x = x.view(shape)
    elif x.ndim < y.ndim:
        x = x.view([1] * (y.ndim - x.ndim) + list(x.geometry.sizes))
    low, high = _halves(x, dim)
    return high - low


def _bool_refused(*tensors):
    if any(t.dtype is dtypes.bool_ for t in tensors):
        names = "`x` or `y`" if len(tensors) > 1 else "`y`"
        raise RuntimeError(f"trapezoid: received a bool input for {names}, but bool is not supported")


def _trapezoid(y, dx, dim):
    low, high = _halves(y, dim)
    return direct("_div.Scalar", ((low + high) * dx).sum(dim), 2.0)


@composite("trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def trapezoid(y, x, dim):
    """The integral along a dimension by the trapezoidal rule."""
    wrap(dim, y.ndim)
    _bool_refused(y, x)
    if not y.size(dim):
        return _nothing(y, dim)
    return _trapezoid(y, _spacing(y, x, dim), dim)


def _nothing(y, dim):
    # PyTorch zeroes what it made empty, which counts.
    return functions.empty(
        [s for d, s in enumerate(y.geometry.sizes) if d != wrap(dim, y.ndim)], dtype=y.dtype
    ).zero_()


@composite("trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", variants="function")
def trapezoid_dx(y, dx, dim):
    """The integral along a dimension by the trapezoidal rule, for even spacing."""
    if not y.size(dim):
        return _nothing(y, dim)
    _bool_refused(y)
    ends = y.select(dim, 0) + y.select(dim, -1)
    return direct("_mul.Scalar", y.sum(dim) - ends * 0.5, dx)


@composite("trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def trapz(y, x, dim):
    """The integral along a dimension by the trapezoidal rule."""
    return functions.trapezoid(y, x, dim=dim)


@composite("trapz.dx(Tensor y, *, float dx=1, int dim=-1) -> Tensor", variants="function")
def trapz_dx(y, dx, dim):
    """The integral along a dimension by the trapezoidal rule, for even spacing."""
    return functions.trapezoid(y, dx=dx, dim=dim)


@composite("cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", variants="function")
def cumulative_trapezoid(y, x, dim):
    """The running integral along a dimension by the trapezoidal rule."""
    wrap(dim, y.ndim)
    _bool_refused(y, x)
    low, high = _halves(y, dim)
    return direct("_div.Scalar", (_spacing(y, x, dim) * (low + high)).cumsum(dim), 2.0)


@composite("cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", variants="function")
def cumulative_trapezoid_dx(y, dx, dim):
    """The running integral along a dimension by the trapezoidal rule, for even spacing."""
    _bool_refused(y)
    low, high = _halves(y, dim)
    return ((dx / 2.0) * (low + high)).cumsum(dim)


def _slope(self, spacing, dim, edge_order):
    """The slopes along one dimension; `spacing` is a number or the coordinates."""
    size = self.size(dim)
    if isinstance(spacing, (int, float, complex)):
        inner = (self.narrow(dim, 2, size - 2) - self.narrow(dim, 0, size - 2)) / (spacing * 2)
        steps = (spacing, spacing, spacing, spacing)
    else:
        shape = [1] * self.ndim
        shape[dim] = -1
        step = spacing.diff()
        h1, h2 = step.narrow(0, 0, size - 2).reshape(shape), step.narrow(0, 1, size - 2).reshape(shape)
        inner = (
            self.narrow(dim, 0, size - 2) * (-h2 / (h1 * (h1 + h2)))
            + self.narrow(dim, 1, size - 2) * ((h2 - h1) / (h1 * h2))
            + self.narrow(dim, 2, size - 2) * (h1 / (h2 * (h1 + h2)))
        )
        steps = (step[0], step[1], step[-2], step[-1]) if size > 2 else (step[0], step[0], step[0], step[0])
    first, second = self.narrow(dim, 0, 1), self.narrow(dim, 1, 1)
    last, before = self.narrow(dim, size - 1, 1), self.narrow(dim, size - 2, 1)
    if edge_order == 1:
        return functions.cat([(second - first) / steps[0], inner, (last - before) / steps[3]], dim)
    h1, h2 = steps[0], steps[1]
    start = (
        first * (-(2 * h1 + h2) / (h1 * (h1 + h2))) + second * ((h1 + h2) / (h1 * h2))
        + self.narrow(dim, 2, 1) * (-h1 / (h2 * (h1 + h2)))
    )  # fmt: skip
    h1, h2 = steps[2], steps[3]
    stop = (
        self.narrow(dim, size - 3, 1) * (h2 / (h1 * (h1 + h2))) + before * (-(h2 + h1) / (h1 * h2))
        + last * ((2 * h2 + h1) / (h2 * (h1 + h2)))
    )  # fmt: skip
    return functions.cat([start, inner, stop], dim)


def _gradient(self, spacings, dims, edge_order, named=True):
    """`named`: whether the call named its dimensions."""
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = [wrap(d, self.ndim) for d in dims]
    if len(set(dims)) != len(dims):
        raise RuntimeError(
            f"dim {next(d for d in dims if dims.count(d) > 1)} appears multiple times in the list of dims"
        )
    if len(spacings) != len(dims) and named:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
            f"length, but got a spacing argument of length {len(spacings)} and a dim argument of length {len(dims)}."
        )
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{self.ndim}', since dim argument was not given, but got a list of length {len(spacings)}"
        )
    for each in spacings:
        if isinstance(each, Tensor) and each.ndim != 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{each.ndim} dimensions!"
            )
        if isinstance(each, Tensor) and each.device != self.device:
            raise RuntimeError(
                f"torch.gradient expected each tensor to be on the same device, but got devices {self.device} and "
                f"{each.device}!"
            )
    for d in dims:
        if self.size(d) < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slope(self, h, d, edge_order) for h, d in zip(spacings, dims, strict=True))


def _dims(self, dim):
    return list(range(self.ndim)) if dim is None else [dim]


@composite(
    "gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient(self, spacing, dim, edge_order):
    """The slopes of sampled functions along their dimensions."""
    dims = _dims(self, dim)
    return _gradient(self, [1 if spacing is None else spacing] * len(dims), dims, edge_order)


@composite(
    "gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_dims(self, spacing, dim, edge_order):
    """The slopes of sampled functions along some dimensions, for even spacing."""
    return _gradient(self, [spacing] * len(dim), dim, edge_order)


@composite("gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]", variants="function")
def gradient_plain(self, dim, edge_order):
    """The slopes of sampled functions along some dimensions."""
    return _gradient(self, [1] * len(dim), dim, edge_order)


@composite(
    "gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_spacings(self, spacing, dim, edge_order):
    """The slopes of sampled functions, each dimension with its spacing."""
    return _gradient(self, list(spacing), _dims(self, dim), edge_order, dim is not None)


@composite(
    "gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_spacings_dims(self, spacing, dim, edge_order):
    """The slopes of sampled functions along some dimensions, each with its spacing."""
    return _gradient(self, list(spacing), dim, edge_order)


@composite(
    "gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_coordinates(self, spacing, dim, edge_order):
    """The slopes of functions sampled at given coordinates."""
    return _gradient(self, list(spacing), _dims(self, dim), edge_order, dim is not None)


@composite(
    "gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]",
    variants="function",
)
def gradient_coordinates_dims(self, spacing, dim, edge_order):
    """The slopes of functions sampled at given coordinates, along some dimensions."""
    return _gradient(self, list(spacing), dim, edge_order)


# ---- quantiles


def _quantile(self, q, dim, keepdim, interpolation, ignore_nan):
    """Sorted values at the places that q names, interpolated (aten/src/ATen/native/Sorting.cpp, quantile_compute)."""
    if not self.numel():
        raise RuntimeError("quantile() input tensor must be non-empty")
    if self.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if q.ndim > 1:
        raise RuntimeError(f"quantile() q must be a scalar or 1D tensor, but got {q.ndim}D tensor")
    if q.dtype is not self.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if not ((q.array >= 0) & (q.array <= 1)).all():
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    ndim = self.ndim
    d = None if dim is None else wrap(dim, ndim)
    if d is None:
        ordered = self.flatten().sort()[0]
    elif d == ndim - 1 or not ndim:
        ordered = self.sort()[0] if ndim else self.unsqueeze(-1)
    else:
        ordered = self.movedim(d, -1).sort()[0]
    if keepdim:
        lead = [1] * ndim if d is None else [1 if i == d else s for i, s in enumerate(self.geometry.sizes)]
        ordered = ordered.reshape([*lead, ordered.size(-1)])
    lead = list(ordered.geometry.sizes[:-1])
    points = q.reshape(-1)
    size = ordered.size(-1)
    missing = ordered.isnan()
    if ignore_nan:
        last = (missing.logical_not().sum(-1, True) - 1).to(self.dtype)
        ranks = points * last
        ranks = ranks.masked_fill(ranks < 0, 0)
    else:
        ranks = points * (size - 1)
        ranks = ranks.expand((*lead, points.numel())).masked_fill(missing.any(-1, True), size - 1)
    if interpolation in _ROUNDINGS:
        ranks = getattr(ranks, _ROUNDINGS[interpolation])()
    below = ranks.to(dtypes.int64)
    values = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weights = (
            functions.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below.to(self.dtype)
        )
        above = ranks.ceil().to(dtypes.int64)
        values.lerp_(ordered.gather(-1, above), weights)
    if q.ndim:
        values.unsqueeze_(0).transpose_(0, -1)
    # In place, as PyTorch does it: the last node is SqueezeBackward4.
    return values.squeeze_(-1)


_ROUNDINGS = {"lower": "floor", "higher": "ceil", "nearest": "round"}


def _point(self, q):
    if not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
    return functions.full((), q, dtype=self.dtype)


@composite(
    "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    out=True,
)
def quantile(self, q, dim, keepdim, interpolation):
    """The values below which the shares q of the elements lie."""
    return _quantile(self, q, dim, keepdim, interpolation, False)


@composite(
    "quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    out=True,
)
def quantile_scalar(self, q, dim, keepdim, interpolation):
    """The values below which the share q of the elements lies."""
    return _quantile(self, _point(self, q), dim, keepdim, interpolation, False)


@composite(
    "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    out=True,
)
def nanquantile(self, q, dim, keepdim, interpolation):
    """Quantiles, NaN left out."""
    return _quantile(self, q, dim, keepdim, interpolation, True)


@composite(
    "nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
    out=True,
)
def nanquantile_scalar(self, q, dim, keepdim, interpolation):
    """Quantiles, NaN left out."""
    return _quantile(self, _point(self, q), dim, keepdim, interpolation, True)


# ---- counting


@op("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", self=None)
def histc(xp, self, bins, min, max):
    """How many elements fall into each of some bins of equal width."""
    if self.dtype == np.uint8 and min < 0:
        raise RuntimeError("value cannot be converted to type uint8_t without overflow")
    if self.dtype.kind != "f":
        name = "linspace_cpu" if self.dtype.kind == "b" else "histogram_cpu"
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{dtypes.from_numpy_dtype(self.dtype).scalar_type}'"
        )
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    low, high = float(min), float(max)
    if low == high and self.size:
        low, high = float(self.min()), float(self.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    found, _ = xp.histogram(self, bins=bins, range=(low, high))
    return found.astype(self.dtype)


def _no_reduced(self, weights, minlength):
    if self.dtype.reduced:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{self.dtype.scalar_type}'")


@op(
    "bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor",
    out=False,
    check=_no_reduced,
    self=None,
    weights=None,
)
def bincount(xp, self, weights, minlength):
    """How often each non-negative integer occurs, or the sum of its weights."""
    if self.dtype.kind not in "iu":
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{dtypes.from_numpy_dtype(self.dtype).scalar_type}'"
        )
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if self.ndim != 1 or (self.size and self.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != self.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    found = xp.bincount(self, weights, minlength)
    if weights is None:
        return found.astype(np.int64)
    return found.astype(weights.dtype if weights.dtype == np.float32 else np.float64)


# ---- covariance


def _check_weights(name, weights, category, kind, count):
    """Errors: RuntimeError with PyTorch's texts."""
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if weights.dtype.category != category:
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {weights.dtype.scalar_type} dtype"
        )
    if weights.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {count}"
        )
    if (weights.values < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")


@composite("cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor")
def cov(self, correction, fweights, aweights):
    """The covariances of variables (rows) over observations (columns)."""
    if self.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.ndim} dimensions"
        )
    if self.dtype is dtypes.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    data = self.view((1, -1)) if self.ndim < 2 else self
    weights = None
    count = data.size(1)
    for name, given, wanted, kind in (
        ("fweights", fweights, dtypes.INTEGRAL, "integral"), ("aweights", aweights, dtypes.FLOATING, "floating point")
    ):  # fmt: skip
        if given is not None:
            _check_weights(name, given, wanted, kind, count)
    if fweights is not None:
        weights = fweights
    if aweights is not None:
        weights = aweights if weights is None else weights * aweights
    total = count if weights is None else weights.sum()
    if weights is None:
        if data.dtype.category < dtypes.FLOATING:
            data = data.to(dtypes.default.floating)
        average = data.sum(1) / count if count else data.sum(1) / 0
    else:
        average = (data * weights).sum(1) / total
    if weights is None:
        divisor = count - correction
    elif correction == 0 or aweights is None:
        divisor = total - correction
    else:
        divisor = total - correction * (weights * aweights).sum() / total
    divisor_value = divisor if isinstance(divisor, int) else divisor.item()
    if divisor_value <= 0:
        messages.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations."
        )
        divisor = 0 if isinstance(divisor, int) else divisor.clamp_min(0)
    centred = data - average.unsqueeze(1)
    other = (centred if weights is None else centred * weights).t().conj()
    found = centred.mm(other)
    return (found / divisor).squeeze()


@composite("corrcoef(Tensor self) -> Tensor")
def corrcoef(self):
    """The correlations of variables (rows) over observations (columns)."""
    if self.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self.ndim} dimensions"
        )
    found = self.cov()
    if not found.ndim:
        return found / found
    scale = found.diagonal().sqrt()
    scale = scale.real if scale.dtype.is_complex else scale
    found = found / scale.unsqueeze(1) / scale
    if found.dtype.is_complex:
        return functions.complex(found.real.clip(-1, 1), found.imag.clip(-1, 1))
    return found.clip(-1, 1)


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
    size = xp.abs(self - other)
    if size.dtype.kind not in "fc":
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {kind_of(size)} instead."
        )
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
    return (wide ** float(p)).sum(axis=axes) ** (1 / float(p))


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
    variants="function",
    x1__x2=lambda grad, x1, x2, result: _euclidean_backward(grad, x1, x2, result),
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
    **{"grad": not_implemented("_cdist_backward"), "x1": not_implemented("_cdist_backward")},
    x2=not_implemented("_cdist_backward"),
    cdist=not_implemented("_cdist_backward"),
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
    return _length(xp, size, p, (-1,)).astype(x1.dtype)


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
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    rows = max(x1.size(-2), x2.size(-2))
    if p == 2 and (compute_mode == 1 or (not compute_mode and rows > 25)):
        batch = effects.broadcast_sizes([x1.geometry.sizes[:-2], x2.geometry.sizes[:-2]])
        left, right = (x.expand((*batch, *x.geometry.sizes[-2:])) for x in (x1, x2))
        return functions._euclidean_dist(left, right).view((*batch, x1.size(-2), x2.size(-2)))
    if x1.dtype.reduced and x1.numel() and x2.numel():
        raise NotImplementedError(f"\"cdist\" not implemented for '{x1.dtype.scalar_type}'")
    return functions._cdist_forward(x1, x2, p, compute_mode)


def _pairs(xp, n):
    return xp.triu_indices(n, 1)


@op(
    "_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor",
    variants="function",
    **{"grad": not_implemented("_pdist_backward")},
    self=not_implemented("_pdist_backward"),
    pdist=not_implemented("_pdist_backward"),
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
    return _length(xp, xp.abs(self[rows] - self[cols]), p, (-1,)).astype(self.dtype)


@composite("pdist(Tensor self, float p=2) -> Tensor", variants="function")
def pdist(self, p):
    """The p-norm distances between the rows of a matrix, each pair once."""
    if self.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return functions._pdist_forward(self.contiguous(), p)


# ---- norms of slices


def _renorm_backward(grad, self, p, dim, maxnorm):
    from tensorcli.engine.ops.nn import derived

    def scaled(x):
        dims = [d for d in range(x.ndim) if d != wrap(dim, x.ndim)]
        norm = functions.linalg_vector_norm(x, p, dims, True)
        factor = functions.where(norm > maxnorm, maxnorm / (norm + 1e-7), functions.ones_like(norm))
        return (x * factor,)

    return derived(scaled, (self,), (grad,), (True,))[0]


@op(
    "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    inplace=True,
    self=lambda grad, self, p, dim, maxnorm: _renorm_backward(grad, self, p, dim, maxnorm),
)
def renorm(xp, self, p, dim, maxnorm):
    """Each slice along a dimension scaled down to a p-norm of at most maxnorm."""
    if self.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.ndim} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive norm not supported")
    if self.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {kind_of(self)}"
        )
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    axes = tuple(d for d in range(self.ndim) if d != wrap(dim, self.ndim))
    norm = _length(xp, xp.abs(self), p, axes)
    norm = xp.expand_dims(norm, axes)
    factor = xp.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)
    return (self * factor).astype(self.dtype)
