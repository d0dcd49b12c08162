"""Parameters that an optimizer was given twice, and states that a recurrent layer was given in another shape."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.trees import called_name, calls_in, receiver_of, root_name
from tensorcli.explorer.why.called import called, given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import operands

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

_HIDDEN = re.compile(r"Expected hidden(?:\[\d\])? size \(([\d, ]+)\), got \[([\d, ]+)\]")


def held_twice(case: Case) -> Story:
    """`[{'params': body.parameters()}, {'params': net.parameters()}]` of a network that has the body as a part."""
    story = given(case)
    parts = [(part, _tensors(case, case.value(part))) for part in _parts(case.inner)]
    for (earlier, first), (later, second) in combinations(parts, 2):
        both = [each for each in second if any(each is other for other in first)]
        if not both:
            continue
        names = [name for each in both[:2] if (name := case.own_name(each)) is not None]
        more = f" and {len(both) - len(names)} more" if len(both) > len(names) else ""
        text, other = case.text_of(earlier), case.text_of(later)
        story.title = (
            f"an optimizer takes each parameter once; {' and '.join(names)}{more} {'stands' if len(both) == 1 else 'stand'} in "
            f"{text} and in {other}."
        )
        alone = next((each for each in (later, earlier) if not isinstance(each, ast.Call)), None)
        if alone is not None:
            story.title = f"an optimizer takes each parameter once; {case.text_of(alone)} stands beside a list that has it."
            story.proposals.append(_left_out(case, alone))
        elif len(second) > len(both):
            story.proposals.append(_without(case, later, earlier))
        elif len(first) > len(both):
            story.proposals.append(_without(case, earlier, later))
    return story


def _without(case: Case, part: ast.expr, other: ast.expr) -> Proposal | None:
    """The parameters of one part that are not in another."""
    text = case.text_of(other)
    new = f"[p for p in {case.text_of(part)} if all(p is not q for q in {text})]"
    return case.changed([(part, new)], f"what is not in {text}")


def _left_out(case: Case, part: ast.expr) -> Proposal | None:
    """A list without one of its items."""
    for each in ast.walk(case.inner):
        if isinstance(each, ast.List) and part in each.elts:
            rest = ", ".join(case.text_of(item) for item in each.elts if item is not part)
            return case.changed([(each, f"[{rest}]")], f"{case.text_of(part)} once")
    return None


def _parts(tree: ast.AST) -> Iterator[ast.expr]:
    """What the groups of an optimizer are made of: calls of `parameters()`, and single parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and receiver_of(node) is not None and called_name(node) == "parameters":
            yield node
        elif isinstance(node, ast.List):
            yield from (each for each in node.elts if isinstance(each, ast.Attribute | ast.Name))


def _tensors(case: Case, value: Any) -> list[Any]:
    if case.engine.kind(value) == "tensor":
        return [value]
    try:
        items = list(value)
    except TypeError:
        return []
    return [each for each in items if case.engine.kind(each) == "tensor"]


def hidden_state(case: Case) -> Story:
    """A state of another shape: (layers, batch, hidden), whatever the order of the input is."""
    story = called(case)
    found = _HIDDEN.search(case.failure.message)
    if found is None:
        return story
    wanted, got = ([int(each) for each in text.split(",")] for text in found.groups())
    shape = f"({', '.join(map(str, wanted))})"
    story.title = (
        f"a state is (layers, batch, hidden size), which is {shape} here, also where batch_first=True."
    )
    found_ways: list[Proposal] = []
    names = dict.fromkeys(root_name(each.node) for each in operands(case) if list(each.look.sizes) == got)
    for name in names:
        at = None if name is None else case.bound_at(name)
        if at is None:
            continue
        tree = case.journal.tree(at)
        calls = [node for node in calls_in(tree) if _sizes(node) == got]
        changes: list[tuple[ast.AST, str]] = []
        for call in calls:
            changes.extend((size, str(new)) for size, new in zip(call.args, wanted, strict=True))
        way = case.journal.changed(at, changes, "as many layers, then the batch") if changes else None
        found_ways.extend([] if way is None else [way])
    story.proposals.extend(found_ways)
    if len(found_ways) > 1:  # the state of an LSTM is two
        story.proposals.append(case.journal.together(found_ways))
    return story


def _sizes(node: ast.Call) -> list[int]:
    """The sizes that a call is given, where all of its arguments are such."""
    values = [each.value for each in node.args if isinstance(each, ast.Constant)]
    return [each for each in values if isinstance(each, int)] if len(values) == len(node.args) else []
