"""dtypes and type promotion, as tables.

A `dtype` knows its PyTorch names and the numpy dtype that holds its elements. Promotion is PyTorch's: tensors with
dimensions, zero-dimensional tensors and Python numbers count in this order, and a lower one matters only when it is of a
higher category (bool < integer < floating < complex). This module knows no tensors.
"""

from functools import cache
from typing import Any, Final

import numpy as np

from tensorcli.engine import process
from tensorcli.engine.native import Native, seal

BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)
STORED: Final = "BFloat16 Bool Byte Char ComplexDouble ComplexFloat Double Float Half Int Long Short".split()
"""The element types that PyTorch had storage classes of (`torch.FloatStorage`), in C++'s words."""


_SHORT: Final = {
    "float8_": "f8", "bfloat": "bf", "float": "f", "complex": "c", "uint": "u", "int": "i", "bool": "b8",
}  # fmt: skip
"""What the short names begin with instead."""


class dtype(Native):  # noqa: N801 (PyTorch's name)
    """An element type. Compared by identity; `repr` is PyTorch's."""

    __slots__ = (
        "category",
        "cpp_name",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "np",
        "reduced",
        "scalar_type",
        "tensor_type",
    )

    __module__ = "torch"
    np: Any

    def __init__(
        self, name: str, category: int, itemsize: int, scalar_type: str, cpp_name: str, tensor_type: str
    ) -> None:
        self.name: Final = name
        self.category: Final = category
        self.itemsize: Final = itemsize
        self.scalar_type: Final = scalar_type
        self.cpp_name: Final = cpp_name
        self.tensor_type: Final = tensor_type
        self.is_floating_point: Final = category == FLOATING
        self.is_complex: Final = category == COMPLEX
        self.is_signed: Final = category >= FLOATING or name in ("int8", "int16", "int32", "int64")
        self.reduced: Final = name in _REDUCED or name in _ML_DTYPES
        """Whether kernels compute in float32 (complex64) and round once at the end."""
        if name not in _ML_DTYPES:
            self.np = np.dtype(name)

    def __getattr__(self, attribute: str) -> Any:
        # Only a slot that was never set comes here: the element types that numpy learns from ml_dtypes.
        if attribute == "np" and self.name in _ML_DTYPES:
            import ml_dtypes

            self.np = np.dtype(getattr(ml_dtypes, self.name))
            return self.np
        raise AttributeError(f"'torch.dtype' object has no attribute '{attribute}'", name=attribute, obj=self)

    @property
    def abbr(self) -> str:
        """The short name: f32, bf16, i64."""
        return next(s + self.name.removeprefix(w) for w, s in _SHORT.items() if self.name.startswith(w))

    @property
    def computes_as(self) -> "dtype":
        """The dtype kernels compute in: itself, or float32 (complex64) for the reduced ones."""
        if not self.reduced:
            return self
        return complex64 if self.is_complex else float32

    def to_real(self) -> "dtype":
        """The dtype of the real and imaginary parts of a complex dtype; itself otherwise."""
        return _REAL.get(self, self)

    def to_complex(self) -> "dtype":
        """The complex dtype whose parts have this dtype. Errors: RuntimeError where there is none."""
        found = self if self.category == COMPLEX else _COMPLEX.get(self)
        if found is None:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.scalar_type}")
        return found

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _of_name, (self.name,)

    def __copy__(self) -> "dtype":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "dtype":
        return self


_REDUCED: Final = ("float16",)
_ML_DTYPES: Final = (
    "bfloat16",
    "complex32",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
)

uint8 = dtype("uint8", INTEGRAL, 1, "Byte", "unsigned char", "torch.ByteTensor")
int8 = dtype("int8", INTEGRAL, 1, "Char", "signed char", "torch.CharTensor")
int16 = short = dtype("int16", INTEGRAL, 2, "Short", "short int", "torch.ShortTensor")
int32 = dtype("int32", INTEGRAL, 4, "Int", "int", "torch.IntTensor")
int64 = long = dtype("int64", INTEGRAL, 8, "Long", "long int", "torch.LongTensor")
float16 = half = dtype("float16", FLOATING, 2, "Half", "c10::Half", "torch.HalfTensor")
float32 = dtype("float32", FLOATING, 4, "Float", "float", "torch.FloatTensor")
float64 = double = dtype("float64", FLOATING, 8, "Double", "double", "torch.DoubleTensor")
complex32 = chalf = dtype(
    "complex32", COMPLEX, 4, "ComplexHalf", "c10::complex<c10::Half>", "CPUComplexHalfType"
)
complex64 = cfloat = dtype(
    "complex64", COMPLEX, 8, "ComplexFloat", "c10::complex<float>", "CPUComplexFloatType"
)
complex128 = cdouble = dtype(
    "complex128", COMPLEX, 16, "ComplexDouble", "c10::complex<double>", "CPUComplexDoubleType"
)
bool_ = dtype("bool", BOOL, 1, "Bool", "bool", "CPUBoolType")
bfloat16 = dtype("bfloat16", FLOATING, 2, "BFloat16", "c10::BFloat16", "CPUBFloat16Type")
uint16 = dtype("uint16", INTEGRAL, 2, "UInt16", "short unsigned int", "CPUUInt16Type")
uint32 = dtype("uint32", INTEGRAL, 4, "UInt32", "unsigned int", "CPUUInt32Type")
uint64 = dtype("uint64", INTEGRAL, 8, "UInt64", "long unsigned int", "CPUUInt64Type")
float8_e5m2 = dtype("float8_e5m2", FLOATING, 1, "Float8_e5m2", "c10::Float8_e5m2", "CPUFloat8_e5m2Type")
float8_e4m3fn = dtype(
    "float8_e4m3fn", FLOATING, 1, "Float8_e4m3fn", "c10::Float8_e4m3fn", "CPUFloat8_e4m3fnType"
)

seal(dtype)
FLOAT8: Final = (float8_e5m2, float8_e4m3fn)
REDUCED: Final = (float16, bfloat16)
"""The reduced dtypes that kernels compute in."""


def _of_name(name: str) -> dtype:
    """A dtype from a pickle, which knows no module called torch."""
    return DTYPES[name]


def is_reduced(kind: Any) -> bool:
    """Whether a dtype of numpy's is the one of float16 or bfloat16."""
    return bool(kind.itemsize == 2 and kind.kind in "fV")


DTYPES: Final[dict[str, dtype]] = {
    d.name: d
    for d in (
        *(uint8, int8, int16, int32, int64, float16, float32, float64, complex32, complex64, complex128),
        *(bool_, bfloat16, uint16, uint32, uint64, float8_e5m2, float8_e4m3fn),
    )
}
_BY_NUMPY: Final[dict[Any, dtype]] = {d.np: d for d in DTYPES.values() if d.name not in _ML_DTYPES}
_REAL: Final = {complex32: float16, complex64: float32, complex128: float64}
_COMPLEX: Final = {
    float16: complex32,
    float32: complex64,
    float64: complex128,
    bfloat16: complex64,
}
_BY_PYTHON: Final[dict[type, dtype]] = {bool: bool_, int: int64}
BAREBONES: Final = (uint16, uint32, uint64)
FLOAT_BOUNDS: Final = {
    "float16": 65504.0,
    "bfloat16": (2 - 2**-7) * 2.0**127,
    "float32": (2 - 2**-23) * 2.0**127,
    "float64": (2 - 2**-52) * 2.0**1023,
}
"""The largest numbers of the floating dtypes that PyTorch computes in."""


def from_numpy_dtype(kind: Any) -> dtype:
    """The dtype whose elements numpy holds as `kind`. Errors: KeyError when PyTorch has none."""
    found = _BY_NUMPY.get(kind)
    if found is None:
        name = getattr(kind, "name", "")
        if name in _ML_DTYPES and name in DTYPES:
            found = _BY_NUMPY[kind] = DTYPES[name]
        else:
            raise KeyError(kind)
    return found


class _Default:
    """The default floating dtype (`torch.set_default_dtype`)."""

    floating: dtype = float32

    @property
    def complex(self) -> dtype:
        return self.floating.to_complex()


default = _Default()
process.keep_attributes(default, "floating")


def of_operand(value: Any) -> dtype:
    """The dtype of a Python number beside tensors: an integer that int64 does not hold is one of uint64."""
    return uint64 if type(value) is int and value.bit_length() > 63 and value > 0 else of_number(value)


def of_number(value: Any) -> dtype:
    """The dtype that a Python (or numpy) number has as a tensor: bool, int64, the default floating or complex dtype."""
    kind = type(value)
    found = _BY_PYTHON.get(kind)
    if found is not None:
        return found
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return default.floating
    return default.complex


@cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that holds both, by PyTorch's table.

    Errors: RuntimeError for pairs that PyTorch does not promote (the wide unsigned integers, float8).
    """
    if a is b:
        return a
    if (a in BAREBONES or b in BAREBONES) and FLOATING not in (a.category, b.category):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{a.scalar_type} and {b.scalar_type}"
        )
    if (a.itemsize == 1 and a.category == FLOATING) or (b.itemsize == 1 and b.category == FLOATING):
        raise RuntimeError(
            f"Promotion for Float8 Types is not supported, attempted to promote {a.scalar_type} and {b.scalar_type}"
        )
    if a.category < b.category:
        a, b = b, a
    if a.category != b.category:
        if a.category == COMPLEX and b.category == FLOATING:
            return _wider(a, b.to_complex() if b is not bfloat16 else complex64)
        return a
    if a.category == INTEGRAL and uint8 in (a, b):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    if a.category == FLOATING and a.itemsize == b.itemsize == 2:
        return float32
    return _wider(a, b)


def _wider(a: dtype, b: dtype) -> dtype:
    return a if a.itemsize >= b.itemsize else b


def combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """What a lower-priority operand does to the result: it counts only when it is of a higher category."""
    if higher is None:
        return lower
    if lower is None or higher.category == COMPLEX:
        return higher
    if higher.category == FLOATING:
        return higher.to_complex() if lower.category == COMPLEX else higher
    if higher in BAREBONES and lower.category == COMPLEX:
        return lower
    if higher.category == BOOL or lower.category >= FLOATING:
        return promote_types(higher, lower)
    return higher


def result_type(
    dimensioned: tuple[dtype, ...], zero_dimensional: tuple[dtype, ...], numbers: tuple[dtype, ...]
) -> dtype:
    """The dtype of an operation on tensors with dimensions, zero-dimensional tensors and Python numbers."""
    found = _result_types.get((dimensioned, zero_dimensional, numbers))
    if found is None:
        parts = [_promote_all(kinds) for kinds in (dimensioned, zero_dimensional, numbers)]
        result = combine(parts[0], combine(parts[1], parts[2]))
        assert result is not None
        found = _result_types[dimensioned, zero_dimensional, numbers] = result
    return found


_result_types: dict[tuple[tuple[dtype, ...], ...], dtype] = {}


def _promote_all(kinds: tuple[dtype, ...]) -> dtype | None:
    result: dtype | None = None
    for kind in kinds:
        result = kind if result is None else promote_types(result, kind)
    return result


def can_cast(source: dtype, target: dtype) -> bool:
    """Whether PyTorch lets a result of dtype `source` be written into `target` (`torch.can_cast`)."""
    if source.category == COMPLEX and target.category != COMPLEX:
        return False
    if source.category == FLOATING and target.category < FLOATING:
        return False
    return not (target.category == BOOL and source.category != BOOL)


# Rules an operator's declaration names: from the dtype of its promoted inputs to (computation dtype, result dtype).
WIDE_UNSIGNED: Final = "HILQ"
"""numpy's characters for unsigned integers of more than a byte."""
BARE: Final = WIDE_UNSIGNED + "45" + "O"
"""Those and ml_dtypes' for float8 and complex32: PyTorch has few kernels for them."""
FEW_KERNELS: Final = frozenset((*BAREBONES, *FLOAT8, complex32))
"""The same as dtypes."""

PROMOTE, INT_TO_FLOAT, COMPARE = "promote", "int_to_float", "compare"
COMMON = "common"
"""Not element-wise: the kernel decides sizes, and gets all its tensors in the dtype that they promote to (cat)."""
LOGICAL = "logical"
"""Like COMPARE: the result is bool, and the inputs promote only to be read."""
PROMOTE_SCALARS = "promote_scalars"
"""Like PROMOTE, and arguments of type Scalar promote too (clamp, where), as they do under every rule but PROMOTE."""


TO_REAL, INT_TO_REAL = "to_real", "int_to_real"
"""A complex input gives its real dtype (abs); INT_TO_REAL: and an integer one the default floating dtype (angle)."""
TO_COMPLEX = "to_complex"
"""The result is the complex dtype whose parts the inputs are."""
EXACT = "exact"
"""Like PROMOTE, and kernels get reduced dtypes as they are: the answer depends on the dtype (nextafter)."""
SELF = "self"
"""The first operand alone decides; the others are converted to it."""


def apply_rule(rule: str, common: dtype) -> tuple[dtype, dtype]:
    """The dtype to compute in and the dtype of the result, for inputs that promote to `common`."""
    if (rule in (INT_TO_FLOAT, INT_TO_REAL)) and common.category < FLOATING:
        return default.floating, default.floating
    if rule in (TO_REAL, INT_TO_REAL):
        return common, common.to_real()
    if rule == TO_COMPLEX:
        return common, common.to_complex()
    if rule in (COMPARE, LOGICAL):
        return common, bool_
    return common, common
