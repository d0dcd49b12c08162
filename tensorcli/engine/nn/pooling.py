"""Pooling as PyTorch's Python functions have it: with and without places, adaptive, by a power, and back."""

import math
from collections.abc import Iterable
from typing import Any

from tensorcli.engine.callers import functions


def _name(pool: Any, name: str, indices: bool) -> None:
    """PyTorch has two functions behind each name: complaints about arguments are in the name of the one that was chosen."""
    pool.__name__ = f"{name}_with_indices" if indices else name
    pool.__qualname__ = pool.__name__ if indices else f"_{name}"


def _pool(name: str, indices: bool) -> Any:
    """Pooling by the largest element; `indices`: always with its place, not only where the caller asks for that."""

    def pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:  # fmt: skip
        stride = () if stride is None else stride
        called = getattr(functions, f"{name}_with_indices" if indices or return_indices else name)
        return called(input, kernel_size, stride, padding, dilation, ceil_mode)

    _name(pool, name, indices)
    pool.__doc__ = f"The largest element under each position of the kernel{', and where it is' * indices}."
    return pool


max_pool1d, max_pool2d, max_pool3d = (_pool(f"max_pool{n}d", False) for n in (1, 2, 3))


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = (
    _pool(f"max_pool{n}d", True) for n in (1, 2, 3)
)


def _adaptive(name: str, count: int, indices: bool) -> Any:
    def pool(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        wanted = output_size if count == 1 else _output_size(output_size, input.size())
        found = getattr(functions, name)(input, wanted)
        return found if indices or return_indices else found[0]

    _name(pool, name, indices)
    pool.__doc__ = "The largest element of each part of the input, for an output of a given size."
    return pool


def _output_size(wanted: Any, sizes: Any) -> Any:
    if isinstance(wanted, int):
        return wanted
    if len(sizes) <= len(wanted):
        raise ValueError(f"Input dimension should be at least {len(wanted) + 1}")
    return tuple(own if one is None else one for one, own in zip(wanted, sizes[-len(wanted) :]))


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive(f"adaptive_max_pool{n}d", n, False) for n in (1, 2, 3)
)
adaptive_max_pool1d_with_indices, adaptive_max_pool2d_with_indices, adaptive_max_pool3d_with_indices = (
    _adaptive(f"adaptive_max_pool{n}d", n, True) for n in (1, 2, 3)
)


def _fractional(n: int, indices: bool) -> Any:
    name = f"fractional_max_pool{n}d"

    def pool(
        input: Any,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:
        if output_size is None:
            if output_ratio is None:
                raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
            if n == 2 and len(output_ratio) > n:
                raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
            ratios = (output_ratio,) * n if isinstance(output_ratio, float) else output_ratio
            output_size = [int(input.size(d - n) * ratios[d]) for d in range(n)]
        if _random_samples is None:
            batch = 1 if input.dim() == n + 1 else input.size(0)
            sizes = (batch, input.size(-n - 1), n)
            _random_samples = functions.rand(sizes, dtype=input.dtype, device=input.device)
        found = getattr(functions, name)(input, kernel_size, output_size, _random_samples)
        return found if indices or return_indices else found[0]

    _name(pool, name, indices)
    pool.__doc__ = "The largest element of each of the windows that samples place, for an output of a given size or ratio."
    return pool


fractional_max_pool2d, fractional_max_pool3d = (_fractional(n, False) for n in (2, 3))
fractional_max_pool2d_with_indices, fractional_max_pool3d_with_indices = (
    _fractional(n, True) for n in (2, 3)
)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The means of parts of an image, for an output of a given size."""
    return functions.adaptive_avg_pool2d(input, _output_size(output_size, input.size()))


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The means of parts of a volume, for an output of a given size."""
    return functions.adaptive_avg_pool3d(input, _output_size(output_size, input.size()))


def _lp_pool(n: int) -> Any:
    def pool(
        input: Any, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Any:
        steps = () if stride is None else stride
        covered = kernel_size if n == 1 else math.prod(_numbers(kernel_size, n))
        if isinstance(norm_type, (int, float)) and abs(norm_type) == math.inf:
            sign = 1 if norm_type > 0 else -1
            size = input.abs()
            if sign < 0:
                size = -size
            found = getattr(functions, f"max_pool{n}d")(size, kernel_size, steps, 0, 1, ceil_mode)
            return -found if sign < 0 else found
        out = getattr(functions, f"avg_pool{n}d")(input.pow(norm_type), kernel_size, steps, 0, ceil_mode)
        return (functions.sign(out) * functions.relu(functions.abs(out))).mul(covered).pow(1.0 / norm_type)

    pool.__name__ = pool.__qualname__ = f"lp_pool{n}d"
    pool.__doc__ = "The power-average under each position of the kernel."
    return pool


lp_pool1d, lp_pool2d, lp_pool3d = (_lp_pool(n) for n in (1, 2, 3))


def _unpool(n: int) -> Any:
    def unpool(
        input: Any,
        indices: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Any:
        kernel, pads = _numbers(kernel_size, n), _numbers(padding, n)
        steps = kernel if stride is None else _numbers(stride, n)
        wanted = _unpooled_size(input, kernel, steps, pads, output_size)
        if n == 1:
            found = functions.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), (*wanted, 1))
            return found.squeeze(-1)
        if n == 2:
            return functions.max_unpool2d(input, indices, wanted)
        return functions.max_unpool3d(input, indices, wanted, steps, pads)

    unpool.__name__ = unpool.__qualname__ = f"max_unpool{n}d"
    unpool.__doc__ = "What max pooling chose, put back where it was found; zero elsewhere."
    return unpool


def _numbers(value: Any, n: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Iterable) else (value,) * n


def _unpooled_size(input: Any, kernel: Any, stride: Any, padding: Any, wanted: Any) -> Any:
    n = len(kernel)
    sizes = input.size()
    default = [(sizes[-n + d] - 1) * stride[d] + kernel[d] - 2 * padding[d] for d in range(n)]
    if wanted is None:
        wanted = default
    else:
        if len(wanted) == n + 2:
            wanted = wanted[2:]
        if len(wanted) != n:
            raise ValueError(
                f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(wanted)}'"
            )
        for d in range(n):
            least, most = default[d] - stride[d], default[d] + stride[d]
            if not least < wanted[d] < most:
                raise ValueError(
                    f'invalid output_size "{wanted}" (dim {d} must be between {least} and {most})'
                )
    for d in range(n):
        if wanted[d] < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={wanted[d]}"
            )
    return wanted


max_unpool1d, max_unpool2d, max_unpool3d = (_unpool(n) for n in (1, 2, 3))
