"""PyTorch's CPU random numbers: the same numbers for the same seed.

A Generator draws flat numpy arrays from the words of a Mersenne Twister (twister.py); after each draw its state is PyTorch's,
byte for byte. What a draw does with the words follows PyTorch's CPU kernels on a processor with AVX2; on others PyTorch's own
normal and scaled draws differ in the last bits. C's `log`, `sin` and so on are called, through `math`, because numpy's differ
in the last bit.

dtypes go by PyTorch's names ("float32", "bfloat16"), and tensors are unknown here; a complex dtype draws the parts of its
numbers. Wrong arguments raise PyTorch's exceptions with PyTorch's words.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.dtypes import DTYPES, FLOAT_BOUNDS
from tensorcli.engine.fused import fma32, fma64, log32, sincos32
from tensorcli.engine.random.draws import (
    COUNTED,
    LARGEST,
    cast,
    check_order,
    check_range,
    float_bounds,
    from_on,
    not_implemented,
    rounded_down,
    rounded_up,
)
from tensorcli.engine.random.twister import Twister

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tensorcli.engine.fused import Float32, Float64


_CONTINUOUS = "is a continuous probability distribution. dtype must be a floating point but you specified"
_NO_WEIGHT = "invalid multinomial distribution (sum of probabilities <= 0)"
_IMPOSSIBLE = (
    "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)


class Generator(Twister):
    """A stream of random numbers that two holders may share and anybody may rewind."""

    __slots__ = ()

    # ---- continuous distributions

    def uniform(self, n: int, dtype: str = "float32", low: float = 0.0, high: float = 1.0) -> NDArray[Any]:
        """n numbers from [low, high): rand, rand_like and uniform_."""
        if DTYPES[dtype].is_complex:
            return _as_complex(self.uniform(2 * n, _part_of(dtype), low, high), dtype) if n else _empty(dtype)
        bounds = float_bounds(dtype, "check_uniform_bounds")
        for name, value in (("from", low), ("to", high)):
            if not -bounds <= value <= bounds:
                raise RuntimeError(f"{name} is out of bounds for {DTYPES[dtype].cpp_name}")
        if not low <= high:
            raise RuntimeError(
                f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
            )
        if not high - low <= bounds:
            raise RuntimeError(
                f"uniform_ expects to-from <= std::numeric_limits<{DTYPES[dtype].scalar_type}>::max(), "
                f"but found to={high:g} and from={low:g} which result in to-from to exceed the limit"
            )
        if n == 0:
            return _empty(dtype)
        drawn: NDArray[Any]
        if dtype == "float64":
            drawn = fma64(self._uniform64(n), high - low, low)
        else:
            low32, high32 = np.float32(low), np.float32(high)
            drawn = cast(fma32(self._uniform32(n), float(high32 - low32), float(low32)), dtype)
        ends = cast(np.array([low, high]), dtype)
        drawn[drawn == ends[1]] = ends[0]  # rounding may reach `high`, which the range leaves out
        return drawn

    def normal(
        self, n: int, dtype: str = "float32", mean: float = 0.0, std: float = 1.0, *, contiguous: bool = True
    ) -> NDArray[Any]:
        """n normal numbers: randn, randn_like and normal_.

        Sixteen or more for a contiguous tensor are drawn otherwise than fewer, or than for strided memory.
        """
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if n == 0:
            return _empty(dtype)
        if DTYPES[dtype].is_complex:
            parts = self.normal(2 * n, _part_of(dtype), mean, std / math.sqrt(2.0), contiguous=contiguous)
            return _as_complex(parts, dtype)
        float_bounds(dtype, "normal_kernel_cpu")
        if n < 16 or not contiguous:
            return cast(fma64(self._normals(n), std, mean), dtype)
        draw: Callable[[int], NDArray[Any]] = self._uniform64 if dtype == "float64" else self._uniform32
        transform: Callable[..., NDArray[Any]] = _box_muller64 if dtype == "float64" else _box_muller32
        whole, rest = n // 16 * 16, n % 16
        # float32 and float64 are drawn in place, also those of the last block that are then drawn again
        uniforms = draw(n if dtype in ("float32", "float64") else whole)[:whole]
        drawn = np.empty(n, uniforms.dtype)
        drawn[:whole] = transform(uniforms, mean, std)
        if rest:
            drawn[n - 16 :] = transform(draw(16), mean, std)
        return cast(drawn, dtype)

    def log_normal(self, n: int, dtype: str = "float32", mean: float = 1.0, std: float = 2.0) -> NDArray[Any]:
        """n numbers whose logarithms are normal: log_normal_."""
        if not std > 0.0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        if n == 0:
            return _empty(dtype)
        float_bounds(dtype, "log_normal_cpu")
        return cast(_libm(math.exp, fma64(self._normals(n), std, mean)), dtype)

    def exponential(self, n: int, dtype: str = "float32", rate: float = 1.0) -> NDArray[Any]:
        """n waiting times at `rate` events a unit of time: exponential_."""
        if not rate > 0.0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
        if n == 0:
            return _empty(dtype)
        if dtype not in FLOAT_BOUNDS:
            raise RuntimeError(f"Exponential distribution {_CONTINUOUS} {DTYPES[dtype].scalar_type}")
        return cast(-1.0 / rate * _libm(math.log1p, -self._uniform64(n)), dtype)

    def cauchy(self, n: int, dtype: str = "float32", median: float = 0.0, sigma: float = 1.0) -> NDArray[Any]:
        """n numbers of the Cauchy distribution: cauchy_."""
        if not sigma > 0.0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        if dtype not in FLOAT_BOUNDS:
            raise RuntimeError(f"Cauchy distribution {_CONTINUOUS} {DTYPES[dtype].cpp_name}")
        if n == 0:
            return _empty(dtype)
        tangents = _libm(math.tan, math.pi * (self._uniform64(n) - 0.5))
        return cast(fma64(tangents, sigma, median), dtype)

    def _normals(self, n: int) -> Float64:
        """n standard normals in turn: the second of a pair waits in the state for the next call."""
        kept = [] if self._double_normal is None or n == 0 else [self._double_normal]
        if kept:
            self._double_normal = None
        pairs = (n - len(kept) + 1) // 2
        uniforms = self._uniform64(2 * pairs)
        radius = np.sqrt(-2.0 * _libm(math.log1p, -uniforms[1::2]))
        theta = 2.0 * math.pi * uniforms[0::2]
        normals = np.empty(len(kept) + 2 * pairs)
        normals[: len(kept)] = kept
        normals[len(kept) :: 2] = radius * _libm(math.cos, theta)
        normals[len(kept) + 1 :: 2] = radius * _libm(math.sin, theta)
        if len(normals) > n:
            self._double_normal = float(normals[-1])
        return normals[:n]

    # ---- discrete distributions

    def randint(self, n: int, low: int, high: int | None, dtype: str = "int64") -> NDArray[Any]:
        """n whole numbers from [low, high): randint and random_(low, high).

        Without `high`, up to the dtype's largest. A floating-point dtype moves the ends to numbers that it
        holds, and warns where it does not hold all those between.
        """
        if high is None and low == -(2**63):
            return self._full_range(n, dtype)
        if high is None:
            low, last = from_on(low, dtype)
        else:
            check_order(low, high, "")
            if dtype in FLOAT_BOUNDS:
                low, high = rounded_up(low, dtype), rounded_down(high, dtype)
                check_order(low, high, " casted to dtype")
            last = high - 1
        check_range(low, last, dtype)
        if n == 0:
            return _empty(dtype)
        span = last - low + 1
        words = self._words64(n) if span >= 2**28 else self._words(n).astype(np.uint64)
        drawn = words % np.uint64(span) + np.uint64(low % 2**64)
        return cast(drawn.view(np.int64), dtype)

    def _full_range(self, n: int, dtype: str) -> NDArray[Any]:
        kernel = "random_full_64_bits_range_kernel_cpu"
        if n == 0:
            return _empty(dtype)
        if dtype in ("uint8", "int8", "int16", "int32"):
            raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
        if dtype not in ("int64", "float64", "float32", "bfloat16"):
            raise not_implemented(kernel, dtype)
        return cast(self._words64(n).view(np.int64), dtype)

    def integers(self, n: int, dtype: str = "int64") -> NDArray[Any]:
        """n whole numbers from 0 to the dtype's largest, or its largest without gaps below: random_()."""
        if n == 0:
            return _empty(dtype)
        if dtype not in LARGEST or dtype in ("uint16", "uint32", "uint64"):
            raise not_implemented("random_kernel_cpu", dtype)
        words = self._words64(n) if dtype in ("int64", "float64") else self._words(n).astype(np.uint64)
        return cast((words % np.uint64(LARGEST[dtype] + 1)).view(np.int64), dtype)

    def bernoulli(self, n: int, p: float | NDArray[Any], dtype: str = "float32") -> NDArray[Any]:
        """n zeros and ones. `p` is one probability, or a flat array of n in the order of the result."""
        if not isinstance(p, np.ndarray):
            if not 0.0 <= p <= 1.0:
                raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
            if n == 0:
                return _empty(dtype)
            if dtype not in COUNTED:
                raise not_implemented("bernoulli_scalar_cpu_", dtype)
            return cast(self._uniform64(n) < p, dtype)
        if n == 0:
            return _empty(dtype)
        if dtype not in COUNTED:
            raise not_implemented("bernoulli_tensor_cpu_self_", dtype)
        if p.dtype.name not in FLOAT_BOUNDS:
            raise not_implemented("bernoulli_tensor_cpu_p_", p.dtype.name)
        double = p.dtype == np.float64
        draw: Callable[[int], NDArray[Any]] = self._uniform64 if double else self._uniform32
        chances = p if double else p.astype(np.float32)
        possible = (chances >= 0) & (chances <= 1)
        if not possible.all():
            draw(int(possible.argmin()))  # those before it have been drawn when PyTorch notices
            raise RuntimeError(_IMPOSSIBLE)
        return cast(draw(n) < chances, dtype)

    def geometric(self, n: int, p: float, dtype: str = "float32") -> NDArray[Any]:
        """n counts of trials up to the first success: geometric_."""
        if not 0.0 < p < 1.0:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        if n == 0:
            return _empty(dtype)
        if dtype not in COUNTED or dtype == "bool":
            raise not_implemented("geometric_cpu", dtype)
        trials = np.ceil(_libm(math.log, self._uniform64(n)) / math.log1p(-p))
        return cast(trials if dtype in FLOAT_BOUNDS else trials.astype(np.int64), dtype)

    def randperm(self, n: int, dtype: str = "int64") -> NDArray[Any]:
        """The numbers below n in random order (Fisher and Yates)."""
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
        if dtype not in COUNTED or dtype == "bool":
            raise not_implemented("randperm", dtype)
        if dtype in FLOAT_BOUNDS and dtype != "bfloat16" and n > LARGEST[dtype] + 1:
            most = {"float32": "2^24+1", "float64": "2^53+1"}.get(dtype, LARGEST[dtype] + 1)
            raise RuntimeError(f"n cannot be greater than {most} for {DTYPES[dtype].scalar_type} type.")
        if dtype not in FLOAT_BOUNDS and n - 1 > LARGEST[dtype]:
            raise RuntimeError(f"value cannot be converted to type {dtype}_t without overflow")
        swaps = max(n - 1, 0)
        # many numbers need more than 32 bits for an even choice
        words = self._words(swaps).astype(np.uint64) if n < (2**32 - 1) // 20 else self._words64(swaps)
        chosen = (words % np.arange(n, 1, -1, dtype=np.uint64)).tolist() if n else []
        order = list(range(n))
        for position, ahead in enumerate(chosen):
            other = position + ahead
            order[position], order[other] = order[other], order[position]
        return cast(np.array(order, np.int64), dtype)

    def multinomial(
        self, probabilities: NDArray[Any], n: int, replacement: bool = False
    ) -> NDArray[np.int64]:
        """n categories for each row of weights, which need not sum to 1.

        `probabilities` is of sizes (categories,) or (rows, categories); the result, int64, of (n,) or (rows,
        n). Without replacement, categories of equal standing (those of weight 0 too) come in ascending order;
        PyTorch promises none.
        """
        name = probabilities.dtype.name
        if not 1 <= probabilities.ndim <= 2:
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if name not in FLOAT_BOUNDS:
            raise RuntimeError(
                f"multinomial only supports floating-point dtypes for input, got: {DTYPES[name].scalar_type}"
            )
        if n <= 0:
            raise RuntimeError("cannot sample n_sample <= 0 samples")
        categories = probabilities.shape[-1]
        if not replacement and n > categories:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        if categories > 2**24:
            raise RuntimeError("number of categories cannot exceed 2^24")
        sizes = (*probabilities.shape[:-1], n)
        weights = probabilities if name in ("float32", "float64") else probabilities.astype(np.float32)
        rows = weights.reshape(math.prod(sizes[:-1]), categories)
        if len(rows) == 0:
            return np.empty(sizes, np.int64)
        if replacement and n > 1:
            return np.stack([self._with_replacement(row, n) for row in rows]).reshape(sizes)
        if not categories:
            raise RuntimeError(messages.EMPTY_AMINMAX)
        if not (rows.max() < np.inf and rows.min() >= 0):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if (rows.sum(axis=1) == 0).any():
            raise RuntimeError(_NO_WEIGHT)
        # the largest of weight / exponential is a draw by weight, the next largest the next draw
        transposed = probabilities.ndim == 2 and 0 < probabilities.strides[0] < probabilities.strides[1]
        drawn = self.exponential(rows.size, name).astype(rows.dtype)
        times = drawn.reshape(rows.shape, order="F" if transposed else "C")  # in the order of memory
        with np.errstate(all="ignore"):
            standing = cast(rows / times, name).astype(rows.dtype)
        return np.argsort(-standing, axis=1, kind="stable")[:, :n].reshape(sizes).astype(np.int64)

    def _with_replacement(self, weights: NDArray[Any], n: int) -> NDArray[np.int64]:
        if not (weights >= 0).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
        if not np.isfinite(weights).all():
            raise RuntimeError(
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
            )
        cumulative = np.add.accumulate(weights)
        if not (len(weights) and cumulative[-1] > 0):
            raise RuntimeError(_NO_WEIGHT)
        cumulative = cumulative / cumulative[-1]
        cumulative[-1] = 1
        return np.searchsorted(cumulative.astype(np.float64), self._uniform64(n)).astype(np.int64)


# ---- transformations


def _box_muller32(uniforms: Float32, mean: float, std: float) -> Float32:
    """Normals of blocks of 16 uniforms: the first eight give the radii, the last eight the angles."""
    blocks = uniforms.reshape(-1, 2, 8)
    radius = np.sqrt(np.float32(-2) * log32(np.float32(1) - blocks[:, 0]))
    sine, cosine = sincos32(np.float32(2 * math.pi) * blocks[:, 1])
    normals = np.stack([radius * cosine, radius * sine], axis=1).reshape(-1)
    return fma32(normals, float(np.float32(std)), float(np.float32(mean)))


def _box_muller64(uniforms: Float64, mean: float, std: float) -> Float64:
    blocks = uniforms.reshape(-1, 2, 8)
    radius = np.sqrt(-2 * _libm(math.log, 1 - blocks[:, 0]))
    theta = 2 * math.pi * blocks[:, 1]
    normals = np.stack([radius * _libm(math.cos, theta), radius * _libm(math.sin, theta)], axis=1).reshape(-1)
    return fma64(normals, std, mean)


def _libm(function: Callable[[float], float], x: Float64) -> Float64:
    """C's function of each number; where `math` raises, numpy's answer (an infinity), which is C's too."""
    try:
        values = [function(value) for value in x.ravel().tolist()]
    except (ValueError, OverflowError):
        with np.errstate(all="ignore"):
            limit = getattr(np, function.__name__)(x)
        finite = np.isfinite(limit)
        limit[finite] = [function(value) for value in x[finite].tolist()]
        return np.asarray(limit, np.float64)
    return np.array(values, np.float64).reshape(x.shape)


def _empty(dtype: str) -> NDArray[Any]:
    return np.empty(0, DTYPES[dtype].np)


def _part_of(dtype: str) -> str:
    """What the parts of complex numbers are drawn as."""
    return DTYPES[dtype].to_real().name


def _as_complex(parts: NDArray[Any], dtype: str) -> NDArray[Any]:
    return parts.view(DTYPES[dtype].np)
