"""Results that nothing takes: `x.to(device)` in the body of a loop, which leaves x where it is."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Told
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

FUNCTIONS = ("torch", "F", "nn")
"""The names that functions of tensors are commonly called by."""
UNMISSED = frozenset("backward register_hook retain_grad item tolist".split())
"""Methods whose result nobody misses: called for what they do, or to see whether they fail."""


def discarded(
    engine: Engine, names: Scope, statement: ast.Expr, result: Any, inputs: Sequence[Any], inner: bool
) -> Told | None:
    """What is to be said of a statement that is a call of a named tensor's method, or of torch's function of one, and whose
    result is another tensor; None for any other. inner: whether it stands within another; where it stands alone in a file, it
    may be there to see whether it fails, and what has fewer elements than the tensor is not taken to be meant for it.
    """
    call = statement.value
    function = call.func if isinstance(call, ast.Call) else None
    if (
        not isinstance(call, ast.Call)
        or not isinstance(function, ast.Attribute)
        or not isinstance(function.value, ast.Name | ast.Attribute)
        or _works(function.attr)
        or current_node() is not call
    ):
        return None
    path: ast.expr = function.value
    owner = ast.unparse(path)
    value = _tensor_at(engine, names, path)
    if value is None and owner in FUNCTIONS:
        path = next((each for each in map(_first_operand, call.args) if each is not None), path)
        value, text = _tensor_at(engine, names, path), f"{owner}.{function.attr}(…)"
    else:
        text = f"{owner}.{function.attr}()"
    name = ast.unparse(path)
    if value is None or value is result or not _given(value, inputs):
        return None
    if not inner and engine.look(result).numel < engine.look(value).numel:
        return None
    return Told(
        "TSC-H020", f"{text} gives another tensor, and nothing takes it: {name} is as it was.", (name,)
    )


def _tensor_at(engine: Engine, names: Scope, path: ast.expr) -> Any:
    """The tensor that `x`, `net.weight` or `p.grad` stands for; None where it is none."""
    grad = isinstance(path, ast.Attribute) and path.attr == "grad"
    value = names.at(path.value if isinstance(path, ast.Attribute) and grad else path)
    if engine.kind(value) != "tensor":
        return None
    return engine.grad(value) if grad else value


def _first_operand(argument: ast.expr) -> ast.expr | None:
    """`out` of `out`, and of `[out, x]`."""
    if isinstance(argument, ast.List | ast.Tuple) and argument.elts:
        argument = argument.elts[0]
    return argument if isinstance(argument, ast.Name | ast.Attribute) else None


def _given(value: Any, inputs: Sequence[Any]) -> bool:
    """Whether an operator's first operand is this tensor, or holds it."""
    first = inputs[0] if inputs else None
    return any(each is value for each in (first if isinstance(first, list | tuple) else (first,)))


def _works(method: str) -> bool:
    """Whether a method is called for what it does, and not for what it gives."""
    return method in UNMISSED or (method.endswith("_") and not method.endswith("__"))
