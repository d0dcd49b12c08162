"""Factories: tensors made of sizes and values, and in the likeness of others."""

import math

from tensorcli.engine import allocation, dtypes, effects, geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import filling
from tensorcli.engine.declare import composite, factory, op
from tensorcli.engine.devices import META, resolve
from tensorcli.engine.effects import Laid
from tensorcli.engine.settings import unset

OPTIONS = "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
LIKE = f"{OPTIONS}, MemoryFormat? memory_format=None"
INDICES = OPTIONS.replace("dtype=None", "dtype=long")


# ---- sizes


@factory(f"empty.memory_format(SymInt[] size, {LIKE}) -> Tensor")
def empty(xp, size, dtype):
    """A tensor whose elements are not set: zeros here, so that every run is the same."""
    return _unset(xp, size, dtype)


def _unset(xp, size, dtype):
    kind = dtype or dtypes.default.floating
    value = unset(kind)
    return xp.full(size, value, kind.np) if value else xp.zeros(size, kind.np)


@factory(f"zeros(SymInt[] size, {OPTIONS}) -> Tensor")
def zeros(xp, size, dtype):
    """A tensor of zeros."""
    return xp.zeros(size, (dtype or dtypes.default.floating).np)


@factory(f"ones(SymInt[] size, {OPTIONS}) -> Tensor")
def ones(xp, size, dtype):
    """A tensor of ones."""
    return xp.ones(size, (dtype or dtypes.default.floating).np)


@factory(f"full(SymInt[] size, Scalar fill_value, {OPTIONS}) -> Tensor")
def full(xp, size, fill_value, dtype):
    """A tensor with one value everywhere; its dtype is the value's, unless it is named."""
    kind = dtype or dtypes.of_number(fill_value)
    if dtype is None and kind is dtypes.complex32:
        kind = dtypes.complex64  # of complex numbers PyTorch makes no halves here
    return xp.full(size, filling(fill_value, kind, math.prod(size)), kind.np)


@factory(f"empty_strided(SymInt[] size, SymInt[] stride, {OPTIONS}) -> Tensor", out=False)
def empty_strided(xp, size, stride, dtype):
    """A tensor with these sizes and strides whose elements are not set."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    span = geometry.Geometry(tuple(size), tuple(stride)).span
    if any(step < 0 for step in stride) or span * (dtype or dtypes.default.floating).itemsize >= 1 << 63:
        raise messages.storage_overflow(size, stride)
    return Laid(_unset(xp, size, dtype), tuple(stride))


@factory(f"empty_permuted(SymInt[] size, int[] physical_layout, {OPTIONS}) -> Tensor", out=False)
def empty_permuted(xp, size, physical_layout, dtype):
    """A tensor whose dimensions lie in memory in this order; its elements are not set."""
    for i, dim in enumerate(physical_layout):
        if not 0 <= dim < len(size):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {dim} at index {i}).  NB: "
                "negative dims not currently supported; file an issue if you want it."
            )
    if len(physical_layout) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(size)} is not equal to len(physical_layout) = {len(physical_layout)}"
        )
    if len(set(physical_layout)) != len(physical_layout):
        raise RuntimeError("Duplicate dim not allowed")
    strides = [0] * len(size)
    step = 1
    for dim in reversed(physical_layout):
        strides[dim] = step
        step *= max(size[dim], 1)
    return Laid(_unset(xp, size, dtype), tuple(strides))


@factory(f"eye(SymInt n, {OPTIONS}) -> Tensor")
def eye(xp, n, dtype):
    """The identity matrix."""
    return eye_m(xp, n, n, dtype)


@factory(f"eye.m(SymInt n, SymInt m, {OPTIONS}) -> Tensor")
def eye_m(xp, n, m, dtype):
    """Ones on the diagonal of an n by m matrix, zeros elsewhere."""
    for name, size in (("n", n), ("m", m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}")
    return xp.eye(n, m).astype((dtype or dtypes.default.floating).np)


@factory(f"tril_indices(int row, int col, int offset=0, {INDICES}) -> Tensor", out=False)
def tril_indices(xp, row, col, offset, dtype):
    """The (row, column) pairs on and below a diagonal, as a matrix of two rows."""
    return _triangle(xp, row, col, dtype, "tril_indices", lambda rows, columns: columns - rows <= offset)


@factory(f"triu_indices(int row, int col, int offset=0, {INDICES}) -> Tensor", out=False)
def triu_indices(xp, row, col, offset, dtype):
    """The (row, column) pairs on and above a diagonal, as a matrix of two rows."""
    return _triangle(xp, row, col, dtype, "triu_indices", lambda rows, columns: columns - rows >= offset)


def _triangle(xp, row, col, dtype, name, inside):
    for what, size in (("row", row), ("col", col)):
        if size < 0:
            raise RuntimeError(f"{what} must be non-negative, got{size}")
    kind = dtypes.int64 if dtype is None else dtype
    if kind.category != dtypes.INTEGRAL:
        raise messages.not_implemented(name, kind.scalar_type)
    rows, columns = xp.arange(row)[:, None], xp.arange(col)[None, :]
    return xp.stack(xp.nonzero(inside(rows, columns))).astype(kind.np)


@factory(f"scalar_tensor(Scalar s, {OPTIONS}) -> Tensor", out=False)
def scalar_tensor(xp, s, dtype):
    """A number as a tensor without dimensions."""
    kind = dtype or dtypes.default.floating
    return xp.asarray(filling(s, kind, 1), kind.np)


# ---- like another tensor


def _like_effect(declared, values):
    """A tensor of another's sizes: its format is preserved, its dtype and device are kept unless others are named."""
    values, _, requires_grad = effects.split_extras(declared, values)
    source, *arguments, dtype, _, device, pin_memory, memory_format = values
    target = source.device if device is None else resolve(device)
    allocation.check_pinned(pin_memory, target)
    kind = source.dtype if dtype is None else dtype
    sizes = source.geometry.sizes
    name = "preserve_format" if memory_format is None else memory_format.name
    if name == "preserve_format":
        strides = geometry.preserved_strides(source.geometry)
    else:
        strides = geometry.format_strides(sizes, name)
    value = declared.kernel(None, source, *arguments)
    if value is None:
        value = unset(kind)
    # Memory comes as zeros.
    number = None if type(value) is int and value == 0 else filling(value, kind, math.prod(sizes))
    result = allocation.empty(sizes, strides, kind, target)
    if pin_memory:
        result = allocation.pinned(result)
    if number is not None and result.device is not META:
        result.array[...] = effects.as_array(number, result.device)
    return effects.manufactured(declared.name, values, result, requires_grad)


def _like(line):
    def declare(kernel):
        full = f"{line}, {LIKE}) -> Tensor"
        return op(full, self=None, out=False, variants="function", effect=_like_effect)(kernel)

    return declare


@_like("empty_like(Tensor self")
def empty_like(xp, self):
    """A tensor of the same sizes whose elements are not set."""


@_like("zeros_like(Tensor self")
def zeros_like(xp, self):
    """Zeros in the sizes, dtype and format of another tensor."""
    return 0


@_like("ones_like(Tensor self")
def ones_like(xp, self):
    """Ones in the sizes, dtype and format of another tensor."""
    return 1


@_like("full_like(Tensor self, Scalar fill_value")
def full_like(xp, self, fill_value):
    """One value everywhere, in the sizes, dtype and format of another tensor."""
    return fill_value


@composite(f"new_empty(Tensor self, SymInt[] size, {OPTIONS}) -> Tensor", variants="method")
def new_empty(self, size, dtype, layout, device, pin_memory):
    """A tensor of the same dtype and on the same device whose elements are not set."""
    return functions.empty(
        size, dtype=dtype or self.dtype, device=device or self.device, pin_memory=pin_memory
    )


@composite(
    f"new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, {OPTIONS}) -> Tensor", variants="method"
)
def new_empty_strided(self, size, stride, dtype, layout, device, pin_memory):
    """A tensor with these sizes and strides, of the same dtype and on the same device; its elements are not set."""
    return functions.empty_strided(size, stride, dtype=dtype or self.dtype, device=device or self.device)


def _filled(like, made):
    """A tensor that was filled after it was made: PyTorch counts that as a write where it goes by an inference tensor."""
    if like.inference and not made.inference:
        made.bump()
    return made


@composite(f"new_full(Tensor self, SymInt[] size, Scalar fill_value, {OPTIONS}) -> Tensor", variants="method")
def new_full(self, size, fill_value, dtype, layout, device, pin_memory):
    """One value everywhere, of the same dtype and on the same device, unless others are named."""
    return _filled(
        self, functions.full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device)
    )


@composite(f"new_zeros(Tensor self, SymInt[] size, {OPTIONS}) -> Tensor", variants="method")
def new_zeros(self, size, dtype, layout, device, pin_memory):
    """Zeros of the same dtype and on the same device, unless others are named."""
    if any(one < 0 for one in size):
        raise messages.negative_size(size)
    return _filled(
        self,
        functions.zeros(size, dtype=dtype or self.dtype, device=device or self.device, pin_memory=pin_memory),
    )


@composite(f"new_ones(Tensor self, SymInt[] size, {OPTIONS}) -> Tensor", variants="method")
def new_ones(self, size, dtype, layout, device, pin_memory):
    """Ones of the same dtype and on the same device, unless others are named."""
    return _filled(
        self,
        functions.ones(size, dtype=dtype or self.dtype, device=device or self.device, pin_memory=pin_memory),
    )
