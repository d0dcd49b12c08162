"""Functions with a gradient of the script's own: gradients that are missing, or for what has none, and calls of the class in the
place of `apply`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import behind

_COUNTED: Final = re.compile(r"function (\w+)Backward returned .*\(expected (\d+), got (\d+)\)")
_UNASKED: Final = re.compile(
    r"function (\w+)Backward returned a gradient different than None at position (\d+)"
)

_SHAPED: Final = re.compile(
    r"Function (\w+)Backward returned an invalid gradient at index (\d+) - got \[([\d, ]*)\] but expected shape compatible "
    r"with \[([\d, ]*)\]"
)


def gradients(case: Case) -> Story | None:
    """A backward that gives fewer gradients than forward takes arguments, or one for what is no tensor."""
    found = _COUNTED.search(case.failure.message)
    if found is None:
        return _unasked(case)
    name, wanted, got = found[1], int(found[2]), int(found[3])
    story = Story(
        f"the backward of {name} gives {got}, and forward takes {wanted}: one gradient for each argument behind ctx, None for "
        "what has none.",
        [case.raised(f"asked {name} for {wanted} gradients")],
    )
    for at, node, value in _returns(case, name):
        story.events.insert(0, case.event(at, f"gives {got}", "made", culprit=True, node=node))
        if got < wanted:
            last = value.elts[-1] if isinstance(value, ast.Tuple) and value.elts else value
            given = case.journal.source(at, last) + ", None" * (wanted - got)
            note = "no gradient for the other arguments"
            story.proposals.append(case.journal.changed(at, [(last, given)], note))
    return story


def _unasked(case: Case) -> Story | None:
    """A backward that gives a gradient for an argument that is no tensor."""
    found = _UNASKED.search(case.failure.message)
    if found is None:
        return None
    name, place = found[1], int(found[2])
    story = Story(
        f"the backward of {name} gives a gradient for argument {place} of forward behind ctx, which is no tensor: None stands "
        "for what has none.",
        [case.raised(f"asked {name} for gradients")],
    )
    for at, node, value in _returns(case, name):
        if isinstance(value, ast.Tuple) and len(value.elts) >= place:
            told = f"gives a gradient for argument {place}"
            story.events.insert(0, case.event(at, told, "made", culprit=True, node=node))
            change = [(value.elts[place - 1], "None")]
            story.proposals.append(case.journal.changed(at, change, "no gradient for what is no tensor"))
    return story


def other_shape(case: Case) -> Story:
    """A backward that gives a gradient of another shape than its argument has."""
    found = _SHAPED.search(case.failure.message)
    returned = [] if found is None else list(_returns(case, found[1]))
    if found is None or not returned:
        return called(case)
    name, place = found[1], int(found[2])
    got, wanted = ([int(each) for each in text.split(",") if each.strip()] for text in found.group(3, 4))
    shapes = [f"({', '.join(map(str, each))}{',' * (len(each) == 1)})" for each in (got, wanted)]
    story = Story(
        f"the backward of {name} gives a gradient of shape {shapes[0]} for an argument of forward that has shape {shapes[1]}.",
        [case.raised(f"asked {name} for gradients")],
    )
    for at, node, value in returned:
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        given = [each for each in parts if not (isinstance(each, ast.Constant) and each.value is None)]
        if place >= len(given):
            continue
        part = given[place]
        text = case.journal.source(at, part)
        told = f"gives {text} of shape {shapes[0]}"
        story.events.insert(0, case.event(at, told, "made", culprit=True, node=node))
        for new, fits, note in (
            (".t()", len(got) == 2 and got[::-1] == wanted, "transposed"),
            (".sum(0)", got[1:] == wanted, "each example adds to it"),
            (".sum(0, keepdim=True)", wanted == [1, *got[1:]], "each example adds to it"),
            (".sum()", not wanted, "each element adds to it"),
        ):
            if fits:
                change = [(part, behind(part, text, new))]
                story.proposals.append(case.journal.changed(at, change, note))
    return story


def _returns(case: Case, name: str) -> Iterator[tuple[int, ast.Return, ast.expr]]:
    """What the backward of a class returns, and where it stands."""
    for at in range(case.at):
        function = case.journal.tree(at)
        if isinstance(function, ast.FunctionDef) and function.name == _backward_of(case, name):
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield at, node, node.value


def _backward_of(case: Case, name: str) -> str:
    """The function that a class was given as its backward: `type('Clip', (Function,), {'backward': clip_backward})`."""
    for step in case.trace.steps[: case.at]:
        for node in ast.walk(step.record.statement.tree):
            match node:
                case ast.Call(ast.Name("type"), [ast.Constant(title), _, ast.Dict() as members]) if (
                    title == name
                ):
                    return _member(members, "backward")
    return ""


def _member(members: ast.Dict, name: str) -> str:
    for key, value in zip(members.keys, members.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == name:
            return ast.unparse(value)
    return ""


def legacy(case: Case) -> Story:
    """`Exp()(x)`, or `exp = Exp()` and then `exp(x)`: a function with a gradient of its own is called by `apply`."""
    story = Story(
        "an object of such a class is not called: the class is, by apply().",
        [case.raised("called as an object")],
    )
    node = case.expression()
    if not isinstance(node, ast.Call):
        return story
    bound = case.bound(node.func.id) if isinstance(node.func, ast.Name) else None
    if bound is not None and bound.node is None:
        made = getattr(case.journal.tree(bound.at), "value", None)
        if isinstance(made, ast.Call) and not made.args:
            new = f"{case.journal.source(bound.at, made.func)}.apply"
            story.proposals.append(case.journal.changed(bound.at, [(made, new)], "the function itself"))
    name = type(case.value(node.func)).__name__
    if isinstance(node.func, ast.Call) and not node.func.args:
        name = case.text_of(node.func.func)
    story.proposals.append(case.changed([(node.func, f"{name}.apply")], "the function itself"))
    return story
