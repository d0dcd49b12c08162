"""Fourier transforms. PyTorch's three kernels (real to complex, complex to real, complex to complex) and what calls them."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, factory, op
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import contiguous_strides
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import existing, wrap, wrap_dims

_NORMS = {"backward": (0, 2), "forward": (2, 0), "ortho": (1, 1)}
"""For a name: how the forward and the inverse transform are scaled. 0 not, 1 by 1/sqrt(n), 2 by 1/n."""


def _scaled(array, normalization, n):
    if not normalization:
        return array
    scale = array.real.dtype.type(1 / n if normalization == 2 else 1 / np.sqrt(n))
    if array.dtype.kind == "c":
        # Part by part: a product of complex numbers makes nan of what is infinite.
        found = array.copy()
        found.real *= scale
        found.imag *= scale
        return found
    return array * scale


def _placed(sizes, source, dims):
    """Strides of a result: the transformed dimensions innermost, the last of `dims` ahead; the others in the order of the
    input's strides.
    """
    batch = sorted((d for d in range(len(sizes)) if d not in dims), key=lambda d: -source[d])
    strides = [0] * len(sizes)
    step = 1
    for d in reversed([*batch, *dims]):
        strides[d] = step
        step *= sizes[d] if sizes[d] > 1 else 1
    return tuple(strides)


def _by_stride(dims, source):
    return sorted(dims, key=lambda d: -source[d])


def _complex_strides(xp, sizes, source, dims):
    """Strides of a transform of complex numbers: MKL's takes all dimensions at once, cuFFT's three at a time
    (aten/src/ATen/native/mkl/SpectralOps.cpp and cuda/SpectralOps.cpp; on meta as on CUDA).
    """
    if xp is np:
        return _placed(sizes, source, _by_stride(dims, source))
    rest = list(dims)
    while rest:
        rest = _by_stride(rest, source)
        source = _placed(sizes, source, rest[-3:])
        del rest[-3:]
    return source


def _at_once(dims):
    """Whether cuFFT transforms real numbers along these dimensions in one go."""
    return len(dims) <= 3 and tuple(dims[:2]) != (0, 1)


def _from_real_strides(xp, sizes, source, dims, onesided):
    """Strides of a transform of real numbers, whose last dimension is halved, or filled up from its half."""
    *others, last = dims
    if xp is np:
        return _placed(sizes, source, [*_by_stride(others, source), last])
    if _at_once(dims):
        return _placed(sizes, source, dims)
    if others and not onesided:
        return contiguous_strides(sizes)
    return _complex_strides(xp, sizes, _placed(sizes, source, [last]), others)


def _to_real_strides(xp, sizes, source, shape, dims):
    """Strides of a transform to real numbers, from complex ones of the sizes `shape`."""
    *others, last = dims
    if xp is not np and (not others or _at_once(dims)):
        return _placed(sizes, contiguous_strides(shape), dims)
    if others:  # as complex numbers first
        source = _complex_strides(xp, shape, source, others)
    return _placed(sizes, source, [last])


def _count(sizes, dims):
    total = 1
    for d in dims:
        total *= sizes[d]
    return total


def _complex_of(array):
    return np.complex64 if array.dtype.name in ("float32", "complex64", "float16") else np.complex128


def _not_empty(self):
    """MKL, which PyTorch's transforms run on, has no transform of nothing. Errors: RuntimeError."""
    if not self.size:
        raise RuntimeError("MKL FFT error: Intel oneMKL DFTI ERROR: Inconsistent configuration parameters")


def _check_kind(self, *rest):
    if self.dtype.reduced:
        raise RuntimeError(f"MKL FFT doesn't support tensors of type: {self.dtype.to_real().scalar_type}")


@op(
    "_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor",
    variants="function",
    check=_check_kind,
    self=lambda grad, dim, normalization, forward: direct("_fft_c2c", grad, dim, normalization, not forward),
)
def fft_c2c(xp, self, dim, normalization, forward):
    """The discrete Fourier transform of complex numbers along some dimensions."""
    if not len(dim):
        return self.copy()
    _not_empty(self)
    dims = wrap_dims(dim, self.ndim)
    find = xp.fft.fftn if forward else xp.fft.ifftn
    found = find(self, axes=dims, norm="backward" if forward else "forward")
    found = _scaled(found, normalization, _count(self.shape, dims)).astype(self.dtype)
    return Laid(found, _complex_strides(xp, self.shape, self.strides, dims))


def _r2c_backward(grad, dim, normalization, onesided, last):
    if not onesided:
        return direct("_fft_c2c", grad, dim, normalization, False).real
    half = grad.size(dim[-1])
    if half != last:
        sizes = list(grad.geometry.sizes)
        sizes[dim[-1]] = last
        padded = roomy(grad.new_zeros(sizes), grad)
        padded.narrow(dim[-1], 0, half).copy_(grad)
        grad = padded
    return direct("_fft_c2c", grad, dim, normalization, False).real


@op(
    "_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor",
    variants="function",
    check=_check_kind,
    self=lambda grad, self, dim, normalization, onesided: _r2c_backward(
        grad, dim, normalization, onesided, self.size(dim[-1])
    ),
)
def fft_r2c(xp, self, dim, normalization, onesided):
    """The discrete Fourier transform of real numbers; one-sided without the half that is the other's conjugate."""
    _not_empty(self)
    dims = wrap_dims(dim, self.ndim)
    find = xp.fft.rfftn if onesided else xp.fft.fftn
    found = find(self, axes=dims)
    found = _scaled(found, normalization, _count(self.shape, dims)).astype(_complex_of(self))
    return Laid(found, _from_real_strides(xp, found.shape, self.strides, dims, onesided))


def _c2r_backward(grad, dim, normalization):
    found = direct("_fft_r2c", grad, dim, normalization, True)
    twice = grad.size(dim[-1]) - found.size(dim[-1])
    if twice > 0:
        found.narrow(dim[-1], 1, twice).mul_(2)
    return found


@op(
    "_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor",
    variants="function",
    check=_check_kind,
    self=_c2r_backward,
)
def fft_c2r(xp, self, dim, normalization, last_dim_size):
    """The inverse transform of what is the transform of real numbers."""
    _not_empty(self)
    dims = wrap_dims(dim, self.ndim)
    sizes = [self.shape[d] for d in dims[:-1]] + [last_dim_size]
    found = xp.fft.irfftn(self, s=sizes, axes=dims, norm="forward")
    n = _count(self.shape, dims[:-1]) * last_dim_size
    found = _scaled(found, normalization, n).astype(self.real.dtype)
    return Laid(found, _to_real_strides(xp, found.shape, self.strides, self.shape, dims))


# ---- arguments


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
