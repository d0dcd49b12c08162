"""Images and volumes read at the places that a grid names, between their elements too.

The kernels compute in the dtype of the image, the reduced ones rounded after each step, as PyTorch's do: of images in vector
registers (aten/src/ATen/native/cpu/GridSamplerKernel.cpp), of volumes one by one (aten/src/ATen/native/GridSampler.cpp). Points
are flattened: coordinates have (batch, points) elements, images (batch, channels, …).
"""

from functools import reduce
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.fused import onto
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._composed_sampler import BICUBIC, NEAREST, REFLECTION, ZEROS, double_backward
from tensorcli.engine.ops._registers import LANES
from tensorcli.engine.ops._shared import behind

# ---- where a grid points to


class Along(NamedTuple):
    """Coordinates along one dimension of the input, and how fast they change with the grid's."""

    at: Any
    speed: Any
    size: int


def _scaled(n, places, size, align_corners):
    """Places from -1 to 1 as coordinates of elements."""
    own = places.dtype.type
    if n == 2:
        half = own(size - align_corners) / own(2)
        return (places + own(1)) * half if align_corners else onto(places + own(1), half, own(-0.5))
    if align_corners:
        return (places + own(1)) / own(2) * own(size - 1)
    return ((places + own(1)) * own(size) - own(1)) / own(2)


def _mirrored(xp, n, at, size, align_corners):
    """Coordinates mirrored at both ends until they are within, and the sign of the change."""
    own = at.dtype.type
    low, span = (own(0), own(size - 1)) if align_corners else (own(-0.5), own(size))
    if span == 0:
        return xp.zeros_like(at), xp.zeros_like(at)
    distance = xp.abs(at - low)
    if n == 2:
        double = span * own(2)
        rest = distance - xp.trunc(distance / double) * double
        turned = rest > double - rest
        found = xp.where(turned, double - rest, rest) + low
    else:
        rest = xp.fmod(distance, span)
        turned = xp.floor(distance / span) % own(2) == 1
        found = xp.where(turned, span - rest, rest) + low
    return found, xp.where(turned ^ (at < low), own(-1), own(1))


def _padded(xp, n, at, size, padding, align_corners, back=False):
    """Coordinates after the padding mode, and how fast they change with those before.

    What is no number is the first element of an image and the last of a volume, whose gradients (`back`) it stays out of.
    """
    own = at.dtype.type
    speed = xp.ones_like(at)
    if padding == ZEROS:
        return at, speed
    if padding == REFLECTION:
        at, speed = _mirrored(xp, n, at, size, align_corners)
    inside = (at > 0) & (at < own(size - 1))
    lost = xp.isnan(at)
    within = xp.minimum(xp.maximum(xp.where(lost, own(0 if n == 2 else size - 1), at), own(0)), own(size - 1))
    at = xp.where(lost, at, within) if back and n == 3 else within
    return at, speed * inside.astype(at.dtype)


def _located(xp, grid, sizes, mode, padding, align_corners, back=False):
    """For each dimension of the input, the first one ahead, what the grid says."""
    n, points = len(sizes), prod(grid.shape[1:-1])
    found = []
    for d, size in enumerate(sizes):
        at = _scaled(n, grid[..., n - 1 - d].reshape(len(grid), points), size, align_corners)
        speed = xp.ones_like(at)
        if mode != BICUBIC:
            at, speed = _padded(xp, n, at, size, padding, align_corners, back)
        scale = at.dtype.type(size - align_corners) / at.dtype.type(2)
        found.append(Along(at, speed * scale, size))
    return found


# ---- taps


class Tap(NamedTuple):
    """One element that each point reads: which, whether it is there, and its weight along each dimension."""

    indices: Any
    seen: Any
    weights: tuple[Any, ...]
    sides: tuple[int, ...]


def _tap(xp, batch, places, sizes, weights, sides):
    seen = xp.ones(places[0].shape, bool)
    indices = []
    for place, size in zip(places, sizes, strict=True):
        own = place.dtype.type
        seen = seen & (place >= 0) & (place < own(size))
        place = xp.where(xp.isnan(place), own(0), place)
        indices.append(xp.minimum(xp.maximum(place, own(0)), own(size - 1)).astype(np.int64))
    flat = reduce(lambda so_far, pair: so_far * pair[1] + pair[0], zip(indices, sizes, strict=True), batch)
    return Tap(flat, seen, tuple(weights), sides)


def _taps(xp, along, mode, padding, align_corners):
    """The taps of all points, in PyTorch's order."""
    n, sizes = len(along), [one.size for one in along]
    batch = xp.arange(len(along[0].at))[:, None]
    if mode == NEAREST:
        one = xp.ones_like(along[0].at)
        yield _tap(xp, batch, [xp.rint(each.at) for each in along], sizes, [one] * n, (0,) * n)
        return
    low = [xp.floor(each.at) for each in along]
    own = low[0].dtype.type
    parts = [each.at - floor for each, floor in zip(along, low, strict=True)]
    if mode == BICUBIC:
        weights = [_cubic(part) for part in parts]
        for i, j in product(range(4), range(4)):
            places = [
                _padded(xp, n, floor + own(k - 1), size, padding, align_corners)[0]
                for floor, size, k in zip(low, sizes, (j, i), strict=True)
            ]
            yield _tap(xp, batch, places, sizes, (weights[0][j], weights[1][i]), (j, i))
        return
    below = [
        own(1) - part if n == 2 else (floor + own(1)) - each.at
        for part, floor, each in zip(parts, low, along, strict=True)
    ]
    for sides in product((0, 1), repeat=n):
        places = [floor + own(side) for floor, side in zip(low, sides, strict=True)]
        weights = [(below, parts)[side][d] for d, side in enumerate(sides)]
        yield _tap(xp, batch, places, sizes, weights, sides)


def _cubic(part):
    """The four weights of cubic convolution for the distance from the second tap (Keys, 1981)."""
    own = part.dtype.type
    a = own(-0.75)

    def near(x):
        return onto(onto(x, a + own(2), -(a + own(3))) * x, x, own(1))

    def far(x):
        return ((a * x - own(5) * a) * x + own(8) * a) * x - own(4) * a

    return far(part + own(1)), near(part), near(own(1) - part), far(own(2) - part)


def _cubic_slopes(part):
    """The derivatives of those weights by the coordinate, negative."""
    own = part.dtype.type
    a, first, second = own(-0.75), own(-1) - part, own(0) - part
    third, fourth = own(1) - part, own(2) - part
    return (
        (own(-3) * a * first - own(10) * a) * first - own(8) * a,
        (own(-3) * (a + own(2)) * second - own(2) * (a + own(3))) * second,
        (own(3) * (a + own(2)) * third - own(2) * (a + own(3))) * third,
        (own(3) * a * fourth - own(10) * a) * fourth + own(8) * a,
    )


def _read(xp, flat, tap):
    """The elements that the taps are of, zero outside: (batch, points, channels)."""
    return xp.where(tap.seen[..., None], flat[tap.indices], flat.dtype.type(0))


def _seen(xp, tap, terms):
    """What the taps add to: PyTorch passes over those outside a volume, whose weights may be no numbers."""
    return xp.where(tap.seen[..., None], terms, terms.dtype.type(0))


def _flattened(xp, image):
    """The elements of a batch of images, each with its channels."""
    batch, channels, *sizes = image.shape
    return xp.moveaxis(image, 1, -1).reshape(prod((batch, *sizes)), channels)


def _sampled(xp, input, grid, mode, padding, align_corners):
    along = _located(xp, grid, input.shape[2:], mode, padding, align_corners)
    flat = _flattened(xp, input)
    found = xp.zeros((*along[0].at.shape, flat.shape[1]), input.dtype)
    lines = [found] * 4 if mode == BICUBIC else []
    for tap in _taps(xp, along, mode, padding, align_corners):
        values = _read(xp, flat, tap)
        if mode == BICUBIC:  # Along the lines first, which are then weighted.
            row = tap.sides[0]
            lines[row] = lines[row] + tap.weights[1][..., None] * values
            found = onto(lines[row], tap.weights[0][..., None], found) if tap.sides[1] == 3 else found
        else:
            weight = reduce(np.multiply, reversed(tap.weights))[..., None]
            found = (
                onto(values, weight, found) if len(along) == 2 else found + _seen(xp, tap, values * weight)
            )
    result = found.reshape(*grid.shape[:-1], flat.shape[1]).astype(input.dtype, copy=False)
    return xp.ascontiguousarray(xp.moveaxis(result, -1, 1))


# ---- gradients


def _sampled_backward(xp, grad, input, grid, mode, padding, align_corners, mask):
    along = _located(xp, grid, input.shape[2:], mode, padding, align_corners, back=True)
    flat, grads = _flattened(xp, input), xp.moveaxis(grad, 1, -1).reshape(*along[0].at.shape, input.shape[1])
    taps = list(_taps(xp, along, mode, padding, align_corners))
    of_input = _of_input(xp, taps, grads, input, mode) if mask[0] else None
    if not mask[1]:
        return of_input, None
    if mode == NEAREST:
        return of_input, xp.zeros(grid.shape, grid.dtype)
    slopes = (_of_cubic if mode == BICUBIC else _of_plane if len(along) == 2 else _of_volume)(
        xp, along, taps, [_read(xp, flat, tap) for tap in taps], grads
    )
    found = [slope * one.speed for slope, one in zip(slopes, along, strict=True)]
    return of_input, xp.stack(found[::-1], -1).reshape(grid.shape)


def _of_input(xp, taps, grads, input, mode):
    """What comes to the elements: the points of a register tap by tap, then those of the next; of volumes point by point."""
    points, channels = grads.shape[1:]
    step = LANES * 4 // grads.itemsize if input.ndim == 4 else 1
    shares = [_share(tap, grads, mode) for tap in taps]
    place = xp.arange(points)
    order = xp.concatenate(
        [place // step * step * len(taps) + place % step + k * step for k in range(len(taps))]
    )
    order = xp.argsort(order)
    places = xp.concatenate([tap.indices for tap in taps], 1)[:, order]
    seen = xp.concatenate([tap.seen for tap in taps], 1)[:, order]
    values = xp.concatenate(shares, 1)[:, order]
    size = prod((len(input), *input.shape[2:]))
    result = xp.zeros((size, channels), grads.dtype)
    behind(xp).combine("add", result, places[seen], values[seen])
    result = result.reshape(len(input), *input.shape[2:], channels)
    return xp.ascontiguousarray(xp.moveaxis(result, -1, 1))


def _share(tap, grads, mode):
    if mode == NEAREST:
        return grads
    if mode == BICUBIC:
        return grads * tap.weights[1][..., None] * tap.weights[0][..., None]
    return reduce(np.multiply, reversed(tap.weights))[..., None] * grads


def _of_plane(xp, along, taps, values, grads):
    nw, ne, sw, se = values
    (s, e), (n, w) = taps[0].weights, taps[3].weights
    down = right = xp.zeros_like(along[0].at)
    for c in range(grads.shape[-1]):
        (a, b, d, f), g = (each[..., c] for each in (nw, ne, sw, se)), grads[..., c]
        right = onto(onto(f - d, n, (b - a) * s), g, right)
        down = onto(onto(f - b, w, (d - a) * e), g, down)
    return down, right


def _of_volume(xp, along, taps, values, grads):
    slopes = [xp.zeros_like(along[0].at) for _ in along]
    for c in range(grads.shape[-1]):
        for tap, value in zip(taps, values, strict=True):
            for d in range(3):
                first, second = (tap.weights[k] for k in (2, 1, 0) if k != d)
                term = _seen(xp, tap, (value[..., c] * first * second * grads[..., c])[..., None])[..., 0]
                slopes[d] = slopes[d] + term if tap.sides[d] else slopes[d] - term
    return slopes


def _of_cubic(xp, along, taps, values, grads):
    steep = [_cubic_slopes(one.at - xp.floor(one.at)) for one in along]
    down = right = xp.zeros_like(along[0].at)
    for c in range(grads.shape[-1]):
        for tap, value in zip(taps, values, strict=True):
            (j, i), shared = tap.sides, value[..., c] * grads[..., c]
            right = onto(-(shared * steep[1][i]), tap.weights[0], right)
            down = onto(-(shared * steep[0][j]), tap.weights[1], down)
    return down, right


# ---- the operators


def _check_grid(input, grid, mode, allowed):
    """A grid that fits its input, of `allowed` dimensions. Errors: RuntimeError, IndexError with PyTorch's texts."""
    if not input.ndim or not grid.ndim:
        raise messages.no_dimensions(0)
    own, places = input.geometry.sizes, grid.geometry.sizes
    about = f"but got input with sizes {messages.numbers(own)} and grid with sizes {messages.numbers(places)}"
    if own[0] != places[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, {about}")
    if places[-1] != len(own) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(own) - 2} in last dimension, but got grid with sizes "
            f"{messages.numbers(places)}"
        )
    for dim, size in enumerate(own[2:], 2):
        if not size:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{messages.numbers(own)} with dimension {dim} being empty"
            )
    if len(own) not in allowed or len(own) != len(places):
        wanted = " or ".join(f"{n}D" for n in allowed)
        raise RuntimeError(
            f"grid_sampler(): expected {wanted} input and grid with same number of dimensions, {about}"
        )
    if len(own) == 5 and mode == BICUBIC:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _declare_sampler(n):
    name = f"grid_sampler_{n}d"

    def sample(xp, input, grid, interpolation_mode, padding_mode, align_corners):
        return _sampled(xp, input, grid, interpolation_mode, padding_mode, align_corners)

    def backward(xp, grad_output, input, grid, interpolation_mode, padding_mode, align_corners, output_mask):
        return _sampled_backward(
            xp, grad_output, input, grid, interpolation_mode, padding_mode, align_corners, output_mask
        )

    def of_both(grad, input, grid, interpolation_mode, padding_mode, align_corners, needs):
        return direct(
            f"{name}_backward",
            grad,
            input,
            grid,
            interpolation_mode,
            padding_mode,
            align_corners,
            list(needs),
        )

    sample.__doc__ = "Read an input at the places that a grid names, between its elements too."
    backward.__doc__ = f"The gradients of {name} for input and grid."
    op(
        f"{name}(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
        variants="function",
        out=False,
        check=lambda input, grid, mode, *_: _check_grid(input, grid, mode, (n + 2,)),
        stepwise=REDUCED,
        alike="grid",
        input__grid=of_both,
    )(sample)
    op(
        f"{name}_backward(Tensor grad_output, Tensor input, Tensor grid, int interpolation_mode, int padding_mode, "
        "bool align_corners, bool[2] output_mask) -> (Tensor, Tensor)",
        stepwise=REDUCED,
        variants="function",
        grad_output__input__grid=lambda grads, grad_output, input, grid, interpolation_mode, padding_mode, align_corners, needs: (
            double_backward(
                grads, grad_output, input, grid, interpolation_mode, padding_mode, align_corners, needs
            )
        ),
    )(backward)


_declare_sampler(2)
_declare_sampler(3)


@composite(
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
    variants="function",
)
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """Read an image or a volume at the places that a grid names."""
    _check_grid(input, grid, interpolation_mode, (input.ndim,) if input.ndim in (4, 5) else (4, 5))
    called = functions.grid_sampler_2d if input.ndim == 4 else functions.grid_sampler_3d
    return called(input, grid, interpolation_mode, padding_mode, align_corners)
