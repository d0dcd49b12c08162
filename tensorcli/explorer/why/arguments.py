"""A call whose arguments are not those of the function, a name that is not there, a result that is taken apart wrongly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.facts import plural
from tensorcli.explorer.why.called import fits, given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import operand
from tensorcli.explorer.why.parameters import against, close
from tensorcli.explorer.why.slips import completed, is_result, slips

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

_ELEMENT = re.compile(r"expected Tensor as element (\d+) in argument \d+, but got (\w+)")
_WRONG_KIND = re.compile(r"argument '(\w+)'(?: \(position \d+\))? must be ([^,]+), not ([\w.]+)$")


def arguments(case: Case) -> Story:
    """What the function takes, against what the call gives."""
    node = case.expression()
    title = _of_call(case, node) if isinstance(node, ast.Call) else ""
    story = given(case, title)
    story.proposals = [*slips(case)]
    return story


def misused(case: Case) -> Story:
    """A value that is used as one of another kind: a method that was not called, a list as a tensor."""
    node = case.expression()
    title = ""
    for part in _used(node):
        value, text = case.value(part), case.text_of(part)
        if callable(value) and hasattr(value, "__self__") and not isinstance(node, ast.Call):
            title = f"{text} is a method here, which was not called."
        elif isinstance(node, ast.Call) and value is not None and not callable(value):
            title = f"{text} is {article(type(value).__name__)}: it is read, not called."
        elif is_result(value):
            title = f"{text} is a tuple of {plural(len(value), 'result')}, not one tensor."
        if title:
            break
    if not title and isinstance(node, ast.BinOp):
        left, right = (
            f"{case.text_of(part)} is {article(type(case.value(part)).__name__)}"
            for part in (node.left, node.right)
        )
        title = f"{left}, {right}: the operator is not there for the two."
    story = given(case, title)
    story.proposals = [*slips(case)]
    return story


def attribute(case: Case) -> Story:
    """A name that a value does not have."""
    node = case.expression()
    owner = case.value(node.value) if isinstance(node, ast.Attribute) else None
    if isinstance(node, ast.Call):
        return arguments(case)  # it was in the function's own lines that the name was missing
    if owner is None or not isinstance(node, ast.Attribute):
        return misused(case)
    text = case.text_of(node.value)
    if (callable(owner) and hasattr(owner, "__self__")) or isinstance(owner, tuple):
        return misused(case)
    names = case.trace.session.attributes_of(owner)
    near = close(node.attr, names)[:3]
    title = f"{text} has no attribute {node.attr}" + (f"; it has {' and '.join(near)}." if near else ".")
    story = given(case, title)
    story.proposals = [*slips(case)]
    return story


def _used(node: ast.AST) -> list[ast.expr]:
    """The parts of an expression whose kind decides what can be done with them."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.Call):
        return [node.func]
    if isinstance(node, ast.Attribute | ast.Subscript):
        return [node.value]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return []


# ---- a call against the signatures


def _of_call(case: Case, node: ast.Call) -> str:
    """What is wrong with a call, in a sentence; empty where that cannot be said."""
    callee = f"{case.text_of(node.func)}()"
    message = case.failure.message.partition("\n")[0]
    element = _ELEMENT.search(message)
    if element is not None:
        place, kind = element.groups()
        return f"Element {place} of what {callee} was given is {article(kind)}, and is to be a Tensor."
    wrong = _WRONG_KIND.search(message)
    found = against(case, node)
    if found is None:
        return ""
    takes = f"it takes {found.shown}"
    if found.unknown:
        return f"{callee} has no argument {found.unknown[0]}: {takes}."
    if found.extra:
        return f"{callee} was given {plural(len(node.args), 'argument')} by position: {takes}."
    if found.missing:
        return f"{callee} was not given {' and '.join(found.missing)}: {takes}."
    if found.twice:
        return f"{callee} was given {found.twice[0]} twice, by position and by name."
    if wrong is not None:
        name, wanted, got = wrong.groups()
        return f"{callee} takes {article(wanted)} as {name}, and was given {article(got.rpartition('.')[2])}."
    return f"{callee} does not take values of these kinds: {takes}."


def article(noun: str) -> str:
    """`an int`"""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


# ---- several names


def unpacked(case: Case) -> Story:
    """A value that has more or fewer parts than there are names for them."""
    node = case.inner
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple | ast.List):
        return misused(case)
    target = node.targets[0]
    names = f"{plural(len(target.elts), 'name')} on the left"
    found = operand(case, node.value)
    if found is None:
        value = case.value(node.value)
        title = (
            f"{case.text_of(node.value)} has {plural(len(value), 'part')}, and there are {names}."
            if hasattr(value, "__len__")
            else ""
        )
    elif not found.look.sizes:
        title = f"{found.text} is one number: it has no rows for the {names}."
    else:
        rows = "row" if len(found.look.sizes) > 1 else "element"
        title = (
            f"{found.text} {found.look.sizes} has {plural(found.look.sizes[0], rows)}, and there are {names}."
        )
    story = given(case, title)
    story.proposals = [*_unpackings(case, node, target)]
    return story


def _unpackings(case: Case, node: ast.Assign, target: ast.Tuple | ast.List) -> Iterator[Proposal | None]:
    """The value with as many parts as there are names, or as many names as there are parts."""
    if isinstance(node.value, ast.Call):
        for each in completed(case, node.value):
            yield case.changed([(each.node, each.source)], each.note)
    found = operand(case, node.value)
    count = len(target.elts)
    texts = [case.text_of(each) for each in target.elts]
    if found is not None:
        for d, size in enumerate(found.look.sizes):
            if d and size == count:
                yield case.changed([(node.value, f"{found.text}.unbind({d})")], f"along dimension {d}")
    value = case.value(node.value)
    have = found.look.sizes[:1] if found is not None else (len(value),) if hasattr(value, "__len__") else ()
    if have and 0 < have[0] < count:
        yield case.changed([(target, ", ".join(texts[: have[0]]))], "a name for each part")
    if have and have[0] > count and count > 1:
        yield case.changed(
            [(target, ", ".join([*texts[:-1], f"*{texts[-1]}"]))], f"{texts[-1]} is a list of the rest"
        )
        if have[0] - count < 3:
            yield case.changed(
                [(target, ", ".join([*texts, *["_"] * (have[0] - count)]))], "a name for each part"
            )


# ---- positions and dimensions

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
        wrong, where, size = map(int, position.groups())
        title = f"Dimension {where} has {plural(size, 'position')}" + (
            f", 0 to {size - 1} or from the end -{size} to -1; {wrong} is none of them."
            if size
            else "; there is nothing in it."
        )
        tries = [(size - 1, "the last one")] if size else []
    story = given(case, title)
    constants = [] if wrong is None else [each for each in ast.walk(node) if _is_number(each, wrong)]
    story.proposals = [case.changed([(each, str(new))], note) for each in constants for new, note in tries]
    if not constants:
        story.proposals = [*_fewer(case, node), *fits(case)]
    return story


def _is_number(node: ast.AST, number: int) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return (
            isinstance(node.operand, ast.Constant)
            and type(node.operand.value) is int
            and -node.operand.value == number
        )
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == number


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
