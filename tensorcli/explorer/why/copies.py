"""What was made of a tensor's numbers: a backward pass ends there, and does not reach the tensor."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tensorcli.explorer.facts import article
from tensorcli.explorer.hazards.unwritten import FACTS
from tensorcli.explorer.names import path_root
from tensorcli.explorer.trees import asks_for_grad, called_name, calls_in, loaded, receiver_of, stored
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.cuts import CUTTING, READERS, names_of
from tensorcli.explorer.why.operands import behind, operand, operands
from tensorcli.explorer.why.reconnect import joined, with_torch
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.results import Event
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.trace import Traced

DEPTH = 4
"""So many statements are followed from a copy back to the tensor."""


class Copy(NamedTuple):
    """A leaf that was made of another tensor's numbers."""

    name: str
    at: int
    """The statement that made it, from 0."""
    source: str
    """The name of the tensor whose numbers it was made of."""
    read_at: int
    """The statement that read them."""

    @property
    def direct(self) -> bool:
        return self.read_at == self.at


def copied_leaf(case: Case, last: Traced, sources: set[str]) -> Copy | None:
    """The leaf that a backward pass ended at, and that was made of the numbers of one of these names."""
    for added in last.added:
        for name in names_of(case, added.tensor)[:1]:
            at = case.bound_at(name) if name.isidentifier() else None
            if at is None or name in sources or hasattr(case.journal.tree(at), "body"):
                continue  # all the names of a block say nothing of what the leaf was made of
            read = _read(case, at, sources, DEPTH)
            if read is not None:
                return Copy(name, at, *read)
    return None


def deep_copy(case: Case, name: str, last: Traced) -> tuple[str, Event] | None:
    """Why a leaf has no gradient where a backward pass ended at a deep copy of it, or of what holds it, and the statement that
    made the copy; None where it ended at none.
    """
    same = name.removeprefix(path_root(name))
    reached = [other for added in last.added for other in names_of(case, added.tensor)[:1]]
    for other in sorted(reached, key=lambda other: other != path_root(other) + same):
        at = case.bound_at(path_root(other))
        value = None if at is None else getattr(case.journal.tree(at), "value", None)
        if (
            at is None
            or value is None
            or called_name(value) != "deepcopy"
            or path_root(name) not in loaded(value)
        ):
            continue
        text = f"{other} is a leaf of its own, with the numbers of then"
        event = case.event(at, text, "cut", culprit=True)
        title = (
            f"{name}.grad is None because the backward pass ended at {other}: line {event.line} made a deep copy, and no "
            "graph leads from a copy to what was copied."
        )
        return title, event
    return None


def _read(case: Case, at: int, sources: set[str], depth: int) -> tuple[str, int] | None:
    """Which of these names a statement's value is made of the numbers of, and the statement that read them."""
    names = _numbers_read(case.trace.steps[at].record.statement.tree)
    for name in sorted(names & sources):
        return name, at
    for name in sorted(names) if depth else ():
        before = case.bound_at(name, at)
        found = None if before is None else _read(case, before, sources, depth - 1)
        if found is not None:
            return found
    return None


def _numbers_read(tree: ast.AST) -> set[str]:
    """The names that a statement reads for more than their sizes and dtypes."""
    if isinstance(tree, ast.Attribute) and tree.attr in FACTS:
        return set()
    if isinstance(tree, ast.Call):
        called = called_name(tree)
        if called in (*FACTS, "len", "type") or called.endswith("_like") or called.startswith("new_"):
            return set()
    if isinstance(tree, ast.Name):
        return loaded(tree)
    return set().union(*map(_numbers_read, ast.iter_child_nodes(tree)))


def reason(case: Case, copy: Copy) -> str:
    """What made it a leaf of its own."""
    tree = case.trace.steps[copy.at].record.statement.tree
    called = called_name(tree.value) if isinstance(tree, ast.Assign) else ""
    how = CUTTING.get(called) if copy.direct else None
    where = "" if copy.direct else f", read at line {case.trace.steps[copy.read_at].line}"
    how = how or f"it takes the numbers of {copy.source}{where}, and numbers have no graph"
    return f"{copy.name} is a leaf of its own: {how}"


def kept(case: Case, copy: Copy) -> Iterator[Proposal | None]:
    """The copy made in the graph, with what was computed in between computed with torch."""
    tree = case.journal.tree(copy.at)
    if not isinstance(tree, ast.Assign):
        return
    if not copy.direct:
        told = [
            case.journal.dropped(at, f"{copy.name} has a graph")
            for at in range(copy.at + 1, case.at)
            if asks_for_grad(case.journal.tree(at), copy.name)
        ]
        computed = [each for each in with_torch(case, copy.at, None) if each is not None]
        yield case.journal.together([*computed, *told]) if computed else None
    elif _same_numbers(case, copy):
        new = f"{copy.source}.clone()"
        yield case.journal.changed(copy.at, [(tree.value, new)], "a copy that stays in the graph")
    else:
        yield from joined(case, copy.at, tree)


def _same_numbers(case: Case, copy: Copy) -> bool:
    """Whether the leaf holds all the numbers of the tensor, and no others."""
    engine, names = case.engine, case.trace.session.names
    values = [names.get(name) for name in (copy.name, copy.source)]
    if any(engine.kind(each) != "tensor" for each in values):
        return False
    first, second = (engine.elements(each) for each in values)
    return first is not None and second is not None and np.array_equal(first, second)


# ---- the warning


def constructed(case: Case) -> Story | None:
    """`torch.tensor(t)` of a tensor: what PyTorch would have written instead, and what stays in the graph."""
    call = case.call("tensor", "new_tensor")
    given = None if call is None or not call.args else operand(case, call.args[0])
    if call is None or given is None:
        return None
    where = (
        f"{given.text} leads to leaves; the copy does not"
        if given.look.requires_grad
        else f"{given.text} has no graph"
    )
    story = Story(
        f"torch.tensor(…) copied the numbers of {given.text}, and PyTorch asks whether that was meant."
    )
    story.events.append(case.raised(where))
    wanted = any(each.arg == "requires_grad" and ast.unparse(each.value) == "True" for each in call.keywords)
    copy = behind(given.node, given.text, ".detach().clone()" + ".requires_grad_()" * wanted)
    story.proposals.append(case.changed([(call, copy)], "a copy outside the graph, as it is"))
    if given.look.requires_grad:
        new = behind(given.node, given.text, ".clone()")
        story.proposals.append(case.changed([(call, new)], "a copy that stays in the graph"))
    return story


# ---- numbers in the place of a tensor


def read_as_number(case: Case) -> Story:
    """`float(loss)` of a loss with a graph: the number of it, said so; of a list of such, one tensor that has the graph."""
    found = [each for each in operands(case) if each.look.requires_grad]
    names = " and ".join(each.text for each in found) or "what is copied"
    verb = "has a graph, and is" if len(found) < 2 else "have graphs, and are"
    story = Story(f"line {case.line}: {names} {verb} read as a number here, which has none.")
    seen = "  and  ".join(f"{each.text} {each.look.summary}" for each in found)
    story.events.append(case.raised(seen or "copies the numbers"))
    story.proposals = [
        case.changed([(each.node, behind(each.node, each.text, suffix)) for each in found], note)
        for suffix, note in (
            (".detach()", "outside the graph, and says so"),
            (".item()", "the number itself"),
        )
        if found
    ]
    story.proposals.extend(joined(case, case.home, case.inner))
    return story


def read_as_numbers(case: Case, node: ast.Attribute) -> Story | None:
    """A tensor's attribute, asked of the numbers that were read from one: `loss += net(x).item()`, then `loss.backward()`."""
    name, number = node.value.id if isinstance(node.value, ast.Name) else "", case.value(node.value)
    found = list(_readings(case, name)) if name else []
    array = case.engine.kind(number) == "ndarray"
    if not found or not (array or isinstance(number, int | float | complex | list)):
        return None
    at, call, tensor = found[0]
    source, kind, reader = case.journal.source(at, tensor), article(type(number).__name__), called_name(call)
    story = Story(f"{name} is {kind}: {reader}() read the numbers of {source}, and they have no {node.attr}.")
    story.events = [
        *(
            case.event(place, f"{called_name(read)}() gives numbers", "cut", culprit=True, node=read)
            for place, read, _ in found
        ),
        case.raised(f"{name} is no tensor"),
    ]
    changed = [
        case.journal.changed(
            place,
            [(read, case.journal.source(place, owner)) for each, read, owner in found if each == place],
            "the tensor, not its numbers",
        )
        for place in dict.fromkeys(each for each, _, _ in found)
    ]
    story.proposals = [case.journal.together([each for each in changed if each is not None])]
    return story


def _readings(case: Case, name: str) -> Iterator[tuple[int, ast.Call, ast.expr]]:
    """Where the numbers were read that a name was computed from: the statement, the call, and the tensor."""
    names, known = [name], {name}
    for each in names:
        for at in range(case.at + 1):
            for node in in_order(case.journal.tree(at)):
                if not isinstance(node, ast.Assign | ast.AugAssign) or each not in stored(node):
                    continue
                reads = [
                    (call, tensor)
                    for call in calls_in(node.value, *READERS)
                    if (tensor := receiver_of(call) or (call.args[0] if call.args else None)) is not None
                ]
                yield from ((at, *read) for read in reads)
                if not reads:
                    further = [other for other in sorted(loaded(node.value)) if other not in known]
                    numbers = [
                        other
                        for other in further
                        if type(case.trace.session.names.get(other)) in (int, float, list)
                    ]
                    known.update(numbers)
                    names.extend(numbers)
