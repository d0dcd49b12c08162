"""Slips of the pen that Python takes: a method that is not called, an attribute whose name is nearly right, or that nothing
reads.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.told import Told
from tensorcli.explorer.results import plural

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

SETTABLE = ("data", "grad", "requires_grad", "real", "imag")
"""What can be set on a tensor, and means something."""
OF_PARTS = ("requires_grad", "training")
"""What a module has to be told by a method, which tells its parameters or its parts."""
OF_GROUPS = ("lr", "momentum", "weight_decay", "betas", "eps", "alpha")
"""What an optimizer keeps in its groups of parameters."""
NEAR = 0.8
"""How like another name one is that was meant to be it."""


def not_called(names: Scope, node: ast.expr) -> Told | None:
    """What is to be said of a statement that is `net.eval`; None for any other."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = names.at(node.value)
    method = getattr(type(owner), node.attr, None)
    if owner is None or isinstance(owner, type) or not callable(method) or isinstance(method, type):
        return None
    return Told(
        "TSC-H027",
        f"{ast.unparse(node)} is a method, and was not called: nothing happens.",
        (ast.unparse(node.value),),
    )


def misspelt(engine: Engine, names: Scope, target: ast.expr) -> Told | None:
    """What is to be said of `x.require_grad = True`, where tensors have no such attribute; None for any other target."""
    if not isinstance(target, ast.Attribute):
        return None
    owner, name = names.at(target.value), ast.unparse(target.value)
    if engine.kind(owner) != "tensor" or hasattr(owner, target.attr):
        return None
    meant = nearly(target.attr)
    if meant is None:
        return None
    return Told(
        "TSC-H028",
        f"{name}.{target.attr} is an attribute of its own; {name}.{meant}, which it is nearly, stays as it was.",
        (name, meant),
    )


def idle_attribute(names: Scope, statement: ast.Assign) -> Told | None:
    """What is to be said of `net.requires_grad = False`, `net.training = False` of a module with parts, `opt.lr = 0.01`: what
    they were to change stays as it was; None for any other statement.
    """
    target, value = statement.targets[0], statement.value
    if not isinstance(target, ast.Attribute) or target.attr not in (*OF_PARTS, *OF_GROUPS):
        return None
    owner, text = names.at(target.value), ast.unparse(target.value)
    groups = getattr(owner, "param_groups", None)
    if isinstance(groups, list) and not hasattr(owner, target.attr) and target.attr in groups[0]:
        old = groups[0][target.attr]
        return Told(
            "TSC-H030",
            f"{text}.{target.attr} is an attribute of its own: a step goes by {text}.param_groups, where it stays {old}.",
            (text, target.attr),
        )
    if not is_module(owner) or target.attr not in OF_PARTS:
        return None
    wanted = value.value if isinstance(value, ast.Constant) else None
    others = owner.parameters() if target.attr == "requires_grad" else list(owner.modules())[1:]
    kept = sum(getattr(each, target.attr) is not wanted for each in others)
    if not isinstance(wanted, bool) or not kept or "requires_grad" in vars(owner):
        return None
    parts = plural(kept, "parameter" if target.attr == "requires_grad" else "module")
    return Told(
        "TSC-H030",
        f"{text}.{target.attr} is set on {text} alone: {parts} of it {'keeps' if kept == 1 else 'keep'} {not wanted}.",
        (text, target.attr),
    )


def nearly(attribute: str) -> str | None:
    """What can be set on a tensor and has nearly this name; None where nothing has, or this very one."""
    near = get_close_matches(attribute, SETTABLE, 1, NEAR)
    return near[0] if near and attribute not in SETTABLE else None
