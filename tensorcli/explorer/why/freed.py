"""A second backward pass through what a first one freed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.results import Event
from tensorcli.explorer.rewrite import Proposal, with_argument
from tensorcli.explorer.trees import (
    called_name,
    calls_in,
    holds,
    leading,
    loaded,
    one_line,
    receiver_of,
    stored,
)
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.leaves import leaves_behind
from tensorcli.explorer.why.passes import backward_root, path_to, way_to
from tensorcli.explorer.why.registered import computed_in_forward, computed_parameters
from tensorcli.explorer.why.rounds import carried_graphs, detached_each_round, held_graphs
from tensorcli.explorer.why.updates import copied_into

if TYPE_CHECKING:
    from tensorcli.explorer.trace import Save, Traced

MOST = 6
"""More statements than these are not written again."""
SHOWN = 3
"""So many of the names that a node had saved are listed."""
LONG = 12
"""A way through more nodes than this is not written out."""
PASSES = ("backward", "grad")
"""What a backward pass is called by."""


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
    made_at = saves[0][0].number - 1 if saves else None
    what, where = case.trace.session.failed_name, ""
    if saves:
        step, save = saves[0]
        what = save.node_name
        made = case.event(
            step.number - 1, f"{what} saved {_saved_names(case, saves)}", "saved", node=save.node_at
        )
        events.append(made)
        where = f" (line {made.line})"
    elif (place := _where_made(case, node)) is not None:
        made_at, at_node = place
        where = f" (line {case.within_line(made_at, at_node)})"
    at = first.number - 1
    count = len(first.freed)
    also = f", and {count - 1} more" if count > 1 else ""
    held = "had saved" if saves else "held"
    by = first.freed[node]
    freeing = case.event(at, f"freed what {what} {held}{also}", "freed", culprit=True, node=by)
    within = first.number == case.failing.number
    by_itself = within and (by is None or holds(case.inner, by))
    states = held_graphs(case, lambda tensor: bool(way_to(case, tensor, node))) if within else []
    carried = [*states, *carried_graphs(case)] if within else []
    if not by_itself:
        events.append(freeing)
    earlier = ", and an earlier round freed" if by_itself else ""
    events.append(case.raised(f"needs what {what} {held}{earlier}"))
    if states or (carried and made_at == case.at):
        verb = "carries its" if len(carried) == 1 else "carry their"
        title = (
            f"{' and '.join(carried)} {verb} graph from one round of the loop into the next: line {case.line} goes back through "
            f"{what}{where}, which an earlier round freed."
        )
    elif by_itself:
        title = (
            f"line {case.line} goes back through {what}{where} more than once, and the first time freed it."
        )
    else:
        title = f"line {case.line} needs what line {freeing.line} freed: both go through {what}{where}."
    story = Story(title, events)
    path, root = path_to(case, node), backward_root(case)
    if path and root is not None and len(path) <= LONG:
        story.notes.append(f"the way: {' ← '.join((case.text_of(root), *path))}{where}")
    story.proposals = list(_freed_ways(case, at, made_at, node, states, by_itself, by))
    return story


def _where_made(case: Case, node: int) -> tuple[int, ast.AST | None] | None:
    """Where a node that saves nothing was made: the place of the statement, and the expression."""
    for step in case.trace.steps:
        for each in step.made:
            if node and each.node == node:
                return step.number - 1, each.node_at
    return None


def _saved_names(case: Case, saves: list[tuple[Traced, Save]]) -> str:
    """`x twice`, `w and x`: what a node had saved, by its names."""
    found: dict[str, int] = {}
    for step, save in saves:
        names = case.trace.names_at(step.number, save.memory)
        name = names[0] if names else save.slot
        found[name] = found.get(name, 0) + 1
    listed = [f"{name} twice" if count == 2 else name for name, count in found.items()]
    return " and ".join(
        [*listed[:SHOWN], f"{len(listed) - SHOWN} more"] if len(listed) > SHOWN + 1 else listed
    )


def _freed_ways(
    case: Case,
    at: int,
    made_at: int | None,
    node: int,
    states: list[str],
    by_itself: bool,
    freeing: ast.AST | None,
) -> Iterator[Proposal | None]:
    """`states`: the attributes that carry the graph. `by_itself`: the failing pass freed it, in an earlier round. `freeing`: the
    expression that freed the node.
    """
    journal = case.journal
    tree = journal.tree(at)
    if states:
        yield from computed_parameters(case)
        yield from computed_in_forward(case, states)
        yield from detached_each_round(case, states)
    if at == case.at:
        yield from detached_each_round(case)
        yield from _leaves_kept(case)
        yield from _within(case, made_at, node, freeing)
    again = _passed_already(case, freeing)
    if again is not None:
        line = case.within_line(at, freeing)
        yield journal.removed(case.home, case.inner, f"line {line} goes through {again} already")
        if _root(case.inner) != _root_of(freeing):
            return  # a loss beside its own multiple
    if by_itself and _learns_meanwhile(case, backward_root(case)):
        return  # a graph that is kept would lead to what the parameters were before the step
    if made_at is not None and _applied_apart(case, at, node):
        yield from _ended_before(case, at, made_at, node)
    for call in islice(calls_in(tree, *PASSES), 1):
        given = {keyword.arg for keyword in call.keywords}
        names = _differentiated(case, at, call)
        if names and "create_graph" not in given:
            new = with_argument(journal.source(at, call), "create_graph=True")
            yield journal.changed(at, [(call, new)], f"record this pass too: {names} is differentiated")
        if "retain_graph" not in given:
            new = with_argument(journal.source(at, call), "retain_graph=True")
            note = f"; {names} is a constant" if names else ""
            yield journal.changed(at, [(call, new)], f"keep the graph for the second pass{note}")
    if at < case.at:
        a, b = _root(tree), _root(case.statement.tree)
        if a and b and a != b:
            yield journal.without(at, case.at, f"({a} + {b}).backward()", "one pass for both")
    if made_at is not None and at < case.at and made_at < at:
        yield from recomputed(case, made_at)
    if not states and at < case.at:
        yield from detached_each_round(case)
    if made_at is not None and at < case.at:
        yield from _ended_before(case, at, made_at, node)
    if at < case.at:
        for name in sorted(loaded(case.statement.tree)):
            value = case.trace.session.names.get(name)
            if case.engine.kind(value) == "tensor" and case.engine.look(value).grad_fn is not None:
                note = f"{name} carries no graph into the second pass"
                yield case.journal.inserted(case.at, f"{name} = {name}.detach()", note)


def _passed_already(case: Case, freeing: ast.AST | None) -> str | None:
    """`loss` of `scaler.scale(loss).backward()` and then `loss.backward()`: what the failing pass begins at, where the pass that
    freed the node begins at it too, or at what is computed from it there; None where it does not.
    """
    root, call = backward_root(case), None if freeing is None else receiver_of(freeing)
    if not isinstance(root, ast.Name) or call is None or holds(case.inner, call):
        return None
    return root.id if root.id in loaded(call) and isinstance(case.inner, ast.Expr) else None


def _differentiated(case: Case, at: int, call: ast.Call) -> str:
    """The names of the gradients that a call of `grad` gave, where the failing pass begins at something computed from them;
    empty where it does not.
    """
    if called_name(call) != "grad" or not chosen_between(case, at, case.at, loaded(case.statement.tree)):
        return ""
    return " and ".join(sorted(stored(case.journal.tree(at))))


def _within(case: Case, made_at: int | None, node: int, freeing: ast.AST | None) -> Iterator[Proposal | None]:
    """Both passes in one statement: what was recorded before it, recorded anew in each round where that is what learns, and
    let go of where it is not; what was recorded in the same round, left out of the pass that freed it.
    """
    body = round_of(case)
    if made_at is None or body is None:
        return
    if made_at < case.at:
        names = _leading(case, loaded(case.statement.tree) - stored(case.statement.tree), node)
        if any(_learns_meanwhile(case, ast.Name(name, ast.Load())) for name in names):
            yield from again_in(case, body, made_at)
        for name in names:
            bound = case.bound_at(name)
            if bound is not None:
                yield case.journal.inserted(
                    bound + 1, f"{name} = {name}.detach()", f"{name} is given, and carries no graph"
                )
        return
    mine = next((at for at, each in enumerate(body) if holds(each, case.inner)), 0)
    first = next((at for at, each in enumerate(body[:mine]) if freeing and holds(each, freeing)), -1)
    a, b = _root(body[first]), _root(body[mine])
    if mine == first + 1 and a and b and a != b:
        both = copy.copy(body[first])
        both.end_lineno, both.end_col_offset = body[mine].end_lineno, body[mine].end_col_offset
        yield case.journal.changed(case.home, [(both, f"({a} + {b}).backward()")], "one pass for both")
    yield from _for_each_pass(case, body, first)
    for at, each in enumerate(body[: first + 1]):
        for name in _leading(case, loaded(each), node):
            if at == first or stored(each):
                uses = [one for one in ast.walk(each) if isinstance(one, ast.Name) and one.id == name]
                changes = [(one, f"{name}.detach()") for one in uses if isinstance(one.ctx, ast.Load)]
                yield case.journal.changed(case.home, changes, f"the first pass ends at {name}")


def _for_each_pass(case: Case, body: list[ast.stmt], first: int) -> Iterator[Proposal | None]:
    """`d_fake = D(fake)`, which two passes go through: computed for the first pass from `fake.detach()`, and once more, before
    what reads it behind that pass.
    """
    for each in body[:first]:
        reader = next((one for one in body[first + 1 :] if loaded(one) & stored(each)), None)
        given = [name for name in sorted(loaded(each)) if _is_computed(case, name)]
        if reader is None or not given or not isinstance(each, ast.Assign):
            continue
        (source, again), indent = (case.text_of(one) for one in (each, reader)), " " * reader.col_offset
        uses = [one for one in ast.walk(each) if isinstance(one, ast.Name) and one.id in given]
        changes: list[tuple[ast.AST, str]] = [(one, f"{one.id}.detach()") for one in uses]
        yield case.journal.changed(
            case.home,
            [*changes, (reader, f"{source}\n{indent}{again}")],
            f"the first pass ends at {' and '.join(given)}; {' and '.join(sorted(stored(each)))} is computed again",
        )


def _is_computed(case: Case, name: str) -> bool:
    value = case.named(name)
    return case.engine.kind(value) == "tensor" and case.engine.look(value).grad_fn is not None


def round_of(case: Case) -> list[ast.stmt] | None:
    """The body of the innermost loop or function that the failing statement stands in."""
    around = [
        each.body
        for each in ast.walk(case.tree)
        if isinstance(each, ast.For | ast.While | ast.FunctionDef)
        and any(holds(one, case.inner) for one in each.body)
    ]
    return around[-1] if around else None


def _leading(case: Case, names: set[str], node: int) -> list[str]:
    """Those of these names that are tensors whose graph has a node."""
    tensors = ((name, case.named(name)) for name in sorted(names))
    return [name for name, value in tensors if value is not None and way_to(case, value, node)]


def _learns_meanwhile(case: Case, root: ast.expr | None) -> bool:
    """Whether the failing statement wrote a leaf that a tensor leads to."""
    written, tensor = {write.memory for write in case.failing.writes}, case.tensor(root)
    leaves = [] if tensor is None else leaves_behind(case, tensor)
    return any(case.trace.token(case.engine.memory(leaf)) in written for leaf in leaves)


def _leaves_kept(case: Case) -> Iterator[Proposal | None]:
    """`img = img.clamp(0, 1)` in a loop, where img was a leaf: written into the leaf, which keeps its name."""
    for name in carried_graphs(case):
        bound = case.bound_at(name)
        facts = [] if bound is None else case.trace.steps[bound].step.changes
        if any(
            name in each.names and each.after and each.after.requires_grad and each.after.is_leaf
            for each in facts
        ):
            yield from copied_into(case, case.at, name)


def again_in(case: Case, body: list[ast.stmt], made_at: int) -> Iterator[Proposal | None]:
    """The statements that lead to what is differentiated, once more in each round, before what reads it."""
    chosen = chosen_between(case, made_at, case.at, loaded(case.statement.tree))
    made = {name for place in chosen for name in stored(case.journal.tree(place))}
    first = next((each for each in body if loaded(each) & made), None)
    if first is not None and 0 < len(chosen) <= MOST:
        source = "\n".join(case.journal.python(place)[0].source for place in chosen)
        yield case.journal.before(case.home, first, source, "build the graph anew in each round")


def _applied_apart(case: Case, at: int, node: int) -> bool:
    """Whether a step between two passes, of an actor's optimizer, changes nothing that both passes lead to, as a critic:
    the first is not to go there.
    """
    root, engine = case.tensor(backward_root(case)), case.engine
    below = nodes_below(engine, None if root is None else engine.node(root))
    freed_node = next((each for each in below if case.trace.token(each) == node), None)
    variables = map(engine.variable, nodes_below(engine, freed_node))
    leaves = [each for each in variables if each is not None]
    for place in range(at + 1, case.at):
        for call in calls_in(case.journal.tree(place), "step"):
            owner = receiver_of(call)
            held = [] if owner is None else optimised(engine, case.value(owner))
            if held and leaves and not any(each is leaf for each in held for leaf in leaves):
                return True
    return False


def _ended_before(case: Case, at: int, made_at: int, node: int) -> Iterator[Proposal | None]:
    """The first pass, ended at a tensor that the second goes through: what it begins at, computed from that one detached."""
    names = case.trace.session.names
    shared = {
        name
        for place in range(made_at, case.at + 1)
        for name in loaded(case.journal.tree(place))
        if case.engine.kind(names.get(name)) == "tensor" and way_to(case, names[name], node)
    }
    for place in range(made_at + 1, at + 1):
        tree = case.journal.tree(place)
        for name in sorted(loaded(tree) & shared if place == at or stored(tree) & shared else ()):
            uses = [each for each in ast.walk(tree) if isinstance(each, ast.Name) and each.id == name]
            changes = [(each, f"{name}.detach()") for each in uses if isinstance(each.ctx, ast.Load)]
            yield case.journal.changed(place, changes, f"the first pass ends at {name}")


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


def _root_of(call: ast.AST | None) -> str:
    """`a` of the call `a.backward()`."""
    receiver = None if call is None else receiver_of(call)
    return receiver.id if isinstance(receiver, ast.Name) else ""


def chosen_between(case: Case, first: int, last: int, wanted: set[str]) -> list[int]:
    """The places of the assignments from one statement on that lead from it to these names, in order."""
    return [first + at for at in leading([case.journal.tree(place) for place in range(first, last)], wanted)]


def recomputed(case: Case, made_at: int) -> Iterator[Proposal | None]:
    """The statements between, which lead from the freed node to what is differentiated, once more."""
    chosen = chosen_between(case, made_at, case.at, loaded(case.statement.tree))
    if not 0 < len(chosen) <= MOST:
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
