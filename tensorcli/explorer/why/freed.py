"""A second backward pass through what a first one freed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Event
from tensorcli.explorer.rewrite import Proposal, with_argument
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.gradient import backward_root
from tensorcli.explorer.why.trees import called_name, loaded, one_line, stored

if TYPE_CHECKING:
    from tensorcli.explorer.trace import Save, Traced

LONG = 12
"""A way through more nodes than this is not written out."""


def freed(case: Case) -> Story:
    """A second backward pass through nodes that a first one freed: which node, which pass, who shares it."""
    node = case.trace.session.failed
    first = next((step for step in case.trace.steps if node in step.freed), None)
    if node is None or first is None:
        return Story(
            "a backward pass needs values that an earlier one freed; which node it is, this engine does not say",
            [case.raised("needed them again")],
        )
    saves = [(step, save) for step in case.trace.steps for save in step.saves if save.node == node]
    events: list[Event] = []
    made_at = None
    what, where = case.trace.session.failed_name, ""
    if saves:
        step, save = saves[0]
        made_at = step.number - 1
        what = save.node_name
        made = case.event(made_at, f"{what} saved {_saved_names(case, saves)}", "saved", node=save.node_at)
        events.append(made)
        where = f" (line {made.line})"
    at = first.number - 1
    count = len(first.freed)
    also = f", and {count - 1} more" if count > 1 else ""
    held = "had saved" if saves else "held"
    freeing = case.event(at, f"freed what {what} {held}{also}", "freed", culprit=True, node=first.freed[node])
    within = first.number == case.failing.number
    carried = _carried(case) if within else []
    if not within:
        events.append(freeing)
    events.append(
        case.raised(f"needs what {what} {held}" + (", and an earlier round freed" if within else ""))
    )
    if carried and made_at == case.at:
        names = " and ".join(carried)
        verb = "carries its" if len(carried) == 1 else "carry their"
        title = (
            f"{names} {verb} graph from one round of the loop into the next: line {case.line} goes back through "
            f"{what}{where}, which an earlier round freed."
        )
    elif within:
        title = (
            f"line {case.line} goes back through {what}{where} more than once, and the first time freed it."
        )
    else:
        title = f"line {case.line} needs what line {freeing.line} freed: both go through {what}{where}."
    story = Story(title, events)
    path, root = path_to(case, node), backward_root(case)
    if path and root is not None and len(path) <= LONG:
        story.notes.append(f"the way: {' ← '.join((case.text_of(root), *path))}{where}")
    story.proposals = list(_freed_ways(case, at, made_at, node))
    return story


def _saved_names(case: Case, saves: list[tuple[Traced, Save]]) -> str:
    """`x twice`, `w and x`: what a node had saved, by its names."""
    found: dict[str, int] = {}
    for step, save in saves:
        names = case.trace.names_at(step.number, save.memory)
        name = names[0] if names else save.slot
        found[name] = found.get(name, 0) + 1
    return " and ".join(f"{name} twice" if count == 2 else name for name, count in found.items())


def path_to(case: Case, wanted: int) -> list[str]:
    """The names of the nodes from what the failing pass begins at to a node; empty where none leads there."""
    return _way(case, case.tensor(backward_root(case)), wanted)


def _way(case: Case, tensor: Any, wanted: int) -> list[str]:
    """The names of the nodes from a tensor to a node; empty where none leads there."""
    start = None if tensor is None else case.engine.node(tensor)
    before: dict[int, Any] = {id(start): None}
    queue = [] if start is None else [start]
    for node in queue:
        if case.trace.token(node) == wanted:
            way = []
            while node is not None:
                way.append(case.engine.node_name(node))
                node = before[id(node)]
            return way[::-1]
        for target in case.engine.edges(node):
            if target is not None and id(target) not in before:
                before[id(target)] = node
                queue.append(target)
    return []


def _freed_ways(case: Case, at: int, made_at: int | None, node: int) -> Iterator[Proposal | None]:
    journal = case.journal
    statement, _ = journal.python(at)
    calls = [node for node in ast.walk(statement.tree) if isinstance(node, ast.Call) and _passes(node)]
    for call in calls[:1]:
        if not any(keyword.arg == "retain_graph" for keyword in call.keywords):
            new = with_argument(journal.source(at, call), "retain_graph=True")
            yield journal.changed(at, [(call, new)], "keep the graph for the second pass")
    if at < case.at:
        a, b = _root(statement.tree), _root(case.statement.tree)
        if a and b and a != b:
            yield journal.without(at, case.at, f"({a} + {b}).backward()", "one pass for both")
    if made_at is not None and at < case.at and made_at < at:
        yield from _recomputed(case, made_at)
    yield from _detached(case)
    if made_at is not None and at < case.at:
        yield from _ended_before(case, at, made_at, node)
    if at < case.at:
        for name in sorted(loaded(case.statement.tree)):
            value = case.trace.session.names.get(name)
            if case.engine.kind(value) == "tensor" and case.engine.look(value).grad_fn is not None:
                note = f"{name} carries no graph into the second pass"
                yield case.journal.inserted(case.at, f"{name} = {name}.detach()", note)


def _ended_before(case: Case, at: int, made_at: int, node: int) -> Iterator[Proposal | None]:
    """The first pass, ended at a tensor that the second goes through: what it begins at, computed from that one detached."""
    names = case.trace.session.names
    shared = {
        name
        for place in range(made_at, case.at + 1)
        for name in loaded(case.journal.python(place)[0].tree)
        if case.engine.kind(names.get(name)) == "tensor" and _way(case, names[name], node)
    }
    for place in range(made_at + 1, at + 1):
        tree = case.journal.python(place)[0].tree
        for name in sorted(loaded(tree) & shared if place == at or stored(tree) & shared else ()):
            uses = [each for each in ast.walk(tree) if isinstance(each, ast.Name) and each.id == name]
            changes = [(each, f"{name}.detach()") for each in uses if isinstance(each.ctx, ast.Load)]
            yield case.journal.changed(place, changes, f"the first pass ends at {name}")


def _passes(call: ast.Call) -> bool:
    """Whether a call is a backward pass."""
    return called_name(call) in ("backward", "grad")


def _root(tree: ast.stmt) -> str:
    """`a` of the statement `a.backward()`."""
    if isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Call) and not tree.value.args:
        function = tree.value.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr == "backward"
            and isinstance(function.value, ast.Name)
        ):
            return function.value.id
    return ""


def _recomputed(case: Case, made_at: int) -> Iterator[Proposal | None]:
    """The statements between, which lead from the freed node to what is differentiated, once more."""
    dirty: set[str] = set()
    chosen: list[int] = []
    for place in range(made_at, case.at):
        tree = case.journal.python(place)[0].tree
        if isinstance(tree, ast.Assign) and (place == made_at or loaded(tree) & dirty):
            chosen.append(place)
            dirty |= stored(tree)
    needed = loaded(case.statement.tree)
    for place in reversed(chosen[:]):
        tree = case.journal.python(place)[0].tree
        if stored(tree) & needed:
            needed |= loaded(tree)
        else:
            chosen.remove(place)
    if not chosen or len(chosen) > 6 or not loaded(case.statement.tree) & dirty:
        return
    source = "\n".join(case.journal.python(place)[0].source for place in chosen)
    lines = [str(case.journal.line(place)) for place in chosen]
    found = case.journal.inserted(case.at, source, "build the graph again")
    if found is not None:
        again = f"line {lines[0]}" if len(lines) == 1 else f"lines {', '.join(lines)}"
        yield Proposal(
            found.records, f"before line {case.line}:  {again} again  ({one_line(source)})", found.note, found.edits,
            found.failing,
        )  # fmt: skip


def _loops(tree: ast.AST) -> Iterator[tuple[ast.For | ast.While, list[str]]]:
    """The loops of a statement, each with the names that one round carries into the next."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.For | ast.While):
            continue
        bound: set[str] = set()
        carried: list[str] = []
        whole = stored(ast.Module(list(node.body), []))
        for each in node.body:
            carried.extend(name for name in sorted(loaded(each) - bound) if name in whole)
            bound |= stored(each)
        yield node, list(dict.fromkeys(carried))


def _carried(case: Case) -> list[str]:
    """The tensors with a graph that a loop of the failing statement carries from round to round."""
    engine, names = case.engine, case.trace.session.names
    return [
        name
        for _, carried in _loops(case.statement.tree)
        for name in carried
        if any(engine.look(each).grad_fn is not None for each in _tensors(case, names.get(name)))
    ]


def _tensors(case: Case, value: Any) -> list[Any]:
    """The tensors of a value: itself, or the items of a tuple or a list that holds nothing else."""
    items = list(value) if isinstance(value, tuple | list) else [value]
    return items if all(case.engine.kind(each) == "tensor" for each in items) else []


def _detached(case: Case) -> Iterator[Proposal | None]:
    """In a loop: what one round carries into the next, detached at the beginning of the round."""
    for node, carried in _loops(case.statement.tree):
        for name in carried:
            value = case.trace.session.names.get(name)
            if not _tensors(case, value):
                continue
            detached = f"{name}.detach()"
            if isinstance(value, tuple | list):
                items = f"each.detach() for each in {name}"
                detached = f"tuple({items})" if isinstance(value, tuple) else f"[{items}]"
            first = node.body[0]
            indent = " " * first.col_offset
            text = case.text_of(first)
            yield case.journal.changed(
                case.at,
                [(first, f"{name} = {detached}\n{indent}{text}")],
                f"{name} carries no graph from round to round",
            )
