"""Which bytes a tensor occupies, exactly: coverage, overlap, runs, and the logical index behind each slot.

Everything is worked out from a Walk (start, sizes, strides, itemsize in bytes), never from a bounding box:
the bytes that a walk reaches are marked in an array of flags over its extent. This module knows no tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import Any, NamedTuple

from tensorcli.explorer import results
from tensorcli.explorer.engines.reading import Walk

LARGE = 4096
"""Walks of more elements are not looked at one by one."""


class Region(NamedTuple):
    """The elements that one or several writes through one tensor reached."""

    walk: Walk
    itemsize: int
    places: Any = None
    """An array of the first bytes of those that were written; None for all that the walk reaches."""
    exact: bool = True
    """False where only some of them were written, and which is not known."""

    @property
    def elements(self) -> int:
        """How many different elements."""
        return covered(self.walk) // max(self.itemsize, 1) if self.places is None else len(self.places)


def bounds(walk: Walk) -> tuple[int, int]:
    """The first byte reached and the one after the last; equal where there are no elements."""
    if 0 in walk.sizes:
        return walk.start, walk.start
    low = high = walk.start
    for size, stride in zip(walk.sizes, walk.strides):
        if stride < 0:
            low += (size - 1) * stride
        else:
            high += (size - 1) * stride
    return low, high + walk.itemsize


def is_dense(walk: Walk) -> bool:
    """Whether the walk reaches each element once, without gaps."""
    step = walk.itemsize
    for stride, size in sorted((abs(st), sz) for sz, st in zip(walk.sizes, walk.strides) if sz != 1):
        if stride != step:
            return False
        step *= size
    return True


def layout(walk: Walk) -> str:
    """`contig`, `strided`, `expanded`, `overlapping`, `empty`."""
    if 0 in walk.sizes:
        return "empty"
    step = walk.itemsize
    contiguous = True
    for size, stride in zip(reversed(walk.sizes), reversed(walk.strides)):
        if size != 1:
            contiguous = contiguous and stride == step
            step *= size
    if contiguous:
        return "contig"
    if any(size > 1 and stride == 0 for size, stride in zip(walk.sizes, walk.strides)):
        return "expanded"
    return "strided" if is_dense(walk) or covered(walk) == prod(walk.sizes) * walk.itemsize else "overlapping"


def unit(*walks: Walk) -> int:
    """The largest number of bytes that divides every position and width."""
    return gcd(*(value for walk in walks for value in (walk.itemsize, walk.start, *walk.strides))) or 1


def flags(walk: Walk, step: int, low: int, count: int) -> Any:
    """Which of `count` units of `step` bytes from the byte `low` on the walk reaches."""
    import numpy as np

    marks = np.zeros(count, np.bool_)
    if 0 not in walk.sizes:
        wide = walk.itemsize // step
        window = np.ndarray(
            (*walk.sizes, wide),
            np.bool_,
            marks,
            (walk.start - low) // step,
            (*(stride // step for stride in walk.strides), 1),
        )
        window[...] = True
    return marks


def covered(walk: Walk) -> int:
    """How many different bytes the walk reaches."""
    if is_dense(walk):
        return prod(walk.sizes) * walk.itemsize
    reduced = walk._replace(
        sizes=tuple(1 if stride == 0 and size else size for size, stride in zip(walk.sizes, walk.strides))
    )
    if is_dense(reduced):
        return prod(reduced.sizes) * walk.itemsize
    low, high = bounds(reduced)
    step = unit(reduced)
    return int(flags(reduced, step, low, (high - low) // step).sum()) * step


def slots(walk: Walk, slot: int) -> int:
    """How many different slots (of `slot` bytes) have a byte that the walk reaches."""
    low, high = bounds(walk)
    if low == high:
        return 0
    if unit(walk) % slot == 0:
        return covered(walk) // slot
    if is_dense(walk):
        return (high - 1) // slot - low // slot + 1
    import numpy as np

    return len(np.unique((np.flatnonzero(flags(walk, 1, low, high - low)) + low) // slot))


def runs(walk: Walk, slot: int, limit: int = 16) -> tuple[tuple[results.Run, ...], int]:
    """The neighbouring slots (of `slot` bytes) that the walk reaches, at most `limit` of them, and how many more."""
    low, high = bounds(walk)
    if low == high:
        return (), 0
    if is_dense(walk):
        return (results.Run(low // slot, (high - 1) // slot),), 0
    step = unit(walk)
    return _runs(flags(walk, step, low, (high - low) // step), low, step, slot, limit)


def _runs(marks: Any, low: int, step: int, slot: int, limit: int) -> tuple[tuple[results.Run, ...], int]:
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate(([False], marks, [False]))))
    firsts, ends = edges[::2], edges[1::2]
    found = tuple(
        results.Run(int(low + first * step) // slot, int(low + end * step - 1) // slot)
        for first, end in zip(firsts[:limit].tolist(), ends[:limit].tolist())
    )
    return found, max(0, len(firsts) - limit)


def overlap(a: Walk, b: Walk) -> tuple[int, tuple[results.Run, ...]]:
    """How many bytes of one allocation both walks reach, and the byte ranges, at most 16 of them."""
    (low_a, high_a), (low_b, high_b) = bounds(a), bounds(b)
    low, high = max(low_a, low_b), min(high_a, high_b)
    if low >= high:
        return 0, ()
    if is_dense(a) and is_dense(b):
        return high - low, (results.Run(low, high - 1),)
    step = unit(a, b)
    both = _within(a, step, low, high) & _within(b, step, low, high)
    found, _ = _runs(both, low, step, 1, 16)
    return int(both.sum()) * step, found


def places(walk: Walk, chosen: Any) -> Any:
    """The first bytes of the elements that are chosen, flags in the shape of the walk; each of them once."""
    import numpy as np

    first = np.full((), walk.start, np.int64)
    for size, stride in zip(walk.sizes, walk.strides):
        first = first[..., None] + np.arange(size, dtype=np.int64) * stride
    return np.unique(first[chosen])


def reaches(region: Region, walk: Walk) -> bool:
    """Whether an element of the region has a byte in common with what a walk reaches; where that is unknown too."""
    if region.places is None:
        return bool(overlap(region.walk, walk)[0])
    low, high = bounds(walk)
    return bool((_marked(region, low, high) & flags(walk, 1, low, high - low)).any())


def together(regions: Sequence[Region]) -> int:
    """How many different bytes the regions have."""
    if len(regions) == 1:
        return regions[0].elements * regions[0].itemsize
    ends = [bounds(each.walk) for each in regions]
    low, high = min(first for first, _ in ends), max(last for _, last in ends)
    marks = _marked(regions[0], low, high)
    for each in regions[1:]:
        marks |= _marked(each, low, high)
    return int(marks.sum())


def _marked(region: Region, low: int, high: int) -> Any:
    """Which of the bytes from `low` up to `high` the region has."""
    import numpy as np

    first, last = bounds(region.walk)
    begin, end = min(low, first), max(high, last)
    marks = np.zeros(end - begin, np.bool_)
    if region.places is None:
        marks[first - begin : last - begin] = flags(region.walk, 1, first, last - first)
    else:
        marks[(region.places[:, None] + np.arange(region.itemsize) - begin).reshape(-1)] = True
    return marks[low - begin : high - begin]


def places_text(found: Sequence[results.Run], slot: int) -> str:
    """Ranges of bytes as slots, in words: `1..3`, `1, 4`."""
    parts = []
    for run in found:
        first, last = run.first // slot, run.last // slot
        parts.append(str(first) if first == last else f"{first}..{last}")
    return ", ".join(parts)


def _within(walk: Walk, step: int, low: int, high: int) -> Any:
    first, last = bounds(walk)
    return flags(walk, step, first, (last - first) // step)[(low - first) // step : (high - first) // step]


def cells(walk: Walk, slot: int, first: int, count: int) -> tuple[str, ...]:
    """For each of `count` slots from the slot `first` on, the logical indices that read it (`1,0`)."""
    import numpy as np

    found: list[list[str]] = [[] for _ in range(count)]
    if 0 in walk.sizes:
        return tuple("" for _ in found)
    offsets = np.full(walk.sizes, walk.start, np.int64)
    for d, (size, stride) in enumerate(zip(walk.sizes, walk.strides)):
        offsets += (np.arange(size, dtype=np.int64) * stride).reshape(
            (size,) + (1,) * (len(walk.sizes) - d - 1)
        )
    flat = offsets.reshape(-1) // slot - first
    for position in np.flatnonzero((flat >= 0) & (flat < count)).tolist():
        index = np.unravel_index(position, walk.sizes)
        found[int(flat[position])].append(",".join(str(int(each)) for each in index) or "0")
    return tuple(" ".join(each[:4]) + (" …" if len(each) > 4 else "") for each in found)


def shared_places(walk: Walk, slot: int) -> list[tuple[int, str]]:
    """The slots that several elements lie in, at most four of them: the slot, and the indices (`[0] [1] [2]`). Nothing
    for a walk that is large.
    """
    low, high = bounds(walk)
    first, count = low // slot, (high - low) // slot
    if count > LARGE or prod(walk.sizes) > LARGE:
        return []
    found = []
    for number, cell in enumerate(cells(walk, slot, first, count)):
        indices = cell.split()
        if len(indices) > 1:
            shown = " ".join(f"[{each}]" for each in indices[:8]) + (" …" if len(indices) > 8 else "")
            found.append((first + number, shown))
    return found[:4]


def region_text(region: Region) -> str:
    """Which elements a region has, in words: `elements 1..2`, `1 of elements 0..2`, `some of elements 0..2`."""
    span = span_text(region.walk, max(region.itemsize, 1))
    if not region.exact:
        return f"some of {span}"
    if region.places is None or len(region.places) == covered(region.walk) // max(region.itemsize, 1):
        return span
    return f"{len(region.places) or 'none'} of {span}"


def whole_text(count: int) -> str:
    """All elements of a storage, in words."""
    return "the one element" if count == 1 else f"all {count} elements"


def span_text(walk: Walk, slot: int) -> str:
    """Which slots a walk reaches, in words: `elements 1..2`, `element 3`, `4 elements of 0..7`."""
    low, high = bounds(walk)
    if low == high:
        return "no elements"
    first, last = low // slot, (high - 1) // slot
    if first == last:
        return f"element {first}"
    if is_dense(walk):
        return f"elements {first}..{last}"
    reached = covered(walk) // slot
    return f"{reached} element{'s' if reached != 1 else ''} of {first}..{last}"
