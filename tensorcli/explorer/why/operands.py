"""The operands of the operation that failed: the tensors among its expressions, what is known of them, where they came from."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.results import Event
from tensorcli.explorer.trees import atom, receiver_of, root_name
from tensorcli.explorer.why.case import Bound, Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.rewrite import Proposal


class Operand(NamedTuple):
    """A tensor that the failing operation was given."""

    node: ast.expr
    text: str
    value: Any
    look: Look


def operand(case: Case, node: ast.expr | None) -> Operand | None:
    """The operand that an expression is, None where it is no tensor."""
    value = None if node is None else as_loaded(case, node)
    if node is None or value is None:
        return None
    return Operand(node, case.text_of(node), value, case.engine.look(value))


def operands(case: Case, node: ast.AST | None = None) -> list[Operand]:
    """The operands of the failing operation (or another) from left to right, those in lists and by keyword among them."""
    members: list[ast.expr] = []
    for each in parts_of(case, node or case.expression()):
        members.extend(each.elts if isinstance(each, ast.List | ast.Tuple) else [each])
    found = (operand(case, each) for each in members)
    return [each for each in found if each is not None]


def parts_of(case: Case, node: ast.AST) -> Iterator[ast.expr]:
    """What an operation is given: the operands of an operator, the arguments of a call and what its method is of."""
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.AugAssign):
        yield from (node.target, node.value)
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.For):
        yield node.iter
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        yield node.generators[0].iter
    elif isinstance(node, ast.Attribute | ast.Subscript):
        yield from _of_part(case, node)


def _of_call(node: ast.Call) -> Iterator[ast.expr]:
    if (receiver := receiver_of(node)) is not None:
        yield from _owner(receiver)
    yield from node.args
    for keyword in node.keywords:
        yield keyword.value


def _owner(node: ast.expr) -> Iterator[ast.expr]:
    """What has an attribute; of `(a == b).sum` what was compared as well, which decides what came of it."""
    yield node
    if isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)


def _of_part(case: Case, node: ast.Attribute | ast.Subscript) -> Iterator[ast.expr]:
    """`x[i]`, `x.grad`, the function of a call, or what an assignment writes into."""
    call = next(
        (each for each in ast.walk(case.inner) if isinstance(each, ast.Call) and each.func is node), None
    )
    if call is not None:
        yield from _of_call(call)
        return
    if isinstance(case.inner, ast.Assign) and node in case.inner.targets:
        yield from ((node if isinstance(node, ast.Subscript) else node.value), case.inner.value)
        return
    yield from _owner(node.value)
    if isinstance(node, ast.Subscript):
        yield from node.slice.elts if isinstance(node.slice, ast.Tuple) else (node.slice,)


def as_loaded(case: Case, target: ast.expr) -> Any:
    """The tensor that an expression is, or a target of an assignment before it is written; None for what is none."""
    tree = copy.deepcopy(target)
    for node in ast.walk(tree):
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
    return case.tensor(tree, like=target)


def bound_event(
    case: Case, bound: Bound | None, text: str, events: list[Event], role: Any = "made", tensor: Any = None
) -> str:
    """Tell where a name was bound, or the tensor made that it stands for; ` (line 1)` for the title."""
    made = None if tensor is None else case.made(tensor)
    if made is not None:
        event = case.event(made[0].number - 1, text, role, node=made[1].node_at)
    elif bound is not None:
        event = case.event(bound.at, text, role, node=bound.node, called=False)
    else:
        return ""
    if event not in events:
        events.append(event)
    return f" (line {event.line})"


def owner(case: Case, each: Operand) -> tuple[str, Look]:
    """What the root name of an operand stands for: `x` of `x.t()`, whose facts are others. Of `pair[0]`, where the name
    is no tensor's, the operand itself; no text where what a call gave has no tensor behind it, as of `net(x)`.
    """
    name = root_name(each.node)
    named = None if name is None or isinstance(each.node, ast.Name) else case.named(name)
    if name is not None and named is not None:
        return name, case.engine.look(named)
    calls = any(isinstance(node, ast.Call) for node in ast.walk(each.node))
    return "" if name is None or calls else each.text, each.look


def told(case: Case, found: list[Operand], facts: str) -> list[Event]:
    """Where each operand was bound, with its facts, then the failure."""
    events: list[Event] = []
    for each in found:
        text, look = owner(case, each)
        if text:
            bound = case.bound(root_name(each.node))
            bound_event(case, bound, f"{text} has {facts.format(look=look)}", events)
    seen = "  and  ".join(f"{each.text} {facts.format(look=each.look)}" for each in found)
    events.append(case.raised(seen))
    return events


def at_odds(
    case: Case, fact: str, says: str, rule: str, suffix: str, note: str, also: tuple[str, ...] = ()
) -> Story | None:
    """Operands that had to agree in a fact of theirs: each with what the others have, and with what else is said. `says`,
    `suffix` and `note` are of an operand and of such a fact.
    """
    found = operands(case)
    if len(found) < 2:
        return None
    facts = [getattr(each.look, fact) for each in found]
    listed = ", ".join(f"{each.text} {says} {own}" for each, own in zip(found, facts, strict=True))
    story = Story(f"{listed}: {rule}", told(case, found, f"{fact} {{look.{fact}}}"))
    for each, own in zip(found, facts, strict=True):
        for wanted in dict.fromkeys([*facts, *also]):
            if wanted != own:
                there = place_of(str(wanted))
                said = note.format(each.text, there)
                story.proposals.append(with_operand(case, each.node, suffix.format(there), said))
    return story


def place_of(device: str) -> str:
    """A device as a script writes it: `cuda:0` of `cuda:0 (simulated)`."""
    return device.removesuffix(" (simulated)")


def behind(node: ast.expr, text: str, suffix: str) -> str:
    """The text of an expression with `.suffix` behind it."""
    return atom(node, text) + suffix


def with_operand(case: Case, node: ast.expr, suffix: str, note: str) -> Proposal | None:
    """The failing statement with `.suffix` behind one of its operands."""
    return case.changed([(node, behind(node, case.text_of(node), suffix))], note)
