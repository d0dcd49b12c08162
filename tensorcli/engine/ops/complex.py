"""Complex numbers: lazy conjugation and negation, real and imaginary parts as views, and how to make them."""

from tensorcli.engine import effects
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op, view
from tensorcli.engine.dtypes import PROMOTE, TO_COMPLEX, float16, from_numpy_dtype
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops import _arithmetic
from tensorcli.engine.tensor import CONJ, NEG, Tensor


@view("_conj(Tensor(a) self) -> Tensor(a)", self=lambda grad: grad.conj())
def lazy_conj(viewed):
    """The conjugate as a view: the bytes stay, a bit says how to read them."""
    return Viewed(viewed.geometry, viewed.dtype, viewed.lazy ^ CONJ, viewed.nbytes)


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self):
    """The complex conjugate, as a view; a real tensor is returned as it is."""
    return self._conj() if self.dtype.is_complex else self


@view("_neg_view(Tensor(a) self) -> Tensor(a)", self=lambda grad: grad.neg())
def lazy_neg(viewed):
    """The negative as a view: the bytes stay, a bit says how to read them."""
    return Viewed(viewed.geometry, viewed.dtype, viewed.lazy ^ NEG, viewed.nbytes)


@op("_conj_physical(Tensor self) -> Tensor", out=False, dtype=PROMOTE, self=lambda grad: grad.conj_physical())
def conj_copy(xp, self):
    """The conjugate in new storage."""
    return xp.conj(self) if self.dtype.kind == "c" else xp.array(self)


@composite("conj_physical(Tensor self) -> Tensor", out=True)
def conj_physical(self):
    """The complex conjugate in new storage; a real tensor is returned as it is."""
    return self._conj_physical() if self.dtype.is_complex else self


def _no_overlap(self):
    if self.dtype.is_complex:
        effects.check_overlap(self, ())


@op(
    "conj_physical_(Tensor(a!) self) -> Tensor(a!)",
    node=1,
    check=_no_overlap,
    self=lambda grad: grad.conj_physical(),
)
def conj_physical_in_place(xp, self):
    """Conjugate each element, in place."""
    if from_numpy_dtype(self.dtype).is_complex:
        xp.conjugate(self, out=self)


@composite("resolve_conj(Tensor(a) self) -> Tensor(a)")
def resolve_conj(self):
    """A tensor without a pending conjugation: itself, or a copy that is conjugated."""
    return self.clone() if self.lazy & CONJ else self


@composite("resolve_neg(Tensor(a) self) -> Tensor(a)")
def resolve_neg(self):
    """A tensor without a pending negation: itself, or a copy that is negated."""
    return self.clone() if self.lazy & NEG else self


@view(
    "view_as_real(Tensor(a) self) -> Tensor(a)",
    variants="function",
    self=lambda grad: functions.view_as_complex(grad.contiguous()),
)
def view_as_real(viewed):
    """Complex numbers as pairs of real ones in the same storage, in a last dimension of size 2."""
    if not viewed.dtype.is_complex:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if viewed.lazy & CONJ:
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view "
            "it as real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
        )
    shape = viewed.geometry
    pairs = Geometry((*shape.sizes, 2), (*[2 * stride for stride in shape.strides], 1), 2 * shape.offset)
    return Viewed(pairs, viewed.dtype.to_real(), viewed.lazy, viewed.nbytes)


@view(
    "view_as_complex(Tensor(a) self) -> Tensor(a)",
    variants="function",
    self=lambda grad: functions.view_as_real(grad.contiguous().resolve_conj()),
)
def view_as_complex(viewed):
    """Pairs of real numbers, in a last dimension of size 2, as complex numbers in the same storage."""
    shape, kind = viewed.geometry, viewed.dtype
    if kind.name not in ("float16", "float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{kind.scalar_type}"
        )
    if not shape.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape.sizes[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if shape.strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(step % 2 and size != 1 for size, step in zip(shape.sizes[:-1], shape.strides[:-1], strict=True)):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if shape.offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    halves = Geometry(
        shape.sizes[:-1], tuple(stride // 2 for stride in shape.strides[:-1]), shape.offset // 2
    )
    return Viewed(halves, kind.to_complex(), viewed.lazy, viewed.nbytes)


@composite("real(Tensor(a) self) -> Tensor(a)", variants="function")
def real(self):
    """The real parts, as a view; a real tensor is returned as it is."""
    if not self.dtype.is_complex:
        return self
    return functions.view_as_real(self._conj() if self.lazy & CONJ else self).select(self.ndim, 0)


@composite("imag(Tensor(a) self) -> Tensor(a)", variants="function")
def imag(self):
    """The imaginary parts, as a view."""
    if not self.dtype.is_complex:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    if self.lazy & CONJ:
        return functions.view_as_real(self._conj())._neg_view().select(self.ndim, 1)
    return functions.view_as_real(self).select(self.ndim, 1)


def _parts(first, second):
    if first.dtype.name not in _PARTS or second.dtype.name not in _PARTS:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{first.dtype.scalar_type} and {second.dtype.scalar_type}"
        )
    if first.dtype is not second.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {first.dtype.scalar_type} but got scalar type {second.dtype.scalar_type} "
            "for second argument"
        )


_PARTS = ("float16", "float32", "float64")


@op(
    "complex(Tensor real, Tensor imag) -> Tensor",
    dtype=TO_COMPLEX,
    variants="function",
    check=_parts,
    # PyTorch's nodes keep the parts, whose dtypes alone its formulas use.
    real=lambda grad, real: functions.real(grad),
    imag=lambda grad, imag: functions.imag(grad),
)
def complex_(xp, real, imag):
    """Complex numbers of their real and imaginary parts."""
    result = xp.empty(xp.broadcast_shapes(real.shape, imag.shape), xp.result_type(real, xp.complex64))
    result.real = real
    result.imag = imag
    return result


def _polar_gradient(grad, result, needs):
    conjugate = grad.conj()
    return (
        functions.real(conjugate * functions.sgn(result)) if needs[0] else None,
        functions.real(conjugate * (result * 1j)) if needs[1] else None,
    )


def _polar_parts(abs, angle):
    _parts(abs, angle)
    if abs.dtype is float16:
        raise NotImplementedError("\"polar_cpu\" not implemented for 'Half'")


@op(
    "polar(Tensor abs, Tensor angle) -> Tensor",
    dtype=TO_COMPLEX,
    variants="function",
    check=_polar_parts,
    abs__angle=_polar_gradient,
)
def polar(xp, abs, angle):
    """Complex numbers of their absolute values and angles."""
    return complex_(xp, abs * _arithmetic.widely(xp.cos, angle), abs * _arithmetic.widely(xp.sin, angle))


def _part(get):
    def put(self, value):
        part = get(self)
        from tensorcli.engine.indexing import assigned_value

        part.copy_(assigned_value(part, value))

    return property(get, put)


Tensor.real = _part(real)  # type: ignore[attr-defined]
Tensor.imag = _part(imag)  # type: ignore[attr-defined]
