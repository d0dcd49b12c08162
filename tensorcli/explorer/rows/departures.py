"""The rows of what went: names that were deleted or given to another object, graphs that were freed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tensorcli.explorer.entries import MATES, Entry
from tensorcli.explorer.facts import settle
from tensorcli.explorer.graphs import root_of
from tensorcli.explorer.identity import Allocation
from tensorcli.explorer.results import Change, plural, some
from tensorcli.explorer.rows.table import Table

KEEPERS = 6
"""At most this many of those that keep an allocation are named."""


def unbound(table: Table) -> None:
    """Names that were deleted or given to another object."""
    moved = table.moved_names()
    for path, entry in table.index.removed:
        known = table.recorder.before.get(entry.key)
        if known is None or known.entry is not entry or known.allocation is None:
            continue
        before, allocation = known.look, known.allocation
        here = table.index.entries.get(entry.key) is entry
        if here and ("[" in path or entry.key in moved):
            continue
        leaf = bool(before.is_leaf and before.requires_grad)
        kept = list(_keepers(table, entry, here, allocation))
        note = (
            f"{allocation.id} kept by {some(kept, KEEPERS, all_known=False)}"
            if kept
            else f"{allocation.id} freed"
        )
        if leaf and not here:
            where = f" of line {allocation.line}" if allocation.line else ""
            note = f"the leaf{where} has no name any more; {note}"
        facts = replace(settle(before, table.allocations), storage=allocation.id)
        table.rows.append(Change("unbound", (path,), facts, None, note, allocation.id, kept_by=tuple(kept)))


def _keepers(table: Table, entry: Entry, here: bool, allocation: Allocation) -> Iterator[str]:
    """Who keeps the allocation of what a name let go, which others reach where it is `here`: nodes of the graph, other
    names, something without a name.
    """
    if not allocation.alive:
        return
    found = False
    nodes = []
    for saver in table.recorder.savers.get(allocation.key, {}).values():
        node = saver.reference()
        if node is not None and not table.engine.released(node):
            nodes.append(table.engine.node_name(node))
    if nodes:
        found = True
        yield f"the graph ({some([*dict.fromkeys(nodes)], 3)})"
    if here:
        found = True
        yield table.index.names(entry)[0]
    for mate in list(table.index.sharing(allocation.key, MATES)):
        if mate is not entry:
            found = True
            yield table.index.names(mate)[0]
    if not found:
        leaf = entry.value
        is_tensor = leaf is not None and table.engine.kind(leaf) == "tensor"
        led_to = is_tensor and table.engine.accumulator(leaf) is not None
        yield "the graph that leads to it" if led_to else "something without a name"


def graph_freed(table: Table) -> None:
    """The nodes that a backward pass dropped the saved tensors of."""
    released = table.recorder.released
    if not released:
        return
    saved = sum(count for _, count in released)
    # By identity of those that are still there: another node may have got the address of one that is gone.
    wanted = {id(node) for reference, _ in released if (node := reference()) is not None}
    named = table.observation.named
    name, nodes = root_of(table.engine, table.index, wanted, named)
    tensors = plural(saved, "saved tensor") if saved else ""
    if name is None:  # nobody can ask that graph for another pass, and not all of its nodes were heard of
        note = f"graph freed: {tensors}" if tensors else "graph freed"
    else:
        parts = filter(None, (plural(max(nodes, len(released)), "node"), tensors))
        note = f"graph of {name} freed: {', '.join(parts)}; a second backward would raise"
    table.rows.append(Change("graph_freed", (name,) if name else (), note=note))


def hooks_ran(table: Table) -> None:
    """The hooks that a backward pass ran, in their order."""
    ran = table.recorder.hooks
    if ran:
        steps = " → ".join(f"{text} ({node})" for text, node in ran)
        more = f" → … {table.recorder.hooks_more} more" if table.recorder.hooks_more else ""
        table.rows.append(Change("hooks_ran", (), note=f"hooks ran: {steps}{more}"))
