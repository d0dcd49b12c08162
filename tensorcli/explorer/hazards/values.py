"""Values that cannot be what they are taken for: logarithms of probabilities above 0, probabilities where scores are wanted,
gradients that are nan, or 0 throughout.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

MANY = 64
"""So many results of flat operators are remembered."""
MOST = 1 << 16
"""Tensors of more elements are not looked at."""
FLAT = frozenset("round floor ceil trunc sign sgn heaviside floordivide normal bernoulli".split())
"""The operators whose slope is 0 wherever they have one."""
CLOSE = 1e-4
"""So far above 0 a logarithm of 1 may be rounded."""


def no_logarithms(engine: Engine, name: Namer, inputs: Sequence[Any]) -> Told | None:
    """What is to be said of a loss of logarithms of probabilities that is given greater numbers; None for any other."""
    elements = _elements(engine, inputs[0])
    if elements is None or not (elements > CLOSE).any():
        return None
    function = _loss()
    known = name(inputs[0])
    greatest = engine.shown(elements.max(), engine.look(inputs[0]).dtype)
    return Told(
        "TSC-H023",
        f"{function} wants logarithms of probabilities, which are at most 0; {known or 'what it was given'} has {greatest}.",
        named(known),
    )


def no_log_probabilities(engine: Engine, name: Namer, inputs: Sequence[Any]) -> Told | None:
    """What is to be said of a loss of classes whose logarithms are none, or are those of probabilities of other things; None for
    any other.
    """
    return no_logarithms(engine, name, inputs) or _over_another(engine, name, inputs[0])


def _over_another(engine: Engine, name: Namer, given: Any) -> Told | None:
    """What is to be said of logarithms of probabilities that add up to 1 over another dimension than the classes', the second."""
    elements = _elements(engine, given)
    if elements is None or elements.ndim < 2 or 1 in elements.shape:
        return None
    chances = 2.718281828459045**elements
    off = [float(abs(chances.sum(axis) - 1).max()) for axis in range(elements.ndim)]
    others = [axis for axis, each in enumerate(off) if axis != 1 and each < CLOSE]
    if off[1] < CLOSE or not others:
        return None
    function = _loss()
    known = name(given)
    return Told(
        "TSC-H023",
        f"{function} takes the classes to be dimension 1; the probabilities of {known or 'what it was given'} add up to 1 over "
        f"dimension {others[0]}.",
        named(known),
    )


def probabilities(
    made_by: str, squashed: str, engine: Engine, name: Namer, inputs: Sequence[Any]
) -> Told | None:
    """What is to be said of a loss that is given what a softmax or a sigmoid made, and that does the same to it again; None
    for any other. `made_by` is the node of what it must not be given.
    """
    given = inputs[0]
    if engine.kind(given) != "tensor" or engine.look(given).grad_fn != made_by:
        return None
    function = _loss()
    known = name(given)
    return Told(
        "TSC-H013",
        f"{function} applies {squashed} itself and wants scores; {known or 'what it was given'} went through {squashed} already.",
        named(known),
    )


def _loss() -> str:
    """The function that is being called, as the script names it."""
    node = current_node()
    return ast.unparse(node.func) if isinstance(node, ast.Call) else "the loss"


def probabilities_compared(engine: Engine, names: Scope, given: Any) -> Told | None:
    """What is to be said of a KL divergence that is given greater numbers than logarithms of probabilities."""
    node = current_node()
    if not isinstance(node, ast.Call) or given is None:
        return None
    text = ast.unparse(node.func)
    named = type(names.get(text)).__name__ == "KLDivLoss" or text.partition("(")[0].endswith("KLDivLoss")
    return no_logarithms(engine, names.name, [given]) if named or text.endswith("kl_div") else None


def no_numbers(engine: Engine, name: Namer, leaf: Any, gradient: Any, moved: bool) -> Told | None:
    """What is to be said of a leaf whose gradient a pass made nan, or infinite where steps have moved the leaf; None where it did
    not, or where the leaf was nan before.
    """
    elements = _elements(engine, gradient)
    if elements is None:
        return None
    if not (lost := elements != elements).any():
        return _diverged(engine, name, leaf, elements) if moved else None
    before = _elements(engine, leaf)
    if before is None or (before != before).any():
        return None
    known = name(leaf)
    of = f" of {elements.size} elements" if elements.size > 1 else ""
    return Told(
        "TSC-H024",
        f"{known or 'a leaf'}.grad is nan{f' in {int(lost.sum())}{of}' if of else ''}: a step would make "
        f"{known or 'the leaf'} nan, and what is computed from it.",
        named(known),
    )


def _diverged(engine: Engine, name: Namer, leaf: Any, gradient: Any) -> Told | None:
    """What is to be said of a leaf that is finite, and of its gradient that is not."""
    infinite = abs(gradient) == float("inf")
    before = _elements(engine, leaf)
    if before is None or not infinite.any() or (abs(before) == float("inf")).any():
        return None
    known, dtype = name(leaf), engine.look(leaf).dtype
    return Told(
        "TSC-H044",
        f"{known or 'a leaf'}.grad is infinite: the steps before it grew until {dtype} holds no such number. What is computed "
        "after the next one is nan.",
        named(known),
    )


def over_one(tensor: Any, operator: str, inputs: Sequence[Any]) -> bool:
    """Whether an operator is a softmax along a dimension of one element."""
    if operator not in ("_softmax", "_log_softmax") or len(inputs) < 2 or not tensor.ndim:
        return False
    return isinstance(inputs[1], int) and tensor.shape[inputs[1]] == 1


class Flats:
    """The recorded results of operators without a slope, weakly: which of them a pass went through in vain."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.nodes: list[Any] = []

    def made(self, tensor: Any) -> None:
        """A flat operator gave a recorded tensor."""
        node = self.engine.node(tensor)
        if node is not None and self.engine.tells_results_whole:
            self.nodes = [*self.nodes[-MANY:], weakref.ref(node)]

    def zeroed(self, name: Namer, leaf: Any, gradient: Any) -> Told | None:
        """What is to be said of a leaf whose gradient is zero throughout because a flat operator stands before it."""
        elements = _elements(self.engine, gradient)
        if elements is None or elements.any():
            return None
        self.nodes = [each for each in self.nodes if each() is not None]
        for node in (each() for each in self.nodes):
            if not self.engine.released(node):
                continue
            if any(self.engine.variable(each) is leaf for each in nodes_below(self.engine, node, 1000)):
                known = name(leaf)
                verb = operation_of(self.engine.node_name(node)).lower()
                what = f"{verb}() is on the way, and its slope is 0 everywhere."
                if verb.endswith("softmax"):
                    what = "a softmax over one element is on the way: it gives 1 whatever that is."
                text = f"{known or 'a leaf'}.grad is 0 throughout: {what}"
                return Told("TSC-H029", text, named(known))
        return None


def _elements(engine: Engine, tensor: Any) -> Any:
    """The elements of a small tensor of real numbers; None of any other."""
    elements = engine.elements(tensor) if engine.kind(tensor) == "tensor" else None
    if elements is None or not 0 < elements.size <= MOST:
        return None
    return elements if elements.dtype.kind == "f" else None
