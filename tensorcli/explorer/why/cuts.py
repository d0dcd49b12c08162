"""Where a graph ends: the walk back from a tensor that does not require grad."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.explorer.containers import can_require_grad
from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.results import Event, some
from tensorcli.explorer.trace import Made, Traced, WriteEvent
from tensorcli.explorer.trees import (
    called_name,
    calls_in,
    holds,
    loaded,
    receiver_of,
    root_name,
    statement_around,
)
from tensorcli.explorer.why.case import Case

if TYPE_CHECKING:
    from tensorcli.explorer.entries import Entry

CUTTING = {
    "detach": "detach() shares the memory and leaves the graph",
    "detach_": "detach_() takes the tensor out of its graph",
    "tensor": "torch.tensor(…) copies the numbers; a tensor among them leaves no edge",
    "as_tensor": "torch.as_tensor(…) of a list copies the numbers",
    "Tensor": "torch.Tensor(…) copies the numbers",
}
"""What operators do that end a graph."""
FACTORIES = frozenset(
    "tensor zeros ones empty full rand randn arange linspace logspace eye zeros_like ones_like full_like rand_like "
    "randn_like empty_like normal".split()
)
"""Functions that take `requires_grad=`."""


NO_INTEGERS = "only floating and complex tensors have gradients"
MADE_WITHOUT = "made without requires_grad"
NO_GRAPH = "{}() gives gradients without a graph; create_graph=True records one"
TO_TENSORS = frozenset("from_numpy tensor as_tensor".split())
"""What makes a tensor of numbers or of an array."""
READERS = frozenset("item tolist numpy float int bool complex".split())
"""What reads the numbers of a tensor into Python or numpy."""


class Cut(NamedTuple):
    """Where the way back from a result to the leaves ends."""

    step: Traced
    reason: str
    kind: str
    """`cut`: an input required grad. `leaf`: nothing before it did."""
    node: ast.AST | None = None
    """The expression that did it."""
    path: tuple[str, ...] = ()
    """The operators from the result back to it, its own last."""
    frozen: tuple[str, ...] = ()
    """The leaves that were told there not to require grad."""
    into: tuple[Traced, Made] | None = None
    """Of a write into a dtype that has no gradients: where the written tensor was made."""

    @property
    def name(self) -> str:
        """The name that was given to what was made without requires_grad; empty where that cannot be told."""
        tree = self.step.record.statement.tree
        if self.kind == "leaf" and isinstance(tree, ast.Assign) and len(tree.targets) == 1:
            target, value = tree.targets[0], tree.value
            if isinstance(target, ast.Name) and (value is self.node or isinstance(value, ast.Call)):
                called = called_name(value)
                return target.id if called in FACTORIES or called.startswith("from_") else ""
        return ""


def where_cut(case: Case, tensor: Any) -> list[Cut]:
    """Walk back from a tensor that does not require grad: everything at which the way ends, nearest first."""
    return where_cut_before(case, case.trace.token(tensor))


def where_cut_before(case: Case, start: int) -> list[Cut]:
    """Walk back from a tensor by its token, whether it requires grad or was only told to later."""
    made: dict[int, tuple[Traced, Made]] = {}
    for step in case.trace.steps:
        for each in step.made:
            made[each.tensor] = (step, each)
    passes = {added.gradient: (step, added) for step in case.trace.steps for added in step.added}
    written: dict[int, list[tuple[Traced, WriteEvent]]] = {}
    for step in case.trace.steps:
        for write in step.writes:
            written.setdefault(write.memory, []).append((step, write))
    followed: set[int] = set()
    """The memories whose writes were gone through."""
    found: list[Cut] = []
    seen: set[int] = set()
    level: list[_Step] = [_Step(start, (), None)]
    while level:
        following: list[_Step] = []
        for token, path, user, filled in level:
            if token in seen:
                continue
            seen.add(token)
            if token in passes:
                step, added = passes[token]
                found.append(
                    Cut(step, NO_GRAPH.format("backward"), "cut", added.node_at, (*path, "backward"))
                )
            if token not in made:
                found.extend(_turned_off(case, token, path))
                another = _by_data(case, token, path, user)
                if isinstance(another, Cut):
                    found.append(another)
                elif another is not None:
                    following.append(another)
                continue
            step, each = made[token]
            off = list(_turned_off(case, token, path)) if each.look.requires_grad or token == start else []
            if off or (each.look.requires_grad and token != start):
                found.extend(off)
                continue
            writes = written.get(each.memory, [])
            cut = _cut_by_write(step, each, writes, path, user) or _cut_by(case, step, each, path)
            # Of what an operator made anew, and was filled later, only a cut is of interest.
            if cut is not None and not (filled and cut.kind == "leaf"):
                found.append(cut)
            if cut is None:
                further = (*path, verb_of(each))
                place = statement_of(case, each.node_at) if filled else each.node_at
                following.extend(_Step(token, further, (step, place), filled) for token in each.inputs)
            if (
                (cut is None or cut.kind == "leaf")
                and each.memory not in followed
                and not _learned(case, token)
            ):
                followed.add(each.memory)
                for step, write in writes:
                    if not write.recording:
                        continue
                    found.extend(_filled_with_numbers(case, step, write, path))
                    user = (step, statement_of(case, write.node_at))
                    following.extend(
                        _Step(token, (*path, write.operator), user, True) for token in write.inputs
                    )
        level = following
    return _together(found)


def _cut_by(case: Case, step: Traced, made: Made, path: tuple[str, ...]) -> Cut | None:
    """The operator that made a tensor, where the way back ends at it; None where it goes on to its inputs."""
    operator, kind = verb_of(made), "cut"
    if in_a_pass(made):
        reason = NO_GRAPH.format(operator)
    elif made.needed and made.recording and operator in CUTTING:
        reason = CUTTING[operator]
    elif made.needed:
        reason = f"{operator} {cut_reason(case, step, made)}"
    elif made.inputs:
        return None
    else:
        reason, kind = _origin(case, step, operator, made.node_at), "leaf"
    return Cut(step, reason, kind, made.node_at, (*path, operator))


def _cut_by_write(
    at: Traced,
    made: Made,
    writes: list[tuple[Traced, WriteEvent]],
    path: tuple[str, ...],
    user: tuple[Traced, ast.AST | None] | None,
) -> Cut | None:
    """The write that put into a tensor, before it was used, what requires grad, where its dtype has no gradients."""
    for step, write in writes:
        if write.lost and (user is None or step.number <= user[0].number):
            verb = write.operator if isinstance(write.node_at, ast.Call) else "the assignment"
            reason = f"{verb} writes into {made.look.dtype}: {NO_INTEGERS}"
            return Cut(step, reason, "cut", write.node_at, (*path, write.operator), into=(at, made))
    return None


def _together(cuts: list[Cut]) -> list[Cut]:
    """The cuts, with those in one that one statement made by telling several leaves not to require grad."""
    found: list[Cut] = []
    places: dict[int, int] = {}
    for cut in cuts:
        place = places.get(cut.step.number) if cut.frozen else None
        if place is not None:
            found[place] = found[place]._replace(frozen=(*found[place].frozen, *cut.frozen))
            continue
        if cut.frozen:
            places[cut.step.number] = len(found)
        found.append(cut)
    return [cut._replace(reason=_frozen(cut.frozen)) if cut.frozen else cut for cut in found]


def _frozen(names: tuple[str, ...]) -> str:
    """`a.weight and 3 more were told not to require grad`."""
    more = f" and {len(names) - 1} more were" if len(names) > 1 else " was"
    return f"{names[0]}{more} told not to require grad"


class _Step(NamedTuple):
    """A tensor on the way back: how it was come to, and where it was used."""

    token: int
    path: tuple[str, ...]
    user: tuple[Traced, ast.AST | None] | None
    filled: bool = False
    """Whether it was written into what was made without it."""


def statement_of(case: Case, node: ast.AST | None) -> ast.stmt | None:
    """The innermost statement that an expression stands in."""
    at = None if node is None else case.holder_of(node)
    if node is None or at is None:
        return None
    return statement_around(case.journal.tree(at), node)


def _filled_with_numbers(case: Case, step: Traced, write: WriteEvent, path: tuple[str, ...]) -> Iterator[Cut]:
    """`outputs[t] = y.item()`."""
    statement = statement_of(case, write.node_at)
    value = statement.value if isinstance(statement, ast.Assign) else None
    for reader in calls_in(value, *READERS) if value is not None else ():
        names = case.trace.session.names
        if _has_graph(case, reader) or not any(
            each in names for each in loaded(receiver_of(reader) or reader)
        ):
            reason = f"{called_name(reader)}() gives a number, and numbers have no graph"
            yield Cut(step, reason, "cut", reader, (*path, write.operator, called_name(reader)))
            return


def names_of(case: Case, token: int) -> list[str]:
    """The names of a tensor that is still there."""
    observation = case.trace.session.observation
    assert observation is not None
    entry = _entry_of(case, token)
    return [] if entry is None else observation.index.names(entry)


def _entry_of(case: Case, token: int) -> Entry | None:
    observation = case.trace.session.observation
    assert observation is not None
    for entry in observation.index.entries.values():
        value = entry.value
        if value is not None and case.trace.token(value) == token:
            return entry
    return None


def _learned(case: Case, token: int) -> bool:
    """Whether a tensor is a leaf that requires grad: what is written into it are its steps."""
    entry = _entry_of(case, token)
    return entry is not None and bool(case.engine.look(entry.value).requires_grad)


def _by_data(
    case: Case, token: int, path: tuple[str, ...], user: tuple[Traced, ast.AST | None] | None
) -> Cut | _Step | None:
    """A tensor that no operator made: `x.data`. The cut, or x where that does not require grad either."""
    places = [] if user is None or user[1] is None else [(user[0], user[1])]
    for name in names_of(case, token)[:1]:
        bound = case.bound_at(name)
        if bound is not None:
            places.append((case.trace.steps[bound], case.trace.steps[bound].record.statement.tree))
    for step, tree in places:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or node.attr != "data":
                continue
            found = _owner_of_data(case, step, node.value)
            if found is None:
                continue
            owner, learns = found
            if learns:
                reason = ".data gives another handle on the memory, outside the graph"
                return Cut(step, reason, "cut", node, (*path, "data"))
            return _Step(owner, (*path, "data"), None)
    return None


def _owner_of_data(case: Case, step: Traced, node: ast.expr) -> tuple[int, bool] | None:
    """The tensor `x` of `x.data`, of a name or of what a statement computed there, and whether it requires grad."""
    value = case.trace.session.names.get(root_name(node) or "")
    if case.engine.kind(value) == "tensor":
        return case.trace.token(value), bool(case.engine.look(value).requires_grad)
    function = case.function_around(step.number - 1, node) if isinstance(node, ast.Name) else None
    source: ast.AST = node
    if function is not None and isinstance(node, ast.Name):
        found = case.bound_before(step.number - 1, node.id, node)
        source = node if found is None else found[1]
    made = [each for each in step.made if each.node_at is not None and holds(source, each.node_at)]
    return (made[-1].tensor, bool(made[-1].look.requires_grad)) if made else None


def _turned_off(case: Case, token: int, path: tuple[str, ...]) -> Iterator[Cut]:
    """Where a leaf that required grad ceased to."""
    for name in names_of(case, token)[:1]:
        for step, before, after in case.trace.changes_of(name):
            if before.requires_grad and not after.requires_grad:
                yield Cut(step, "", "cut", None, (*path, name), (name,))
                return


def cut_reason(case: Case, step: Traced, made: Made) -> str:
    """Why an operator whose input required grad gave a tensor that does not: `ran under no_grad (…)`."""
    if not made.recording:
        return _unrecorded(case, step, made.node_at)
    if not can_require_grad(made.look.dtype):
        return f"gives {made.look.dtype}: {NO_INTEGERS}"
    return "records nothing"


def verb_of(made: Made) -> str:
    """What the script calls an operator: the name in its call, where it stands in one."""
    node = made.node_at
    if isinstance(node, ast.Call):
        return called_name(node)
    return made.operator


def in_a_pass(made: Made) -> bool:
    """Whether a backward pass ran an operator, and not the script itself."""
    return isinstance(made.node_at, ast.Call) and verb_of(made) in ("backward", "grad")


MODES = {
    "no_grad": "under no_grad",
    "inference_mode": "in inference mode",
    "set_grad_enabled": "with grad mode off",
}


def _unrecorded(case: Case, step: Traced, node: ast.AST | None) -> str:
    """`ran under no_grad (the block of lines 2..4)`: what turned recording off where an expression ran."""
    at = step.number - 1
    places = [case.trace.steps[place].record for place in range(at, -1, -1)]
    for record in places:
        tree = record.statement.tree
        around = [
            each
            for each in ast.walk(tree)
            if isinstance(each, ast.With | ast.FunctionDef)
            and (record is places[0] or (node is not None and isinstance(tree, ast.FunctionDef)))
            and (node is None or holds(each, node) or (record is places[0] and isinstance(each, ast.With)))
        ]
        for each in reversed(around):
            heads = (
                [item.context_expr for item in each.items]
                if isinstance(each, ast.With)
                else each.decorator_list
            )
            for head in heads:
                text = ast.unparse(head)
                mode = next((MODES[word] for word in MODES if word in text), None)
                if mode is None:
                    continue
                if isinstance(each, ast.FunctionDef):
                    return f"ran {mode} (the decorator of {each.name})"
                if record.name == "<input>":
                    return f"ran {mode}"
                first, last = each.lineno, each.end_lineno or each.lineno
                lines = f"line {first}" if first == last else f"lines {first}..{last}"
                return f"ran {mode} (the block of {lines})"
    for place in range(at, -1, -1):
        if "set_grad_enabled(False)" in case.trace.steps[place].record.statement.source:
            return f"ran with grad mode off (since line {case.trace.steps[place].line})"
    return "ran under no_grad"


def _origin(case: Case, step: Traced, operator: str, node: ast.AST | None) -> str:
    tree = step.record.statement.tree if node is None else node
    names = []
    for name in sorted(loaded(tree)):
        value = case.trace.session.names.get(name)
        bound = case.bound_at(name)
        if bound is None or bound >= step.number - 1 or case.engine.kind(value) != "tensor":
            continue
        if case.engine.look(value).requires_grad:
            names.append(name)
    if names:
        return f"{operator}(…) takes numbers or an array of {' and '.join(names)}: no edge leads back"
    read = numbers_of(case, step.number - 1, tree)
    if read is not None and read.name.endswith(")"):
        return f"{read.how}() gives a number, and numbers have no graph"
    if read is not None:
        return f"{operator}(…) takes {read.name}, which {read.how}() read at line {read.line}: numbers have no graph"
    return MADE_WITHOUT


class Reading(NamedTuple):
    """Where the numbers of a tensor with a graph were read."""

    name: str
    """What a later expression takes."""
    line: int
    how: str
    """The function that read them (`item`)."""


def numbers_of(case: Case, at: int, tree: ast.AST, depth: int = 4) -> Reading | None:
    """Which name of an expression, or of a statement, holds numbers that were read from a tensor with a graph."""
    for node in calls_in(tree, *TO_TENSORS):
        if node.args:
            read = node.args[0]
            inside = not holds(case.trace.steps[at].record.statement.tree, read)
            if (
                called_name(read) == "item"
                and isinstance(read, ast.Call)
                and (inside or _has_graph(case, read))
            ):
                return Reading(ast.unparse(read), case.within_line(at, read), "item")
            for reader in calls_in(read, *READERS):
                if reader is not read and _has_graph(case, reader):
                    return Reading(ast.unparse(read), case.within_line(at, read), called_name(reader))
    for name in sorted(loaded(tree)) if depth else ():
        found = case.bound_before(at, name, tree)
        if found is None:
            continue
        place, before, local = found
        if not local and case.engine.kind(case.trace.session.names.get(name)) == "tensor":
            continue
        for node in calls_in(before, *READERS):
            if local or _has_graph(case, node):
                return Reading(name, case.within_line(place, node), called_name(node))
        further = numbers_of(case, place, before, depth - 1)
        if further is not None:
            return further._replace(name=name)
    return None


def _has_graph(case: Case, reader: ast.Call) -> bool:
    """Whether a call reads the numbers of what has one, as far as names of the session tell."""
    names = case.trace.session.names
    values = [names.get(each) for each in loaded(receiver_of(reader) or reader)]
    return any(_learns(case, each) for each in values)


def _learns(case: Case, value: Any) -> bool:
    """Whether a value is a tensor that requires grad, or a module that has one."""
    if case.engine.kind(value) == "tensor":
        return bool(case.engine.look(value).requires_grad)
    return is_module(value) and any(case.engine.look(each).requires_grad for each in value.parameters())


def ends_of(cuts: list[Cut]) -> list[Cut]:
    """Where a way to a leaf that requires grad was cut; where there was none, the leaves that do not require it."""
    return [cut for cut in cuts if cut.kind == "cut"] or cuts


def told(cuts: list[Cut], case: Case, tensor: Any = None) -> tuple[str, list[Event]]:
    """The sentence and the statements of where a graph ends."""
    ends = ends_of(cuts)
    events: list[Event] = []
    for cut in sorted(cuts, key=lambda each: each.step.number)[:6]:
        role = "cut" if cut.kind == "cut" else "made"
        reason = f"{cut.name} was {cut.reason}" if cut.name and cut.reason == MADE_WITHOUT else cut.reason
        event = case.event(cut.step.number - 1, reason, role, culprit=cut is ends[0], node=cut.node)
        if all((event.line, event.text) != (each.line, each.text) for each in events):
            events.append(event)
    first = ends[0]
    at = case.within_line(first.step.number - 1, first.node)
    if first.kind == "cut":
        return f"the graph was cut at line {at}: {first.reason}.", events
    lines = sorted({case.within_line(cut.step.number - 1, cut.node) for cut in ends})
    plain = first.reason == MADE_WITHOUT
    if len(lines) == 1 and plain and tensor is not None and case.made_at(tensor) == first.step.number - 1:
        return f"line {lines[0]} made it without requires_grad.", events
    if len(lines) == 1 and plain:
        what = f"{first.name}, which it was computed from," if first.name else "what it was computed from"
        return f"{what} was made at line {lines[0]} without requires_grad.", events
    where = f"line {lines[0]}" if len(lines) == 1 else f"lines {some([str(each) for each in lines], 4)}"
    if len(lines) == 1:
        return f"the graph ends at line {lines[0]}: {first.reason}.", events
    return f"nothing behind it requires grad ({where}).", events


def way_back(cuts: list[Cut], text: str, case: Case) -> str:
    """`the way back: loss ← sum ← mul ← x (line 1)`; empty where there is nothing between."""
    ends = ends_of(cuts)
    if len(ends[0].path) < 2:
        return ""
    way = [text, *ends[0].path[:12]]
    if ends[0].name:
        way[-1] = ends[0].name
    line = case.within_line(ends[0].step.number - 1, ends[0].node)
    return f"the way back: {' ← '.join(filter(None, way))} (line {line})"
