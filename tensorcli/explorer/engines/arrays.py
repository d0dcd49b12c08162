"""numpy's arrays, which every engine shares: who owns the bytes, how they are walked, and their text on one line."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcli.explorer.engines import Look, Walk

MANY = 24
"""More elements than this are summarised in a text of one line."""


def root(array: Any) -> Any:
    """The array that owns the bytes (or is the first to wrap what does)."""
    base = array.base
    while type(base) is np.ndarray:
        array = base
        base = array.base
    return array


def address(array: Any) -> int:
    """Where the first element really lies. Never shown: only differences are."""
    return int(array.__array_interface__["data"][0])


def start(array: Any, owner: Any) -> int:
    """The byte of the owner's memory at which the array's first element lies."""
    return 0 if array is owner else address(array) - address(owner)


def look(array: Any, owner: Any) -> Look:
    """The facts of an ndarray over the allocation `owner`."""
    itemsize = max(array.itemsize, 1)
    return Look(
        "ndarray", array.shape, array.strides, start(array, owner) // itemsize, array.dtype.name, array.itemsize, "cpu",
        None, None, None, None, id(owner), 0,
    )  # fmt: skip


def walk(array: Any, owner: Any) -> Walk:
    """How an ndarray reaches its elements in the allocation `owner`."""
    return Walk(start(array, owner), array.shape, array.strides, array.itemsize)


def text(array: Any) -> str:
    """The elements on one line, as numpy writes them."""
    if array.dtype.kind == "O":
        return f"{array.size} objects"
    if not array.ndim:
        return str(array[()])
    return np.array2string(
        array, separator=", ", threshold=MANY, edgeitems=3, max_line_width=1_000_000
    ).replace("\n", "")


def cells(array: Any, owner: Any, first: int, count: int) -> list[str]:
    """The values in `count` slots of the owner's memory from the slot `first` on, read with the array's dtype."""
    flat = np.ndarray(
        (count,), array.dtype, owner if owner.flags.c_contiguous else owner.T, first * array.itemsize
    )
    return [str(each) for each in flat.tolist()]
