"""Random numbers: the factories. With PyTorch's seed, PyTorch's numbers.

A draw fills memory in its order, whatever the strides; the numbers come from `generator`, bit for bit.
"""

import math

from tensorcli.engine import allocation, effects, geometry
from tensorcli.engine.declare import factory, op
from tensorcli.engine.devices import META, drawing_on, resolve
from tensorcli.engine.ops._draws import floating, into, stream
from tensorcli.engine.ops.create import LIKE, OPTIONS

INTEGERS = OPTIONS.replace("dtype=None", "dtype=long")


# ---- factories


@factory(f"rand(SymInt[] size, {OPTIONS}) -> Tensor")
def rand(xp, size, dtype):
    """Random numbers from [0, 1), evenly spread."""
    return stream(None).uniform(math.prod(size), floating(dtype).name).reshape(size)


@factory(f"rand.generator(SymInt[] size, *, Generator? generator, {OPTIONS[3:]}) -> Tensor")
def rand_from(xp, size, generator, dtype):
    """Random numbers from [0, 1), evenly spread, from a generator."""
    return stream(generator).uniform(math.prod(size), floating(dtype).name).reshape(size)


@factory(f"randn(SymInt[] size, {OPTIONS}) -> Tensor")
def randn(xp, size, dtype):
    """Random numbers of the standard normal distribution."""
    return stream(None).normal(math.prod(size), floating(dtype).name).reshape(size)


@factory(f"randn.generator(SymInt[] size, *, Generator? generator, {OPTIONS[3:]}) -> Tensor")
def randn_from(xp, size, generator, dtype):
    """Random numbers of the standard normal distribution, from a generator."""
    return stream(generator).normal(math.prod(size), floating(dtype).name).reshape(size)


def _randint(low, high, size, generator, dtype):
    return stream(generator).randint(math.prod(size), low, high, dtype.name).reshape(size)


@factory(f"randint(SymInt high, SymInt[] size, {INTEGERS}) -> Tensor")
def randint(xp, high, size, dtype):
    """Random whole numbers from 0 up to high, high left out."""
    return _randint(0, high, size, None, dtype)


@factory(f"randint.generator(SymInt high, SymInt[] size, *, Generator? generator, {INTEGERS[3:]}) -> Tensor")
def randint_from(xp, high, size, generator, dtype):
    """Random whole numbers from 0 up to high, high left out, from a generator."""
    return _randint(0, high, size, generator, dtype)


@factory(f"randint.low(SymInt low, SymInt high, SymInt[] size, {INTEGERS}) -> Tensor")
def randint_low(xp, low, high, size, dtype):
    """Random whole numbers from low up to high, high left out."""
    return _randint(low, high, size, None, dtype)


@factory(
    f"randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, {INTEGERS[3:]}) "
    f"-> Tensor"
)
def randint_low_from(xp, low, high, size, generator, dtype):
    """Random whole numbers from low up to high, high left out, from a generator."""
    return _randint(low, high, size, generator, dtype)


@factory(f"randperm(SymInt n, {INTEGERS}) -> Tensor")
def randperm(xp, n, dtype):
    """The whole numbers below n in random order."""
    return stream(None).randperm(n, dtype.name)


@factory(f"randperm.generator(SymInt n, *, Generator? generator, {INTEGERS[3:]}) -> Tensor")
def randperm_from(xp, n, generator, dtype):
    """The whole numbers below n in random order, from a generator."""
    return stream(generator).randperm(n, dtype.name)


# ---- in the sizes of another tensor


def _like_effect(declared, values):
    values, _, requires_grad = effects.split_extras(declared, values)
    given = dict(zip(declared.names, values, strict=True))
    source, device = given["self"], given["device"]
    target = source.device if device is None else resolve(device)
    allocation.check_pinned(given["pin_memory"], target)
    kind = given["dtype"] or source.dtype
    sizes, wanted = source.geometry.sizes, given["memory_format"]
    strides = (
        geometry.preserved_strides(source.geometry)
        if wanted is None or wanted.name == "preserve_format"
        else geometry.format_strides(sizes, wanted.name)
    )
    result = allocation.empty(sizes, strides, kind, target)
    if result.device is not META:
        options = ("self", "dtype", "layout", "device", "pin_memory", "memory_format", "generator")
        numbers = [value for name, value in given.items() if name not in options]
        with drawing_on(target):
            into(
                result.array,
                lambda n, dense: declared.kernel(given.get("generator"), n, dense, kind.name, *numbers),
            )
    return effects.manufactured(declared.name, values, result, requires_grad)


_GENERATED = {"": "generator", "low_dtype": "low_generator_dtype", "Tensor": "Tensor_generator"}
"""What PyTorch calls the overloads that take a generator."""


def like(name, arguments=""):
    """Declare a draw in the sizes of another tensor, with and without a generator; the function draws n numbers."""

    def declare(draw):
        base, _, overload = name.partition(".")
        with_generator = f"{base}.{_GENERATED[overload]}"
        for line in (
            f"{name}(Tensor self{arguments}, {LIKE}) -> Tensor",
            f"{with_generator}(Tensor self{arguments}, *, Generator? generator, {LIKE[3:]}) -> Tensor",
        ):
            op(line, variants="function", out=False, self=None, effect=_like_effect)(draw)
        return draw

    return declare


@like("rand_like")
def rand_like(generator, n, dense, dtype):
    """Random numbers from [0, 1) in the sizes, dtype and format of another tensor."""
    return stream(generator).uniform(n, dtype)


@like("randn_like")
def randn_like(generator, n, dense, dtype):
    """Random normal numbers in the sizes, dtype and format of another tensor."""
    return stream(generator).normal(n, dtype, contiguous=dense)


@like("randint_like", ", SymInt high")
def randint_like(generator, n, dense, dtype, high):
    """Random whole numbers from 0 up to high in the sizes, dtype and format of another tensor."""
    return stream(generator).randint(n, 0, high, dtype)


@like("randint_like.Tensor", ", Tensor high")
def randint_like_below(generator, n, dense, dtype, high):
    """Random whole numbers from 0 up to the one element of high in the sizes, dtype and format of another tensor."""
    if high.ndim or not high.is_cpu:
        raise RuntimeError("high must be a scalar tensor and on CPU")
    return stream(generator).randint(n, 0, int(high), dtype)


@like("randint_like.low_dtype", ", SymInt low, SymInt high")
def randint_like_low(generator, n, dense, dtype, low, high):
    """Random whole numbers from low up to high in the sizes, dtype and format of another tensor."""
    return stream(generator).randint(n, low, high, dtype)
