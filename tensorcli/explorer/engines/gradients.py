"""Whether a node of the embedded engine would give other gradients, had it kept other tensors: tried on numbers drawn for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorcli.engine.autograd import modes
from tensorcli.engine.autograd.saved import SavedPacked
from tensorcli.engine.effects import cast
from tensorcli.engine.geometry import contiguous
from tensorcli.engine.tensor import fresh_tensor
from tensorcli.explorer.engines.arrays import agree
from tensorcli.explorer.engines.reading import KeptCopy


def same_gradients(node: Any, copies: Sequence[KeptCopy], elements: Callable[[Any], Any]) -> bool:
    """Whether a node gives the same gradients with these copies as it gives now, but for last digits; `elements` reads them.
    False where a function of the script's would have to be asked. A node's formulas are linear in what comes in, so that one
    draw tells.
    """
    packed = any(isinstance(each, SavedPacked) for each in node.saved.values())
    if not copies or node.calls_user or packed or not hasattr(type(node), "op"):
        return False
    kept = [value.tensor for value, _ in copies]
    with modes.no_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            incoming = list(_drawn(node))
            now = node.apply(list(incoming))
            for value, copy in copies:
                value.tensor = copy
            then = node.apply(list(incoming))
        except (RuntimeError, ValueError, TypeError, IndexError):
            return False  # what else it keeps is freed, or was written
        finally:
            for (value, _), tensor in zip(copies, kept, strict=True):
                value.tensor = tensor
        return all(
            one is other or (one is not None and other is not None and agree(elements(one), elements(other)))
            for one, other in zip(now, then, strict=True)
        )


def _drawn(node: Any) -> Iterator[Any]:
    """A gradient for each output of a node."""
    draw = np.random.RandomState(0).standard_normal  # a stream of its own
    for facts in node.outputs:
        if facts is None:
            yield None
            continue
        geometry, dtype, _ = facts
        array = np.asarray(draw(geometry.sizes) + (1j * draw(geometry.sizes) if dtype.is_complex else 0))
        yield fresh_tensor(cast(array, dtype), contiguous(geometry.sizes), dtype)
