"""PyTorch's three kernels of Fourier transforms: complex to complex, real to complex, complex to real. What users call is in
the chapter fft.

A normalization is a number: 0 does not scale, 1 scales by 1/sqrt(n), 2 by 1/n.
"""

import numpy as np

from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.declare import op
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import contiguous_strides
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import wrap_dims


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
