"""Sampling by a grid, written in tensor operations, through which its gradients are differentiated."""

from functools import reduce
from itertools import product
from operator import mul

from tensorcli.engine.callers import functions
from tensorcli.engine.ops._composed import derived, leaf_of

BILINEAR, NEAREST, BICUBIC = range(3)
ZEROS, BORDER, REFLECTION = range(3)

_A = -0.75
"""The parameter of cubic convolution (Keys, 1981) that PyTorch has."""


def double_backward(grads, grad_output, input, grid, mode, padding, align_corners, needs):
    """The gradients of grid_sampler's backward for the gradient that came in, the input and the grid."""
    from tensorcli.engine.autograd.differentiate import grad as gradients

    def backward(grad_output, input, grid):
        found = sampled(input, grid, mode, padding, align_corners)
        return gradients(found, [input, grid], grad_output, create_graph=True, allow_unused=True)

    own = [one if one.requires_grad else leaf_of(one) for one in (input, grid)]
    of_output, of_input, of_grid = derived(backward, (grad_output, *own), grads, needs)
    # The elements that are nearest stay so where the grid moves a little.
    return of_output, of_input, functions.zeros_like(grid) if needs[2] and of_grid is None else of_grid


def sampled(input, grid, mode, padding, align_corners):
    """(batch, channels, *places): the input at the places of a grid, which are counted from -1 to 1."""
    sizes, lead = input.geometry.sizes[2:], grid.geometry.sizes[:-1]
    n, batch = len(sizes), lead[0]
    places = [grid.select(-1, n - 1 - d).reshape(batch, -1) for d in range(n)]
    places = [_scaled(one, size, align_corners) for one, size in zip(places, sizes, strict=True)]
    if mode != BICUBIC:
        places = [_padded(one, size, padding, align_corners) for one, size in zip(places, sizes, strict=True)]
    taps = [_taps(one, mode) for one in places]
    flat = input.movedim(1, -1).reshape(-1, input.size(1))
    first = functions.arange(batch, device=input.device).unsqueeze(-1)
    total = 0
    for chosen in product(*taps):
        elements, weights = zip(*chosen, strict=True)
        if mode == BICUBIC:
            elements = [
                _padded(one, size, padding, align_corners) for one, size in zip(elements, sizes, strict=True)
            ]
        seen, index = True, first
        for element, size in zip(elements, sizes, strict=True):
            seen = ((element >= 0) & (element < size)) & seen
            index = index * size + element.nan_to_num(0).clamp(0, size - 1).long()
        weight = reduce(mul, weights) * seen
        total = total + flat[index] * weight.unsqueeze(-1)
    return total.reshape(*lead, input.size(1)).movedim(-1, 1)


def _scaled(places, size, align_corners):
    """Places from -1 to 1 as coordinates of elements."""
    return (places + 1) / 2 * (size - 1) if align_corners else ((places + 1) * size - 1) / 2


def _padded(at, size, padding, align_corners):
    """Coordinates after the padding mode. On the border and beyond they do not move with those before."""
    if padding == ZEROS:
        return at
    if padding == REFLECTION:
        low, span = (0, size - 1) if align_corners else (-0.5, size)
        if not span:
            return functions.zeros_like(at)
        distance = functions.where(at < low, low - at, at - low).fmod(2 * span)
        at = functions.where(distance > span, 2 * span - distance, distance) + low
    within = at.detach().nan_to_num(0).clamp(0, size - 1)
    return functions.where((at > 0) & (at < size - 1), at, within)


def _taps(at, mode):
    """The elements that each coordinate reads, and their weights."""
    if mode == NEAREST:
        return [(at.detach().round(), functions.ones_like(at))]
    low = at.detach().floor()
    part = at - low
    if mode == BILINEAR:
        return [(low, 1 - part), (low + 1, part)]
    weights = _far(part + 1), _near(part), _near(1 - part), _far(2 - part)
    return [(low + step, weight) for step, weight in enumerate(weights, -1)]


def _near(x):
    return ((_A + 2) * x - (_A + 3)) * x * x + 1


def _far(x):
    return ((_A * x - 5 * _A) * x + 8 * _A) * x - 4 * _A
