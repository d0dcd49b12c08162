"""Writes through one of several views that one call gave (unbind, split, chunk, iteration), which PyTorch refuses."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Event
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.out_of_place import out_of_place
from tensorcli.explorer.why.refused import written

if TYPE_CHECKING:
    from tensorcli.explorer.trace import Made, Traced


def multi_output(case: Case) -> Story:
    """One of several views of one call is written."""
    _, text, _ = written(case)
    target, _ = case.write_target()
    tensor = case.tensor(target)
    found = re.search(r"Output (\d+) of (\w+?)(?:Backward\d*)? is a view", case.failure.message)
    number, operator = (int(found.group(1)), found.group(2).lower()) if found else (0, "a call")
    what, events = f"output {number} of {operator}", list[Event]()
    made = case.made(tensor) if tensor is not None else _last_of(case, operator)
    if made is not None:
        what, events = _origin(case, made, text, number, operator)
    story = Story(
        f"{text} is {what}: a write through one of several views cannot be recorded. "
        "Through a view that a call gives alone (x[0], a slice, t) it can.",
        [*events, case.raised(f"writes {text} in place")],
    )
    if tensor is None or target is None:
        return story
    base = case.engine.base(tensor)
    whole = None if base is None else case.own_name(base)
    kept = f"a new tensor; {whole} keeps its values" if whole else "a new tensor"
    alone = _alone(case, tensor)
    loop = case.tree
    if isinstance(loop, ast.For):
        story.proposals.append(_by_index(case, loop, text))
    elif alone is not None:
        story.proposals.append(
            case.changed([(target, alone)], "the same elements, through a view of their own")
        )
    story.proposals.extend(out_of_place(case, kept))
    if isinstance(target, ast.Name) and case.bound(text) is not None:
        story.proposals.append(case.before(f"{text} = {text}.clone()", "write into a copy"))
    return story


def _origin(
    case: Case, made: tuple[Traced, Made], text: str, number: int, operator: str
) -> tuple[str, list[Event]]:
    """What the written tensor is, and where it and its siblings were made. A view of one of several is as they are."""
    step, one = _one_of_several(case, *made) or made
    several = _beside(case, step, one)
    gave = f"gave {several} views of one storage"
    if one is made[1]:
        told = f"{operator} {gave}; {text} is output {number}"
        event = case.event(step.number - 1, told, "made", node=one.node_at)
        of = f" of {several}" if several > 1 else ""
        return f"output {number}{of} of {operator} (line {event.line})", [event]
    event = case.event(step.number - 1, f"{one.operator} {gave}", "made", node=one.node_at)
    view = case.event(made[0].number - 1, f"{text} is a view of one of them", "made", node=made[1].node_at)
    return f"a view of one of the {several} outputs of {one.operator} (line {event.line})", [event, view]


def _by_index(case: Case, loop: ast.For, name: str) -> Proposal | None:
    """`for row in x: row *= 2` as a loop over indices, that takes each row alone."""
    if not isinstance(loop.target, ast.Name) or loop.target.id != name or not isinstance(loop.iter, ast.Name):
        return None
    uses = [
        node
        for each in loop.body
        for node in ast.walk(each)
        if isinstance(node, ast.Name) and node.id == name
    ]
    taken = {node.id for node in ast.walk(loop) if isinstance(node, ast.Name)} | set(case.trace.session.names)
    index = next(each for each in ("i", "j", "k", "n", f"{name}_index") if each not in taken)
    whole = loop.iter.id
    changes: list[tuple[ast.AST, str]] = [(loop.target, index), (loop.iter, f"range(len({whole}))")]
    changes.extend((node, f"{whole}[{index}]") for node in uses)
    found = case.journal.changed(case.at, changes, f"each a view of {whole} of its own")
    return None if found is None else replace(found, shows=whole)


def _last_of(case: Case, operator: str) -> tuple[Traced, Made] | None:
    """The last call of an operator that gives several views."""
    for step in reversed(case.trace.steps):
        for one in reversed(step.made):
            if one.operator == operator:
                return step, one
    return None


def _one_of_several(case: Case, step: Traced, one: Made) -> tuple[Traced, Made] | None:
    """The call that gave several views, of one of which this is a view, or a view of a view."""
    while _beside(case, step, one) < 2:
        found = next(
            (
                (each, made)
                for each in reversed(case.trace.steps[: step.number])
                for made in reversed(each.made)
                if one.inputs and made.tensor == one.inputs[0] and made is not one
            ),
            None,
        )
        if found is None:
            return None
        step, one = found
    return step, one


def _beside(case: Case, step: Traced, one: Made) -> int:
    """How many outputs the call gave that gave this one."""
    ran = step.made[: case.heard] if step is case.failing else step.made
    return sum(
        each.operator == one.operator and each.inputs == one.inputs and each.node_at is one.node_at
        for each in ran
    )


def _alone(case: Case, tensor: Any) -> str | None:
    """An index of the tensor that this one of several views was taken of, which gives the same elements."""
    engine = case.engine
    parent = engine.parent(tensor)
    name = None if parent is None else case.own_name(parent)
    if name is None or not name.isidentifier():
        return None
    whole, part = engine.look(parent), engine.look(tensor)
    gap = part.offset - whole.offset
    for dimension, (size, stride) in enumerate(zip(whole.sizes, whole.strides)):
        lead = ":, " * dimension
        rest = (
            whole.sizes[:dimension] + whole.sizes[dimension + 1 :],
            whole.strides[:dimension] + whole.strides[dimension + 1 :],
        )
        if not stride or gap % stride or not 0 <= gap // stride < size:
            continue
        at = gap // stride
        if (part.sizes, part.strides) == rest:
            return f"{name}[{lead}{at}]"
        others = part.sizes[:dimension] + part.sizes[dimension + 1 :]
        if part.strides == whole.strides and others == rest[0] and part.sizes[dimension] < size:
            return f"{name}[{lead}{at}:{at + part.sizes[dimension]}]"
    return None
