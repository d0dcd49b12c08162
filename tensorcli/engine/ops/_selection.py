"""Which of equal elements a selection finds: the algorithms that PyTorch's CPU kernels call, as orders of indices.

`topk` calls libstdc++'s nth_element and sort, `kthvalue` a quick selection of its own; neither is stable. Their steps are
public and do not depend on the machine. Where no two elements are equal every algorithm finds the same, so
these loops run for slices with equal elements only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Before = Callable[[int, int], bool]
"""Whether the element at one index comes before the element at another."""

_SMALL = 16
"""libstdc++ sorts up to so many elements by insertion."""


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
    stack = [(first, last)]
    while stack:
        start, end = stack.pop()
        while end - start > _SMALL:
            cut = _partition(found, start, end, before)
            stack.append((cut, end))
            end = cut
    _insertion(found, first, last, before)


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
