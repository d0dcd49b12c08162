"""Terms of a loss that have no graph: where it was cut, and how they get one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tensorcli.explorer.trees import loaded, stored
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import Cut, told, where_cut
from tensorcli.explorer.why.reconnect import ways_back

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow


def constant_term(case: Case, row: HazardRow) -> Story:
    """`loss + 0.1 * reg`, where nothing of reg was recorded."""
    story = Story(f"line {case.line}: {row.text}")
    for term in _terms(case):
        value = case.tensor(term)
        cuts = [] if value is None or value.requires_grad else where_cut(case, value)
        cuts = [cut for cut in cuts if cut.kind == "cut"] or _data(case, term)
        if cuts:
            sentence, events = told(cuts, case, value)
            story.title += f" {sentence[0].upper()}{sentence[1:]}"
            story.events.extend(events)
            story.proposals.extend(ways_back(case, cuts))
            break
    return story


def _terms(case: Case) -> tuple[ast.expr, ...]:
    """The operands of the sum."""
    node = case.expression()
    if isinstance(node, ast.BinOp):
        return node.left, node.right
    return (node.value,) if isinstance(node, ast.AugAssign) else ()


def _data(case: Case, term: ast.expr) -> list[Cut]:
    """Where `.data` went into the names of a term, in the statement that the sum stands in."""
    names = loaded(term)
    return [
        Cut(
            case.trace.steps[case.home],
            ".data gives another handle on the memory, outside the graph",
            "cut",
            node,
        )
        for each in ast.walk(case.tree)
        if isinstance(each, ast.Assign | ast.AugAssign) and stored(each) & names
        for node in ast.walk(each.value)
        if isinstance(node, ast.Attribute) and node.attr == "data"
    ]
