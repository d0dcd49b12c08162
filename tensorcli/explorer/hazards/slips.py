"""Slips of the pen that Python takes: a method that is not called, a context that nothing enters, an attribute whose name is
nearly right, or that nothing reads, a sign on the wrong side of `=`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
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
CONTEXTS = ("no_grad", "enable_grad", "inference_mode", "autocast", "detect_anomaly", "fork_rng")
"""What holds within a with statement alone, or in a function that it decorates."""
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


def shown_methods(names: Scope, call: ast.Call) -> Iterator[tuple[Told, ast.expr]]:
    """What is to be said of `print(loss.item)` and `print(f'{loss.item}')`, and where."""
    for argument in call.args:
        parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
        for part in parts:
            node = part.value if isinstance(part, ast.FormattedValue) else part
            told = not_called(names, node)
            if told is not None and isinstance(node, ast.Attribute):
                text = f"{ast.unparse(node)} is a method, and was not called: the method itself is shown."
                yield told._replace(text=text), node


def idle_context(names: Scope, call: ast.Call) -> Told | None:
    """What is to be said of a statement that is `torch.no_grad()`; None for a call of anything else."""
    function = call.func
    if isinstance(function, ast.Name):
        if not hasattr(names.get(function.id), "__enter__") and names.get(function.id) is not None:
            return None  # a function of the script's own
    elif not isinstance(function, ast.Attribute) or not _is_of_torch(function.value):
        return None
    text = f"{ast.unparse(function)}()"
    return Told(
        "TSC-H041",
        f"{text} stands alone, and nothing enters it: what follows runs as before. It holds in a with statement.",
        (text,),
    )


def _is_of_torch(node: ast.expr) -> bool:
    """Whether an expression is `torch`, or `torch.amp`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "torch"


def sign_of_the_value(names: Scope, statement: ast.stmt, text: str) -> Told | None:
    """What is to be said of `w =- lr * g` and `total =+ loss`, in this text, where the target is bound already; None for any
    other statement.
    """
    sign = sign_in(statement, text)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if sign is None or target is None or (isinstance(target, ast.Name) and names.get(target.id) is None):
        return None
    name = ast.unparse(target)
    does = "adds to" if sign == "+" else "subtracts from"
    is_meant = f"{name} {sign}= … {does} it"
    return Told(
        "TSC-H042",
        f"={sign} assigns: the sign belongs to the value, and {name} loses what it was. {is_meant}.",
        (name,),
    )


def sign_in(statement: ast.stmt, text: str) -> str | None:
    """`-` of `w =- lr * g` in this text; None of any other statement, `w = -lr * g` and `w =-1` among them."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) > 1:
        return None
    target, value = statement.targets[0], statement.value
    first = value
    while isinstance(first, ast.BinOp):
        first = first.left
    # The text is long, and looked at only where a space follows the sign.
    if (
        not isinstance(first, ast.UnaryOp)
        or not target.end_lineno == value.lineno == first.operand.lineno
        or first.operand.col_offset - first.col_offset < 2
    ):
        return None
    lines = text.split("\n")
    if value.lineno > len(lines):
        return None
    behind = lines[value.lineno - 1].encode()[target.end_col_offset :].lstrip()
    sign = behind[1:2].decode(errors="replace")
    return sign if behind[:1] == b"=" and sign in ("+", "-") and behind[2:3] in (b" ", b"\t") else None


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
