"""Leaves that require grad and have no gradient: no pass ran, it was dropped, or no pass led to them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.graphs import nodes_below, roots
from tensorcli.explorer.names import path_root
from tensorcli.explorer.results import Event, some
from tensorcli.explorer.rewrite import to_the_end
from tensorcli.explorer.trees import (
    asks_for_grad,
    called_name,
    calls_in,
    has_pass,
    holds,
    loaded,
)
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.copies import copied_leaf, deep_copy, kept, reason
from tensorcli.explorer.why.cuts import READERS, Cut, cut_reason, in_a_pass, verb_of
from tensorcli.explorer.why.ended import ended_early
from tensorcli.explorer.why.reconnect import ways_back
from tensorcli.explorer.why.views import cut_from_base, view_again, views_cut_off
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.trace import Made, Traced


def leaf_without(case: Case, value: Any, name: str, bound: int | None) -> Story:
    """A leaf that requires grad and has none."""
    trace = case.trace
    passes = [
        step for step in passes_of(case) if step.added or step is not case.failing or has_pass(case.inner)
    ]
    cleared = [
        step
        for step in trace.steps
        for change in step.step.changes
        if change.kind == "unbound" and f"{name}.grad" in change.names
    ]
    if cleared:
        step = cleared[-1]
        return Story(
            f"{name}.grad is None because line {step.line} took it away.",
            [case.event(step.number - 1, f"{name}.grad was dropped", "cut", culprit=True)],
        )
    dropped = _dropped_in_a_pass(case, value, name)
    if dropped is not None:
        return dropped
    if not passes:
        story = Story(f"{name}.grad is None because no backward pass ran: a gradient comes with backward().")
        users = users_of(case, value)
        if users:
            whose = "its graph leads" if len(users) == 1 else "their graphs lead"
            story.notes.append(f"{some(users, 4)} would bring it: {whose} to {name}.")
        return story
    done = [
        step
        for step in passes
        if step.step.error is None or (step is case.failing and not has_pass(case.inner))
    ]
    if not done:
        last = passes[-1]
        return Story(
            f"{name}.grad is None because the backward pass at line {last.line} failed (why).",
            [case.event(last.number - 1, "raised", "raised")],
        )
    return _not_reached(case, value, name, bound, done[-1])


def _dropped_in_a_pass(case: Case, value: Any, name: str) -> Story | None:
    """A gradient that a pass made and the same statement, a loop or a function, dropped; None where no pass reached the leaf."""
    token = case.trace.token(value)
    brought = [(step, added) for step in case.trace.steps for added in step.added if added.tensor == token]
    if not brought:
        return None
    step, added = brought[-1]
    at = step.number - 1
    trees = [step.record.statement.tree]
    home = None if added.node_at is None else case.holder_of(added.node_at)
    if home is not None and home != at:
        trees.append(case.journal.tree(home))
    drops = [node for tree in trees for node in in_order(tree) if _drops(node)]
    story = Story(f"{name}.grad is None because line {step.line} took it away after the last backward pass.")
    story.events = [case.event(at, f"the last pass made {name}.grad", "made", node=added.node_at)]
    if drops:
        event = case.event(at, f"dropped {name}.grad", "cut", culprit=True, node=drops[-1])
        story.events.append(event)
        story.title = (
            f"{name}.grad is None because line {event.line} took it away after the last backward pass."
        )
    return story


def _drops(node: ast.AST) -> bool:
    """Whether an expression is `opt.zero_grad()`, or a statement `w.grad = None`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
        return node.targets[0].attr == "grad" and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and called_name(node) == "zero_grad"


def passes_of(case: Case) -> list[Traced]:
    """The statements that call backward()."""
    return [step for step in case.trace.steps if has_pass(step.record.statement.tree)]


def _not_reached(case: Case, value: Any, name: str, bound: int | None, last: Traced) -> Story:
    """A leaf that the passes which ran did not lead to."""
    trace = case.trace
    story = Story(f"{name}.grad is None because no graph that was differentiated leads to {name}.")
    untold = story.title
    if bound is not None and bound > last.number - 1:
        story.title = (
            f"{name}.grad is None because {name} was bound at line {trace.steps[bound].line}, after the last backward "
            f"pass (line {last.line})."
        )
    if bound is not None:
        story.events.append(case.event(bound, f"{name} was made here", "made"))
    begin = 0 if bound is None else bound + 1
    _tell_views(case, story, value, name, begin, last)
    cuts = _tell_cuts(case, story, value, name, begin)
    cuts = cuts or _tell_data(case, story, name, begin)
    story.proposals.extend(map(to_the_end, ways_back(case, cuts)))
    users = users_of(case, value)
    if story.title == untold and not users:
        _tell_late(case, story, value, name)
    _tell_end(case, story, name, begin, last, users, cut=bool(cuts))
    node = last.added[-1].node_at if last.added else None
    passed = f"a backward pass that did not reach {name}"
    story.events.append(case.event(last.number - 1, passed, "other", node=node))
    if users:
        verb = ("leads", "was") if len(users) == 1 else ("lead", "were")
        story.notes.append(f"{some(users, 4)} {verb[0]} to {name}, and {verb[1]} not differentiated.")
    return story


def _tell_views(case: Case, story: Story, value: Any, name: str, begin: int, last: Traced) -> None:
    """The views of the leaf without an edge to it that later statements went through."""
    for view, view_name in views_cut_off(case, value):
        uses = [
            step
            for step in case.trace.steps[begin:]
            if view_name in loaded(step.record.statement.tree) and case.bound_at(view_name) != step.number - 1
        ]
        if not uses:
            continue
        how, told_of = cut_from_base(case, view, view_name)
        story.events.extend(told_of)
        line = uses[-1].line
        story.title = (
            f"{name}.grad is None because line {line} goes through {view_name}, a view of {name} without an edge to it: "
            f"{how}."
        )
        if uses[-1] is not last:
            story.events.append(case.event(uses[-1].number - 1, f"goes through {view_name}", "other"))
        story.proposals.extend(view_again(case, view_name, uses[0], last))


def _tell_cuts(case: Case, story: Story, value: Any, name: str, begin: int) -> list[Cut]:
    """The operators at which the way from the leaf to what was differentiated was cut."""
    went_on, others, read, whole = _cuts_behind(case, value, name, begin)
    cuts, events = _as_cuts(case, went_on or others or read or whole)
    story.events.extend(events)
    for event in events:
        story.title = f"{name}.grad is None because the way from {name} to what was differentiated was cut at line {event.line}."
    return cuts


def cuts_between(case: Case, value: Any, name: str) -> tuple[list[Cut], list[Event]]:
    """Where what was computed from a tensor lost its graph, and something that has one was computed from it."""
    return _as_cuts(case, _cuts_behind(case, value, name, 0)[0])


def cuts_of_gone(case: Case) -> tuple[list[Cut], list[Event]]:
    """The same of leaves that have no name any more, those of a function that ended: of what was computed from, no operator made,
    and no pass brought a gradient.
    """
    made = {each.tensor for step in case.trace.steps for each in step.made}
    brought = {each.tensor for step in case.trace.steps for each in step.added}
    used = {token for step in case.trace.steps for each in step.made if each.needed for token in each.inputs}
    went_on, _, read, _ = _cuts_from(case, used - made - brought, "", 0)
    return _as_cuts(case, went_on or read)


def _as_cuts(case: Case, found: list[tuple[Traced, Made]]) -> tuple[list[Cut], list[Event]]:
    cuts, events = [], []
    for step, made in found:
        operator = verb_of(made)
        cuts.append(Cut(step, "", "cut", made.node_at, (operator,)))
        why = "leaves the graph" if made.recording else cut_reason(case, step, made)
        events.append(
            case.event(step.number - 1, f"{operator} {why}", "cut", culprit=True, node=made.node_at)
        )
    return cuts, events


def _tell_data(case: Case, story: Story, name: str, begin: int) -> list[Cut]:
    """`h = net(x).data`, where what the leaf belongs to was computed with: no operator tells of it."""
    root, cuts = path_root(name), []
    for step in case.trace.steps[begin:]:
        for node in in_order(step.record.statement.tree):
            owner = node.value if isinstance(node, ast.Attribute) and node.attr == "data" else None
            if not isinstance(owner, ast.Call) or root not in loaded(owner) or called_name(owner) == "grad":
                continue
            cuts.append(Cut(step, "", "cut", node, ("data",)))
            event = case.event(step.number - 1, ".data leaves the graph", "cut", culprit=True, node=node)
            story.events.append(event)
            story.title = (
                f"{name}.grad is None because the way from {name} to what was differentiated was cut at line "
                f"{event.line}."
            )
    return cuts


def _tell_late(case: Case, story: Story, value: Any, name: str) -> None:
    """A leaf that was told to require grad when what was differentiated had been computed from it already."""
    asking = [
        (step.number, node)
        for step in case.trace.steps
        for node in ast.walk(step.record.statement.tree)
        if isinstance(node, ast.stmt) and asks_for_grad(node, name)
    ]
    token = case.trace.token(value)
    using = [
        (step.number, node)
        for step in case.trace.steps
        for made in step.made
        if token in made.inputs
        for node in ast.walk(step.record.statement.tree)
        if isinstance(node, ast.stmt) and made.node_at is not None and holds(node, made.node_at)
    ]
    if not asking or not using:
        return
    (asked, late), first = asking[-1], min(number for number, _ in using)
    use = [node for number, node in using if number == first][-1]
    if (first, use.lineno) >= (asked, late.lineno):
        return
    made = case.event(
        first - 1, f"computed from {name}, which required no grad", "cut", culprit=True, node=use
    )
    told = case.event(asked - 1, f"{name} requires grad from here on", "other", node=late)
    story.title = (
        f"{name}.grad is None because {name} was told to require grad at line {told.line}, and what was differentiated was "
        f"computed from it before, at line {made.line}."
    )
    story.events.extend([made, told])
    source = case.journal.source(asked - 1, late)
    earlier = case.journal.before(first - 1, use, source, f"{name} requires grad before it is used")
    story.proposals.append(None if earlier is None else to_the_end(earlier))


def _tell_end(
    case: Case, story: Story, name: str, begin: int, last: Traced, users: list[str], cut: bool
) -> None:
    """Where the pass ended instead: at a copy of the leaf, at another leaf, or where nothing but numbers went on. `users` are the
    names whose graph leads to the leaf; `cut`: whether a way from it was cut.
    """
    copy, ended = copied_leaf(case, last, {name, *users}), ended_early(case, last)
    if copy is not None:
        line = case.trace.steps[copy.at].line
        story.title = (
            f"{name}.grad is None because line {line} made {copy.name}, a leaf of its own, of the numbers of {copy.source}: the "
            "backward pass ended there."
        )
        story.events.append(case.event(copy.at, reason(case, copy), "cut", culprit=True))
        story.proposals.extend(to_the_end(each) for each in kept(case, copy))
    elif ended is not None:
        story.title = f"{name}.grad is None because the backward pass ended at {ended.leaf}: {ended.reason}"
        known = {(each.line, each.source) for each in story.events}
        story.events.extend(each for each in ended.events if (each.line, each.source) not in known)
    elif not cut and (left := _numbers_of(case, name, begin)) is not None:
        what = f"line {left.line} {left.text}, which have no graph"
        story.title = f"{name}.grad is None because {what}: nothing leads back to {name}."
        story.events.append(left)
    elif (deep := deep_copy(case, name, last)) is not None:
        story.title, event = deep
        story.events.append(event)
    if ended is not None:
        story.proposals.extend(to_the_end(each) for each in ended.proposals)


def _numbers_of(case: Case, name: str, begin: int) -> Event | None:
    """`net.weight.data = of(w)`, `w[0].item()`, where w is what a name begins with: where its numbers went, and not its graph."""
    root = path_root(name)
    for at in range(begin, len(case.trace.steps)):
        for node in ast.walk(case.trace.steps[at].record.statement.tree):
            text = ""
            if isinstance(node, ast.Assign) and root in loaded(node.value):
                target = node.targets[0]
                if isinstance(target, ast.Attribute) and target.attr == "data":
                    text = f"gives {ast.unparse(target.value)} the numbers"
            elif (
                isinstance(node, ast.Call)
                and called_name(node) in ("item", "tolist", "numpy")
                and root in loaded(node)
                and not _is_shown(case, node)
            ):
                text = f"reads the numbers of {root}"
            if text:
                return case.event(at, text, "cut", culprit=True, node=node)
    return None


class _Cuts(NamedTuple):
    """Where what was computed from a leaf lost its graph, one of each expression."""

    went_on: list[tuple[Traced, Made]]
    """Something that has a graph was computed from it; where the last pass went through some of that, those that led there."""
    named: list[tuple[Traced, Made]]
    """All in the statements that name the leaf."""
    read: list[tuple[Traced, Made]]
    """Those whose numbers were read at once: `h.detach().numpy()`."""
    whole: list[tuple[Traced, Made]]
    """Those that gave whole numbers, which may be an index: `argmax()`."""


def _cuts_behind(case: Case, value: Any, name: str, begin: int) -> _Cuts:
    """Where what was computed from a leaf lost its graph."""
    return _cuts_from(case, {case.trace.token(value)}, name, begin)


def _cuts_from(case: Case, leaves: set[int], name: str, begin: int) -> _Cuts:
    """`_cuts_behind` of leaves by their tokens."""
    connected = set(leaves)
    behind: dict[int, tuple[Traced, Made]] = {}
    went_on: dict[tuple[int, int], tuple[Traced, Made]] = {}
    led: dict[tuple[int, int], tuple[Traced, Made]] = {}
    others: dict[tuple[int, int], tuple[Traced, Made]] = {}
    read: dict[tuple[int, int], tuple[Traced, Made]] = {}
    whole: dict[tuple[int, int], tuple[Traced, Made]] = {}
    last = _nearest_pass(case)
    for step in case.trace.steps[begin:]:
        for made in step.made:
            from_cut = next((behind[token] for token in made.inputs if token in behind), None)
            computed = not connected.isdisjoint(made.inputs)
            if computed and made.look.requires_grad:
                connected.add(made.tensor)
            elif computed and made.needed and not in_a_pass(made):
                behind[made.tensor] = cut = (step, made)
                if name in loaded(step.record.statement.tree):
                    others.setdefault(_place(cut), cut)
                if made.node_at is None or _is_shown(case, made.node_at):
                    continue
                if _is_read(case, made):
                    read.setdefault(_place(cut), cut)
                if made.look.dtype.startswith("int"):
                    whole.setdefault(_place(cut), cut)
            elif not computed and from_cut is not None:
                behind[made.tensor] = from_cut
                if made.look.requires_grad:
                    went_on.setdefault(_place(from_cut), from_cut)
                    if last is not None and step.freed.get(made.node) is last:
                        led.setdefault(_place(from_cut), from_cut)
    return _Cuts([*(led or went_on).values()], *([*each.values()] for each in (others, read, whole)))


def _place(cut: tuple[Traced, Made]) -> tuple[int, int]:
    """What tells apart where two cuts are: the statement, and the expression in it."""
    step, made = cut
    return step.number, id(made.node_at)


def _nearest_pass(case: Case) -> ast.AST | None:
    """The pass of the failing statement's block that ran last before what failed; None where none did."""
    passes = [added.node_at for added in case.failing.added if added.node_at is not None]
    before = [node for node in passes if node.lineno < case.inner.lineno]  # type: ignore[attr-defined]
    return max(before, key=lambda node: node.lineno, default=None)  # type: ignore[attr-defined]


def _is_shown(case: Case, node: ast.AST) -> bool:
    """Whether an expression stands in what a print shows, from where nothing leads on."""
    home = case.holder_of(node)
    return home is not None and any(holds(each, node) for each in calls_in(case.journal.tree(home), "print"))


def _is_read(case: Case, made: Made) -> bool:
    """Whether the numbers of what an expression gives are read at once."""
    home = None if made.node_at is None else case.holder_of(made.node_at)
    return home is not None and any(
        node is not made.node_at and made.node_at is not None and holds(node, made.node_at)
        for node in calls_in(case.journal.tree(home), *READERS)
    )


def users_of(case: Case, value: Any) -> list[str]:
    """The names whose graph leads to a leaf."""
    observation = case.trace.session.observation
    assert observation is not None
    found = []
    for entry, root in roots(case.engine, observation.index):
        if any(case.engine.variable(node) is value for node in nodes_below(case.engine, root)):
            found.append(observation.index.names(entry)[0])
    return found
