"""Steps of optimizers that change nothing, or other tensors than was meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.hazards.scope import Scope
from tensorcli.explorer.hazards.steps import CLOSURE
from tensorcli.explorer.names import path_root
from tensorcli.explorer.rewrite import to_the_end
from tensorcli.explorer.trees import called_name, calls_in, has_pass, loaded, receiver_of, root_name, stored
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.ended import ended_early, last_pass
from tensorcli.explorer.why.freed import again_in, recomputed, round_of
from tensorcli.explorer.why.networks import holder_for
from tensorcli.explorer.why.reconnect import ways_back
from tensorcli.explorer.why.registered import computed_parameters
from tensorcli.explorer.why.unreached import cuts_of_gone, leaf_without, users_of

RATES: Final = ("lr", "learning_rate", "rate", "eta", "step_size")
"""What the learning rate is called."""

if TYPE_CHECKING:
    from tensorcli.explorer.results import Event, HazardRow
    from tensorcli.explorer.rewrite import Proposal


def dropped_gradient(case: Case, row: HazardRow) -> Story:
    """`opt.zero_grad()` between the pass and the step: the two in the other order."""
    story = Story(f"line {case.line}: {row.text}")
    step = case.inner
    for at in range(case.home, -1, -1):
        tree = case.journal.tree(at)
        drops = [
            each
            for each in ast.walk(tree)
            if isinstance(each, ast.Expr) and called_name(each.value) == "zero_grad"
        ]
        if not drops:
            continue
        story.events.append(case.event(at, "dropped each gradient", "cut", node=drops[-1]))
        if at == case.home:
            later = _pass_behind(case.tree, step)
            if later is not None:
                swapped = [(step, case.text_of(later)), (later, case.text_of(step))]
                story.proposals.append(case.journal.changed(at, swapped, "step after the pass"))
            texts = case.text_of(drops[-1]), case.text_of(step)
            changes = [(drops[-1], texts[1]), (step, texts[0])]
            story.proposals.append(case.journal.changed(at, changes, "drop them after the step"))
        else:
            story.proposals.append(case.journal.moved_below(at, case.home, "drop them after the step"))
        break
    return story


def _pass_behind(tree: ast.AST, step: ast.stmt) -> ast.stmt | None:
    """The backward pass that stands behind a step in the same block, with nothing between."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and step in body[:-1]:
            behind = body[body.index(step) + 1]
            return behind if isinstance(behind, ast.Expr) and has_pass(behind) else None
    return None


def outdated_optimizer(case: Case, row: HazardRow) -> Story:
    """A layer that was replaced after the optimizer was made: the optimizer made after that."""
    story = Story(f"line {case.line}: {row.text}")
    name, new = row.names
    made, replaced = case.bound_at(name), None
    for step in case.trace.steps:
        if any(change.kind == "created" and new in change.names for change in step.step.changes):
            replaced = step.number - 1
    if made is not None and replaced is not None and made < replaced:
        story.events.append(_took(case, made, name, "the parameters of then"))
        story.events.append(case.event(replaced, f"{new} was made", "made"))
        story.proposals.append(case.journal.moved_below(made, replaced, "take the parameters of now"))
    return story


def idle_step(case: Case, row: HazardRow) -> Story:
    """A step without a gradient: a pass before it, or an optimizer of what is there now."""
    story = Story(f"line {case.line}: {row.text}")
    names, optimizer = case.trace.session.names, row.names[0]
    if CLOSURE in row.text and "no backward()" in row.text:
        story.proposals.extend(_closures_that_go_backward(case))
        return story
    held = optimised(case.engine, _value(case, optimizer))
    before = None if CLOSURE in row.text else last_pass(case, case.at)
    ended = None if before is None else ended_early(case, before)
    if before is not None and ended is not None:
        story.title += f" The pass before it ended at {ended.leaf}: {ended.reason}"
        story.events.extend(ended.events)
        story.events.append(case.event(before.number - 1, f"ended at {ended.leaf}", "other", node=ended.node))
        story.proposals.extend(ended.proposals)
        return story
    path = case.name(held[0]) if held else None
    if path is not None and _tell_unreached(case, story, path, cut=True):
        story.proposals.extend(_detached_later(case))
        return story
    for user in dict.fromkeys(user for leaf in held for user in users_of(case, leaf)):
        if user.isidentifier() and case.engine.look(names[user]).numel == 1:
            story.proposals.append(case.before(f"{user}.backward()", f"the gradients of {user}"))
    if not held:
        story.proposals.extend(_pass_before(case))
    made = case.bound_at(optimizer)
    for name, value in names.items():
        at = case.bound_at(name)
        if at is None or made is None or not made < at:
            continue
        leaves = (
            list(value.parameters()) if is_module(value) else [value] * (case.engine.kind(value) == "tensor")
        )
        if any(case.engine.look(leaf).is_leaf and case.engine.grad(leaf) is not None for leaf in leaves):
            what = "module" if is_module(value) else "tensor"
            story.events.append(_took(case, made, optimizer, "the tensors of then"))
            story.events.append(case.event(at, f"{name} is another {what} since then", "made"))
            story.proposals.append(case.journal.moved_below(made, at, "take the tensors of now"))
            again = case.journal.source(made, case.journal.tree(made))
            story.proposals.append(
                case.journal.inserted(at + 1, again, "another optimizer, of the tensors of now")
            )
    if made is not None:
        _tell_others(case, story, made)
    return story


def _detached_later(case: Case) -> Iterator[Proposal | None]:
    """`fake = G(z).detach()`, which the loss of another network goes through first: detached there instead."""
    for assigned in ast.walk(case.tree):
        value = assigned.value if isinstance(assigned, ast.Assign) else None
        owner = receiver_of(value) if called_name(value) == "detach" else None
        if not isinstance(assigned, ast.Assign) or owner is None or value is None:
            continue
        name = ast.unparse(assigned.targets[0])
        uses = [
            node
            for node in ast.walk(case.tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == name
        ]
        for last in sorted(each.lineno for each in uses)[-1:]:
            detached = [(each, f"{name}.detach()") for each in uses if each.lineno < last]
            changes = [(value, case.text_of(owner)), *detached]
            yield case.changed(changes, f"stay in the graph, and detach {name} for the others")


def _closures_that_go_backward(case: Case) -> Iterator[Proposal | None]:
    """The closure of a step, with the pass that it lacks before it returns the loss."""
    call = case.call("step")
    given = None if call is None else next(iter([*call.args, *(each.value for each in call.keywords)]), None)
    name = given.id if isinstance(given, ast.Name) else ""
    trees = [(at, case.journal.tree(at)) for at in range(case.home + 1)]
    found = [(at, tree) for at, tree in trees if isinstance(tree, ast.FunctionDef) and tree.name == name]
    returned = found[-1][1].body[-1] if found else None
    if not isinstance(returned, ast.Return) or returned.value is None:
        return
    at, value = found[-1][0], returned.value
    indent = " " * returned.col_offset
    kept = "" if isinstance(value, ast.Name) else f"loss = {case.journal.source(at, value)}\n{indent}"
    loss = value.id if isinstance(value, ast.Name) else "loss"
    text = f"{kept}{loss}.backward()\n{indent}return {loss}"
    yield case.journal.changed(at, [(returned, text)], "the gradients of what it returns")


def _tell_others(case: Case, story: Story, made: int) -> None:
    """The modules that the passes reached in the place of the one whose parameters an optimizer took."""
    tree, names = case.journal.tree(made), case.trace.session.names
    owners = map(receiver_of, calls_in(tree, "parameters", "named_parameters"))
    taken = [owner for owner in owners if isinstance(owner, ast.Name)]
    reached = [
        name
        for name, value in names.items()
        if is_module(value) and any(case.engine.grad(leaf) is not None for leaf in value.parameters())
    ]
    for name in reached if len(taken) == 1 else ():
        owner, at = taken[0], case.bound_at(name)
        if at is None:
            continue
        mine = case.journal.source(made, owner)
        if name == reached[0]:
            story.title += f" It took the parameters of {mine}, and what has gradients is {name}."
        changed = case.journal.changed(made, [(owner, name)], f"the parameters of {name}")
        if at > made and changed is not None:
            changed = case.journal.inserted(at + 1, changed.edits[0].after, f"the parameters of {name}")
        story.proposals.append(changed)


def _pass_before(case: Case) -> Iterator[Proposal | None]:
    """A backward pass of what was computed last before a step, in the block that the step stands in."""
    for block in ast.walk(case.tree):
        body = getattr(block, "body", None)
        if isinstance(body, list) and case.inner in body:
            for before in reversed(body[: body.index(case.inner)]):
                if isinstance(before, ast.Assign) and isinstance(before.targets[0], ast.Name):
                    name = before.targets[0].id
                    yield case.before(f"{name}.backward()", f"the gradients of {name}")
                    return


def unheld_parameter(case: Case, row: HazardRow) -> Story:
    """Parameters in a list, or a plain tensor of a module: registered, before the optimizer asks for them."""
    story = Story(f"line {case.line}: {row.text}")
    optimizer = row.names[0]
    made = case.bound_at(optimizer)
    if made is not None:
        story.events.append(_took(case, made, optimizer, "what parameters() gave"))
    if "frozen" in row.text:
        if made is not None:
            story.proposals.extend(_all_parameters(case, made))
        return story
    if len(row.names) < 2:
        story.proposals.extend(computed_parameters(case))
        if not any(story.proposals):
            story.notes.append(f"make the module once, before {optimizer}, and hand its parameters over.")
        return story
    path = row.names[1]
    value = _value(case, path)
    for at, step in enumerate(case.trace.steps):
        for node in ast.walk(case.journal.tree(at)):
            if isinstance(node, ast.Assign) and sets(case, node.targets[0], path):
                story.events.insert(0, case.event(step.number - 1, f"{path} is set", "made", node=node))
                text = case.journal.source(at, node.value)
                holder, note = holder_for(value)
                story.proposals.append(case.journal.changed(at, [(node.value, f"{holder}({text})")], note))
    return story


def diverging_steps(case: Case, row: HazardRow) -> Story:
    """Steps that grow: a tenth of the learning rate, or a hundredth."""
    story = Story(f"line {case.line}: {row.text}")
    for at in range(case.at + 1):
        for node, rate in _rates(case.journal.tree(at)):
            text = f"steps of {rate:g} times the gradient"
            story.events.append(case.event(at, text, "made", node=node))
            for part, note in ((10, "a tenth of it"), (100, "a hundredth"), (1000, "a thousandth")):
                story.proposals.append(case.journal.changed(at, [(node, f"{rate / part:g}")], note))
    return story


def _rates(tree: ast.AST) -> Iterator[tuple[ast.expr, float]]:
    """The learning rates of a statement, and where they stand: `lr=0.5` of a call, `lr = 0.5`, `0.5 * w.grad`."""
    for node in ast.walk(tree):
        named = node.arg == "lr" if isinstance(node, ast.keyword) else False
        named = named or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in RATES)
        found: ast.expr | None = None
        if isinstance(node, ast.keyword | ast.Assign) and named:
            found = node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            found = node.left if ast.unparse(node.right).endswith((".grad", ".grad.data")) else None
        if isinstance(found, ast.Constant) and isinstance(found.value, int | float):
            yield found, found.value


def outdated_graph(case: Case, row: HazardRow) -> Story:
    """A pass through what was computed before a step: the same computed anew in each round, or behind the step."""
    story = Story(f"line {case.line}: {row.text}")
    leaf = case.value(ast.parse(row.names[0], mode="eval").body) if row.names else None
    body = round_of(case)
    waiting = list(_step_behind(case))
    for at in range(case.at):
        tree = case.journal.tree(at)
        for name in (
            sorted(stored(tree) & loaded(case.statement.tree)) if isinstance(tree, ast.Assign) else ()
        ):
            value = case.trace.session.names.get(name)
            root = case.engine.node(value) if case.engine.kind(value) == "tensor" else None
            if leaf is None or all(
                case.engine.variable(each) is not leaf for each in nodes_below(case.engine, root)
            ):
                continue
            story.events.append(
                case.event(at, f"{name} is computed with {row.names[0]}", "made", culprit=True)
            )
            ways = recomputed(case, at) if body is None else again_in(case, body, at)
            story.proposals.extend(ways)
            break
    story.proposals.extend(waiting)
    return story


def _step_behind(case: Case) -> Iterator[Proposal | None]:
    """`first.backward(); opt.step(); second.backward()`: the step behind both passes."""
    note, body = "the step waits for both passes", round_of(case)
    if body is None:
        for at in range(case.at - 1, -1, -1):
            if is_step(case.journal.tree(at)):
                yield case.journal.moved_below(at, case.at, note)
                return
        return
    mine = next((at for at, each in enumerate(body) if each is case.inner), 0)
    for step in reversed([each for each in body[:mine] if is_step(each)]):
        without = case.journal.line_of(case.home, step)
        if without is not None:
            later = f"{case.text_of(case.inner)}\n{' ' * step.col_offset}{case.text_of(step)}"
            changes: list[tuple[ast.AST, str]] = [(without, ""), (case.inner, later)]
            yield case.journal.changed(case.home, changes, note)
        return


def is_step(tree: ast.stmt) -> bool:
    """Whether a statement is `opt.step()`."""
    return isinstance(tree, ast.Expr) and called_name(tree.value) == "step"


def unreached_parameter(case: Case, row: HazardRow) -> Story:
    """Parameters that no pass reached: where the way to them was cut."""
    story = Story(f"line {case.line}: {row.text}")
    if len(row.names) > 1 and _tell_unreached(case, story, row.names[1]):
        return story
    cuts, events = cuts_of_gone(case)
    if events:
        story.title += f" The way to what was differentiated was cut at line {events[0].line}."
        story.events.extend(events)
        story.proposals.extend(to_the_end(each) for each in ways_back(case, cuts))
    return story


def _tell_unreached(case: Case, story: Story, name: str, cut: bool = False) -> bool:
    """Why the gradient of a leaf, known by its name, is None, and whether that was told. cut: only where the way to it was
    cut.
    """
    leaf = _value(case, name)
    if case.engine.kind(leaf) != "tensor" or case.engine.grad(leaf) is not None:
        return False
    told = leaf_without(case, leaf, name, case.bound_at(path_root(name)))
    if cut and not any(event.culprit for event in told.events):
        return False
    story.title += f" {told.title}"
    story.events.extend(told.events)
    story.notes.extend(told.notes)
    story.proposals.extend(told.proposals)
    return True


def _took(case: Case, made: int, optimizer: str, what: str) -> Event:
    """That an optimizer took what it changes: at the assignment, where that stands in a function."""
    bindings = (each for each in ast.walk(case.journal.tree(made)) if isinstance(each, ast.Assign))
    node = next((each for each in bindings if ast.unparse(each.targets[0]) == optimizer), None)
    return case.event(made, f"{optimizer} took {what}", "made", node=node)


def _value(case: Case, path: str) -> Any:
    """What is found under a path: in the session, or under the same attribute of what the session holds, where the path begins
    with the name of a function.
    """
    names, node = case.trace.session.names, ast.parse(path, mode="eval").body
    scope = Scope(names, lambda tensor: None)
    if root_name(node) in names:
        # The names of a function that ended are gone, and what is evaluated in their place is the session's no more.
        value = case.value(node)
        return scope.at(node) if value is None else value
    if "." not in path:
        return None
    attribute = path[path.rindex(".") :]
    return next((value for known, value in scope.reached() if known.endswith(attribute)), None)


def sets(case: Case, target: ast.expr, path: str) -> bool:
    """Whether an assignment sets what is found under a path: under it, or in the function that made its owner."""
    if ast.unparse(target) == path:
        return True
    owner, _, attribute = path.rpartition(".")
    mine = isinstance(target, ast.Attribute) and target.attr == attribute
    return (
        mine and root_name(target) not in case.trace.session.names and owner.replace(".", "").isidentifier()
    )


def _all_parameters(case: Case, made: int) -> Iterator[Proposal | None]:
    """`SGD(filter(lambda p: p.requires_grad, net.parameters()))`, and the same of a list, as `SGD(net.parameters())`."""
    note = "all of them: a step leaves out what has no gradient"
    for node in ast.walk(case.journal.tree(made)):
        whole: ast.expr | None = None
        if isinstance(node, ast.Call) and called_name(node) == "filter" and len(node.args) == 2:
            whole = node.args[1]
        elif isinstance(node, ast.ListComp | ast.GeneratorExp) and node.generators[0].ifs:
            whole = node.generators[0].iter
        if whole is not None:
            yield case.journal.changed(made, [(node, case.journal.source(made, whole))], note)
