"""Saved values whose version moved without an operator that wrote them: by `set_`, `increment_version` or `mark_dirty`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.trees import atom, holds, in_place_nodes, stored
from tensorcli.explorer.why.case import Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.results import Change
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.trace import Save, Traced

_COUNTED_BY: Final = {
    "set_": "set_ moves a tensor to other memory, and counts as a write",
    "increment_version": "increment_version counts a write that autograd did not see",
    "apply": "mark_dirty counts as a write, whatever forward does",
}
"""What moves a version without an operator that writes, by the name that a statement calls."""


def counted(case: Case, step: Traced, save: Save, wanted: int, now: int) -> Story | None:
    """A later statement counted a write of the saved tensor that no operator made."""
    names = set(case.trace.names_at(step.number, save.memory))
    for later in case.trace.steps[step.number : case.at]:
        name = next((name for change in later.step.changes for name in _counts(change, names, wanted)), None)
        called = {
            node.attr for node in ast.walk(later.record.statement.tree) if isinstance(node, ast.Attribute)
        }
        how = next((text for call, text in _COUNTED_BY.items() if call in called), None)
        if name is None or how is None:
            continue
        at = later.number - 1
        story = Story(
            f"line {later.line} counted a write of {name}, which line {step.line} had saved for backward: {how}.",
            [
                case.event(
                    step.number - 1,
                    f"{save.node_name} saved {save.slot} = {name}",
                    "saved",
                    f"needs v{wanted}",
                ),
                case.event(at, f"moved the version of {name}", "wrote", f"v{wanted} → v{now}", culprit=True),
                case.raised(f"{save.node_name} unpacked {save.slot}: wants v{wanted}, finds v{now}"),
            ],
        )
        story.proposals.append(case.journal.moved_below(at, case.at, "count after the saved use"))
        story.proposals.extend(copies_where_saved(case, step.number - 1, name))
        return story
    return None


def _counts(change: Change, names: set[str], wanted: int) -> Iterator[str]:
    """The names under which a row shows that a version moved on from the one wanted."""
    before, after = change.before, change.after
    if before is None or after is None or before.version is None or after.version is None:
        return
    if before.version <= wanted < after.version:
        yield from (name for name in change.names if name in names)


def copies_where_saved(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`y = x.clone() * w` for `y = x * w`, and `y = x.exp().clone()` where the node keeps its own result."""
    saver = case.journal.tree(at)
    uses = [
        node
        for node in ast.walk(saver)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    # What is written in place is meant to change: a copy in its place would take the write.
    written = [target for target, _ in in_place_nodes(saver)]
    read = [node for node in uses if not any(holds(target, node) for target in written)]
    if read:
        yield case.journal.changed(at, [(node, f"{name}.clone()") for node in read], "save a copy")
    if not uses and isinstance(saver, ast.Assign) and name in stored(saver):
        value = saver.value
        text = case.journal.source(at, value)
        yield case.journal.changed(
            at, [(value, f"{atom(value, text)}.clone()")], "the node keeps its own result"
        )
