"""Calls at the wrong time: gradients clipped before there are any or after they were applied, dropout in evaluation."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

CLIPS = ("clip_grad_norm_", "clip_grad_value_")
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
APPLIED = "a step has applied already"
"""What is said of gradients that are clipped too late, by which it is known when it is told."""
FUNCTIONAL = ("F", "functional", "nn.functional", "torch.nn.functional")


def clipped(engine: Engine, names: Scope, call: ast.Call) -> list[Any]:
    """The leaves whose gradients a call clips, as far as they can be told."""
    return _parameters(engine, names, call.args[0]) if call.args else []


def idle_clip(engine: Engine, call: ast.Call, leaves: Sequence[Any], applied: Collection[int]) -> Told | None:
    """What is to be said of a call that clips gradients of which there are none yet, or which a step has applied; None for any
    other. `applied`: the leaves whose gradient was, by their identity.
    """
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    having = [leaf for leaf in leaves if engine.grad(leaf) is not None]
    of = ast.unparse(call.args[0]) if call.args else ""
    if leaves and not having:
        return Told(
            "TSC-H033",
            f"{name}() finds no gradient in {of}: it comes before the pass that makes them.",
            (of,),
        )
    if having and all(id(leaf) in applied for leaf in having):
        return Told(
            "TSC-H033", f"{name}() clips gradients that {APPLIED}: it changes nothing any more.", (of,)
        )
    return None


def _parameters(engine: Engine, names: Scope, node: ast.expr) -> list[Any]:
    """The tensors that `net.parameters()`, the name of a tensor or of a list, or a list of names stands for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parameters":
        module = names.at(node.func.value)
        return list(module.parameters()) if is_module(module) and not node.args else []
    if isinstance(node, ast.List | ast.Tuple):
        value: Any = [names.at(each) for each in node.elts]
    else:
        value = names.at(node)
        if value is not None and engine.kind(value) == "tensor":
            return [value]
    if not isinstance(value, list | tuple) or any(engine.kind(each) != "tensor" for each in value):
        return []
    return list(value)


def dropout_in_evaluation(names: Scope, node: ast.AST | None) -> Told | None:
    """What is to be said of `F.dropout(x)` where all modules are in evaluation mode; None for any other expression."""
    function = node.func if isinstance(node, ast.Call) else None
    if (
        not isinstance(node, ast.Call)
        or not isinstance(function, ast.Attribute)
        or function.attr not in DROPOUTS
    ):
        return None
    if ast.unparse(function.value) not in FUNCTIONAL or len(node.args) > 2:
        return None
    if any(each.arg in ("training", None) for each in node.keywords):
        return None
    modules = [(name, value) for name, value in names.items() if is_module(value)]
    if not modules or any(module.training for _, module in modules):
        return None
    text, name = ast.unparse(function), modules[0][0]
    return Told(
        "TSC-H034",
        f"{text}() drops although {name} is in evaluation mode: a function knows of no mode, and training=True is its default.",
        (name,),
    )
