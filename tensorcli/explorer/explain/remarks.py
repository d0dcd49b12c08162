"""What an explanation adds where it applies: why a repr looks as it does, what a legacy constructor reads, where a gradient
arrives, which elements share one place in memory.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.memory import shared_places
from tensorcli.explorer.results import Section, plural

if TYPE_CHECKING:
    from tensorcli.explorer.explain.rules import Operand
    from tensorcli.explorer.session import Session

LEAVES = 3
"""At most this many leaves are named."""


def printing(session: Session, value: Any) -> Section | None:
    """Why a tensor prints as it does."""
    if session.engine.kind(value) != "tensor":
        return None
    rows = tuple(session.engine.printed(value))
    return Section("how it prints", rows) if rows else None


def landing(session: Session, value: Any) -> str:
    """Where a backward pass leaves the gradient of a computed tensor; empty for a leaf."""
    engine = session.engine
    look = engine.look(value)
    if look.kind != "tensor" or look.is_leaf or not look.requires_grad:
        return ""
    names: dict[str, None] = {}
    for node in nodes_below(engine, engine.node(value), 1000):
        variable = engine.variable(node)
        if variable is not None:
            observation = session.observation
            name = None if observation is None else observation.index.name(variable)
            names[f"{name}.grad" if name else "the .grad of a leaf without a name"] = None
    if not names:
        return ""
    listed = " and ".join(list(names)[:LEAVES]) + (", …" if len(names) > LEAVES else "")
    own = (
        ", and not into its own .grad"
        if not engine.retains_grad(value)
        else " and into its own (retain_grad)"
    )
    return f"it is not a leaf: a backward pass puts gradients into {listed}{own}"


class Legacy(NamedTuple):
    """What a legacy constructor made of its arguments: a sentence, and what says it without doubt."""

    verdict: str
    instead: Section | None


def legacy(session: Session, tree: ast.AST, operands: list[Operand], result: Any) -> Legacy | None:
    """`torch.Tensor(3)`: whether its arguments were read as sizes; None for another call."""
    engine = session.engine
    if not isinstance(tree, ast.Call) or engine.kind(result) != "tensor":
        return None
    function = tree.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if not name.endswith("Tensor") or name == "as_tensor":
        return None
    typed = ", ".join(each.text for each in operands)
    look = engine.look(result)
    numbers = [each.value for each in operands]
    if numbers and all(type(each) is int for each in numbers) and tuple(numbers) == look.sizes:
        what = "a size, not a value" if len(numbers) == 1 else "sizes, not values"
        made = plural(look.numel, "element")
        verdict = (
            f"reads {typed} as {what} (legacy constructor): {look.summary}, {made}, uninitialised (zero here)"
        )
        dot = "." if look.dtype in ("float32", "float64", "float16", "bfloat16") else ""
        values = ", ".join(f"{each}{dot}" for each in numbers)
        default = str(session.modules["torch"].members["get_default_dtype"]())
        dtype = "" if default == f"torch.{look.dtype}" else f", dtype=torch.{look.dtype}"
        tries = (
            f"torch.tensor({values if len(numbers) == 1 else f'[{values}]'})",
            f"torch.empty({typed}{dtype})",
        )
        return Legacy(verdict, Section("instead", tuple(_tried(session, tries))))
    if len(operands) == 1 and operands[0].look is None and isinstance(numbers[0], list | tuple):
        verdict = f"reads {typed} as values, all of them as {look.dtype} (legacy constructor): {look.sizes}"
        return Legacy(verdict, Section("instead", tuple(_tried(session, (f"torch.tensor({typed})",)))))
    return None


def _tried(session: Session, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    rows = []
    for text in texts:
        with session.hearing:
            found = session.value_of(ast.parse(text, mode="eval").body)
        look = session.engine.look(found)
        if text.startswith("torch.empty"):
            said = f"{look.summary}, and says that it is uninitialised"
        else:
            said = f"{look.summary}: {session.engine.text(found)}"
        rows.append((text, said))
    return rows


def places(session: Session, text: str, value: Any) -> Section | None:
    """Which elements of a tensor are one place in memory."""
    engine = session.engine
    found = shared_places(engine.walk(value), max(engine.look(value).itemsize, 1))
    if not found:
        return None
    where = session.allocations.name(engine.look(value).memory) or "its storage"
    return Section(
        f"elements of {text} that are one place",
        tuple((f"slot {slot} of {where}", indices) for slot, indices in found),
    )
