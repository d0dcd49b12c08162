"""Factories: tensors made of sizes, ranges and values."""

import math

import numpy as np

from tensorcli.engine import dtypes, effects, geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import META, resolve
from tensorcli.engine.effects import Laid
from tensorcli.engine.op import OPS, composite, factory, op
from tensorcli.engine.ops._elements import filling, number_for
from tensorcli.engine.settings import unset
from tensorcli.engine.tensor import Tensor

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
    return xp.full(size, filling(fill_value, kind, math.prod(size)), kind.np)


@factory(f"empty_strided(SymInt[] size, SymInt[] stride, {OPTIONS}) -> Tensor", out=False)
def empty_strided(xp, size, stride, dtype):
    """A tensor with these sizes and strides whose elements are not set."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if any(step < 0 for step in stride):
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


# ---- ranges


@factory(f"arange(Scalar end, {OPTIONS}) -> Tensor")
def arange(xp, end, dtype):
    """The numbers from 0 on that are below end."""
    return _arange(xp, 0, end, 1, dtype)


@factory(f"arange.start(Scalar start, Scalar end, {OPTIONS}) -> Tensor", out=False)
def arange_start(xp, start, end, dtype):
    """The numbers from start on that are below end."""
    return _arange(xp, start, end, 1, dtype)


@factory(f"arange.start_step(Scalar start, Scalar end, Scalar step=1, {OPTIONS}) -> Tensor")
def arange_step(xp, start, end, step, dtype):
    """The numbers from start on, step apart, that lie before end."""
    return _arange(xp, start, end, step, dtype)


def _arange(xp, start, end, step, dtype):
    if dtype is None:
        whole = all(dtypes.of_number(value).category <= dtypes.INTEGRAL for value in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.default.floating
    if dtype.category in (dtypes.BOOL, dtypes.COMPLEX):
        raise messages.not_implemented("arange_cpu", dtype.scalar_type)
    start, end, step = map(_real, (start, end, step))
    if dtype.category == dtypes.INTEGRAL:
        given = [int(value) if math.isfinite(value) else value for value in (start, end, step)]
    else:
        given = [float(value) for value in (start, end, step)]
    _check_range(start, end, step, given)
    if dtype is dtypes.int64:
        if given[2] == 0:
            raise ValueError("step must be nonzero")
        size = -((given[0] - given[1]) // given[2])
    else:
        size = math.ceil((float(end) - float(start)) / float(step))
    if not 0 <= size < 1 << 63:
        raise RuntimeError("invalid size, possible overflow?")
    effects.check_bytes(size * dtype.itemsize, (size,), dtype)
    if dtype.category == dtypes.INTEGRAL:
        return (given[0] + xp.arange(size, dtype=xp.int64) * given[2]).astype(dtype.np)
    return _stepped(xp, given[0], given[2], size, dtype)


def _stepped(xp, start, step, size, kind):
    """The numbers of a floating dtype as PyTorch reckons them: in pairs of vectors of 32 bytes, each vector from its first
    number, which is rounded to the dtype; those that fill no pair from the start. A product and the sum with it are rounded once,
    but for bfloat16's in vectors.
    """
    lanes = 32 // kind.itemsize
    narrow = np.float32 if kind.reduced else np.float64
    wide = np.longdouble if xp is np and not kind.reduced else np.float64
    start, step = wide(narrow(start)), wide(narrow(step))
    index = xp.arange(size)
    inside = index < size // (2 * lanes) * (2 * lanes)
    first = xp.where(inside, index // lanes * lanes, 0)
    begins = (start + step * first.astype(wide)).astype(narrow).astype(kind.np).astype(wide)
    begins = xp.where(inside, begins, start)
    more = step * (index - first).astype(wide)
    if kind is dtypes.bfloat16:
        more = xp.where(inside, more.astype(narrow).astype(wide), more)
    return (begins + more).astype(narrow).astype(kind.np)


def _real(value):
    """A number without its imaginary part. Errors: RuntimeError when there is one."""
    if type(value) is complex:
        if value.imag:
            raise messages.overflow("double")
        return value.real
    return value


def _check_range(start, end, step, given):
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {_brief(start)} -> {_brief(end)}")
    if (given[1] < given[0]) if step > 0 else (given[1] > given[0]):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def _brief(value):
    return f"{value:g}" if isinstance(value, float) else str(int(value))


@factory(f"range.step(Scalar start, Scalar end, Scalar step=1, {OPTIONS}) -> Tensor")
def closed_range(xp, start, end, step, dtype):
    """The numbers from start to end, both included, step apart. Deprecated: use arange."""
    messages.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end)."
    )
    kind = dtype or dtypes.default.floating
    start, end, step = map(_real, (start, end, step))
    _check_range(start, end, step, (start, end))
    size = int((end - start) / step + 1)
    return (start + xp.arange(size, dtype=xp.float64) * step).astype(kind.np)


@factory(f"linspace(Scalar start, Scalar end, int steps, {OPTIONS}) -> Tensor")
def linspace(xp, start, end, steps, dtype):
    """Numbers from start to end, both included, equally spaced."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if dtype is None:
        dtype = dtypes.default.complex if complex in (type(start), type(end)) else dtypes.default.floating
    _check_real("linspace", start, end, dtype)
    if dtype.category >= dtypes.FLOATING and dtype not in dtypes.FEW_KERNELS:
        for each in (start, end):
            number_for(each, dtype)
    if dtype.is_floating_point and steps > 1:
        return _evenly(xp, start, end, steps, dtype)
    return _spaced(xp, start, end, steps, dtype).astype(dtype.np)


def _check_real(name, start, end, dtype):
    if complex in (type(start), type(end)) and not dtype.is_complex:
        raise RuntimeError(
            f"torch.{name}(): inferred dtype {dtypes.default.complex.cpp_name} can't be safely cast to passed dtype "
            f"{dtype.scalar_type}"
        )


def _evenly(xp, start, end, steps, kind):
    """The points of a floating dtype, reckoned from the nearer end with a step of that dtype. What is added to an end is
    rounded where the dtype is a reduced one; elsewhere PyTorch's machine adds it exactly.
    """

    def rounded(values):
        return xp.asarray(values).astype(kind.np).astype(np.float64)

    start, end, index = rounded(start), rounded(end), xp.arange(steps)
    step = rounded(rounded(end - start) / rounded(steps - 1))
    up, down = index, steps - 1 - index
    if kind.reduced:
        up, down = rounded(step * rounded(up)), rounded(step * rounded(down))
    else:
        wide = np.longdouble if xp is np and kind is dtypes.float64 else np.float64
        up, down = step.astype(wide) * up, step.astype(wide) * down
    return xp.where(index < steps // 2, start + up, end - down).astype(kind.np)


def _spaced(xp, start, end, steps, kind, name="linspace_cpu"):
    """The points in double precision, reckoned from the nearer end as PyTorch does."""
    if kind.category == dtypes.BOOL:
        raise messages.not_implemented(name, "Bool")
    if kind.category == dtypes.INTEGRAL and steps:
        start = int(number_for(start, kind))
        end = int(number_for(end, kind)) if steps > 1 else 0
    if steps <= 1:
        return xp.full((steps,), start)
    step = (end - start) / (steps - 1)
    index = xp.arange(steps)
    return xp.where(index < steps // 2, start + step * index, end - step * (steps - 1 - index))


@factory(f"logspace(Scalar start, Scalar end, int steps, float base=10.0, {OPTIONS}) -> Tensor")
def logspace(xp, start, end, steps, base, dtype):
    """Powers of base whose exponents are equally spaced from start to end."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if dtype is None:
        dtype = dtypes.default.complex if complex in (type(start), type(end)) else dtypes.default.floating
    _check_real("logspace", start, end, dtype)
    exponents = _spaced(xp, start, end, steps, dtype, "logspace_cpu")
    return effects.cast(xp.power(float(base), exponents), dtype)


def _of_tensors(name, declared):
    """The overloads that take the ends as zero-dimensional tensors: they are read as numbers."""

    def declare(first, second):
        start, end = ("Tensor" if kind == "Tensor" else "Scalar" for kind in (first, second))
        base = ", float base=10.0" if name == "logspace" else ""

        @composite(
            f"{name}.{first}_{second}({start} start, {end} end, int steps{base}, {OPTIONS}) -> Tensor",
            out=True,
        )
        def spaced(start, end, steps, *rest):
            given = [
                (what, value) for what, value in (("start", start), ("end", end)) if isinstance(value, Tensor)
            ]
            on_meta = any(value.is_meta for _, value in given)
            if any(value.geometry.sizes for _, value in given):
                if on_meta:
                    raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors")
                found = " and ".join(f"{what} with {value.ndim} dimension(s)" for what, value in given)
                raise RuntimeError(
                    f"{name} only supports 0-dimensional start and end tensors, but got {found}."
                )
            if on_meta:
                *others, _, pin_memory = rest
                return OPS[name].effect(OPS[name], (0, 1, steps, *others, META, pin_memory))
            ends = [value.item() if isinstance(value, Tensor) else value for value in (start, end)]
            numbers = OPS[name]
            return numbers.effect(numbers, (*ends, steps, *rest))

        spaced.__doc__ = declared.__doc__

    for kinds in (("Tensor", "Tensor"), ("Tensor", "Scalar"), ("Scalar", "Tensor")):
        declare(*kinds)


_of_tensors("linspace", linspace)
_of_tensors("logspace", logspace)


# ---- like another tensor


def _like_effect(declared, values):
    """A tensor of another's sizes: its format is preserved, its dtype and device are kept unless others are named."""
    values, _, requires_grad = effects.split_extras(declared, values)
    source, *arguments, dtype, _, device, pin_memory, memory_format = values
    target = source.device if device is None else resolve(device)
    effects.check_pinned(pin_memory, target)
    kind = source.dtype if dtype is None else dtype
    sizes = source.geometry.sizes
    name = "preserve_format" if memory_format is None else memory_format.name
    if name == "preserve_format":
        strides = geometry.preserved_strides(source.geometry)
    else:
        strides = geometry.format_strides(sizes, name)
    value = declared.kernel(None, source, *arguments)
    number = (unset(kind) or None) if value is None else filling(value, kind, math.prod(sizes))
    result = effects.empty(sizes, strides, kind, target)
    if pin_memory:
        result = effects.pinned(result)
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
