"""Ranges: numbers in even steps, counted by their step or by how many there are."""

import math

import numpy as np

from tensorcli.engine import allocation, conversion, dtypes, messages
from tensorcli.engine.conversion import number_for
from tensorcli.engine.declare import composite, factory
from tensorcli.engine.devices import META
from tensorcli.engine.ops.create import OPTIONS
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor


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
    allocation.check_bytes(size * dtype.itemsize, (size,), dtype)
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
    if not (step > 0 or step < 0):  # NaN is neither
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
    return conversion.cast(xp.power(float(base), exponents), dtype)


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
