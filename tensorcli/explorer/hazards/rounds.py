"""Traps of a training's rounds: gradients of most passes that are dropped and never applied, gradients that are clipped with a
scaler's factor in them, steps with a learning rate that is next to nothing.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.hazards.told import Told
from tensorcli.explorer.hazards.weak import ByIdentity

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

LEAST: Final = 1e-8
"""A learning rate of less than this part of the first one moves no float32 number by as much as a digit."""


class Pass(NamedTuple):
    """A backward pass."""

    moment: int
    """How many passes and steps there were up to it."""
    node: ast.AST
    """Where it is called."""


@dataclass(slots=True)
class Fate:
    """What became of the gradients that one call of `backward()` gave one optimizer, round by round."""

    optimizer: str
    applied: int = 0
    dropped: int = 0
    """How often since they were applied first: before that a training may only look."""
    drops: ast.AST | None = None
    """Where they were dropped last."""
    said: bool = False


class Rounds:
    """Which passes an optimizer's steps applied, and which gradients it dropped."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.moment = 0
        self.last: Pass | None = None
        self.stepped = 0
        """The moment of the last step of any optimizer."""
        self.steps_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        """The moment of the last step of each optimizer."""
        self.drops_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        """The moment of the last pass whose gradients each optimizer dropped."""
        self.fates: weakref.WeakKeyDictionary[Any, dict[ast.AST, Fate]] = weakref.WeakKeyDictionary()
        self.by_closure: weakref.WeakSet[Any] = weakref.WeakSet()
        """The optimizers whose steps make passes of their own."""
        self.dropping: list[Fate] = []
        """Where gradients were dropped in the statement that runs."""
        self.scaler: tuple[Any, str] | None = None
        """What multiplied the loss of the last pass, weakly, and how the script calls it."""
        self.unscaled: ByIdentity[None] = ByIdentity()
        """The leaves whose gradients were divided by its factor since."""
        self.vanished: weakref.WeakSet[Any] = weakref.WeakSet()
        """The optimizers of whose learning rate something was said."""

    # ---- what passes bring, and what becomes of it

    def passes(self, names: Scope, node: ast.Call) -> None:
        """`loss.backward()`, or `scaler.scale(loss).backward()`, begins."""
        self.moment += 1
        self.last = Pass(self.moment, node)
        loss = node.func.value if isinstance(node.func, ast.Attribute) else None
        maker = loss.func if isinstance(loss, ast.Call) else None
        owner = maker.value if isinstance(maker, ast.Attribute) and maker.attr == "scale" else None
        scaler = None if owner is None else names.at(owner)
        self.scaler, self.unscaled = None, ByIdentity()
        if owner is not None and hasattr(scaler, "get_scale"):
            self.scaler = weakref.ref(scaler), ast.unparse(owner)

    def steps(self, names: Scope, statement: ast.stmt, closure: bool) -> None:
        """A statement begins that makes steps: `opt.step()`, `scaler.step(opt)`."""
        self.moment += 1
        self.stepped = self.moment
        for node in ast.walk(statement):
            optimizer = names.at(node) if isinstance(node, ast.expr) else None
            if not hasattr(optimizer, "param_groups"):
                continue
            if closure:
                self.by_closure.add(optimizer)
            done = max(self.steps_of.get(optimizer, 0), self.drops_of.get(optimizer, 0))
            if self.last is not None and self.last.moment > done:
                self._fate(optimizer, self.last.node, "").applied += 1
            self.steps_of[optimizer] = self.moment

    def drops(
        self, optimizer: Any, held: Sequence[Any], node: ast.AST, text: str, applied: Collection[int]
    ) -> None:
        """An optimizer drops gradients, which nothing was computed from. `applied`: the leaves whose gradient was written into
        them, by their identity.
        """
        if self.last is None or self.stepped > self.last.moment or optimizer in self.by_closure:
            return
        if any(id(leaf) in applied for leaf in held):
            return
        if any(self.engine.grad(leaf) is not None for leaf in held):
            fate = self._fate(optimizer, self.last.node, text)
            self.drops_of[optimizer] = self.last.moment
            if fate.applied:
                fate.dropped += 1
                fate.drops = node
                self.dropping.append(fate)

    def _fate(self, optimizer: Any, node: ast.AST, text: str) -> Fate:
        fate = self.fates.setdefault(optimizer, {}).setdefault(node, Fate(text))
        fate.optimizer = text or fate.optimizer
        return fate

    def dropped(self) -> Iterator[tuple[Told, ast.AST]]:
        """What is to be said at the end of a statement: which optimizers dropped the gradients of most passes that they apply in
        other rounds.
        """
        for fate in self.dropping:
            if fate.said or fate.drops is None or fate.dropped < max(2, fate.applied - 1):
                continue
            fate.said = True
            text = (
                f"{fate.optimizer} drops the gradients of most passes, and applies those of the last one before each step "
                "alone: gradients add up from one zero_grad() to the next."
            )
            yield Told("TSC-H045", text, (fate.optimizer,)), fate.drops
        self.dropping.clear()

    # ---- what a scaler multiplied

    def unscales(self, held: Sequence[Any]) -> None:
        """`scaler.unscale_(opt)`: the gradients of these leaves are what they would be without the scaler."""
        for leaf in held:
            self.unscaled.put(leaf, None)

    def scaled_clip(self, function: str, leaves: Sequence[Any], names: Scope) -> Told | None:
        """What is to be said of gradients that are clipped while a scaler's factor is in them; None for others."""
        scaler = None if self.scaler is None else self.scaler[0]()
        if scaler is None or self.scaler is None or scaler.get_scale() == 1.0:
            return None
        having = [leaf for leaf in leaves if self.engine.grad(leaf) is not None]
        if not having or any(id(leaf) in self.unscaled for leaf in having):
            return None
        text, known = self.scaler[1], set(map(id, having))
        optimizers = [
            path
            for path, value in names.reached()
            if hasattr(value, "param_groups")
            and any(id(leaf) in known for group in value.param_groups for leaf in group["params"])
        ]
        return Told(
            "TSC-H046",
            f"{function}() measures gradients with the factor of {text} in them, which its step takes out: {text}.unscale_() "
            "does so before.",
            (text, *optimizers[:1]),
        )

    # ---- how long steps are

    def vanishing(self, optimizer: Any, text: str) -> Told | None:
        """What is to be said of a step whose learning rate is next to nothing; None for another."""
        if optimizer in self.vanished:
            return None
        for group in optimizer.param_groups:
            rate, first = group.get("lr"), group.get("initial_lr")
            if isinstance(rate, float) and isinstance(first, float) and 0 < rate < LEAST * first:
                self.vanished.add(optimizer)
                return Told(
                    "TSC-H047",
                    f"{text} makes a step with a learning rate of {rate:.2g}, which was {first:g} at first: it changes next to "
                    "nothing. A scheduler that goes on with each batch goes on too often.",
                    (text,),
                )
        return None
