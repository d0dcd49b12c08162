"""numpy's arrays, which every engine shares: who owns the bytes, how they are walked, and their text on one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tensorcli.engine import process
from tensorcli.explorer.engines.reading import Look, Walk

_HOLDERS = ("base", "obj", "array")
MANY = 24
"""More elements than this are summarised in a text of one line."""
CUT_OFF = "(beyond the end of its storage)"
"""The text of a tensor whose storage was made too small for it."""


def text_options(options: dict[str, Any]) -> None:
    """How numpy writes arrays from here on."""
    np.set_printoptions(**options)


TEXT_OPTIONS: dict[str, Any] = dict(np.get_printoptions())
"""How numpy writes arrays as long as no script has said anything."""
process.keep(np.get_printoptions, text_options)


@contextmanager
def random_state() -> Iterator[None]:
    """Put numpy's generator back at the end, where it was used at all."""
    random = sys.modules.get("numpy.random")
    state = None if random is None else random.get_state()
    try:
        yield
    finally:
        if random is not None:
            random.set_state(state)


def root(array: Any) -> Any:
    """The array that owns the bytes (or is the first to wrap what does)."""
    while (base := array.base) is not None:
        if not isinstance(base, np.ndarray):
            # Between two arrays may stand what holds them: as_strided's dummy, a memory view, ctypes.
            base = next(
                (found for name in _HOLDERS if isinstance(found := getattr(base, name, None), np.ndarray)),
                None,
            )
            if base is None:
                break
        array = base
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
        kind="ndarray",
        sizes=array.shape,
        strides=array.strides,
        offset=start(array, owner) // itemsize,
        dtype=array.dtype.name,
        itemsize=array.itemsize,
        device="cpu",
        version=None,
        requires_grad=None,
        is_leaf=None,
        grad_fn=None,
        memory=id(owner),
        counter=0,
    )


def walk(array: Any, owner: Any) -> Walk:
    """How an ndarray reaches its elements in the allocation `owner`."""
    return Walk(start(array, owner), array.shape, array.strides, array.itemsize)


def text(array: Any) -> str:
    """The elements on one line, as numpy writes them."""
    if array.dtype.kind == "O":
        return f"{array.size} objects"
    if not array.ndim:
        return str(array[()])
    # Without the functions that the script may have set for numpy's own text: they can do anything.
    options: dict[str, Any] = {
        "threshold": MANY,
        "edgeitems": 3,
        "max_line_width": 1_000_000,
        "formatter": {},
    }
    return one_line(np.array2string(array, separator=", ", **options))


def one_line(text: str) -> str:
    """The text of an array without its columns: `[1., 2.]`."""
    return " ".join(text.split()).replace("[ ", "[")


def cells(array: Any, owner: Any, first: int, count: int) -> list[str]:
    """The values in `count` slots of the owner's memory from the slot `first` on, read with the array's dtype."""
    flat = np.ndarray(
        (count,), array.dtype, owner if owner.flags.c_contiguous else owner.T, first * array.itemsize
    )
    return [str(each) for each in flat.tolist()]


def agree(first: Any, second: Any) -> bool:
    """Whether two arrays hold the same numbers, but for their last digits."""
    if first is None or second is None or first.shape != second.shape:
        return first is second
    if first.dtype.kind not in "fc":
        return bool((first == second).all())
    near = 64 * float(np.finfo(first.dtype).eps)
    sizes = np.abs(first[np.isfinite(first) & (first != 0)])
    # What is near zero beside the others may be what cancelling left of them.
    least = float(np.quantile(sizes, 0.1)) if sizes.size else 0.0
    return bool(np.allclose(first, second, near, near * least, equal_nan=True))
