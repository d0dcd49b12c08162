"""Traps of an optimizer's steps that show when one is compared with those before: a network that went over to evaluation and
did not come back, two parameters over one memory.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

BY_MODE = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "BatchNorm", "SyncBatchNorm", "RReLU")
"""How the names of the modules begin that do another thing in evaluation."""


class Steps:
    """The optimizers that made a step, with the modules that they change."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.modules: weakref.WeakKeyDictionary[Any, list[Any]] = weakref.WeakKeyDictionary()
        """For each optimizer the modules whose parameters it holds, weakly."""
        self.trained: weakref.WeakSet[Any] = weakref.WeakSet()
        """The modules that were in training mode at some step."""

    def first(self, names: Scope, optimizer: Any, held: Sequence[Any], text: str) -> Told | None:
        """What is to be said of an optimizer at its first step: that it holds one memory twice; None for another."""
        if optimizer in self.modules:
            return None
        known = set(map(id, held))
        modules = [value for _, value in names.items() if is_module(value)]
        mine = [each for each in modules if any(id(leaf) in known for leaf in each.parameters())]
        self.modules[optimizer] = [weakref.ref(each) for each in mine]
        seen: dict[int, Any] = {}
        for leaf in held:
            other = seen.setdefault(id(self.engine.memory(leaf)), leaf)
            if other is not leaf and self.engine.walk(other) == self.engine.walk(leaf):
                first, second = names.name(other) or "a parameter", names.name(leaf) or "another"
                return Told(
                    "TSC-H035",
                    f"{text} holds {first} and {second}, which are two parameters over one memory: a step writes it once for "
                    "each.",
                    (text, first, second),
                )
        return None

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
                name = next((name for name, value in names.items() if value is module), None)
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
