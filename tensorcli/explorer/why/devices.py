"""Devices that do not fit: tensors of two of them, one that this session has not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.trees import called_name, receiver_of
from tensorcli.explorer.why.called import given
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import at_odds

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def device(case: Case) -> Story | None:
    """Tensors of two devices."""
    return at_odds(
        case, "device", "is on", "one operation takes one device.", '.to("{}")', "a copy of {} on {}"
    )


def no_cuda(case: Case) -> Story:
    """A CUDA device where there is none: the same on the CPU."""
    story = given(case)
    story.notes.append("--simulate-cuda lets devices of numpy stand in for cards.")
    story.proposals = [*_on_the_cpu(case)]
    return story


def _on_the_cpu(case: Case) -> Iterator[Proposal | None]:
    """Without `.cuda()`; with "cpu" where "cuda" was written, in the statement or where its name was bound."""
    for node in ast.walk(case.inner):
        owner = receiver_of(node)
        if owner is not None and called_name(node) == "cuda":
            yield case.changed([(node, case.text_of(owner))], "stay on the CPU")
        elif _names_cuda(node):
            yield case.changed([(node, '"cpu"')], "on the CPU")
        elif isinstance(node, ast.Name) and (at := case.bound_at(node.id)) is not None:
            for each in ast.walk(case.journal.tree(at)):
                if _names_cuda(each):
                    yield case.journal.changed(at, [(each, '"cpu"')], f"{node.id} is the CPU")


def _names_cuda(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and str(node.value).startswith("cuda")
