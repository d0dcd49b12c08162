"""Grids, products and combinations."""

import itertools
import math

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.allocation import adopt, check_bytes
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.ops.join import check_list


@composite("meshgrid(Tensor[] tensors) -> Tensor[]")
def meshgrid(tensors):
    """Vectors stretched to the grid that they span, one tensor each; the first one goes down the rows."""
    messages.warn(
        "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
        once=True,
    )
    return _grid(tensors)


@composite("meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]")
def meshgrid_indexing(tensors, indexing):
    """Vectors stretched to the grid that they span: the first one down the rows ("ij") or along them ("xy")."""
    _check_alike(tensors)
    if indexing not in ("xy", "ij"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if indexing == "ij" or len(tensors) < 2:
        return _grid(tensors)
    second, first, *rest = _grid((tensors[1], tensors[0], *tensors[2:]))
    return (first, second, *rest)


def _check_alike(tensors):
    check_list("meshgrid", tensors)
    for one in tensors:
        if one.dtype is not tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if one.device != tensors[0].device:
            raise RuntimeError("meshgrid expects all tensors to have the same device")


def _grid(tensors):
    _check_alike(tensors)
    for one in tensors:
        if len(one.geometry.sizes) > 1:
            from tensorcli.engine import cpp_printing

            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {cpp_printing.text(one)}"
            )
    sizes = tuple(one.geometry.numel for one in tensors)
    found = []
    for i, one in enumerate(tensors):
        own = [1] * len(sizes)
        own[i] = -1
        found.append(one.view(own).expand(sizes))
    return tuple(found)


@composite("cartesian_prod(Tensor[] tensors) -> Tensor")
def cartesian_prod(tensors):
    """All choices of one element from each vector, a row each."""
    for one in tensors:
        if len(one.geometry.sizes) != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {messages.numbers(one.geometry.sizes)}")
    if len(tensors) == 1:
        return tensors[0]
    return functions.stack([grid.flatten() for grid in _grid(tensors)], 1)


@composite("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", variants="function")
def combinations(self, r, with_replacement):
    """All choices of r elements of a vector, a row each."""
    if len(self.geometry.sizes) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {messages.numbers(self.geometry.sizes)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return self.new_empty((0,))
    each = (self.geometry.numel,) * r
    check_bytes(math.prod(each), each, dtypes.bool_, self.device)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(self.geometry.numel), r)), np.int64).reshape(-1, r)
    picked = np.zeros(each, np.bool_)
    picked[tuple(rows.T)] = True
    mask = adopt(picked, dtypes.bool_, self.device)
    return functions.stack([grid.masked_select(mask) for grid in _grid((self,) * r)], 1)


@composite("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor")
def vander(x, N, increasing):
    """The powers of a vector's elements, as columns."""
    if len(x.geometry.sizes) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    count = x.geometry.sizes[0] if N is None else N
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    kind = x.dtype if x.dtype.category >= dtypes.FLOATING else dtypes.int64
    result = x.new_empty((x.geometry.sizes[0], count), dtype=kind)
    if count > 0:
        result.select(1, 0).fill_(1)
        if count > 1:
            powers = functions.slice(result, 1, 1, None, 1)
            powers.copy_(x.unsqueeze(1))
            powers.copy_(powers.cumprod(1))
    return result if increasing else result.flip((1,))
