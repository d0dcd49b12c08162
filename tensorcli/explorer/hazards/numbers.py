"""Wrap-around: whether an integer result is what arithmetic says, or that modulo its dtype.

Mostly the bounds of the inputs tell that the result fits. Where they do not, the exact result is computed again with
numpy, in a dtype that is wide enough, from the inputs' elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

MOST = 1 << 16
"""Results of more elements are not computed again."""
MOST_EXACT = 4096
"""Results in int64 of more elements are not computed again: they take Python's integers."""

Exact = Callable[..., Any]

ARITHMETIC: dict[str, tuple[str, Exact]] = {
    "add": ("+", lambda a, b, alpha=1: a + alpha * b),
    "sub": ("-", lambda a, b, alpha=1: a - alpha * b),
    "rsub": ("-", lambda a, b, alpha=1: b - alpha * a),
    "mul": ("*", lambda a, b: a * b),
    "neg": ("-", lambda a: -a),
    "abs": ("abs", abs),
    "square": ("square", lambda a: a * a),
    "pow": ("**", lambda a, b: a**b),
}
CONVERSIONS = frozenset({"_to_copy", "copy_"})
TOTALS = {"sum": "add", "prod": "multiply"}


def exact_result(engine: Engine, name: str, inputs: Sequence[Any], dtype: str) -> tuple[str, Any] | None:
    """What the operator would give if integers had no end, and how it is written; None where that is not asked, or
    where it is sure to fit the dtype of the result.
    """
    import numpy as np

    if name in CONVERSIONS:
        source = inputs[1 if name == "copy_" else 0]
        if engine.kind(source) != "tensor" or engine.look(source).dtype == dtype:
            return None
        elements = engine.elements(source)
        return None if elements is None or elements.size > MOST else ("the conversion", np.array(elements))
    values = [engine.elements(each) if engine.kind(each) == "tensor" else each for each in inputs]
    arrays = [each for each in values if isinstance(each, np.ndarray)]
    if not arrays or max(each.size for each in arrays) > MOST:
        return None
    if any(each.dtype.kind not in "iub" for each in arrays):
        return None
    wide = max(each.itemsize for each in arrays) < 8 and name not in ("pow", *TOTALS)
    if not wide and max(each.size for each in arrays) > MOST_EXACT:
        return None
    if name in TOTALS:
        if any(each is not None for each in inputs[1:]):
            return None
        count = values[0].size
        if name == "sum" and _fits(lambda a: a * count, values[:1], dtype):
            return None
        return name, np.array(getattr(np, TOTALS[name]).reduce(_widened(values[0], False), axis=None))
    name = name.rstrip("_")
    if name not in ARITHMETIC:
        return None
    sign, exact = ARITHMETIC[name]
    if not all(isinstance(each, np.ndarray | int) for each in values):
        return None
    if name == "pow" and any((np.asarray(each) < 0).any() for each in values[1:]):
        return None
    if name != "pow" and _fits(exact, values, dtype):
        return None
    return sign, np.array(exact(*(_widened(each, wide) for each in values)))


def _fits(exact: Exact, values: Sequence[Any], dtype: str) -> bool:
    """Whether the results for the least and the greatest elements of the first two values fit a dtype. Those of what is
    between them lie between these, or between these and 0.
    """
    import numpy as np

    rest = values[2:]
    if not all(isinstance(each, int) for each in rest):
        return False
    limits = np.iinfo(dtype)
    corners = product(*map(_bounds, values[:2]))
    return all(limits.min <= exact(*corner, *rest) <= limits.max for corner in corners)


def _bounds(value: Any) -> tuple[int, ...]:
    """The least and the greatest element."""
    if isinstance(value, int):
        return (int(value),)
    if value.size == 1:
        return (int(value.item()),)
    return (int(value.min()), int(value.max())) if value.size else ()


def _widened(value: Any, wide: bool) -> Any:
    import numpy as np

    if not isinstance(value, np.ndarray):
        return int(value) if not wide or abs(value) < 1 << 31 else value
    return value.astype(np.int64 if wide else object)


def wrapped(engine: Engine, sign: str, exact: Any, result: Any) -> Told | None:
    """How a result differs from the exact one, in words; None where it does not."""
    import numpy as np

    found = engine.elements(result)
    if found is None or found.dtype.kind not in "iu" or found.size == 0 or found.size > MOST:
        return None
    limits = np.iinfo(found.dtype)
    if exact.dtype.kind in "fc":
        if exact.dtype.kind == "c":
            return None
        values = np.trunc(exact.astype(np.float64))
        outside = ~((values >= float(limits.min)) & (values < float(limits.max) + 1))
    else:
        outside = (exact < limits.min) | (exact > limits.max)
    outside = np.broadcast_to(np.asarray(outside, bool), found.shape)
    count = int(outside.sum())
    if not count:
        return None
    place = tuple(int(each) for each in np.unravel_index(int(np.argmax(outside)), found.shape))
    was = np.broadcast_to(exact, found.shape)[place]
    shown = f"{was:g}" if exact.dtype.kind == "f" else str(int(was))
    where = f" at [{', '.join(map(str, place))}]" if place else ""
    many = f", {count} of {found.size} elements" if found.size > 1 else ""
    return Told(
        "TSC-H007",
        f"{sign} does not fit {found.dtype.name} ({limits.min}..{limits.max}): {shown} became "
        f"{int(found[place])}{where}{many}.",
    )


def cut_off(
    engine: Engine,
    name: str | None,
    tensor: Any,
    operator: str,
    inputs: Sequence[Any],
    assigned: float | None,
) -> Told | None:
    """What is to be said of numbers with a fraction that are written into a tensor of whole numbers; None for others.
    `assigned`: the number that an assignment to an index writes, which PyTorch has cut before it is written.
    """
    import numpy as np

    given = assigned if assigned is not None else inputs[2 if operator == "index_put_" else 1]
    elements = engine.elements(given) if engine.kind(given) == "tensor" else np.array(given)
    if elements is None or elements.dtype.kind != "f" or not 0 < elements.size <= MOST:
        return None
    lost = np.isfinite(elements) & (np.trunc(elements) != elements)
    if not lost.any():
        return None
    first = float(elements[lost][0])
    dtype = engine.look(tensor).dtype
    return Told(
        "TSC-H032",
        f"{first:g} is written into {name or 'a tensor'} of {dtype}, which holds whole numbers: it becomes {int(first)}.",
        () if name is None else (name,),
    )
