"""The arguments of commands: their values, and their texts as typed."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.names import name_of
from tensorcli.explorer.observe import parents
from tensorcli.language.syntax import Argument, CommandCall, Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

STORAGE_ID = re.compile(r"s[1-9]\d*$")


def argument(session: Session, invocation: Invocation, name: str) -> tuple[Any, str]:
    """The value of an argument, and its text as typed. `s2` is an allocation where no such name is bound."""
    found = next((each for each in invocation.arguments if each.name == name), None)
    assert found is not None
    assert isinstance(found.value, ast.expr)
    text = typed(session, invocation, found)
    tree = found.value
    if isinstance(tree, ast.Name) and tree.id not in session.names and STORAGE_ID.match(tree.id):
        allocation = session.allocations.named(tree.id)
        if allocation is not None:
            return allocation, tree.id
        raise NameError(f"there is no storage {tree.id}", name=tree.id)
    return session.value_of(tree), text


def typed(session: Session, invocation: Invocation, found: Argument) -> str:
    """An argument as it was typed, on one line."""
    return " ".join(found.span.text(text_around(session, invocation)).split()) or "value"


def text_around(session: Session, invocation: Invocation) -> str:
    """The text that a command stands in: that of the statement that runs, or of one that defined a function."""
    if session.evaluator.asking in (None, session.evaluator.frame):
        return session.text
    return session.text_with(
        lambda node: isinstance(node, CommandCall) and node.invocation is invocation, session.text
    )


def named_base(session: Session, tensor: Any) -> str:
    """What a view is a view of: its name, else the storage that it lies in."""
    name = named(session, tensor)
    return f"a temporary in {name}" if STORAGE_ID.match(name) and name not in session.names else name


def named_parent(session: Session, view: Any) -> str:
    """What a view was taken of: the nearest that has a name, for what stands between was in nobody's hands."""
    observation = session.observation
    above = list(parents(session.engine, view))
    known = (each for each in above if observation is not None and observation.index.entry(each) is not None)
    return named_base(session, next(known, above[0]))


def named(session: Session, tensor: Any) -> str:
    """The name of a tensor; `(temporary)` where it has none."""
    if session.observation is None:
        return "(temporary)"
    return name_of(session.engine, session.observation.index, session.allocations, tensor) or "(temporary)"


def node_text(session: Session, node: Any) -> str:
    """The name of a node; with its leaf, where it is an AccumulateGrad, else with the line of the statement that made it."""
    variable = session.engine.variable(node)
    name = session.engine.node_name(node)
    if variable is not None:
        return f"{name} ({named(session, variable)})"
    observation = session.observation
    origin = None if observation is None else observation.origins.of(session.engine.sequence(node))
    return name if origin is None else f"{name} (line {origin.line})"
