"""Fourier transforms, as users call them: their arguments, and which of the kernels (the chapter fft_kernels) computes them."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, factory
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import existing, wrap

_NORMS = {"backward": (0, 2), "forward": (2, 0), "ortho": (1, 1)}
"""For a name: the normalizations of the forward and the inverse transform."""


def _promoted(self, complex_too=False):
    kind = self.dtype
    if kind.category < dtypes.FLOATING:
        kind = dtypes.default.floating
    if kind.reduced and not kind.is_complex:
        raise RuntimeError(f"Unsupported dtype {kind.scalar_type}")
    if complex_too:
        kind = kind.to_complex()
    return self if kind is self.dtype else self.to(kind)


def _norm(norm, forward):
    if norm is None:
        norm = "backward"
    if norm not in _NORMS:
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return _NORMS[norm][0 if forward else 1]


def _resized(self, dims, sizes):
    """Cut off or filled up with zeros to the sizes of the transform."""
    pads = [0] * (2 * self.ndim)
    change = False
    for d, wanted in zip(dims, sizes, strict=True):
        if wanted == -1 or wanted == self.size(d):
            continue
        change = True
        if wanted < self.size(d):
            self = self.narrow(d, 0, wanted)
        else:
            pads[2 * (self.ndim - 1 - d) + 1] = wanted - self.size(d)
    return functions.constant_pad_nd(self, pads) if change and any(pads) else self


def _check_points(n):
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")


def _c2c(self, n, dim, norm, forward):
    self = _promoted(self)
    d = _last(self, dim)
    n = self.size(d) if n is None else n
    _check_points(n)
    self = _resized(self, (d,), (n,))
    scale = _norm(norm, forward)
    if self.dtype.is_complex:
        return direct("_fft_c2c", self, (d,), scale, forward)
    found = direct("_fft_r2c", self, (d,), scale, False)
    return found if forward else found.conj()


def _r2c(self, n, dim, norm, forward, name):
    if self.dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {self.dtype.scalar_type}")
    self = _promoted(self)
    d = _last(self, dim)
    n = self.size(d) if n is None else n
    _check_points(n)
    self = _resized(self, (d,), (n,))
    found = direct("_fft_r2c", self, (d,), _norm(norm, forward), True)
    return found if forward else found.conj()


def _last(self, dim):
    return existing(dim, self.ndim)


def _c2r(self, n, dim, norm, forward):
    self = _promoted(self, True)
    d = _last(self, dim)
    n = 2 * (self.size(d) - 1) if n is None else n
    _check_points(n)
    self = _resized(self, (d,), (n // 2 + 1,))
    self = self.conj() if forward else self
    return direct("_fft_c2r", self, (d,), _norm(norm, forward), n)


@composite(
    "fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_fft(self, n, dim, norm):
    """The discrete Fourier transform along a dimension."""
    return _c2c(self, n, dim, norm, True)


@composite(
    "fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_ifft(self, n, dim, norm):
    """The inverse discrete Fourier transform along a dimension."""
    return _c2c(self, n, dim, norm, False)


@composite(
    "fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_rfft(self, n, dim, norm):
    """The transform of real numbers: the half that is not the other's conjugate."""
    return _r2c(self, n, dim, norm, True, "rfft")


@composite(
    "fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_ihfft(self, n, dim, norm):
    """The inverse of hfft."""
    return _r2c(self, n, dim, norm, False, "ihfft")


@composite(
    "fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_irfft(self, n, dim, norm):
    """The inverse of rfft: real numbers again."""
    return _c2r(self, n, dim, norm, False)


@composite(
    "fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor",
    variants="function",
    namespace="fft",
    out=True,
)
def fft_hfft(self, n, dim, norm):
    """The transform of a signal whose other half is its conjugate: real numbers."""
    return _c2r(self, n, dim, norm, True)


def _shape_and_dims(self, s, dim):
    if dim is not None:
        dims = [existing(d, self.ndim) for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
    elif s is not None:
        if len(s) > self.ndim:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {self.ndim} dimensions."
            )
        dims = list(range(self.ndim - len(s), self.ndim))
    else:
        dims = list(range(self.ndim))
    if s is not None and dim is not None and len(s) != len(dims):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    sizes = [self.size(d) if s is None or s[i] == -1 else s[i] for i, d in enumerate(dims)]
    for n in sizes:
        _check_points(n)
    return sizes, dims


def _c2c_many(self, s, dim, norm, forward):
    sizes, dims = _shape_and_dims(self, s, dim)
    self = _resized(_promoted(self, True), dims, sizes)
    return direct("_fft_c2c", self, dims, _norm(norm, forward), forward)


def _r2c_many(self, s, dim, norm):
    if self.dtype.is_complex:
        raise RuntimeError(f"rfftn expects a real-valued input tensor, but got {self.dtype.scalar_type}")
    sizes, dims = _shape_and_dims(self, s, dim)
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    self = _resized(_promoted(self), dims, sizes)
    return direct("_fft_r2c", self, dims, _norm(norm, True), True)


def _c2r_sizes(self, s, dim, name="irfftn"):
    dims = _shape_and_dims(self, s, dim)[1]
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    sizes = _shape_and_dims(self, s, dim)[0]
    given = s is not None and s[-1] != -1
    last = sizes[-1] if given else 2 * (self.size(dims[-1]) - 1)
    _check_points(last)
    return [*sizes[:-1], last // 2 + 1], dims, last


def _c2r_many(self, s, dim, norm):
    sizes, dims, last = _c2r_sizes(self, s, dim)
    self = _resized(_promoted(self, True), dims, sizes)
    return direct("_fft_c2r", self, dims, _norm(norm, False), last)


def _hfft_many(self, s, dim, norm):
    sizes, dims, last = _c2r_sizes(self, s, dim, "hfftn")
    self = _resized(_promoted(self, True), dims, sizes)
    scale = _norm(norm, True)
    self = direct("_fft_c2c", self, dims[:-1], scale, True) if len(dims) > 1 else self
    return direct("_fft_c2r", self.conj(), dims[-1:], scale, last)


def _ihfft_many(self, s, dim, norm):
    sizes, dims = _shape_and_dims(self, s, dim)
    if not dims:
        raise RuntimeError("ihfftn must transform at least one axis")
    self = _resized(_promoted(self), dims, sizes)
    scale = _norm(norm, False)
    if self.dtype.is_complex:
        raise RuntimeError(f"Only supports floating-point dtypes, but found: {self.dtype.scalar_type}")
    found = direct("_fft_r2c", self, dims[-1:], scale, True)
    if len(dims) == 1:
        return found.conj()
    return direct("_fft_c2c", functions.conj_physical(found), dims[:-1], scale, False)


def _declare_many(name, run, doc):
    """NAMEn and NAME2: over any dimensions, and over the last two."""

    def over_all(self, s, dim, norm):
        return run(self, s, dim, norm)

    def over_two(self, s, dim, norm):
        return run(self, s, dim, norm)

    over_all.__doc__ = f"{doc} over several dimensions."
    over_two.__doc__ = f"{doc} over the last two dimensions."
    line = f"fft_{name}{{}}(Tensor self, SymInt[1]? s=None, int[1]{{}}, str? norm=None) -> Tensor"
    for call, suffix, dim in ((over_all, "n", "? dim=None"), (over_two, "2", " dim=[-2,-1]")):
        composite(line.format(suffix, dim), variants="function", namespace="fft", out=True)(call)


_declare_many("fft", lambda x, s, d, n: _c2c_many(x, s, d, n, True), "The discrete Fourier transform")
_declare_many(
    "ifft", lambda x, s, d, n: _c2c_many(x, s, d, n, False), "The inverse discrete Fourier transform"
)
_declare_many("rfft", _r2c_many, "The transform of real numbers")
_declare_many("irfft", _c2r_many, "The inverse transform to real numbers")
_declare_many("hfft", _hfft_many, "The transform of a Hermitian signal")
_declare_many("ihfft", _ihfft_many, "The inverse of hfft")


@factory(
    "fft_fftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None) -> Tensor",
    namespace="fft",
)
def fft_fftfreq(xp, n, d, dtype):
    """The frequencies of the outputs of fft."""
    if n < 0:
        raise messages.negative_size((n,))
    half = (n + 1) // 2
    return _frequencies(xp, [*range(half), *range(half - n, 0)], n * d, dtype, "fftfreq")


def _frequencies(xp, steps, period, dtype, name):
    """Whole steps times the smallest frequency, multiplied as PyTorch does it in a floating dtype."""
    kind = dtype or dtypes.default.floating
    if kind.category < dtypes.FLOATING:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if kind.is_complex:
        raise messages.not_implemented("arange_cpu", kind.scalar_type)
    wide = kind.np if kind.itemsize > 2 else np.dtype(np.float32)
    smallest = np.divide(1.0, period).astype(wide)
    return (xp.asarray(steps, wide) * smallest).astype(kind.np)


@factory(
    "fft_rfftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None) -> Tensor",
    namespace="fft",
)
def fft_rfftfreq(xp, n, d, dtype):
    """The frequencies of the outputs of rfft."""
    return _frequencies(xp, range(int(n / 2) + 1), n * d, dtype, "rfftfreq")


def _shift(self, dim, sign):
    dims = list(range(self.ndim)) if dim is None else [wrap(d, self.ndim) for d in dim]
    sizes = [self.size(d) for d in dims]
    return self.roll([s // 2 if sign > 0 else (s + 1) // 2 for s in sizes], dims)


@composite("fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", variants="function", namespace="fft")
def fft_fftshift(self, dim):
    """The frequency zero moved to the middle."""
    return _shift(self, dim, 1)


@composite("fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", variants="function", namespace="fft")
def fft_ifftshift(self, dim):
    """The inverse of fftshift."""
    return _shift(self, dim, -1)
