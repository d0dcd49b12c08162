"""Which elements an operator writes that writes by index or by mask, and which operators write none.

It is worked out from the operator's inputs, on an array of flags of the tensor's shape: looking runs no operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

MOST = 1 << 16
"""Tensors with more elements are not marked."""
ALONG: Final = frozenset("index_fill_ index_copy_ index_add_ index_reduce_".split())
SCATTER: Final = frozenset("scatter_ scatter_add_ scatter_reduce_".split())
PUT: Final = frozenset("index_put_ _index_put_impl_".split())
MASKED: Final = frozenset("masked_fill_ masked_scatter_".split())
BY_INDEX: Final = ALONG | SCATTER | PUT | MASKED | {"put_"}
"""Operators that write a part of the tensor that they are called on."""
MOVES: Final = frozenset(
    "resize_ resize_as_ set_ t_ transpose_ swapaxes_ swapdims_ squeeze_ unsqueeze_ as_strided_ detach_".split()
)
"""Operators that move the version and write no byte that was there: they change how the tensor reads memory."""


def marks(engine: Engine, tensor: Any, operator: str, inputs: Sequence[Any]) -> Any:
    """An array of flags in the tensor's shape, true where the operator writes; None where that is not known."""
    import numpy as np

    look = engine.look(tensor)
    if operator not in BY_INDEX or look.numel > MOST or look.device == "meta":
        return None
    found = np.zeros(look.sizes, np.bool_)
    try:
        if operator in PUT:
            index = tuple(slice(None) if each is None else engine.elements(each) for each in inputs[1])
            if any(each is None for each in index):
                return None
            found[index] = True
        elif operator in MASKED:
            found |= engine.elements(inputs[1]).astype(np.bool_)
        elif operator in ALONG:
            found[(slice(None),) * (inputs[1] % max(found.ndim, 1)) + (engine.elements(inputs[2]),)] = True
        elif operator in SCATTER:
            index = engine.elements(inputs[2])
            where = list(np.indices(index.shape))
            where[inputs[1] % index.ndim] = index
            found[tuple(where)] = True
        else:
            found.reshape(-1)[engine.elements(inputs[1])] = True
    except (IndexError, ValueError, TypeError, AttributeError, ZeroDivisionError):
        return None
    return found
