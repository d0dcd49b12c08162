"""Operands of the shapes (N, 1) and (N,), which broadcast to (N, N): each element of the one with each of the other."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.told import Namer, Told
from tensorcli.language.locate import current_node

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

TOTALS = ("sum", "mean")
"""Methods and functions that make one number of all elements."""
WORDS = {"mul": ("times", "times"), "sub": ("less", "less"), "rsub": ("less", "less")}
BESIDE = "each element of the one {} each of the other, not element by element."


def outer_difference(engine: Engine, name: Namer, inputs: Sequence[Any]) -> Told | None:
    """What is to be said of a difference that broadcast (N, 1) against (N,), where one of them is to be learned; None for
    any other. It is (N, N): each element of the one less each element of the other.
    """
    pair = _pair(engine, inputs)
    if pair is None or _learned(engine, pair) != 1 or _spread(node := current_node()):
        return None
    first, second, count = _texts(engine, name, node, pair)
    return Told("TSC-H012", f"{first} less {second} is {(count, count)}: {BESIDE.format('less')}")


def outer_total(
    engine: Engine,
    name: Namer,
    statement: ast.stmt | None,
    operator: str,
    inputs: Sequence[Any],
) -> Told | None:
    """What is to be said of a product with what was computed from what learns, of a comparison, or of a difference of what
    nothing learns from, of such operands, where the statement makes one number of all; None for any other.
    """
    pair = _pair(engine, inputs)
    if pair is None or _spread(node := current_node()) or not _totalled(node, statement):
        return None
    if engine.memory(pair[0]) is engine.memory(pair[1]):
        return None
    word, between = WORDS.get(operator, ("compared with", "with"))
    if between == "less" and (_learned(engine, pair) or _shaped(node)):
        return None
    if between == "times" and (
        _learned(engine, pair) != 1
        or any(engine.look(each).requires_grad and engine.look(each).is_leaf for each in pair)
    ):
        return None
    first, second, count = _texts(engine, name, node, pair)
    return Told("TSC-H012", f"{first} {word} {second} is {(count, count)}: {BESIDE.format(between)}")


def _pair(engine: Engine, inputs: Sequence[Any]) -> list[Any] | None:
    """The operands, where they are tensors of the shapes (N, 1) and (N,)."""
    tensors = [each for each in inputs[:2] if engine.kind(each) == "tensor"]
    if len(tensors) != 2:
        return None
    few, many = sorted((tuple(each.shape) for each in tensors), key=len)
    return tensors if len(few) == 1 and few[0] > 1 and many == (*few, 1) else None


def _learned(engine: Engine, pair: Sequence[Any]) -> int:
    return sum(bool(engine.look(each).requires_grad) for each in pair)


def _spread(node: ast.AST | None) -> bool:
    """Whether the expression itself says that one of the operands gets a dimension: `x[:, None]`, `x.unsqueeze(1)`."""
    return node is not None and any(
        (isinstance(each, ast.Attribute) and each.attr == "unsqueeze")
        or (isinstance(each, ast.Subscript) and "None" in ast.unparse(each.slice))
        for each in ast.walk(node)
    )


def _shaped(node: ast.AST | None) -> bool:
    """Whether the expression itself says which shape one of the operands gets: who writes that may want all pairs."""
    return node is not None and any(
        isinstance(each, ast.Attribute) and each.attr in ("view", "reshape") for each in ast.walk(node)
    )


def _totalled(node: ast.AST | None, statement: ast.stmt | None) -> bool:
    """Whether the statement makes one number of an expression: by `(a == b).sum()`, by `torch.mean(a * b)`."""
    if node is None or statement is None:
        return False
    for each in ast.walk(statement):
        if (
            not isinstance(each, ast.Call)
            or not isinstance(each.func, ast.Attribute)
            or each.func.attr not in TOTALS
        ):
            continue
        of_torch = ast.unparse(each.func.value) == "torch"
        of = each.args[0] if of_torch and each.args else each.func.value
        rest = each.args[1:] if of_torch else each.args
        if not rest and not each.keywords and any(part is node for part in ast.walk(of)):
            return True
    return False


def _texts(engine: Engine, name: Namer, node: ast.AST | None, pair: Sequence[Any]) -> tuple[str, str, int]:
    """Both operands as they are written, with their shapes, and N."""
    parts: tuple[Any, Any] = (None, None)
    if isinstance(node, ast.BinOp):
        parts = (node.left, node.right)
    elif isinstance(node, ast.Compare):
        parts = (node.left, node.comparators[0])
    first, second = (
        f"{ast.unparse(part) if part else name(each) or 'a tensor'} {engine.look(each).sizes}"
        for part, each in zip(parts, pair, strict=True)
    )
    return first, second, engine.look(pair[0]).sizes[0]
