"""Traps of an optimizer's steps that show when one is compared with those before: a network that went over to evaluation and
did not come back, two parameters over one memory, gradients that are dropped and never applied, frozen parameters that move.
"""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.hazards.told import Told
from tensorcli.explorer.hazards.weak import ByIdentity

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

CLOSURE = "the closure that it was given"
"""How a step's closure is spoken of, by which it is known when it is told."""
BY_MODE = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "BatchNorm", "SyncBatchNorm", "RReLU")
"""How the names of the modules begin that do another thing in evaluation."""


class Frozen(NamedTuple):
    """A parameter that does not require grad any more, before a step."""

    leaf: Any
    before: Any
    """Its elements."""
    name: str
    optimizer: str
    node: ast.AST
    """The step."""


class Closure(NamedTuple):
    """A step that was given a closure."""

    step: Idle
    passes: int
    """How many passes there had been before it."""
    ready: bool
    """Whether it began with a gradient."""


class Idle(NamedTuple):
    """An optimizer whose gradients come to nothing: it drops them, and has made no step so far, or is given none."""

    held: list[weakref.ref[Any]]
    """Its parameters."""
    optimizer: str
    node: ast.AST
    """Where it drops them, or makes its step."""


class Steps:
    """The optimizers that made a step, with the modules that they change."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.modules: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
        """For each optimizer the modules whose parameters it holds, weakly."""
        self.left_out: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
        """For each optimizer the parameters of these that it does not hold and that were frozen at its first step, weakly."""
        self.trained: weakref.WeakSet[Any] = weakref.WeakSet()
        """The modules that were in training mode at some step."""

        self.stepped: weakref.WeakSet[Any] = weakref.WeakSet()
        """The optimizers that were given the word for a step, by whatever method."""
        self.cleared: weakref.WeakKeyDictionary[Any, ast.AST] = weakref.WeakKeyDictionary()
        """The optimizers that dropped gradients before any step, and where."""
        self.idle: dict[int, Idle] = {}
        """Those that did so twice in the statement that runs, by their identity: a function's are gone when it ends."""

        self.closures: list[Closure] = []
        """The steps of the statement that runs that were given one."""

        self.required: ByIdentity[None] = ByIdentity()
        """The parameters that required grad at some step."""
        self.frozen: list[Frozen] = []
        """Those that do not any more, as they were before the step that runs."""

    def freezes(self, names: Scope, held: Sequence[Any], text: str, node: ast.AST) -> None:
        """A step begins: what was frozen since the last one, and has a gradient all the same, is remembered as it is."""
        self.frozen = []
        for leaf in held:
            if leaf.requires_grad:
                self.required.put(leaf, None)
            elif self.engine.grad(leaf) is not None and id(leaf) in self.required:
                before = self.engine.elements(leaf).copy()
                name = names.name(leaf) or "a parameter"
                self.frozen.append(Frozen(leaf, before, name, text, node))

    def moved(self) -> Iterator[tuple[Told, ast.AST]]:
        """What is to be said of the step that ran last: which frozen parameters it changed, and where."""
        changed = [
            each
            for each in self.frozen
            if not each.leaf.requires_grad and (self.engine.elements(each.leaf) != each.before).any()
        ]
        self.frozen = []
        if changed:
            first = changed[0]
            others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            yield (
                Told(
                    "TSC-H039",
                    f"{first.optimizer} changes {first.name}{others}, which was frozen: its gradient is there still, be it of "
                    "zeros, and momentum or weight decay move what has one.",
                    (first.optimizer, first.name),
                ),
                first.node,
            )

    def begins(self, names: Scope, statement: ast.stmt) -> None:
        """A statement that is `opt.step()` begins, `loss = opt.step(closure)` or `scaler.step(opt)`."""
        for node in ast.walk(statement):
            value = names.at(node) if isinstance(node, ast.expr) else None
            if hasattr(value, "param_groups"):
                self.stepped.add(value)
                self.idle.pop(id(value), None)

    def clears(
        self, optimizer: Any, held: Sequence[Any], node: ast.AST, applied: Callable[[Any], bool], text: str
    ) -> None:
        """An optimizer that never made a step drops gradients: for the second time at one place, it is remembered. `applied`:
        whether a gradient was ever written into a leaf.
        """
        if optimizer in self.stepped or not any(self.engine.grad(leaf) is not None for leaf in held):
            return
        if any(map(applied, held)):
            self.idle.pop(id(optimizer), None)
        elif self.cleared.get(optimizer) is node:
            self.idle[id(optimizer)] = Idle([weakref.ref(leaf) for leaf in held], text, node)
        else:
            self.cleared[optimizer] = node

    def by_closure(self, held: Sequence[Any], text: str, node: ast.AST, passes: int) -> None:
        """An optimizer begins a step with a closure, which is to bring the gradients. `passes`: how many there were."""
        ready = any(self.engine.grad(leaf) is not None for leaf in held)
        step = Idle([weakref.ref(leaf) for leaf in held], text, node)
        self.closures.append(Closure(step, passes, ready))

    def without_gradients(self, passes: int, brought: Mapping[int, int]) -> Iterator[tuple[Told, ast.AST]]:
        """What is to be said at the end of a statement: which closures brought none. `passes`: how many there are now;
        `brought`: the last of them that brought a leaf its gradient, by the leaf's identity.
        """
        for step, before, ready in self.closures:
            if ready and passes == before:
                continue
            leaves = [leaf for each in step.held if (leaf := each()) is not None]
            if any(
                self.engine.grad(leaf) is not None or brought.get(id(leaf), 0) > before for leaf in leaves
            ):
                continue
            what = (
                "calls no backward()"
                if passes == before
                else "makes a pass that reaches none of what it holds"
            )
            yield (
                Told(
                    "TSC-H026",
                    f"{step.optimizer} has no gradient to go by: {CLOSURE} {what}, and this step changes nothing.",
                    (step.optimizer,),
                ),
                step.node,
            )
        self.closures.clear()

    def never_made(self, applied: Callable[[Any], bool]) -> Iterator[tuple[Told, ast.AST]]:
        """What is to be said at the end of a statement: which optimizers dropped gradients again and again, and made no step in
        all of it.
        """
        for idle in self.idle.values():
            leaves = (leaf for each in idle.held if (leaf := each()) is not None)
            if not any(map(applied, leaves)):
                yield (
                    Told(
                        "TSC-H038",
                        f"{idle.optimizer} drops the gradients of each pass, and has made no step: its parameters are what they "
                        "were at first.",
                        (idle.optimizer,),
                    ),
                    idle.node,
                )
        self.idle.clear()

    def first(self, names: Scope, optimizer: Any, held: Sequence[Any], text: str) -> Told | None:
        """What is to be said of an optimizer at its first step: that it holds one memory twice; None for another."""
        if optimizer in self.modules:
            return None
        known = set(map(id, held))
        modules = [value for _, value in names.reached() if is_module(value)]
        mine = [each for each in modules if any(id(leaf) in known for leaf in each.parameters())]
        self.modules[optimizer] = [weakref.ref(each) for each in mine]
        self.left_out[optimizer] = [
            weakref.ref(leaf)
            for each in mine
            for leaf in each.parameters()
            if id(leaf) not in known and not leaf.requires_grad
        ]
        from tensorcli.explorer.memory import overlap

        seen: dict[int, Any] = {}
        for leaf in held:
            other = seen.setdefault(id(self.engine.memory(leaf)), leaf)
            if other is not leaf and overlap(self.engine.walk(other), self.engine.walk(leaf))[0]:
                first, second = names.name(other) or "a parameter", names.name(leaf) or "another"
                return Told(
                    "TSC-H035",
                    f"{text} holds {first} and {second}, which are two parameters over one memory: a step writes it once for "
                    "each.",
                    (text, first, second),
                )
        return None

    def thawed(self, names: Scope, optimizer: Any, text: str) -> Told | None:
        """What is to be said of a step of an optimizer that left out parameters which were frozen then, and have gradients now;
        None for another.
        """
        leaves = [leaf for each in self.left_out.get(optimizer, ()) if (leaf := each()) is not None]
        leaves = [leaf for leaf in leaves if leaf.requires_grad and self.engine.grad(leaf) is not None]
        others = (
            {id(leaf) for _, value in names.reached() for leaf in optimised(self.engine, value)}
            if leaves
            else ()
        )
        leaves = [leaf for leaf in leaves if id(leaf) not in others]
        if not leaves:
            return None
        name = names.name(leaves[0]) or "a parameter"
        more = f" and {len(leaves) - 1} more" if len(leaves) > 1 else ""
        what = f"{name}{more}, which {'were' if more else 'was'} frozen when it took its parameters"
        return Told("TSC-H031", f"{text} does not hold {what}, and learn{'' if more else 's'} now.", (text,))

    def in_evaluation(self, names: Scope, optimizer: Any, text: str) -> Told | None:
        """What is to be said of a step while a network is in evaluation mode that was trained before; None for another."""
        for reference in self.modules.get(optimizer, ()):
            module = reference()
            if module is None:
                continue
            if module.training:
                self.trained.add(module)
            elif module in self.trained:
                part = next((type(each).__name__ for each in module.modules() if _goes_by_mode(each)), None)
                name = next((name for name, value in names.reached() if value is module), None)
                if part is not None and name is not None:
                    return Told(
                        "TSC-H036",
                        f"{text} makes a step while {name} is in evaluation mode, which it was not before: {part} does "
                        "another thing then.",
                        (text, name),
                    )
        return None


def _goes_by_mode(module: Any) -> bool:
    return type(module).__name__.startswith(BY_MODE) and not module.training
