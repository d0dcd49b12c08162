"""Why `.grad` is what it is, or None: the tensor is no leaf, its name went to another tensor, the pass did not come there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.results import Event, brief
from tensorcli.explorer.rewrite import to_the_end
from tensorcli.explorer.trees import atom, binds, stored
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import told, where_cut
from tensorcli.explorer.why.flat import zeroed
from tensorcli.explorer.why.reconnect import ways_back
from tensorcli.explorer.why.unreached import leaf_without, passes_of
from tensorcli.explorer.why.updates import in_place
from tensorcli.explorer.why.views import cut_off, view_without_edge

if TYPE_CHECKING:
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.rewrite import Proposal


EVENTS = 8
"""So many passes and writes are listed."""


def gradient_of(case: Case, value: Any, name: str) -> Story:
    """Why `name.grad` is what it is."""
    engine = case.engine
    look = engine.look(value)
    if engine.grad(value) is not None:
        return _held(case, value, name)
    if cut_off(case, value):
        return view_without_edge(case, value, name, f"{name}.grad is None because {name} ")
    bound = case.bound_at(name)
    if not look.requires_grad:
        return _not_required(case, value, name, bound)
    if not look.is_leaf:
        return _not_leaf(case, value, name, look, bound)
    return leaf_without(case, value, name, bound)


# ---- a gradient that is there


class _Past(NamedTuple):
    """What became of a gradient, statement by statement."""

    events: list[Event]
    given: list[Event]
    """What passes gave since it was made, dropped or written last."""
    wrote: Event | None
    """The write that came last, where no pass made it anew."""


def _past(case: Case, token: int, name: str) -> _Past:
    """What became of the gradient of a leaf, known by its token and its name."""
    events: list[Event] = []
    given: list[Event] = []
    wrote: Event | None = None
    for step in case.trace.steps:
        at = step.number - 1
        mine = [added for added in step.added if added.tensor == token]
        for added in mine:
            if added.kind == "new":
                given, wrote = [], None
                what = f"made it: {brief(added.after)}"
            elif added.gave:
                what = f"added {brief(added.gave)} to {brief(added.before)}"
            else:
                what = f"added to it: {brief(added.after)}"
            given.append(case.event(at, what, "made", node=added.node_at))
            events.append(given[-1])
        for change in step.step.changes:
            if f"{name}.grad" not in change.names or mine:
                continue
            if change.kind == "unbound":
                events.append(case.event(at, "dropped it", "cut"))
            elif change.kind in ("written", "seen") and change.after is not None:
                given, wrote = [], case.event(at, f"wrote it: {brief(change.after.value)}", "wrote")
                events.append(wrote)
            elif change.kind in ("created", "gradient"):
                made = f"made it: {brief(change.after.value)}" if change.after else ""
                events.append(case.event(at, made, "made"))
    return _Past(events, given, wrote)


def _held(case: Case, value: Any, name: str) -> Story:
    """Which passes made the gradient, what each gave, and what else changed it."""
    text = brief(case.engine.text(case.engine.grad(value)))
    token = case.trace.token(value)
    events, given, wrote = _past(case, token, name)
    if len(events) > EVENTS:
        left = Event(0, "", f"… and {len(events) - EVENTS} more", "other")
        events = [*events[: EVENTS // 2], left, *events[-(EVENTS // 2) :]]
    places = [
        step.number - 1 for step in case.trace.steps if any(each.tensor == token for each in step.added)
    ]
    zero = zeroed(case, value, name, places[-1]) if places and wrote is None else None
    if zero is not None:
        zero.proposals = [to_the_end(each) for each in zero.proposals]
        return zero
    story = Story(f"{name}.grad is {text}.", events)
    if wrote is not None and not given:
        story.title = f"{name}.grad is {text}: line {wrote.line} wrote it."
    if len(given) > 1:
        lines = list(dict.fromkeys(str(event.line) for event in given))
        where = f" (line{'s' * (len(lines) > 1)} {', '.join(lines[:6])}{', …' * (len(lines) > 6)})"
        where += "" if wrote is None else f" on top of what line {wrote.line} wrote"
        story.title = f"{name}.grad is {text}: the sum of {len(given)} backward passes{where}."
        if places and len(lines) > 1:
            story.notes.append(
                f"a backward pass adds to .grad. Where line {lines[-1]} should begin anew, drop the gradient before it."
            )
            begun = case.journal.inserted(places[-1], f"{name}.grad = None", "begin anew")
            story.proposals.append(to_the_end(begun))
    return story


# ---- tensors that do not require grad, or are no leaves


def _lost_leaf(case: Case, name: str, bound: int | None) -> int | None:
    """Where the leaf stands that the name stood for before it was bound again, from 0."""
    if bound is None:
        return None
    for change in case.trace.steps[bound].step.changes:
        if change.kind == "unbound" and change.names == (name,) and change.before is not None:
            earlier = case.bound_at(name, bound)
            leaf = change.before.is_leaf and change.before.requires_grad
            return earlier if leaf else None
    return None


def _not_required(case: Case, value: Any, name: str, bound: int | None) -> Story:
    cuts = where_cut(case, value)
    lost = _lost_leaf(case, name, bound)
    story = Story(f"{name}.grad is None because {name} does not require grad")
    if not cuts:
        story.title += "; which statement made it is not known."
        return story
    sentence, story.events = told(cuts, case, value)
    if lost is not None and bound is not None:
        line = case.within_line(bound, cuts[0].node)
        story.title = (
            f"{name}.grad is None because line {line} bound {name} to a new tensor that does not require grad; the "
            f"leaf of line {case.trace.steps[lost].line} has no name any more."
        )
        story.events.insert(0, case.event(lost, f"{name} was a leaf that requires grad", "made"))
        story.proposals = [to_the_end(each) for each in in_place(case, bound, name)]
        return story
    story.title += f": {sentence}"
    for cut in cuts:
        told_so = cut.kind == "leaf" or bool(cut.frozen)
        again = ways_back(case, [cut]) if told_so else in_place(case, cut.step.number - 1, name)
        story.proposals.extend(to_the_end(each) for each in again)
    return story


def leaves_behind(case: Case, tensor: Any) -> list[Any]:
    """The leaves that a computed tensor's graph leads to."""
    nodes = nodes_below(case.engine, case.engine.node(tensor))
    return [variable for node in nodes if (variable := case.engine.variable(node)) is not None]


def _not_leaf(case: Case, value: Any, name: str, look: Look, bound: int | None) -> Story:
    """A computed tensor: its leaf may have lost its name."""
    story = Story(
        f"{name}.grad is None because {name} is computed ({look.grad_fn}), not a leaf: a backward pass leaves gradients "
        "in leaves, and elsewhere only after retain_grad()."
    )
    leaves = leaves_behind(case, value)
    made = case.made(value)
    node = None
    if made is not None and (bound is None or bound <= made[0].number - 1):
        # An item of a container, or a name that a block or a function bound.
        bound, node = made[0].number - 1, made[1].node_at
    lost = _lost_leaf(case, name, bound)
    if bound is None:
        return story
    if lost is not None:
        gone = [leaf for leaf in leaves if case.own_name(leaf) is None]
        grads = {_grad_text(case, leaf) for leaf in gone}
        its = f"; its .grad is {grads.pop()}" if len(grads) == 1 else ""
        story.title = (
            f"{name}.grad is None because line {case.within_line(bound, node)} bound {name} to a computed tensor "
            f"({look.grad_fn}): the leaf of line {case.trace.steps[lost].line} has no name any more{its}."
        )
        story.events.append(case.event(lost, f"{name} was a leaf that requires grad", "made"))
    story.events.extend(computed(case, name, look, bound, node, lost is not None))
    story.proposals.extend(to_the_end(each) for each in _retained_before(case, story, name, bound))
    for leaf in leaves[:3]:
        leaf_name = case.own_name(leaf)
        if leaf_name is not None:
            story.notes.append(
                f"the leaf behind it is {leaf_name}; {leaf_name}.grad is {_grad_text(case, leaf)}."
            )
        elif lost is None:
            born = case.made_at(leaf)
            where = "" if born is None else f" (made at line {case.trace.steps[born].line})"
            story.notes.append(
                f"the leaf behind it{where} has no name; its .grad is {_grad_text(case, leaf)}."
            )
    passes = [step for step in passes_of(case) if step.step.error is None]
    if not passes and not any(step.added for step in case.trace.steps):
        story.notes.append("no backward pass ran yet.")
    if lost is not None and case.engine.kind(value) == "tensor":
        taken = {each for step in case.trace.steps for each in stored(step.record.statement.tree)}
        leaf_name = next(each for each in ("leaf", f"{name}_leaf", f"{name}_0") if each not in taken)
        found = case.journal.inserted(bound, f"{leaf_name} = {name}", "a name for the leaf")
        if found is not None and passes:
            story.proposals.append(to_the_end(replace(found, shows=f"{leaf_name}.grad")))
    if lost is not None:
        story.proposals.extend(to_the_end(each) for each in in_place(case, bound, name))
    if case.failure.message and (lost is not None or case.inside):
        at, tree = (bound, case.journal.tree(bound)) if lost is not None else (case.home, case.tree)
        story.proposals.append(_leaf_again(case, at, tree, name))
    story.proposals.extend(to_the_end(each) for each in _leaf_at_last(case, bound, name))
    if bound + 1 <= len(case.trace.steps) - 1:
        story.proposals.append(
            to_the_end(case.journal.inserted(bound + 1, f"{name}.retain_grad()", "keep this gradient too"))
        )
    return story


def _leaf_again(case: Case, bound: int, tree: ast.AST, name: str) -> Proposal | None:
    """`x = torch.clamp(x, 0, 1)`, the last that a round binds the name to, and behind it the same as a leaf."""
    loops = [each for each in ast.walk(tree) if isinstance(each, ast.For | ast.While)]
    binding = [
        each
        for loop in loops
        for each in ast.walk(loop)
        if isinstance(each, ast.Assign | ast.AugAssign) and name in stored(each)
    ]
    if not binding:
        return None
    last = max(binding, key=lambda each: each.lineno)
    source = f"{case.journal.source(bound, last)}\n{name} = {name}.detach().requires_grad_()"
    return to_the_end(case.journal.instead(bound, last, source, f"{name} is a leaf in each round"))


def _retained_before(case: Case, story: Story, name: str, bound: int) -> Iterator[Proposal | None]:
    """`x.retain_grad()`, and then a write that gave x another history: the same behind the write."""
    for at, grad_fn in case.history_of(name, bound)[1:]:
        asked = f"{name}.retain_grad()"
        earlier = [step for step in case.trace.steps[:at] if step.record.statement.source == asked]
        if earlier:
            story.title = (
                f"{name}.grad is None because line {earlier[-1].line} asked for the gradient of the history that {name} had, and "
                f"line {case.trace.steps[at].line} gave it another ({grad_fn})."
            )
            yield case.journal.inserted(at + 1, asked, "keep the gradient of what it is then")


def computed(
    case: Case, name: str, look: Look, bound: int | None, node: ast.AST | None = None, culprit: bool = False
) -> Iterator[Event]:
    """Where a tensor was computed, and where a recorded write gave it another history."""
    history = case.history_of(name, bound)
    for at, grad_fn in history[:1]:
        named = any(each.kind == "bound" and name in each.names for each in case.trace.steps[at].step.changes)
        grad_fn = grad_fn or (look.grad_fn if len(history) == 1 else None)
        text = f"{name} was computed here ({grad_fn})" if grad_fn else f"{name} was made here"
        text = f"{name} was bound here to what was there" if named else text
        yield case.event(at, text, "made", culprit=culprit, node=node)
    for at, grad_fn in history[1:]:
        became = "gave it another history" if history[0][1] else f"made {name} a computed tensor"
        yield case.event(at, f"a recorded write {became} ({grad_fn})", "wrote")


def _leaf_at_last(case: Case, at: int, name: str) -> Iterator[Proposal | None]:
    """`x = torch.ones(2, requires_grad=True) * 3` as `x = (torch.ones(2) * 3).requires_grad_()`."""
    tree = case.journal.tree(at)
    if not isinstance(tree, ast.Assign) or not binds(tree, name):
        return
    import copy

    value = copy.deepcopy(tree.value)
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and node is not value:
            kept = [each for each in node.keywords if each.arg != "requires_grad"]
            if len(kept) < len(node.keywords):
                node.keywords = kept
                text = f"{atom(value, ast.unparse(value))}.requires_grad_()"
                yield case.journal.changed(at, [(tree.value, text)], f"make {name} itself the leaf")
                return


def _grad_text(case: Case, tensor: Any) -> str:
    grad = case.engine.grad(tensor)
    return "None" if grad is None else case.engine.text(grad)
