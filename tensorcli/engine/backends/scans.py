"""Running results, and results by place, of any function that groups as it likes: by doubling, for array modules without
a loop of their own for it.

In each step an element takes in the one that lies 1, 2, 4, … before it, so that the number of steps is the logarithm of the
longest run (Hillis and Steele, 1986). It knows arrays and the module that they belong to, but no devices.
"""

from collections.abc import Callable
from typing import Any


def running(xp: Any, function: Callable[..., Any], array: Any, axis: int) -> Any:
    """The results so far along an axis."""
    found = xp.moveaxis(array, axis, -1).copy()
    step = 1
    while step < found.shape[-1]:
        found[..., step:] = function(found[..., :-step].copy(), found[..., step:]).astype(array.dtype)
        step *= 2
    return xp.moveaxis(found, -1, axis)


def combine(xp: Any, function: Callable[..., Any], array: Any, key: Any, values: Any) -> None:
    """Combine values into the places that a key names: first those of the same place, then each place once."""
    places = xp.arange(array.size).reshape(array.shape)[key]
    values = xp.broadcast_to(xp.asarray(values, array.dtype), places.shape).reshape(-1)
    places = places.reshape(-1)
    if not places.size:
        return
    order = xp.argsort(places)
    places, found = places[order], values[order]
    step = 1
    while step < places.size:
        same = places[step:] == places[:-step]
        if not same.any():
            break
        taken = function(found[:-step], found[step:]).astype(array.dtype)
        found = xp.concatenate((found[:step], xp.where(same, taken, found[step:])))
        step *= 2
    last = xp.append(places[1:] != places[:-1], True)
    where = xp.unravel_index(places[last], array.shape)
    array[where] = function(array[where], found[last]).astype(array.dtype)
