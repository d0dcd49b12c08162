"""Whether nodes of the embedded engine would give other gradients, had they kept other tensors: tried on numbers drawn for it.

A gradient is linear in what comes in, so that one draw tells. What would run a function of the script's is not tried.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tensorcli.engine.autograd import modes
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.differentiate import grad
from tensorcli.engine.autograd.saved import SavedPacked
from tensorcli.engine.conversion import cast
from tensorcli.engine.geometry import contiguous
from tensorcli.engine.tensor import fresh_tensor
from tensorcli.explorer.engines.arrays import agree
from tensorcli.explorer.engines.reading import KeptCopy

Elements = Callable[[Any], Any]
"""What reads the elements of a tensor."""


def same_gradients(node: Any, copies: Sequence[KeptCopy], elements: Elements) -> bool:
    """Whether a node gives the same gradients with these copies as it gives now, but for last digits."""
    incoming = [None if facts is None else _drawn(*facts[:2]) for facts in node.outputs]
    return _calls_nobody(node) and _same(lambda: node.apply(list(incoming)), copies, elements)


def same_pass(root: Any, nodes: Collection[Any], copies: Sequence[KeptCopy], elements: Elements) -> bool:
    """Whether a backward pass from a tensor, which goes through these nodes, gives all leaves the same gradients with these
    copies as now, but for last digits.
    """
    leaves = [node.variable for node in nodes if isinstance(node, AccumulateGrad)]
    incoming = _drawn(root.geometry, root.dtype)
    return all(_calls_nobody(node) and node.hooks is None for node in nodes) and _same(
        lambda: grad(root, leaves, incoming, retain_graph=True, allow_unused=True), copies, elements
    )


def _same(run: Callable[[], Sequence[Any]], copies: Sequence[KeptCopy], elements: Elements) -> bool:
    if not copies:
        return False
    try:
        with modes.enable_grad(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            now = run()
            with _kept(copies):
                then = run()
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False  # what else is kept is freed, or was written
    return all(
        one is other or (one is not None and other is not None and agree(elements(one), elements(other)))
        for one, other in zip(now, then, strict=True)
    )


@contextmanager
def _kept(copies: Sequence[KeptCopy]) -> Iterator[None]:
    """Within it nodes keep these copies."""
    tensors = [keeper.tensor for keeper, _ in copies]
    for keeper, copy in copies:
        keeper.tensor = copy
    try:
        yield
    finally:
        for (keeper, _), tensor in zip(copies, tensors, strict=True):
            keeper.tensor = tensor


def _calls_nobody(node: Any) -> bool:
    """Whether a node's gradients come of PyTorch's formulas alone."""
    saved = () if isinstance(node, AccumulateGrad) else node.saved.values()
    return not node.calls_user and not any(isinstance(each, SavedPacked) for each in saved)


def _drawn(geometry: Any, dtype: Any) -> Any:
    draw = np.random.RandomState(0).standard_normal  # a stream of its own
    array = np.asarray(draw(geometry.sizes) + (1j * draw(geometry.sizes) if dtype.is_complex else 0))
    return fresh_tensor(cast(array, dtype), contiguous(geometry.sizes), dtype)
