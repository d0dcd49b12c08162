"""Parameters that an optimizer holds and that no pass reaches, though passes reach others of it: the way to them is cut, or
nothing is computed from them.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told, named

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope


@dataclass(slots=True)
class Waiting:
    """The steps of an optimizer at one place, and those of its parameters that had no gradient at any of them."""

    optimizer: Any
    """Weakly."""
    text: str
    node: ast.AST
    name: str | None
    """The first of the parameters, as the script names it."""
    totals: dict[int, float]
    """What the elements of each come to, by its identity: a parameter that is written is learned in another way."""
    steps: int = 0


class Unreached:
    """What the steps of a statement found without a gradient."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.waiting: dict[ast.AST, Waiting] = {}
        """What has been without since the first step at each place, by the place."""
        self.over: list[Waiting] = []
        """The same of optimizers that made no more steps at a place, where another one did."""

    def steps(
        self,
        names: Scope,
        optimizer: Any,
        held: Sequence[Any],
        text: str,
        node: ast.AST,
        brought: Container[int],
    ) -> None:
        """An optimizer is about to make a step. `brought`: the leaves, by their identity, that a pass ever brought a gradient."""
        engine = self.engine
        without = [leaf for leaf in held if leaf.requires_grad and engine.grad(leaf) is None]
        without = [leaf for leaf in without if id(leaf) not in brought]
        known = self.waiting.get(node)
        if known is not None and known.optimizer() is not optimizer:
            self.over.append(self.waiting.pop(node))
            known = None
        if known is None:
            if without and len(without) < len(held):
                name = _known(names, without[0])
                totals = {id(leaf): self._total(leaf) for leaf in without}
                self.waiting[node] = Waiting(weakref.ref(optimizer), text, node, name, totals, 1)
            return
        known.steps += 1
        totals = {id(leaf): self._total(leaf) for leaf in without if id(leaf) in known.totals}
        known.totals = {key: total for key, total in totals.items() if known.totals[key] == total}
        first = next((leaf for leaf in without if id(leaf) in known.totals), None)
        known.name = None if first is None else _known(names, first)

    def _total(self, leaf: Any) -> float:
        return float(abs(self.engine.elements(leaf)).sum())

    def never(self) -> Iterator[tuple[Told, ast.AST]]:
        """What is to be said at the end of a statement that made several steps."""
        for each in (*self.over, *self.waiting.values()):
            many = len(each.totals)
            if not many or each.steps < 2:
                continue
            what = each.name or ("a parameter" if many == 1 else f"{many} parameters")
            if each.name is not None and many > 1:
                what += f" and {many - 1} more"
            stays = "it stays as it is" if many == 1 else "they stay as they are"
            text = (
                f"{each.text} holds {what}, which no pass reached before any of {each.steps} steps: {stays}."
            )
            yield Told("TSC-H040", text, named(each.text, each.name)), each.node
        self.over.clear()
        self.waiting.clear()


def _known(names: Scope, leaf: Any) -> str | None:
    """A name of a parameter that is not its place in the optimizer."""
    name = names.name(leaf)
    return None if name is None or ".param_groups[" in name else name
