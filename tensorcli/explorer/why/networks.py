"""What layers and losses refuse for the values that they were given, and what they would take."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorcli.explorer.why.called import given, module_name, whole_numbers
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import Operand, operand, operands, with_operand

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def positions(case: Case) -> Story:
    """An integer tensor that holds a position, a class or a word that is not there."""
    story = given(case, values=True)
    for each in operands(case):
        if each.look.dtype in ("int64", "int32", "uint8") and each.look.numel:
            story.proposals.extend(_room(case, each))
    return story


def _room(case: Case, found: Operand) -> Iterator[Proposal | None]:
    """A number in the failing statement, or in the one that made the module, that leaves room for the greatest element."""
    greatest = int(case.engine.elements(found.value).max())
    note = f"room for {greatest}"
    for each in _smaller(case.expression(), greatest):
        yield case.changed([(each, str(greatest + 1))], note)
    name = module_name(case)
    bound = None if name is None else case.bound_at(name)
    if bound is not None:
        for each in _smaller(case.journal.python(bound)[0].tree, greatest):
            yield case.journal.changed(bound, [(each, str(greatest + 1))], note)


def _smaller(tree: ast.AST, most: int) -> Iterator[ast.Constant]:
    return (each for each in whole_numbers(tree) if 0 < each.value <= most)  # type: ignore[operator]


def probabilities(case: Case) -> Story:
    """Scores in the place of probabilities."""
    story = given(case, values=True)
    for each in operands(case):
        elements = case.engine.elements(each.value)
        if each.look.numel and (elements.min() < 0 or elements.max() > 1):
            story.proposals.append(
                with_operand(case, each.node, ".sigmoid()", f"{each.text} as probabilities")
            )
    return story


def one_value(case: Case) -> Story:
    """Batch norm in training mode over one value."""
    story = given(case)
    name = module_name(case)
    if name is not None:
        story.proposals.append(case.before(f"{name}.eval()", "the running mean and variance"))
    return story


def parameter(case: Case) -> Story:
    """A tensor in the place of a parameter."""
    story = given(case)
    node = case.inner
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return story
    found = operand(case, node.value)
    if found is not None:
        target = case.text_of(node.targets[0])
        story.proposals.append(
            case.changed(
                [(node.value, f"torch.nn.Parameter({found.text})")],
                "another parameter, which optimizers do not know",
            )
        )
        written = f"with torch.no_grad():\n    {target}.copy_({found.text})"
        story.proposals.append(case.instead(written, "the same parameter with other values"))
    return story
