"""The ways out of a write over a saved value where both stand in one block: a round of a loop, or the body of a function."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Sequence

from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.trees import holds, in_place_nodes, leading, loaded
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.freed import MOST


def around(
    case: Case, body: Sequence[ast.stmt], saving: ast.AST, writing: ast.AST, note: str
) -> Iterator[Proposal | None]:
    """The write behind the failing statement of the block, and what was computed before the write computed anew behind it.
    `saving`, `writing`: the expressions, or the statements, that saved and wrote; `note`: what the later write brings.
    """
    places = [
        next((at for at, each in enumerate(body) if holds(each, node)), -1)
        for node in (saving, writing, case.inner)
    ]
    saved, wrote, failed = places
    if not 0 <= wrote < failed:
        return
    before = body[saved:failed] if 0 <= saved < wrote else []
    chosen = [before[at] for at in leading(before, loaded(body[failed]))]
    if 0 < len(chosen) <= MOST:
        again = "\n".join(case.text_of(each) for each in chosen)
        yield case.journal.before(case.home, body[failed], again, "compute it with what was written")
    moved = [case.text_of(each) for each in (*body[wrote + 1 : failed + 1], body[wrote])]
    whole = copy.copy(body[wrote])
    whole.end_lineno, whole.end_col_offset = body[failed].end_lineno, body[failed].end_col_offset
    indent = "\n" + " " * whole.col_offset
    yield case.journal.changed(case.home, [(whole, indent.join(moved))], note)


def copied_before(case: Case, writing: ast.AST) -> Iterator[Proposal | None]:
    """`b = b.clone()` before the statement, within a block of any statement of the journal, that writes into b."""
    at = case.holder_of(writing)
    if at is None:
        return
    inner = [
        each
        for each in ast.walk(case.journal.tree(at))
        if isinstance(each, ast.stmt) and holds(each, writing)
    ][-1]
    for target, node in in_place_nodes(inner):
        root = target
        while isinstance(root, ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name) and (node is writing or holds(node, writing) or holds(writing, node)):
            yield case.journal.before(at, inner, f"{root.id} = {root.id}.clone()", "write into a copy")
