"""Values that are taken for something else: whole numbers for a mask, nan for a result."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.syntax import in_order


def counted(case: Case) -> Iterator[Surprise]:
    """`x[mask]` of a mask of whole numbers: they are positions, the rows 0 and 1 again and again."""
    engine = case.engine
    for at, step in enumerate(case.trace.steps):
        for node in in_order(step.record.statement.tree):
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
