"""What a loop, a module's state or an allocation was meant to hold: updates, sums, copies, numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tensorcli.explorer.engines import ALLOCATING
from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.explain import LEGACY
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.trees import called_name, has_pass, root_name
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.ended import ended_early, last_pass
from tensorcli.explorer.why.leaves import users_of
from tensorcli.explorer.why.networks import holder_for
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.updates import copied_into, in_place

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow
    from tensorcli.explorer.rewrite import Proposal


def lost_update(case: Case, row: HazardRow) -> Story:
    """`p = p - lr * p.grad` of a loop's variable: the write into p."""
    story = Story(f"line {case.line}: {row.text}")
    story.proposals = list(in_place(case, case.home, row.names[0]))
    if not story.proposals:
        story.proposals = list(copied_into(case, case.home, row.names[0]))
    return story


def kept_history(case: Case, row: HazardRow) -> Story:
    """`total += loss`: the number of the loss, or the loss without its graph."""
    story = Story(f"line {case.line}: {row.text}")
    node = case.inner
    total = row.names[0]
    value: ast.expr | None = node.value if isinstance(node, ast.Assign | ast.AugAssign) else None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        value = node.value.args[0]
    if isinstance(node, ast.Assign) and isinstance(value, ast.BinOp):
        sides = case.text_of(value.left), case.text_of(value.right)
        if total not in sides:
            story.proposals.append(
                case.instead(f"with torch.no_grad():\n    {case.text_of(node)}", "nothing of it is recorded")
            )
            whole = behind(value, case.text_of(value), ".detach()")
            story.proposals.append(case.changed([(value, whole)], "a tensor without the graph"))
            return story
        value = value.right if case.text_of(value.left) == total else value.left
    if value is not None:
        for suffix, note in ((".item()", "the number"), (".detach()", "a tensor without the graph")):
            new = behind(value, case.text_of(value), suffix)
            story.proposals.append(case.changed([(value, new)], note))
    return story


def live_state(case: Case, row: HazardRow) -> Story:
    """`best = net.state_dict()`: copies of what it holds."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    if bound is not None:
        text = f"{bound.name} holds the tensors themselves"
        story.events.append(case.event(bound.at, text, "shared", node=bound.value))
        new = f"{{name: each.clone() for name, each in {behind(bound.value, bound.text, '.items()')}}}"
        story.proposals.append(case.journal.changed(bound.at, [(bound.value, new)], "keep copies"))
    return story


def expanded_write(case: Case, row: HazardRow) -> Story:
    """`x[0, 0] = 1` of an expanded x: a memory of its own for each place."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    if bound is not None:
        story.events.append(case.event(bound.at, f"{bound.name} was expanded", "shared", node=bound.value))
        new = behind(bound.value, bound.text, ".clone()")
        note = "a memory of its own for each place"
        story.proposals.append(case.journal.changed(bound.at, [(bound.value, new)], note))
    return story


def one_item(case: Case, row: HazardRow) -> Story:
    """`rows = [torch.zeros(2)] * 3`: as many tensors."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    product = None if bound is None else bound.value
    if bound is None or not isinstance(product, ast.BinOp) or not isinstance(product.op, ast.Mult):
        return story
    items, times = product.left, product.right
    if not isinstance(items, ast.List):
        items, times = times, items
    story.events.append(case.event(bound.at, "the tensor is repeated, not copied", "shared", node=product))
    if isinstance(items, ast.List) and len(items.elts) == 1:
        made, count = case.journal.source(bound.at, items.elts[0]), case.journal.source(bound.at, times)
        made += ".clone()" * isinstance(items.elts[0], ast.Name)
        new = f"[{made} for _ in range({count})]"
        story.proposals.append(case.journal.changed(bound.at, [(product, new)], "as many tensors"))
    return story


def one_with_itself(case: Case, row: HazardRow) -> Story:
    """`before = net.weight`, compared with net.weight later: a copy of what it was."""
    story = Story(f"line {case.line}: {row.text}")
    bound = [each for name in row.names if (each := _bound(case, replace(row, names=(name,)))) is not None]
    if bound:
        first = min(bound, key=lambda each: each.at)
        text = f"{first.name} is the memory itself"
        story.events.append(case.event(first.at, text, "shared", node=first.value))
        copy = ".clone()" if first.text.endswith(".data") else ".detach().clone()"
        new = behind(first.value, first.text, copy)
        note = "keep the numbers of then"
        story.proposals.append(case.journal.changed(first.at, [(first.value, new)], note))
    return story


class _Binding(NamedTuple):
    """Where the name that a hazard is about was bound: the statement, from 0, and what the name stands for."""

    name: str
    at: int
    value: ast.expr
    text: str


def _bound(case: Case, row: HazardRow) -> _Binding | None:
    """The assignment to the name of what a hazard happened to; None where there is none."""
    name = row.names[0]
    found = case.bound_before(case.home, name, case.node()) if name.isidentifier() else None
    if found is None:
        return None
    at, tree, local = found
    tree = tree if local else case.journal.python(at)[0].tree
    values = [
        value for node in ast.walk(tree) for target, value in _assigned(node) if root_name(target) == name
    ]
    values = [each for each in values if not isinstance(each, ast.Constant)]
    return _Binding(name, at, values[-1], case.journal.source(at, values[-1])) if values else None


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of an assignment, each with its value."""
    if not isinstance(node, ast.Assign):
        return
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def dropped_gradient(case: Case, row: HazardRow) -> Story:
    """`opt.zero_grad()` between the pass and the step: the two in the other order."""
    story = Story(f"line {case.line}: {row.text}")
    step = case.inner
    for at in range(case.home, -1, -1):
        tree = case.journal.python(at)[0].tree
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
        story.events.append(case.event(made, f"{name} took the parameters of then", "made"))
        story.events.append(case.event(replaced, f"{new} was made", "made"))
        story.proposals.append(case.journal.moved_below(made, replaced, "take the parameters of now"))
    return story


def discarded_result(case: Case, row: HazardRow) -> Story:
    """`x.double()` as a statement: the name for its result, or the method that writes."""
    story = Story(f"line {case.line}: {row.text}")
    node = case.inner
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return story
    name, text = row.names[0], case.text_of(call)
    if _is_last_of_a_hook(case, node):
        story.proposals.append(case.instead(f"return {text}", "the function gives it"))
    story.proposals.append(case.instead(f"{name} = {text}", f"{name} is the result"))
    method = f"{case.text_of(call.func)}_"
    if hasattr(case.value(call.func.value), f"{call.func.attr}_"):
        story.proposals.append(case.changed([(call.func, method)], f"write into {name}"))
    return story


def _is_last_of_a_hook(case: Case, node: ast.stmt) -> bool:
    """Whether a statement ends a function that gives nothing."""
    functions = (
        each for each in ast.walk(case.tree) if isinstance(each, ast.FunctionDef) and each.body[-1] is node
    )
    return any(not any(isinstance(each, ast.Return) for each in ast.walk(function)) for function in functions)


def lost_fraction(case: Case, row: HazardRow) -> Story:
    """`x[0] = 2.7` of whole numbers: a tensor of floating ones."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row) if row.names else None
    if bound is not None:
        story.events.append(
            case.event(bound.at, f"{bound.name} holds whole numbers", "made", node=bound.value)
        )
        new = behind(bound.value, bound.text, ".to(torch.float32)")
        story.proposals.append(case.journal.changed(bound.at, [(bound.value, new)], "floating numbers"))
    return story


def kept_alias(case: Case, row: HazardRow) -> Story:
    """`states.append(h)`, where h is written in place: a copy of what it is now."""
    story = Story(f"line {case.line}: {row.text}")
    call = case.expression()
    if isinstance(call, ast.Call) and call.args:
        item = call.args[0]
        items = case.trace.session.names.get(row.names[0])
        array = isinstance(items, list) and case.engine.kind(items[-1]) == "ndarray"
        new = behind(item, case.text_of(item), ".copy()" if array else ".clone()")
        story.proposals.append(case.changed([(item, new)], "keep the numbers of now"))
    return story


def idle_step(case: Case, row: HazardRow) -> Story:
    """A step without a gradient: a pass before it, or an optimizer of what is there now."""
    story = Story(f"line {case.line}: {row.text}")
    names, optimizer = case.trace.session.names, row.names[0]
    held = optimised(case.engine, names.get(optimizer))
    before = last_pass(case, case.at)
    ended = None if before is None else ended_early(case, before)
    if before is not None and ended is not None:
        story.title += f" The pass before it ended at {ended.leaf}: {ended.reason}"
        story.events.extend(ended.events)
        story.events.append(case.event(before.number - 1, f"ended at {ended.leaf}", "other"))
        story.proposals.extend(ended.proposals)
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
            story.events.append(case.event(made, f"{optimizer} took the tensors of then", "made"))
            story.events.append(case.event(at, f"{name} is another {what} since then", "made"))
            story.proposals.append(case.journal.moved_below(made, at, "take the tensors of now"))
    return story


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


def not_called(case: Case, row: HazardRow) -> Story:
    """`net.eval`: called."""
    story = Story(f"line {case.line}: {row.text}")
    method = case.expression()
    story.proposals.append(case.changed([(method, f"{case.text_of(method)}()")], "the method is called"))
    return story


def misspelt_attribute(case: Case, row: HazardRow) -> Story:
    """`x.require_grad = True`: the attribute that was meant."""
    story = Story(f"line {case.line}: {row.text}")
    node = case.inner
    if isinstance(node, ast.Assign):
        name, attribute = row.names
        target = node.targets[0]
        story.proposals.append(case.changed([(target, f"{name}.{attribute}")], "the attribute of tensors"))
    return story


def unheld_parameter(case: Case, row: HazardRow) -> Story:
    """Parameters in a list, or a plain tensor of a module: registered, before the optimizer asks for them."""
    story = Story(f"line {case.line}: {row.text}")
    optimizer = row.names[0]
    made = case.bound_at(optimizer)
    if made is not None:
        story.events.append(case.event(made, f"{optimizer} took what parameters() gave", "made"))
    if len(row.names) < 2:
        story.notes.append(f"make the module once, before {optimizer}, and hand its parameters over.")
        return story
    path = row.names[1]
    value = case.value(ast.parse(path, mode="eval").body)
    for at, step in enumerate(case.trace.steps):
        for node in ast.walk(case.journal.python(at)[0].tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == path:
                story.events.insert(0, case.event(step.number - 1, f"{path} is set", "made", node=node))
                text = case.journal.source(at, node.value)
                holder, note = holder_for(value)
                story.proposals.append(case.journal.changed(at, [(node.value, f"{holder}({text})")], note))
    return story


def idle_attribute(case: Case, row: HazardRow) -> Story:
    """`opt.lr = 0.01`, `net.requires_grad = False`: what is read, set."""
    story = Story(f"line {case.line}: {row.text}")
    node, (owner, attribute) = case.inner, row.names
    if not isinstance(node, ast.Assign):
        return story
    value = case.text_of(node.value)
    if attribute == "requires_grad":
        story.proposals.append(case.instead(f"{owner}.requires_grad_({value})", "tells its parameters"))
    elif attribute == "training":
        method = "train()" if value == "True" else "eval()"
        story.proposals.append(case.instead(f"{owner}.{method}", "tells its parts as well"))
    else:
        source = f"for group in {owner}.param_groups:\n    group['{attribute}'] = {value}"
        story.proposals.append(case.instead(source, "what a step goes by"))
    return story


def unwritten_read(case: Case, row: HazardRow) -> Story:
    """`torch.FloatTensor(3)`, read as it is: zeros, or the numbers that were meant."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    call = None if bound is None else _allocation(bound.value)
    if bound is None or call is None:
        return story
    at, journal = bound.at, case.journal
    story.events.append(case.event(at, "allocated, and nothing written", "made", node=call))
    sizes = ", ".join(journal.source(at, each) for each in call.args)
    function, kind = journal.source(at, call.func), called_name(call)
    if kind in ALLOCATING:
        zeros = function.removesuffix(kind) + kind.replace("empty", "zeros")
        story.proposals.append(journal.changed(at, [(call.func, zeros)], "zeros of these sizes"))
    else:
        story.proposals.append(journal.changed(at, [(call, f"torch.zeros({sizes})")], "zeros of these sizes"))
        story.proposals.append(journal.changed(at, [(call, f"{function}([{sizes}])")], "these numbers"))
    return story


def _allocation(tree: ast.expr) -> ast.Call | None:
    """The call that allocates: `torch.empty(3)`, `torch.Tensor(3)`, `x.new(3)`."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return next((each for each in calls if _allocates(called_name(each))), None)


def _allocates(name: str) -> bool:
    return name in ALLOCATING or name == "new" or LEGACY.match(name) is not None
