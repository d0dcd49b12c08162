"""Parameters that a distribution refuses: which, what it must be, and what makes it so."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Final, NamedTuple

from tensorcli.explorer.trees import called_name, calls_in
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import behind, operand

_REFUSED: Final = re.compile(
    r"Expected parameter (\w+) \(.*\) of distribution (\w+)\(.*\) to satisfy the constraint (\w+)"
)


class Wanted(NamedTuple):
    """What a constraint asks for, and what makes it so of any numbers."""

    words: str
    made: tuple[tuple[str, str], ...]
    """What stands around the operand, `{}`, or behind it, each with a note."""


_WANTED: Final = {
    "GreaterThan": Wanted(
        "greater than 0",
        (
            (".exp()", "its logarithm is learned"),
            ("torch.nn.functional.softplus({})", "no number is 0 or less"),
        ),
    ),
    "Simplex": Wanted(
        "probabilities, at least 0, that add up to 1", ((".softmax(-1)", "probabilities of the scores"),)
    ),
    "Interval": Wanted("between 0 and 1", ((".sigmoid()", "probabilities of the scores"),)),
}


def refused(case: Case) -> Story:
    """A scale that is not above 0, probabilities that are none, or nan."""
    found = _REFUSED.search(case.failure.message)
    call = None if found is None else next(iter(calls_in(case.inner, found[2])), None)
    node = None if found is None or call is None else _argument(case, call, found[1])
    one = None if node is None else operand(case, node)
    if found is None or one is None or not one.look.numel:
        return given(case)
    elements = case.engine.elements(one.value)
    story = given(case, values=lambda look: look.dtype.startswith("float"))
    wanted = _WANTED.get(found[3])
    if (elements != elements).any():
        story.title = f"{one.text} holds nan, and {found[1]} of {found[2]} must be a number: what comes before made it so."
    elif wanted is not None:
        least = case.engine.shown(elements.max() if elements.min() >= 0 else elements.min(), one.look.dtype)
        story.title = (
            f"{found[1]} of {found[2]} must be {wanted.words}, and {one.text} has {least.rstrip('.')}."
        )
        for text, note in wanted.made:
            new = text.format(one.text) if "{}" in text else behind(one.node, one.text, text)
            story.proposals.append(case.changed([(one.node, new)], note))
    return story


def _argument(case: Case, call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives for a parameter of a class."""
    for each in call.keywords:
        if each.arg == name:
            return each.value
    kind = case.value(call.func)
    if not isinstance(kind, type) or called_name(call) != kind.__name__:
        return None
    place = [*inspect.signature(kind).parameters].index(name)
    return call.args[place] if place < len(call.args) else None
