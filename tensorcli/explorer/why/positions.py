"""Dimensions, and positions in them, that are not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.results import plural
from tensorcli.explorer.why.called import fits, given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import operand

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

_DIMENSION = re.compile(r"expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)")
_POSITION = re.compile(r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)")


def positions(case: Case) -> Story:
    """A dimension, or a position in one, that is not there."""
    message = case.failure.message
    node = case.expression()
    dimension, position = _DIMENSION.search(message), _POSITION.search(message)
    title = ""
    tries: list[tuple[int, str]] = []
    wrong = None
    if dimension is not None:
        least, most, wrong = map(int, dimension.groups())
        title = f"There is no dimension {wrong}: dimensions are counted from 0 to {most}, or from the end, {least} to -1."
        tries = [(d, f"dimension {d}") for d in range(most, -1, -1)]
    elif position is not None:
        wrong, number, size = map(int, position.groups())
        where = _indexed(case, node, wrong, number, size)
        dimension_words = "The dimension that is indexed" if where is None else f"Dimension {where}"
        title = f"{dimension_words} has {plural(size, 'position')}" + (
            f", 0 to {size - 1} or from the end -{size} to -1; {wrong} is none of them."
            if size
            else "; there is nothing in it."
        )
        tries = [(size - 1, "the last one")] if size else []
    elif isinstance(node, ast.Subscript) and isinstance(found := case.value(node.value), list | tuple):
        position_asked, size = case.value(node.slice), len(found)
        wrong = position_asked if type(position_asked) is int else None
        title = f"{case.text_of(node.value)} has {plural(size, 'item') if size else 'no items'}"
        title += f", 0 to {size - 1} or from the end -{size} to -1" if size else ""
        title += "." if wrong is None or not size else f"; {wrong} is none of them."
        tries = [(size - 1, "the last one")] if size else []
    story = given(case, title)
    constants = [] if wrong is None else [each for each in ast.walk(node) if _is_number(each, wrong)]
    story.proposals = [case.changed([(each, str(new))], note) for each in constants for new, note in tries]
    if not constants:
        story.proposals = [*_fewer(case, node), *fits(case)]
    return story


def _indexed(case: Case, node: ast.AST, wrong: int, number: int, size: int) -> int | None:
    """The dimension that a message means with its number: of an index tensor, PyTorch counts the index tensors alone.

    None where it cannot be said.
    """
    if not isinstance(node, ast.Subscript):
        return number
    found = operand(case, node.value)
    if found is None:
        return None
    sizes = found.look.sizes
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    covers = [_covers(case, each) for each in parts]
    at = 0
    tensors: list[int] = []
    for part, (dimensions, is_tensor) in zip(parts, covers, strict=True):
        if isinstance(part, ast.Constant) and part.value is ...:
            at += len(sizes) - sum(count for count, _ in covers)
        elif is_tensor:
            tensors.extend(range(at, at + dimensions))
        elif dimensions and at == number and case.value(part) == wrong:
            return number
        at += dimensions
    where = tensors[number] if number < len(tensors) else None
    return where if where is not None and where < len(sizes) and sizes[where] == size else None


def _covers(case: Case, part: ast.expr) -> tuple[int, bool]:
    """How many dimensions a part of an index covers, and whether it is an index tensor."""
    if isinstance(part, ast.Slice):
        return 1, False
    value = case.value(part)
    if value is None or value is ...:
        return 0, False
    found = operand(case, part)
    if found is not None:
        sizes, is_mask = found.look.sizes, found.look.dtype == "bool"
    elif isinstance(value, bool):
        return 0, False
    else:
        import numpy as np

        array = np.asarray(value)
        sizes, is_mask = array.shape, array.dtype == np.bool_
    return (len(sizes) if is_mask else 1), bool(sizes)


def _is_number(node: ast.AST, number: int) -> bool:
    return isinstance(node, ast.Constant | ast.UnaryOp) and ast.unparse(node) == str(number)


def _fewer(case: Case, node: ast.AST) -> Iterator[Proposal | None]:
    """An index of fewer dimensions."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        found = operand(case, node.value)
        if found is not None and found.look.sizes and len(node.slice.elts) > len(found.look.sizes):
            kept = ", ".join(map(case.text_of, node.slice.elts[: len(found.look.sizes)]))
            yield case.changed([(node.slice, kept)], "an index for each dimension")
    elif isinstance(node, ast.Subscript):
        found = operand(case, node.value)
        if found is not None and not found.look.sizes:
            yield case.changed([(node, f"{case.text_of(node.value)}.item()")], "it is one number already")


def backwards(case: Case) -> Story:
    """A slice that steps backwards."""
    story = given(case)
    node = case.expression()
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        text = case.text_of(node.value)
        turned = [
            d
            for d, each in enumerate(parts)
            if isinstance(each, ast.Slice)
            and each.lower is each.upper is None
            and each.step is not None
            and case.value(each.step) == -1
        ]
        if len(turned) == len(parts):
            dims = ", ".join(map(str, turned))
            story.proposals.append(
                case.changed([(node, f"{text}.flip({dims})")], "a copy in the other order")
            )
    return story
