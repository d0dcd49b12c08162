"""What the functions of torch.func refuse."""

from __future__ import annotations

import ast

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story

RANDOMNESS = {"different": "each example draws its own numbers", "same": "all examples draw the same numbers"}


def random(case: Case) -> Story:
    """A draw under a vmap that was not told how to draw."""
    story = given(case)
    for call in ast.walk(case.statement.tree):
        if _is_vmap(case, call):
            for how, note in RANDOMNESS.items():
                new = with_argument(case.text_of(call), f"randomness={how!r}")
                story.proposals.append(case.changed([(call, new)], note))
    return story


def _is_vmap(case: Case, node: ast.AST) -> bool:
    """Whether a call is of vmap, and does not say how to draw."""
    if not isinstance(node, ast.Call) or any(each.arg == "randomness" for each in node.keywords):
        return False
    return getattr(case.value(node.func), "__name__", "") == "vmap"
