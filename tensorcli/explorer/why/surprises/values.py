"""Values that are taken for something else: whole numbers for a mask, nan for a result."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.trees import called_name, receiver_of
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.syntax import in_order


def counted(case: Case) -> Iterator[Surprise]:
    """`x[mask]` of a mask of whole numbers: they are positions, the rows 0 and 1 again and again."""
    engine = case.engine
    for at, step in enumerate(case.trace.steps):
        for node in step.nodes:
            if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Name):
                continue
            given, mask = (case.value(each) for each in (node.value, node.slice))
            if engine.kind(given) != "tensor" or engine.kind(mask) != "tensor":
                continue
            look, sizes = engine.look(mask), engine.look(given).sizes
            if (
                look.dtype not in ("int64", "int32")
                or look.sizes != sizes[: len(look.sizes)]
                or look.numel < 3
            ):
                continue
            if set(engine.elements(mask).ravel().tolist()) == {0, 1}:
                name = node.slice.id
                text = f"{name} is {look.dtype}: its zeros and ones are the positions 0 and 1, not yes and no"
                masked = case.journal.changed(at, [(node.slice, f"{name}.bool()")], "as a mask")
                yield Surprise(case.event(at, text, "other"), [masked])


def largest_of_all(case: Case) -> Iterator[Surprise]:
    """`(out.argmax() == y)` of rows of scores: one position in all of them, compared with a class for each row."""
    for step in case.trace.steps:
        for made in step.made:
            node = made.node_at
            if called_name(node) != "argmax" or made.look.sizes or not isinstance(node, ast.Call):
                continue
            home, owner = case.holder_of(node), receiver_of(node)
            if home is None or owner is None or node.args or node.keywords:
                continue
            compared = (each for each in in_order(case.journal.tree(home)) if isinstance(each, ast.Compare))
            if not any(each.left is node or node in each.comparators for each in compared):
                continue
            given = case.tensor(owner)
            sizes = () if given is None else case.engine.look(given).sizes
            if len(sizes) < 2:
                continue
            scores = case.journal.source(home, owner)
            text = f"compares one position among all elements of {scores} {sizes}, and not one of each row"
            ways = [case.journal.changed(home, [(node, f"{scores}.argmax(1)")], "of each row")]
            yield Surprise(case.event(step.number - 1, text, "other", node=node), ways)
            return


def no_numbers(case: Case) -> Iterator[Surprise]:
    """The first statement after which a name holds nan, or infinity."""
    for at, step in enumerate(case.trace.steps):
        for change in step.step.changes:
            words = [
                each for each in ("nan", "inf") if change.after is not None and each in change.after.value
            ]
            if (
                words
                and change.kind in ("created", "written", "seen")
                and not _is_given(step.record.statement.tree)
            ):
                yield Surprise(case.event(at, f"{change.names[0]} holds {words[0]} after it", "other"), [])
                return


def _is_given(tree: ast.stmt) -> bool:
    """Whether a statement says that it wants such numbers."""
    return any(word in ast.unparse(tree) for word in ("nan", "inf"))
