"""Ways to lead a graph on that ends too early.

Cuts are undone, leaves asked for a gradient, numbers computed as tensors, and a count is replaced by a loss.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import replace

from tensorcli.explorer.hazards.slips import nearly
from tensorcli.explorer.names import path_root
from tensorcli.explorer.rewrite import Proposal, with_argument
from tensorcli.explorer.trace import Made, Traced
from tensorcli.explorer.trees import (
    atom,
    called_name,
    calls_in,
    holds,
    loaded,
    receiver_of,
    statement_around,
    stored,
    term,
)
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.cuts import (
    FACTORIES,
    MADE_WITHOUT,
    MODES,
    READERS,
    TO_TENSORS,
    Cut,
    ends_of,
    numbers_of,
)
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.refused import out_of_the_block
from tensorcli.explorer.why.slopes import with_slope
from tensorcli.explorer.why.updates import in_place

MOST = 4
"""So many ends are led on."""
COPIERS = frozenset("tensor as_tensor Tensor FloatTensor DoubleTensor".split())
"""What makes a tensor of the numbers of those in a list."""
TO_NUMBERS = frozenset("numpy detach cpu item".split())


def ways_back(case: Case, cuts: list[Cut], root: str = "") -> Iterator[Proposal | None]:
    """The cuts undone, one by one; leaves made to require grad. `root`: the name of what a pass begins at."""
    for cut in ends_of(cuts)[:MOST]:
        if cut.frozen:
            yield from _told_to(case, cut)
        elif cut.into is not None:
            yield from _floating(case, *cut.into)
        elif cut.kind == "cut":
            yield from _undone(case, cut)
            yield from with_slope(case, cut, root)
        elif cut.reason == MADE_WITHOUT:
            yield from _wanted(case, cut, root)
        else:
            yield from _as_tensors(case, cut)


def _undone(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """The statement without what left the graph, in the function that it stands in where it was a call that left."""
    at, journal = cut.step.number - 1, case.journal
    tree: ast.stmt = journal.tree(at)
    home = None if cut.node is None or holds(tree, cut.node) else case.holder_of(cut.node)
    if home is not None:
        at, tree = home, journal.tree(home)
    if cut.node is not None:
        tree = statement_around(tree, cut.node)
    if cut.path and cut.path[-1] in ("backward", "grad") and isinstance(cut.node, ast.Call):
        new = with_argument(journal.source(at, cut.node), "create_graph=True")
        yield journal.changed(at, [(cut.node, new)], "record the pass as well")
        return
    if any(holds(each, cut.node) for each in calls_in(tree, *READERS) if cut.node is not None):
        yield from with_torch(case, at, cut.node)
    for call in calls_in(tree, "normal"):
        drawn = beside_the_graph(case, at, call)
        if drawn is not None:
            cutting = [each for each in calls_in(tree, "detach") if receiver_of(each) is call]
            note = "drawn beside the graph, and stay in it"
            yield journal.changed(at, [(cutting[0] if cutting else call, drawn)], note)
    detached: list[tuple[ast.AST, str]] = []
    for call in calls_in(tree, "detach"):
        if (owner := receiver_of(call)) is not None:
            whole, text = _told_again(tree, call), journal.source(at, owner)
            goes_on = any(isinstance(each, ast.Attribute) and each.value is whole for each in ast.walk(tree))
            detached.append((whole, atom(owner, text) if goes_on else text))
    if len(detached) > 1 and len({new for _, new in detached}) == 1:
        yield journal.changed(at, detached, "stay in the graph")  # the one tensor, twice
    for each in detached:
        yield journal.changed(at, [each], "stay in the graph")
    yield from joined(case, at, tree)
    if isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call):
        name = ast.unparse(tree.targets[0])
        if any(ast.unparse(each) in (f"{name}.data", f"{name}.detach()") for each in ast.walk(tree.value)):
            yield journal.dropped(at, f"{name} as it was, in the graph")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "data":
            yield journal.changed(at, [(node, journal.source(at, node.value))], "stay in the graph")
    yield from out_of_the_block(case, at, "record it", cut.node)
    yield from _undecorated(case, cut)
    yield from _turned_on(case, cut)
    yield from _in_place(case, cut)


def _floating(case: Case, step: Traced, made: Made) -> Iterator[Proposal | None]:
    """What was written into, made in a dtype that has gradients."""
    call, journal = made.node_at, case.journal
    if not isinstance(call, ast.Call) or called_name(call) not in FACTORIES:
        return
    at = step.number - 1 if holds(journal.tree(step.number - 1), call) else case.holder_of(call)
    if at is None:
        return
    dtype = next((each.value for each in call.keywords if each.arg == "dtype"), None)
    new = (
        (dtype, "torch.float32")
        if dtype
        else (call, with_argument(journal.source(at, call), "dtype=torch.float32"))
    )
    yield journal.changed(at, [new], "a dtype that has gradients")


def beside_the_graph(case: Case, at: int, call: ast.Call) -> str | None:
    """`mean + std * torch.randn_like(mean)` of `torch.normal(mean, std)`, which has no slope in either; None of any other."""
    if called_name(call) != "normal" or len(call.args) != 2 or call.keywords:
        return None
    mean, std = (term(each, case.journal.source(at, each)) for each in call.args)
    return f"{mean} + {std} * torch.randn_like({case.journal.source(at, call.args[0])})"


def _told_again(tree: ast.AST, call: ast.expr) -> ast.expr:
    """`x.detach().requires_grad_()`, of its `x.detach()`: x requires grad as it is, and what is computed cannot be told to."""
    for node in ast.walk(tree):
        if called_name(node) == "requires_grad_" and receiver_of(node) is call and isinstance(node, ast.Call):
            return node
    return call


def _undecorated(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """The function that an operation stands in, without the decorator that keeps it from being recorded."""
    place = None if cut.node is None else case.holder_of(cut.node)
    function = None if place is None else case.journal.tree(place)
    if place is None or not isinstance(function, ast.FunctionDef):
        return
    lines = case.journal.records[place].statement.source.split("\n")
    first = min((each.lineno for each in function.decorator_list), default=function.lineno)
    for each in function.decorator_list:
        if any(mode in ast.unparse(each) for mode in MODES):
            kept = [line for at, line in enumerate(lines) if at != each.lineno - first]
            found = case.journal.replaced(place, "\n".join(kept), f"{function.name} is recorded")
            yield found and replace(found, text=f"line {each.lineno}:  without @{ast.unparse(each)}")


def _turned_on(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """`torch.set_grad_enabled(False)` of an earlier statement, and what was to be recorded after it."""
    at = cut.step.number - 1
    if any("set_grad_enabled(False)" in step.record.statement.source for step in case.trace.steps[:at]):
        yield case.journal.inserted(at, "torch.set_grad_enabled(True)", "record from here on")


def _in_place(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """`w = w - lr * w.grad` under no_grad, which leaves the leaf without its name: the write into it."""
    at = cut.step.number - 1
    for node in ast.walk(case.journal.tree(at)):
        if isinstance(node, ast.Assign) and cut.node is not None and holds(node, cut.node):
            for name in sorted(stored(node)):
                yield from in_place(case, at, name)


def _wanted(case: Case, cut: Cut, root: str) -> Iterator[Proposal | None]:
    """A leaf that was made without it, told to require grad. What was computed where the pass begins is no leaf that anybody
    wants the gradient of.
    """
    at, journal = cut.step.number - 1, case.journal
    tree = journal.tree(at)
    if not isinstance(tree, ast.Assign) or not isinstance(tree.targets[0], ast.Name):
        return
    call, name = tree.value, tree.targets[0].id
    yield from _misspelt(case, name)
    if isinstance(call, ast.Call):
        function = journal.source(at, call.func).rpartition(".")[2]
        if function in FACTORIES and not any(each.arg == "requires_grad" for each in call.keywords):
            whole, wanted = journal.source(at, call), "requires_grad=True"
            made = (each.after for each in cut.step.step.changes if name in each.names)
            if any(each is not None and "int" in each.dtype for each in made):
                if any(each.arg == "dtype" for each in call.keywords):
                    return
                wanted = f"dtype=torch.float32, {wanted}"
            new = with_argument(whole, wanted)
            yield journal.changed(at, [(call, new)], f"make {name} a leaf that wants a gradient")
            return
    if at < case.at and (name != root or cut.node is call):
        yield journal.inserted(at + 1, f"{name}.requires_grad_()", f"make {name} want a gradient")


def _misspelt(case: Case, name: str) -> Iterator[Proposal | None]:
    """`x.require_grad = True`, which made an attribute of the script's own, and `x.requires_grad_`, which was not called."""
    for step in case.trace.steps[: case.at]:
        tree = case.journal.tree(step.number - 1)
        if isinstance(tree, ast.Expr) and ast.unparse(tree) == f"{name}.requires_grad_":
            new = f"{name}.requires_grad_()"
            yield case.journal.changed(step.number - 1, [(tree.value, new)], "the method is called")
        target = tree.targets[0] if isinstance(tree, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or ast.unparse(target.value) != name:
            continue
        if nearly(target.attr) == "requires_grad":
            note = f"{target.attr} is not an attribute of tensors"
            yield case.journal.changed(step.number - 1, [(target, f"{name}.requires_grad")], note)


def _told_to(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """What was told not to require grad, told to: all of it, or the last layer alone."""
    at, nearest = cut.step.number - 1, cut.frozen[0]
    if at >= case.at:
        return  # a function that the failing statement called did it
    owner = nearest.rpartition(".")[0] or nearest
    for name in dict.fromkeys((owner, path_root(owner))):
        note = f"let {name} learn" if name != nearest else f"make {name} want a gradient"
        yield case.journal.inserted(at + 1, f"{name}.requires_grad_()", note)


def joined(case: Case, at: int, tree: ast.AST) -> Iterator[Proposal | None]:
    """`torch.tensor([a, b])` as `torch.stack([a, b])`, `torch.tensor(a)` as `a.clone()`: what copies the numbers of tensors
    as what leads back to them.
    """
    journal = case.journal
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = journal.source(at, node.func).removeprefix("torch.")
        if function not in COPIERS:
            continue
        (given, *_), text = node.args, journal.source(at, node.args[0])
        named = case.trace.session.names.get(given.id) if isinstance(given, ast.Name) else None
        if isinstance(given, ast.List | ast.Tuple | ast.ListComp) or isinstance(named, list | tuple):
            new = _stacked(case, at, given)
            yield journal.changed(at, [(node, new)], "join tensors, not their numbers")
        elif function == "tensor":
            new = behind(given, text, ".clone()")
            yield journal.changed(at, [(node, new)], "a copy that stays in the graph")
        if isinstance(given, ast.Name):
            # A list of a function's, which is gone, or one of lists.
            for new in (f"torch.stack({text})", f"torch.stack([torch.stack(row) for row in {text}])"):
                yield journal.changed(at, [(node, new)], "join tensors, not their numbers")


def _stacked(case: Case, at: int, node: ast.expr) -> str:
    """`torch.stack([a, b])` of `[a, b]`; of a list of lists one of each. A number that is written becomes a tensor."""
    if not isinstance(node, ast.List | ast.Tuple):
        return f"torch.stack({case.journal.source(at, node)})"
    items = []
    for each in node.elts:
        text = case.journal.source(at, each)
        if isinstance(each, ast.List | ast.Tuple):
            text = _stacked(case, at, each)
        elif isinstance(each, ast.Constant) and isinstance(each.value, int | float):
            text = f"torch.tensor({float(each.value)})"
        items.append(text)
    return f"torch.stack([{', '.join(items)}])"


# ---- numbers computed as tensors


def _as_tensors(case: Case, cut: Cut) -> Iterator[Proposal | None]:
    """What was computed with numpy between two tensors, computed with torch."""
    at = cut.step.number - 1
    if cut.node is not None and numbers_of(case, at, cut.node) is not None:
        yield from with_torch(case, at, cut.node)


def with_torch(case: Case, at: int, node: ast.AST | None) -> Iterator[Proposal | None]:
    """The function that an expression stands in, or the statements that lead to one, computed with torch."""
    note = "compute with torch, and stay in the graph"
    function = None if node is None else case.function_around(at, node)
    if function is not None:
        place, defined = function
        yield case.journal.changed(place, _ported(case, place, defined), note)
        return
    changed = [
        case.journal.changed(place, _ported(case, place, case.journal.tree(place)), note)
        for place in _computed_by(case, at)
    ]
    yield case.journal.together([each for each in changed if each is not None])


def _computed_by(case: Case, at: int) -> list[int]:
    """The statements that computed what one takes, back to the one that read it from a tensor; their places in order."""
    places, names = [at], loaded(case.journal.tree(at))
    for place in range(at - 1, -1, -1):
        tree = case.journal.tree(place)
        if not isinstance(tree, ast.Assign | ast.AugAssign | ast.For | ast.While) or not stored(tree) & names:
            continue
        places.append(place)
        names |= loaded(tree)
        if any(called_name(node) in READERS for node in ast.walk(tree)):
            break
    return places[::-1]


def _ported(case: Case, at: int, tree: ast.AST) -> list[tuple[ast.AST, str]]:
    """The values of statements that change when they are computed with torch, as they are then; `h = h` goes."""
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Assign | ast.AugAssign | ast.Return) else None
        if value is not None:
            new = _Ported().visit(copy.deepcopy(value))
            if ast.dump(new) == ast.dump(value):
                continue
            text = ast.unparse(new)
            itself = isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [text]
            line = case.journal.line_of(at, node) if itself and isinstance(node, ast.stmt) else None
            found.append((value, text) if line is None else (line, ""))
    return found


class _Ported(ast.NodeTransformer):
    """`torch.from_numpy(np.exp(x.detach().numpy()))` as `torch.exp(x)`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A conversion is what it converts."""
        self.generic_visit(node)
        if not isinstance(node.func, ast.Attribute):
            return node
        if node.func.attr in TO_NUMBERS and not node.args:
            return node.func.value
        if node.func.attr in TO_TENSORS and len(node.args) == 1:
            return node.args[0]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """numpy's function has the name of torch's."""
        return ast.Name("torch", node.ctx) if node.id in ("np", "numpy") else node
