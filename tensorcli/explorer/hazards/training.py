"""Traps of training loops: a gradient that is applied a second time, steps that no gradient leads, or that change what nothing
else has any more.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.explorer.hazards.weak import ByIdentity
from tensorcli.explorer.results import plural
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.containers import Located
    from tensorcli.explorer.engines import Engine

NEAR = 64
"""So many nodes below a tensor are looked at for what a pass went through, or a step wrote since."""


class Sum(NamedTuple):
    """A gradient that holds what was applied already, and what a pass added to it."""

    leaf: Any
    """Weakly."""
    node: ast.AST | None
    """The pass."""
    statement: int
    """The number of the statement that it ran in."""


class Gradients:
    """Which gradients were applied to their leaves and not dropped or zeroed since, and which of those were added to.

    A leaf's gradient was applied when something that was computed from a gradient was written into the leaf. A sum of what
    was applied and what was not does no harm until it is applied: a pass may well add to the gradients of those that no step
    is made for.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.passes = 0
        """How often a pass brought a leaf a gradient."""
        self.used = False
        """Whether something was computed from gradients since the last pass."""
        self.brought: ByIdentity[int] = ByIdentity()
        """When one brought a leaf a gradient last, counted so."""
        self.leaves: ByIdentity[Any] = ByIdentity()
        """Leaves that a pass reached, weakly, by their memory."""
        self.owners: ByIdentity[Any] = ByIdentity()
        """The leaves, weakly, by their gradients' memory."""
        self.derived: ByIdentity[None] = ByIdentity()
        """Memory that was computed from gradients."""
        self.applied: ByIdentity[None] = ByIdentity()
        """The leaves whose gradient was written into them since it began."""
        self.moved: ByIdentity[float] = ByIdentity()
        """The leaves that a gradient was ever written into: the number of the node that was made next. What has a lower one
        was computed from other values.
        """
        self.sums: ByIdentity[Sum] = ByIdentity()
        """The gradients that a pass added to after they were applied, by their leaves."""
        self.statement = 0
        """The number of the running statement."""
        self.gone = 0
        """How many parameters ceased to be after the last pass gave them gradients, and before a step applied these."""
        self.cleared: Any = None
        """The leaf whose applied gradient the last write changed: a pass is heard of after it added to the gradient."""
        self.begin()

    def begin(self) -> None:
        """A statement begins."""
        self.statement += 1
        self.twice: list[Sum] = []
        """The sums that were applied, and nothing said of them."""
        self.said = False
        """Whether something was said of one."""

    # ---- what was computed from gradients

    def made(self, tensor: Any, given: Located) -> None:
        """A new tensor was computed from these, each with its memory."""
        if self._from_gradients(given):
            self._derive(self.engine.memory(tensor))

    def _derive(self, memory: Any) -> None:
        self.used = True
        self.derived.put(memory, None)

    def _from_gradients(self, given: Located, written: Any = None) -> bool:
        """Whether one of the tensors an operator was given, what it wrote left out, was computed from a gradient."""
        owners, derived = self.owners, self.derived
        for _, memory in given:
            key = id(memory)
            if (
                key in derived or (key in owners and self._owner(memory) is not None)
            ) and memory is not written:
                return True
        return False

    def _owner(self, memory: Any) -> Any:
        """The leaf whose gradient has this memory."""
        found = self.owners.get(id(memory))
        leaf = None if found is None else found()
        gradient = None if leaf is None else self.engine.grad(leaf)
        if gradient is not None and self.engine.memory(gradient) is memory:
            return leaf
        if found is not None:
            del self.owners[id(memory)]  # the leaf has another gradient, or none
        return None

    # ---- what became of them

    def wrote(self, memory: Any, given: Located) -> None:
        """Bytes were written: a leaf's, which may apply its gradient, or a gradient's, which makes it another one."""
        key = id(memory)
        if key in self.leaves:
            leaf = self.leaves[key]()
            if leaf is None or self.engine.memory(leaf) is not memory:
                del self.leaves[key]  # the leaf lies elsewhere
            else:
                if self.engine.grad(leaf) is not None and self._from_gradients(given, memory):
                    self.applied.put(leaf, None)
                    self.moved.put(leaf, self.engine.clock())
                    if id(leaf) in self.sums:
                        self.twice.append(self.sums.pop(id(leaf)))
                return
        leaf = self._owner(memory)
        if leaf is not None:
            self.cleared = leaf if self._was_applied(leaf) or id(leaf) in self.sums else None
            self._settle(leaf)
        elif self._from_gradients(given, memory):
            self._derive(memory)

    def _was_applied(self, leaf: Any) -> bool:
        # What was computed from a gradient became the leaf's memory by `leaf.data = ...`.
        return id(leaf) in self.applied or self._is_derived(leaf)

    def _is_derived(self, leaf: Any) -> bool:
        return id(self.engine.memory(leaf)) in self.derived

    def ever_applied(self, leaf: Any) -> bool:
        """Whether what was computed from a gradient was written into a leaf, or became its memory."""
        return id(leaf) in self.moved or self._is_derived(leaf)

    def _settle(self, leaf: Any) -> None:
        self.applied.pop(id(leaf), None)
        self.sums.pop(id(leaf), None)
        self.derived.pop(id(self.engine.memory(leaf)), None)

    def accumulated(self, leaf: Any, gradient: Any, kind: str) -> None:
        """A pass made a leaf's gradient, or added to it: to one that was applied, if it was."""
        reference = weakref.ref(leaf, self._lost if type(leaf).__name__ == "Parameter" else None)
        self.gone = 0
        self.used = False
        self.passes += 1
        self.brought.put(leaf, self.passes)
        self.leaves.put(self.engine.memory(leaf), reference)
        self.owners.put(self.engine.memory(gradient), reference)
        spent = kind != "new" and (leaf is self.cleared or self._was_applied(leaf))
        self._settle(leaf)
        self.cleared = None
        if spent:
            self.sums.put(leaf, Sum(reference, current_node(), self.statement))

    def _lost(self, reference: Any) -> None:
        self.gone += 1

    def outdates(self, root: Any) -> Any:
        """The leaf that a graph leads to and that was written since a part of it was recorded; None where there is none."""
        engine = self.engine
        nodes = list(nodes_below(engine, root, NEAR))
        born = min((number for node in nodes if (number := engine.sequence(node)) is not None), default=None)
        for node in nodes:
            leaf = engine.variable(node)
            moved = None if leaf is None else self.moved.get(id(leaf))
            if moved is not None and born is not None and born < moved:
                return leaf
        return None

    def from_before(self, root: Any) -> Any:
        """The leaf that a graph was computed from, and that a step wrote since; None where there is none."""
        engine = self.engine
        for node in nodes_below(engine, root, NEAR):
            born = engine.sequence(node)
            if born is None:
                continue
            for target in engine.edges(node):
                leaf = None if target is None else engine.variable(target)
                moved = None if leaf is None else self.moved.get(id(leaf))
                if moved is not None and born < moved:
                    return leaf
        return None

    def dropped(self, leaves: Sequence[Any], text: str) -> Told | None:
        """What is to be said of a step for which every gradient is gone, though a pass had made some; None for another."""
        engine = self.engine
        if any(engine.grad(leaf) is not None for leaf in leaves):
            return None
        if not any(id(engine.memory(leaf)) in self.leaves for leaf in leaves):
            return None
        return Told(
            "TSC-H019",
            f"{text} has no gradient left: what the last pass made was dropped before this step, which changes nothing.",
            (text,),
        )

    def outdated(
        self, leaves: Sequence[Any], text: str, names: Callable[[Any], Sequence[str]]
    ) -> Told | None:
        """What is to be said of a step of an optimizer that holds what a module had before, and not what it has now; None for
        another. `names`: all paths to a tensor.
        """
        engine = self.engine
        gone = [
            leaf
            for leaf in leaves
            if engine.grad(leaf) is None and all(".param_groups[" in path for path in names(leaf))
        ]
        if not gone:
            return None
        held = set(map(id, leaves))
        for reference in self.leaves.values():
            leaf = reference()
            if leaf is not None and id(leaf) not in held and engine.grad(leaf) is not None:
                new = next((path for path in names(leaf) if "." in path), None)
                if new is not None:
                    return Told(
                        "TSC-H022",
                        f"{text} holds {plural(len(gone), 'parameter')} that nothing else has any more, and not {new}: a step "
                        f"changes what was there when {text} was made.",
                        (text, new),
                    )
        return None

    def told(self, name: Namer) -> tuple[Told | None, ast.AST | None]:
        """What is to be said of the sums that the statement applied, and where: at the pass, where the statement ran it."""
        for key, each in list(self.sums.items()):
            leaf = each.leaf()
            if leaf is not None and self._is_derived(leaf):
                # `leaf.data = leaf.data - ...`, which no write is heard of.
                self.twice.append(self.sums.pop(key))
        twice, self.twice = self.twice, []
        if self.said or not twice:
            return None, None
        self.said = True  # of the others there is nothing else to be said
        leaf, node = twice[0].leaf(), twice[0].node if twice[0].statement == self.statement else None
        known = None if leaf is None else name(leaf)
        text = (
            f"{known or 'a leaf'}.grad was not cleared: a pass added to what one step had applied, and the next step applied "
            "it again."
        )
        return Told("TSC-H011", text, named(known)), node


def outdated_graph(name: str | None) -> Told:
    """What is to be said of a pass that came to a leaf which was computed with before a step wrote it."""
    text = (
        f"the pass goes through what was computed with {name or 'a leaf'} as it was before a step: its gradient is that of the "
        "values of then."
    )
    return Told("TSC-H048", text, named(name))


def idle(engine: Engine, leaves: Sequence[Any], text: str) -> Told | None:
    """What is to be said of a step for which no gradient was made; None for another."""
    if any(engine.grad(leaf) is not None for leaf in leaves):
        return None
    what = "its parameter has none" if len(leaves) == 1 else f"none of its {len(leaves)} parameters has one"
    return Told("TSC-H026", f"{text} has no gradient to go by ({what}): this step changes nothing.", (text,))
