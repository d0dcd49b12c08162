"""What a loop, a module's state or an allocation was meant to hold: updates, sums, copies, numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.engines import ALLOCATING
from tensorcli.explorer.explain import LEGACY
from tensorcli.explorer.trees import called_name, calls_in, holds, receiver_of, root_name
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.optimizers import sets
from tensorcli.explorer.why.surprises.memory import one_object
from tensorcli.explorer.why.updates import copied_into, in_place, sign_moved

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow


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
        if hasattr(case.trace.session.names.get(row.names[1]), "param_groups"):
            for each in ast.walk(case.journal.tree(bound.at)):
                if isinstance(each, ast.Assign) and each.value is bound.value:
                    source = f"import copy\n{bound.name} = copy.deepcopy({bound.text})"
                    story.proposals.append(case.journal.instead(bound.at, each, source, "keep copies"))
            return story
        story.proposals.append(case.journal.changed(bound.at, [(bound.value, new)], "keep copies"))
    else:
        for surprise in one_object(case):
            story.events.append(surprise.event)
            story.proposals.extend(surprise.proposals)
    return story


def expanded_write(case: Case, row: HazardRow) -> Story:
    """`x[0, 0] = 1` of an expanded x: a memory of its own for each place."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    if bound is not None:
        what = "was expanded" if "expand" in bound.text else "has places in common"
        story.events.append(case.event(bound.at, f"{bound.name} {what}", "shared", node=bound.value))
        new = behind(bound.value, bound.text, ".clone()")
        note = "a memory of its own for each place"
        story.proposals.append(case.journal.changed(bound.at, [(bound.value, new)], note))
    return story


def one_item(case: Case, row: HazardRow) -> Story:
    """`rows = [torch.zeros(2)] * 3`, `dict.fromkeys(names, torch.zeros(2))`: as many tensors."""
    story = Story(f"line {case.line}: {row.text}")
    bound = _bound(case, row)
    product = None if bound is None else bound.value
    if (
        bound is not None
        and isinstance(product, ast.Call)
        and called_name(product) == "fromkeys"
        and product.args[1:]
    ):
        story.events.append(
            case.event(bound.at, "the tensor is repeated, not copied", "shared", node=product)
        )
        keys, made = (case.journal.source(bound.at, each) for each in product.args)
        made += ".clone()" * isinstance(product.args[1], ast.Name)
        new = f"{{key: {made} for key in {keys}}}"
        story.proposals.append(case.journal.changed(bound.at, [(product, new)], "as many tensors"))
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
    roots = [name.partition("[")[0] for name in row.names]
    bound = [each for name in roots if (each := _bound(case, replace(row, names=(name,)))) is not None]
    if bound:
        first = min(bound, key=lambda each: each.at)
        text = f"{first.name} is the memory itself"
        story.events.append(case.event(first.at, text, "shared", node=first.value))
        value: ast.expr = first.value
        if called_name(value) == "state_dict":
            new = f"{{name: each.clone() for name, each in {behind(value, first.text, '.items()')}}}"
            story.proposals.append(case.journal.changed(first.at, [(value, new)], "keep copies"))
            return story
        if isinstance(value, ast.DictComp | ast.ListComp):
            value = value.value if isinstance(value, ast.DictComp) else value.elt
            first = first._replace(value=value, text=case.journal.source(first.at, value))
        copy = ".clone()" if first.text.endswith(".data") else ".detach().clone()"
        new = behind(first.value, first.text, copy)
        note = "keep the numbers of then"
        story.proposals.append(case.journal.changed(first.at, [(first.value, new)], note))
    else:
        _tell_one_network(case, story)
    return story


def _tell_one_network(case: Case, story: Story) -> None:
    """`for p, q in zip(net.parameters(), target.parameters())` after `target = net`: a network of its own."""
    loops = [each for each in ast.walk(case.tree) if isinstance(each, ast.For) and holds(each, case.node())]
    calls = [call for loop in loops for call in calls_in(loop.iter, *GIVING)]
    paths = {ast.unparse(owner) for call in calls if (owner := receiver_of(call)) is not None}
    for at in range(case.home + 1):
        tree = case.journal.tree(at)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Assign) or len(node.targets) > 1:
                continue
            target, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
            if {target, value} <= paths and target != value:
                event = case.event(at, f"{target} is {value} itself", "shared", culprit=True, node=node)
                story.events.insert(0, event)
                source = f"import copy\n{target} = copy.deepcopy({value})"
                story.proposals.append(case.journal.instead(at, node, source, "a network of its own"))


GIVING: Final = ("parameters", "named_parameters", "buffers", "state_dict")
"""What gives the tensors of a module."""


class _Binding(NamedTuple):
    """Where the name that a hazard is about was bound: the statement, from 0, and what the name stands for."""

    name: str
    at: int
    value: ast.expr
    text: str


def _bound(case: Case, row: HazardRow) -> _Binding | None:
    """The assignment to the name of what a hazard happened to, or to its path; None where there is none."""
    name = row.names[0]
    found = case.bound_before(case.home, name, case.node()) if name.isidentifier() else None
    if found is None:
        return None if name.isidentifier() else _set(case, name)
    at, tree, local = found
    tree = tree if local else case.journal.tree(at)
    values = [
        value for node in ast.walk(tree) for target, value in _assigned(node) if root_name(target) == name
    ]
    values = [each for each in values if not isinstance(each, ast.Constant)]
    return _Binding(name, at, values[-1], case.journal.source(at, values[-1])) if values else None


def _set(case: Case, path: str) -> _Binding | None:
    """The last assignment to an attribute, in the function that gave it to its owner, or to an item of it; None where there is
    none.
    """
    attribute = path.partition("[")[0]
    for at in range(case.home, -1, -1):
        for node in reversed(list(ast.walk(case.journal.tree(at)))):
            for target, value in _assigned(node):
                constant = isinstance(value, ast.Constant) or not isinstance(target, ast.Attribute)
                if not constant and sets(case, target, attribute):
                    return _Binding(attribute, at, value, case.journal.source(at, value))
    return None


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets of an assignment, each with its value."""
    if not isinstance(node, ast.Assign):
        return
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


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
        if array or case.tensor(item) is not None:
            new = behind(item, case.text_of(item), ".copy()" if array else ".clone()")
            changes = [(item, new)]
        else:
            changes = [*_parts_copied(case, item)]
        if changes:
            story.proposals.append(case.changed(changes, "keep the numbers of now"))
    return story


def _parts_copied(case: Case, item: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The tensors of a dict or a list that is written, and the states of modules in it, as copies."""
    if called_name(item) == "state_dict":
        yield item, f"{{name: each.clone() for name, each in {case.text_of(item)}.items()}}"
    elif isinstance(item, ast.Dict):
        for value in item.values:
            yield from _parts_copied(case, value)
    elif isinstance(item, ast.List | ast.Tuple):
        for value in item.elts:
            yield from _parts_copied(case, value)
    elif case.tensor(item) is not None:
        yield item, behind(item, case.text_of(item), ".clone()")


def not_called(case: Case, row: HazardRow) -> Story:
    """`net.eval`: called."""
    story = Story(f"line {case.line}: {row.text}")
    method = case.expression()
    story.proposals.append(case.changed([(method, f"{case.text_of(method)}()")], "the method is called"))
    return story


def idle_context(case: Case, row: HazardRow) -> Story:
    """`torch.no_grad()`: the function that does it from there on, or a with statement around what follows."""
    story = Story(f"line {case.line}: {row.text}")
    call = case.expression()
    method = called_name(call)
    following = _following(case)
    if following:
        before = " " * case.inner.col_offset
        lines = (line for each in following for line in ast.unparse(each).split("\n"))
        source = "\n".join([f"with {case.text_of(call)}:", *(f"{before}    {line}" for line in lines)])
        whole = ast.copy_location(ast.Pass(), case.inner)
        whole.end_lineno, whole.end_col_offset = following[-1].end_lineno, following[-1].end_col_offset
        note = "what follows in the block"
        story.proposals.append(case.journal.changed(case.home, [(whole, source)], note))
    if method in ("no_grad", "enable_grad"):
        new = f"torch.set_grad_enabled({method == 'enable_grad'})"
        story.proposals.append(case.instead(new, "from here on"))
    return story


def _following(case: Case) -> list[ast.stmt]:
    """The statements of a block that stand behind the failing one."""
    for node in ast.walk(case.tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list) and case.inner in body:
                return body[body.index(case.inner) + 1 :]
    return []


def sign_of_the_value(case: Case, row: HazardRow) -> Story:
    """`w =- lr * g`: the operator that was meant."""
    story = Story(f"line {case.line}: {row.text}")
    story.proposals.append(sign_moved(case, case.place_of(case.inner), case.inner))
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
    return next((each for each in calls_in(tree) if _allocates(called_name(each))), None)


def _allocates(name: str) -> bool:
    return name in ALLOCATING or name == "new" or LEGACY.match(name) is not None
