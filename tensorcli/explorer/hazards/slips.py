"""Slips of the pen that Python takes: a method that is not called, an attribute whose name is nearly right."""

from __future__ import annotations

import ast
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tensorcli.explorer.hazards.told import Told

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

SETTABLE = ("data", "grad", "requires_grad", "real", "imag")
"""What can be set on a tensor, and means something."""
NEAR = 0.8
"""How like another name one is that was meant to be it."""


def not_called(names: Scope, node: ast.expr) -> Told | None:
    """What is to be said of a statement that is `net.eval`; None for any other."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    owner = names.get(node.value.id)
    method = getattr(type(owner), node.attr, None)
    if owner is None or isinstance(owner, type) or not callable(method) or isinstance(method, type):
        return None
    return Told(f"{ast.unparse(node)} is a method, and was not called: nothing happens.", (node.value.id,))


def misspelt(engine: Engine, names: Scope, target: ast.expr) -> Told | None:
    """What is to be said of `x.require_grad = True`, where tensors have no such attribute; None for any other target."""
    if not isinstance(target, ast.Attribute) or not isinstance(target.value, ast.Name):
        return None
    owner, name = names.get(target.value.id), target.value.id
    if engine.kind(owner) != "tensor" or hasattr(owner, target.attr):
        return None
    meant = nearly(target.attr)
    if meant is None:
        return None
    return Told(
        f"{name}.{target.attr} is an attribute of its own; {name}.{meant}, which it is nearly, stays as it was.",
        (name, meant),
    )


def nearly(attribute: str) -> str | None:
    """What can be set on a tensor and has nearly this name; None where nothing has, or this very one."""
    near = get_close_matches(attribute, SETTABLE, 1, NEAR)
    return near[0] if near and attribute not in SETTABLE else None
