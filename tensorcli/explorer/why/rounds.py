"""What the rounds of a loop carry from one to the next: tensors with a graph, and the same detached."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.names import path_root
from tensorcli.explorer.trees import called_name, calls_in, holds, loaded, receiver_of, stored
from tensorcli.explorer.why.case import Case

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal


def _loops(case: Case) -> Iterator[tuple[ast.For | ast.While, list[str]]]:
    """The loops of the failing statement, each with the names that one round carries into the next."""
    for node in ast.walk(case.statement.tree):
        if isinstance(node, ast.For | ast.While):
            whole = stored(ast.Module(list(node.body), []))
            first = _read_first(node.body, set())
            yield node, [*dict.fromkeys([*(each for each in first if each in whole), *_filled(case, node)])]


def _filled(case: Case, loop: ast.For | ast.While) -> list[str]:
    """The names of lists that the rounds of a loop add to, in functions that they call too."""
    functions: dict[str, ast.AST] = {}
    for at in range(case.at):
        tree = case.journal.tree(at)
        if isinstance(tree, ast.FunctionDef):
            functions[tree.name] = tree
    found: dict[str, None] = {}
    pending: list[ast.AST] = [*loop.body]
    while pending:
        for call in calls_in(pending.pop()):
            receiver = receiver_of(call)
            if isinstance(receiver, ast.Name) and called_name(call) in ("append", "extend", "insert"):
                found[receiver.id] = None
            elif receiver is None and (function := functions.pop(called_name(call), None)) is not None:
                pending.append(function)
    return [name for name in found if isinstance(case.trace.session.names.get(name), list)]


def _read_first(body: Sequence[ast.stmt], bound: set[str]) -> Iterator[str]:
    """The names that statements read before they bind them; `bound` takes those that they bind."""
    for each in body:
        if isinstance(each, ast.For | ast.While | ast.If):
            head = each.iter if isinstance(each, ast.For) else each.test
            yield from sorted(loaded(head) - bound)
            inside = {*bound, *(stored(each.target) if isinstance(each, ast.For) else ())}
            yield from _read_first(each.body, inside)
            yield from _read_first(each.orelse, {*bound})
        else:
            yield from sorted(loaded(each) - bound)
        bound |= stored(each)


def carried_graphs(case: Case) -> list[str]:
    """The tensors with a graph that the loops around the failing statement carry from round to round."""
    engine, names = case.engine, case.trace.session.names
    loops = list(_loops(case))
    around = [carried for loop, carried in loops if holds(loop, case.inner)] or [
        each for _, each in loops[:1]
    ]
    return [
        name
        for name in dict.fromkeys(name for carried in around for name in carried)
        if any(engine.look(each).grad_fn is not None for each in _tensors(case, names.get(name)))
    ]


def _tensors(case: Case, value: Any) -> list[Any]:
    """The tensors of a value: itself, or the items of a tuple or a list that holds nothing else."""
    items = list(value) if isinstance(value, tuple | list) else [value]
    return items if all(case.engine.kind(each) == "tensor" for each in items) else []


def held_graphs(case: Case, leads: Callable[[Any], bool]) -> list[str]:
    """The attributes of modules (`net.hidden`) that hold a tensor with a graph that leads somewhere, of the names that a loop
    of the failing statement reads.
    """
    observation = case.trace.session.observation
    assert observation is not None
    read = {name for node, _ in _loops(case) for each in node.body for name in loaded(each)}
    found: dict[str, None] = {}
    for entry in list(observation.index.entries.values()):
        for path in entry.paths if case.engine.kind(entry.value) == "tensor" else ():
            attribute = ATTRIBUTE.match(path)
            if attribute and path_root(path) in read and leads(entry.value):
                found[attribute[1]] = None
    return list(found)


ATTRIBUTE = re.compile(r"(\w+(?:\[\d+\])*(?:\.\w+(?:\[\d+\](?=.*\.))*)+)(?:\[\d+\])?$")
"""The path of an attribute, or of an item of what it holds."""


def detached_each_round(case: Case, held: Sequence[str] = ()) -> Iterator[Proposal | None]:
    """In a loop: what one round carries into the next, and attributes that hold such, detached at the beginning of the
    round; at its end where there was none before the first. Lists that the rounds fill are emptied, too.
    """
    loops = list(_loops(case))
    whole = _round_of_the_pass(case, [node for node, _ in loops])
    for node, carried in loops:
        early: list[tuple[str, str]] = []
        late: list[tuple[str, str]] = []
        for name in (*held, *carried):
            value = case.value(ast.parse(name, mode="eval").body, like=case.statement.tree)
            if not _tensors(case, value):
                continue
            detached = f"{name}.detach()"
            if isinstance(value, list) and node is whole:
                yield _in_each_round(
                    case, node.body[0], [(name, f"{name}.clear()")], "is empty when a round begins"
                )
            if isinstance(value, tuple | list):
                items = f"each.detach() for each in {name}"
                detached = f"tuple({items})" if isinstance(value, tuple) else f"[{items}]"
            bound = case.bound_before(case.at, name, node)
            begun = getattr(bound[1], "value", None) if bound is not None else None
            by_constant = isinstance(begun, ast.Constant) or (name in held and _begins_as_none(case, name))
            (late if by_constant else early).append((name, f"{name} = {detached}"))
        for place, found in ((0, early), (-1, late)):
            for each in [[one] for one in found] + [found] * (len(found) > 1):
                verb = "carries" if len(each) == 1 else "carry"
                note = f"{verb} no graph from round to round"
                yield _in_each_round(case, node.body[place], each, note, behind=place == -1)


def _round_of_the_pass(case: Case, loops: Sequence[ast.For | ast.While]) -> ast.For | ast.While | None:
    """The innermost loop that the failing expression stands in; the outermost one where it stands in a function."""
    around = [node for node in loops if holds(node, case.inner)]
    return around[-1] if around else next(iter(loops), None)


def _begins_as_none(case: Case, path: str) -> bool:
    """Whether some statement sets the attribute of a path to None: `self.hidden = None`."""
    attribute = path.rpartition(".")[2]
    return any(
        isinstance(each, ast.Assign)
        and isinstance(each.value, ast.Constant)
        and getattr(each.targets[0], "attr", "") == attribute
        for at in range(case.at)
        for each in ast.walk(case.journal.tree(at))
    )


def _in_each_round(
    case: Case, place: ast.stmt, added: Sequence[tuple[str, str]], note: str, behind: bool = False
) -> Proposal | None:
    """With these statements, each about a name, before one of a loop, or behind it."""
    names, lines = zip(*added, strict=True)
    whole = [case.text_of(place), *lines] if behind else [*lines, case.text_of(place)]
    return case.journal.changed(
        case.at,
        [(place, f"\n{' ' * place.col_offset}".join(whole))],
        f"{' and '.join(names)} {note}",
    )
