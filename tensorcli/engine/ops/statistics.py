"""Quantiles, counts and covariance."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import is_wide, kind_of, wrap
from tensorcli.engine.ops._shared import is_true, times

# ---- quantiles


def _check_quantile(self, q, interpolation):
    """Errors: RuntimeError with PyTorch's texts, in its order, but for the range of q, which it looks at last."""
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if not self.numel():
        raise RuntimeError("quantile() input tensor must be non-empty")
    if q.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if self.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q.dtype is not self.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if q.device != self.device:
        raise RuntimeError("quantile() q tensor must be on the same device as the input tensor")


def _quantile(self, q, dim, keepdim, interpolation, ignore_nan):
    """Sorted values at the places that q names, interpolated (aten/src/ATen/native/Sorting.cpp, quantile_compute)."""
    _check_quantile(self, q, interpolation)
    ndim = self.ndim
    d = None if dim is None else wrap(dim, max(ndim, 1))
    if not ((q.array >= 0) & (q.array <= 1)).all():
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    sizes = self.geometry.sizes
    size = self.numel() if d is None else sizes[d] if ndim else 1
    if size > 1 << 24:  # beyond which float32 does not tell one place from the next
        raise RuntimeError("quantile() input tensor is too large")
    if d is None:
        ordered = self.flatten().sort()[0]
    elif d == ndim - 1:
        ordered = self.sort()[0]
    else:
        ordered = self.unsqueeze(-1).transpose(d, -1).sort()[0]
    if keepdim:
        lead = [1] * ndim if d is None else [1 if i == d else s for i, s in enumerate(sizes)]
    else:
        lead = [] if d is None else [s for i, s in enumerate(sizes) if i != d]
    ordered = ordered.view([*lead, size])
    missing = ordered.isnan()
    if ignore_nan:
        ranks = q * direct("_sub.Scalar", missing.logical_not().sum(-1, True), 1)
        ranks.masked_fill_(ranks < 0, 0)
    else:
        ranks, last = functions.broadcast_tensors([times(q, size - 1), missing.any(-1, True)])
        ranks = ranks.masked_fill(last, size - 1)
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
    return functions.full((), q, dtype=self.dtype, device=self.device)


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


@op("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", stepwise=REDUCED, self=None)
def histc(xp, self, bins, min, max):
    """How many elements fall into each of some bins of equal width."""
    if self.dtype == np.uint8 and min < 0:
        raise messages.overflow("uint8_t")
    if self.dtype.kind in "biuc":
        by_range = max != min or not self.size
        if is_wide(self):
            name = "linspace_cpu" if by_range else "aminmax_cpu"
        elif self.dtype.kind == "c":
            name = "histogram_cpu" if by_range else "aminmax_cpu"
        else:
            name = "linspace_cpu" if self.dtype.kind == "b" else "histogram_cpu"
        raise messages.not_implemented(name, kind_of(self))
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = float(min), float(max)
    if low == high and self.size:
        low, high = float(self.min()), float(self.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    first, last = self.dtype.type(low), self.dtype.type(high)
    inside = self[(self >= first) & (self <= last)].reshape(-1)
    # The place is reckoned in the array's own dtype, whose rounding shows at the edges.
    places = ((inside - first) * self.dtype.type(bins) / (last - first)).astype(np.int64)
    return xp.bincount(xp.minimum(places, bins - 1), minlength=bins).astype(self.dtype)


@op(
    "bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor",
    out=False,
    stepwise=REDUCED,
)
def bincount(xp, self, weights, minlength):
    """How often each non-negative integer occurs, or the sum of its weights."""
    if self.dtype.kind not in "iu":
        raise messages.not_implemented("bincount_cpu", kind_of(self))
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if self.shape == (0,):
        return xp.zeros((minlength,), np.int64)  # whatever the weights are
    if self.ndim != 1 or (self.size and self.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.shape != self.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if weights is None:
        return xp.bincount(self, None, minlength).astype(np.int64)
    # All weights but those of float32 are added up in double precision, of complex ones the real part.
    messages.warn_discards(dtypes.from_numpy_dtype(weights.dtype), dtypes.float64)
    found = xp.bincount(self, weights.real.astype(np.float64), minlength)
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
    if count and not is_true(weights.min().ge(0)):
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
    if weights is not None and not is_true(total.ne(0)):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if weights is None:
        if data.dtype.category < dtypes.FLOATING:
            data = data.to(dtypes.default.floating)
        average = data.sum(1) / count if count else data.sum(1) / 0
    else:
        average = (data * weights).sum(1) / total
    if weights is None:
        divisor = functions.scalar_tensor(count - correction, dtype=dtypes.int64, device=data.device)
    elif correction == 0:
        divisor = total
    elif aweights is None:
        divisor = total - correction
    else:
        divisor = total - times((weights * aweights).sum(), correction) / total
    if is_true(divisor.le(0)):
        messages.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations."
        )
        divisor = divisor.clamp_min(0)
    centred = data - average.unsqueeze(1)
    other = (centred if weights is None else centred * weights).t().conj()
    found = centred.mm(other)
    if found.dtype.is_complex and 1 in data.geometry.sizes:
        # Variances are real.
        found = functions.complex(found.real, functions.zeros_like(found.real))
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
    scale = found.diagonal()
    scale = (scale.real if scale.dtype.is_complex else scale).sqrt()
    found = found / scale.view((-1, 1)) / scale.view((1, -1))
    if found.dtype.is_complex:
        return functions.complex(found.real.clip(-1, 1), found.imag.clip(-1, 1))
    return found.clip(-1, 1)
