"""A value that is taken apart into more or fewer parts than it has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.facts import article
from tensorcli.explorer.results import plural
from tensorcli.explorer.why.arguments import misused
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import operand, with_operand
from tensorcli.explorer.why.slips import completed

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def unpacked(case: Case) -> Story:
    """A value that has more or fewer parts than there are names for them."""
    node = case.inner
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple | ast.List):
        return _one_number(case) or misused(case)
    target = node.targets[0]
    names = f"{plural(len(target.elts), 'name')} on the left"
    found = operand(case, node.value)
    if found is None:
        value = case.value(node.value)
        title = (
            f"{case.text_of(node.value)} has {plural(len(value), 'part')}, and there are {names}."
            if hasattr(value, "__len__")
            else f"{case.text_of(node.value)} is {article(type(value).__name__)}: it has no parts for the {names}."
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


def _one_number(case: Case) -> Story | None:
    """A loop over a tensor that is one number."""
    node = case.inner
    found = operand(case, node.iter) if isinstance(node, ast.For) else None
    if found is None or found.look.sizes:
        return None
    story = given(case, f"{found.text} is one number, and has no rows to go through.")
    story.proposals = [with_operand(case, found.node, ".reshape(-1)", "a row of one number")]
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
