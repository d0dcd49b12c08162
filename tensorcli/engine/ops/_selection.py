"""Which of equal elements sorting or a selection finds: the algorithms that PyTorch's CPU kernels call, as orders of indices.

`sort`, `topk` and `mode` call libstdc++'s sort and nth_element, `kthvalue` a quick selection of its own; neither is stable. Their steps are
public and do not depend on the machine. Where no two elements are equal every algorithm finds the same, so
these loops run for slices with equal elements only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Before = Callable[[int, int], bool]
"""Whether the element at one index comes before the element at another."""

_RADIX = 32768
"""From this many elements on PyTorch sorts a vector of integers digit by digit, which is stable."""
_SMALL = 16
"""libstdc++ sorts up to this many elements by insertion."""


def orders(array: Any, dim: int, find: Callable[[Any], Any], stable: Any) -> Any:
    """For each slice along a dimension the order of indices: `stable`'s, or what `find(slice)` gives where elements repeat."""
    result = np.moveaxis(np.array(stable), dim, -1)
    rows = np.moveaxis(array, dim, -1)
    ordered = np.take_along_axis(rows, np.moveaxis(np.argsort(array, axis=dim, kind="stable"), dim, -1), -1)
    same = (ordered[..., 1:] == ordered[..., :-1]) | (ordered[..., 1:] != ordered[..., 1:])
    for place in np.argwhere(same.any(axis=-1)):
        where = tuple(place)
        found = find(rows[where].tolist())
        result[where] = found[: result.shape[-1]]
    return np.moveaxis(result, -1, dim)


def ascending(row: list[Any]) -> list[int]:
    """The indices in the order in which mode sorts them."""
    return _arranged(row, sort)


def _arranged(row: list[Any], by: Callable[[list[int], int, int, Before], None]) -> list[int]:
    found = list(range(len(row)))
    by(found, 0, len(row), lambda i, j: row[i] < row[j])
    return found


def unstable_orders(array: Any, dim: int, stable: Any) -> Any:
    """The orders that torch.sort finds unless it is asked to keep equal elements as they stood; `stable` are those if it is."""
    if array.shape[dim] <= _SMALL or (array.ndim == 1 and array.dtype.kind in "iu" and len(array) >= _RADIX):
        return stable
    result = np.moveaxis(np.array(stable), dim, -1)
    ordered = np.take_along_axis(np.moveaxis(array, dim, -1), result, -1)
    low, high = ordered[..., :-1], ordered[..., 1:]
    differs = (low != high) & ((low == low) | (high == high))
    for place in np.argwhere(~differs.all(axis=-1)):
        where = tuple(place)
        keys = np.empty(result.shape[-1], np.int64)
        keys[result[where]] = np.append(0, np.cumsum(differs[where]))
        result[where] = unstable(keys)
    return np.moveaxis(result, -1, dim)


def largest(row: list[Any], k: int, ordered: bool) -> list[int]:
    """The indices in the order in which topk leaves them, NaN counting as largest."""
    return _top(row, k, ordered, lambda a, b: (a != a and b == b) or a > b)


def smallest(row: list[Any], k: int, ordered: bool) -> list[int]:
    """The indices in the order in which topk leaves them with largest=False."""
    return _top(row, k, ordered, lambda a, b: (a == a and b != b) or a < b)


def _top(row: list[Any], k: int, ordered: bool, before: Callable[[Any, Any], bool]) -> list[int]:
    found = list(range(len(row)))

    def comes(i: int, j: int) -> bool:
        return before(row[i], row[j])

    if k:
        nth_element(found, k - 1, comes)
        if ordered:
            sort(found, 0, k - 1, comes)
    return found


def nth_element(found: list[int], nth: int, before: Before) -> None:
    """libstdc++'s std::nth_element: `found` partitioned around the element that belongs at `nth`."""
    first, last = 0, len(found)
    while last - first > 3:
        cut = _partition(found, first, last, before)
        if cut <= nth:
            first = cut
        else:
            last = cut
    _insertion(found, first, last, before)


def sort(found: list[int], first: int, last: int, before: Before) -> None:
    """libstdc++'s std::sort of a range (the depth at which it turns to a heap is not reached by slices of any usual size)."""
    _partitioned(found, first, last, before)
    _insertion(found, first, last, before)


def _partitioned(found: list[int], first: int, last: int, before: Before) -> None:
    """The first phase of std::sort: parts of at most as many elements as it leaves to insertion, in order."""
    stack = [(first, last)]
    while stack:
        start, end = stack.pop()
        while end - start > _SMALL:
            cut = _partition(found, start, end, before)
            stack.append((cut, end))
            end = cut


_LONG = 512
"""Ranges of more elements than this are partitioned by numpy, in one step."""


def unstable(keys: Any) -> Any:
    """The order of indices in which libstdc++'s std::sort leaves integer keys."""
    keys, order = keys.copy(), np.arange(len(keys))
    stack = [(0, len(keys))]
    while stack:
        first, last = stack.pop()
        while last - first > _LONG:
            cut = first + _partition_at_once(keys[first:last], order[first:last])
            stack.append((cut, last))
            last = cut
        if last - first > _SMALL and len(np.unique(keys[first:last])) < last - first:
            found = _arranged(keys[first:last].tolist(), _partitioned)
            keys[first:last], order[first:last] = keys[first:last][found], order[first:last][found]
    # What is left to do is an insertion sort of the whole, which is stable.
    return order[np.argsort(keys, kind="stable")]


def _partition_at_once(keys: Any, order: Any) -> int:
    """`_partition` of whole arrays: what stops the search from the left is exchanged with what stops the one from the right."""
    middle, end = len(keys) // 2, len(keys) - 1
    x, y, z = keys[1], keys[middle], keys[end]
    chosen = (
        (middle if y < z else end if x < z else 1) if x < y else (1 if x < z else end if y < z else middle)
    )
    for one in (keys, order):
        one[0], one[chosen] = one[chosen], one[0]
    rest = keys[1:]
    left = np.flatnonzero(rest >= keys[0]) + 1
    right = np.flatnonzero(rest <= keys[0])[::-1] + 1
    most = min(len(left), len(right))
    count = int(np.argmin(np.append(left[:most] < right[:most], False)))
    left, right, stop = left[:count], right[:count], left[count:]
    for one in (keys, order):
        one[left], one[right] = one[right], one[left]
    return int(min([*stop[:1], *right[-1:]]))


def _partition(found: list[int], first: int, last: int, before: Before) -> int:
    """Around the median of three, which is moved to the front."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = found[a], found[b], found[c]
    if before(x, y):
        chosen = b if before(y, z) else c if before(x, z) else a
    else:
        chosen = a if before(x, z) else c if before(y, z) else b
    found[first], found[chosen] = found[chosen], found[first]
    pivot = found[first]
    i, j = first + 1, last
    while True:
        while before(found[i], pivot):
            i += 1
        j -= 1
        while before(pivot, found[j]):
            j -= 1
        if i >= j:
            return i
        found[i], found[j] = found[j], found[i]
        i += 1


def _insertion(found: list[int], first: int, last: int, before: Before) -> None:
    for at in range(first + 1, last):
        value = found[at]
        place = at
        if at < first + _SMALL and before(value, found[first]):
            # It goes to the front without a look at those between, which tells where NaN stands among them.
            found[first + 1 : at + 1] = found[first:at]
            found[first] = value
            continue
        while place > first and before(value, found[place - 1]):
            found[place] = found[place - 1]
            place -= 1
        found[place] = value


def kth(row: list[Any], k: int) -> int:
    """The index of the k-th smallest element (from 0) that kthvalue's quick selection finds."""
    values, found = list(row), list(range(len(row)))

    def swap(i: int, j: int) -> None:
        values[i], values[j] = values[j], values[i]
        found[i], found[j] = found[j], found[i]

    def after(a: Any, b: Any) -> bool:
        return bool((a != a and b == b) or a > b)

    left, right = 0, len(row) - 1
    while right > left + 1:
        swap(left + (right - left) // 2, left + 1)
        if after(values[left + 1], values[right]):
            swap(left + 1, right)
        if after(values[left], values[right]):
            swap(left, right)
        if after(values[left + 1], values[left]):
            swap(left + 1, left)
        i, j, pivot = left + 1, right, values[left]
        while True:
            i += 1
            while after(pivot, values[i]):
                i += 1
            j -= 1
            while after(values[j], pivot):
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(left, j)
        if j <= k:
            left = i
        if j >= k:
            right = j - 1
    if right == left + 1 and after(values[left], values[right]):
        swap(left, right)
    return found[k]
