"""A second backward pass through what a first one freed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorcli.explorer.results import Event
from tensorcli.explorer.rewrite import Proposal
from tensorcli.explorer.why.case import Case, Story, loaded, one_line, stored


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
    if saves:
        step, save = saves[0]
        made_at = step.number - 1
        names = list(dict.fromkeys(f"{each.slot}" for _, each in saves))
        events.append(
            case.event(made_at, f"{save.node_name} saved {', '.join(names)} for the backward pass", "saved")
        )
        what = save.node_name
    else:
        what = "a node"
    count = len(first.freed)
    at = first.number - 1
    if first.number != case.failing.number:
        events.append(
            case.event(at, f"freed what {count} node{'s' if count != 1 else ''} had saved, {what} among them", "freed",
                       culprit=True)
        )  # fmt: skip
    events.append(case.raised(f"needs what {what} had saved"))
    if first.number == case.failing.number:
        title = f"line {case.line} runs backward more than once through {what}, which the first time freed."
    else:
        title = f"line {case.line} needs what line {first.line} freed: both go through {what}"
        title += f" (line {case.trace.steps[made_at].line})." if made_at is not None else "."
    story = Story(title, events)
    story.proposals = list(_freed_ways(case, at, made_at))
    return story


def _freed_ways(case: Case, at: int, made_at: int | None) -> Iterator[Proposal | None]:
    journal = case.journal
    statement, _ = journal.python(at)
    calls = [node for node in ast.walk(statement.tree) if isinstance(node, ast.Call) and _passes(node)]
    for call in calls[:1]:
        if not any(keyword.arg == "retain_graph" for keyword in call.keywords):
            text = journal.source(at, call)
            inside = text[:-1].rstrip()
            comma = "" if inside.endswith("(") else ", "
            yield journal.changed(
                at, [(call, f"{inside}{comma}retain_graph=True)")], "keep the graph for the second pass"
            )
    if at < case.at:
        a, b = _root(statement.tree), _root(case.statement.tree)
        if a and b and a != b:
            yield journal.without(at, case.at, f"({a} + {b}).backward()", "one pass for both")
    if made_at is not None and at < case.at and made_at < at:
        yield from _recomputed(case, made_at)
    yield from _detached(case)


def _passes(call: ast.Call) -> bool:
    """Whether a call is a backward pass."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in ("backward", "grad")


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


def _detached(case: Case) -> Iterator[Proposal | None]:
    """In a loop: what one round carries into the next, detached at the beginning of the round."""
    for node in ast.walk(case.statement.tree):
        if not isinstance(node, ast.For | ast.While):
            continue
        bound: set[str] = set()
        carried: list[str] = []
        for each in node.body:
            carried.extend(
                name
                for name in sorted(loaded(each) - bound)
                if name in stored(ast.Module(list(node.body), []))
            )
            bound |= stored(each)
        for name in dict.fromkeys(carried):
            if case.engine.kind(case.trace.session.names.get(name)) == "tensor":
                first = node.body[0]
                indent = " " * first.col_offset
                text = case.text_of(first)
                yield case.journal.changed(
                    case.at,
                    [(first, f"{name} = {name}.detach()\n{indent}{text}")],
                    f"{name} carries no graph from round to round",
                )
