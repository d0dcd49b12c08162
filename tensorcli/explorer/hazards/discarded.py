"""Results that nothing takes: `x.to(device)` in the body of a loop, which leaves x where it is."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

WORKING = frozenset("backward register_hook retain_grad item tolist".split())
"""Methods that are called for what they do."""


def discarded(
    engine: Engine, names: Mapping[str, Any], statement: ast.Expr, result: Any, inputs: Sequence[Any]
) -> Told | None:
    """What is to be said of a statement that is a call of a named tensor's method and whose result is another tensor; None
    for any other.
    """
    call = statement.value
    function = call.func if isinstance(call, ast.Call) else None
    if (
        not isinstance(function, ast.Attribute)
        or not isinstance(function.value, ast.Name)
        or _works(function.attr)
        or current_node() is not call
    ):
        return None
    owner = inputs[0] if inputs and engine.kind(inputs[0]) == "tensor" else None
    name = function.value.id
    if owner is None or owner is result or names.get(name) is not owner:
        return None
    return Told(
        f"{name}.{function.attr}() gives another tensor, and nothing takes it: {name} is as it was.", (name,)
    )


def _works(method: str) -> bool:
    """Whether a method is called for what it does, and not for what it gives."""
    return method in WORKING or (method.endswith("_") and not method.endswith("__"))
