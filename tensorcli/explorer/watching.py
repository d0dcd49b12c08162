"""What `watch` follows: values that are read without any effect, and compared with what they were."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.entries import Entry
from tensorcli.explorer.facts import fingerprint, short_text, text_of_elements
from tensorcli.explorer.names import path_root
from tensorcli.explorer.results import Watched

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def changed(session: Session) -> Iterator[Watched]:
    """What is followed and was changed since it was read last."""
    for text, (tree, before) in session.watched.items():
        after = peek(session, tree)
        if after != before:
            session.watched[text] = (tree, after)
            unseen = ", changed where it is not shown" if after.text == before.text else ""
            yield Watched(text, before.text, after.text + unseen)


def can_watch(session: Session, tree: ast.expr) -> bool:
    """Whether an expression is one whose value can be read without any effect."""
    if _reached(session, tree) is not None:
        return True
    if isinstance(tree, ast.Subscript):
        inside = [node for node in ast.walk(tree.slice) if isinstance(node, ast.expr)]
        plain = (ast.Constant, ast.Slice, ast.Tuple, ast.UnaryOp)
        return can_watch(session, tree.value) and all(isinstance(node, plain) for node in inside)
    if isinstance(tree, ast.Attribute):
        facts = ("grad", "requires_grad", "_version", "shape", "is_leaf")
        return tree.attr in facts and can_watch(session, tree.value)
    return isinstance(tree, ast.Name)


def _reached(session: Session, tree: ast.expr) -> Entry | None:
    """The tensor of a path that leads through other things than containers, such as a network: nothing of it is asked."""
    path = ast.unparse(tree)
    if session.observation is None:
        return None
    root = session.observation.index.roots.get(path_root(path))
    key = None if root is None else root.found.get(path)
    return None if key is None else session.observation.index.entries.get(key)


class Peeked(NamedTuple):
    """What is watched, at one moment: its text, and a number that differs where elements do that the text leaves out."""

    text: str
    content: int = 0


def peek(session: Session, tree: ast.expr) -> Peeked:
    """The value of what is watched, read without any effect."""
    try:
        value = _peek(session, tree)
    except (KeyError, IndexError, TypeError, ValueError):
        return Peeked("not bound")
    if isinstance(value, _Elements):
        dtype, elements = value
        return Peeked(text_of_elements(session.engine, elements, dtype), fingerprint(elements))
    if session.engine.kind(value) in ("tensor", "ndarray"):
        return Peeked(session.engine.text(value), fingerprint(session.engine.elements(value)))
    return Peeked(short_text(session.engine, value))


class _Elements(tuple[str, Any]):
    """PyTorch's dtype (empty for numpy's), and elements of a tensor."""

    __slots__ = ()


def _peek(session: Session, tree: ast.expr) -> Any:
    engine = session.engine
    if isinstance(tree, ast.Name):
        return session.names[tree.id]
    reached = _reached(session, tree)
    if reached is not None:
        return reached.value
    if isinstance(tree, ast.Attribute):
        owner = _peek(session, tree.value)
        if engine.kind(owner) != "tensor":
            raise ValueError(tree.attr)
        look = engine.look(owner)
        facts = {
            "_version": look.version,
            "requires_grad": look.requires_grad,
            "shape": look.sizes,
            "is_leaf": look.is_leaf,
        }
        return engine.grad(owner) if tree.attr == "grad" else facts[tree.attr]
    assert isinstance(tree, ast.Subscript)
    owner = _peek(session, tree.value)
    index = session.value_of(tree.slice)
    if isinstance(owner, _Elements):
        return _Elements((owner[0], owner[1][index]))
    if engine.kind(owner) in ("tensor", "ndarray"):
        import numpy as np

        dtype = engine.look(owner).dtype if engine.kind(owner) == "tensor" else ""
        return _Elements((dtype, np.asarray(engine.elements(owner)[index])))
    return owner[index]
