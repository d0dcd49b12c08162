"""Memory that changes under another name, and parameters that another name has or that no optimizer was given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.hazards.parameters import optimised
from tensorcli.explorer.hazards.scope import SMALL
from tensorcli.explorer.names import path_root
from tensorcli.explorer.trees import called_name, calls_in, holds, in_place_nodes, loaded, root_name, stored
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.operands import behind
from tensorcli.explorer.why.out_of_place import told_not_to_write
from tensorcli.explorer.why.surprises.surprise import Surprise
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

COPIES: Final = {"tensor": ".clone()", "ndarray": ".copy()"}


def seen_elsewhere(case: Case) -> Iterator[Surprise]:
    """Statements that change what a name stands for which they do not write to: an argument, another name of the memory."""
    said: set[str] = set()
    for at, step in enumerate(case.trace.steps):
        changed = [
            (change.names, facts)
            for change in step.step.changes
            if change.kind in ("written", "seen")
            and (facts := change.after) is not None
            and not (facts.requires_grad and facts.is_leaf)
        ]
        if not changed:
            continue
        tree = step.record.statement.tree
        targets = {root_name(target) for target, _ in in_place_nodes(tree)}
        for names, facts in changed:
            for name in names:
                if not name.isidentifier() or name in said or name in targets or name in stored(tree):
                    continue
                said.add(name)
                node = next(
                    (each.node_at for each in step.writes if name in step.names.get(each.memory, [])), None
                )
                if name in loaded(tree):
                    text, ways = (
                        f"changes {name}, which it was given",
                        _given_copies(case, at, name, facts.kind),
                    )
                else:
                    others = sorted(filter(None, targets)) or sorted(stored(tree))
                    text = f"changes {name} as well" + (
                        f": {others[0]} is over the same memory" if others else ""
                    )
                    text += _made_once(case, at, node)
                    ways = _own_memory(case, at, {name, *others}, facts.kind)
                yield Surprise(case.event(at, text, "wrote", node=node), ways)


def _made_once(case: Case, at: int, node: ast.AST | None) -> str:
    """That what is written is the default of a function's parameter."""
    function = None if node is None else case.function_around(at, node)
    if node is None or function is None:
        return ""
    arguments = function[1].args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults = {each.arg for each in named[len(named) - len(arguments.defaults) :]}
    written = [
        root_name(target)
        for target, write in in_place_nodes(function[1])
        if write is node or holds(write, node)
    ]
    first = next((each for each in written if each in defaults), None)
    return "" if first is None else f"; {first} was made once, when {function[1].name} was defined"


def _given_copies(case: Case, at: int, name: str, kind: str) -> list[Proposal | None]:
    return [
        case.journal.changed(at, [(each, f"{name}{COPIES[kind]}")], f"{name} stays as it is")
        for call in in_order(case.journal.tree(at))
        for each in (call.args if isinstance(call, ast.Call) else ())
        if isinstance(each, ast.Name) and each.id == name
    ]


def _own_memory(case: Case, at: int, names: set[str], kind: str) -> list[Proposal | None]:
    """The last of these names bound to a copy."""
    bound = [(place, name) for name in names if (place := case.bound_at(name, at)) is not None]
    if not bound:
        return []
    place, name = max(bound)
    tree = case.journal.tree(place)
    if not isinstance(tree, ast.Assign) or not isinstance(tree.targets[0], ast.Name):
        return []
    value, note = case.trace.session.names.get(name), f"{name} has a memory of its own"
    copy = COPIES.get(case.engine.kind(value) or "", COPIES[kind])
    if len(tree.targets) > 1:  # a = b = zeros(3): a copy of what both are bound to would be bound to both
        return [case.journal.inserted(place + 1, f"{name} = {name}{copy}", note)]
    new = behind(tree.value, case.journal.source(place, tree.value), copy)
    return [case.journal.changed(place, [(tree.value, new)], note)]


def one_object(case: Case) -> Iterator[Surprise]:
    """`target = policy`, where what the two are is changed later; `best = net` in a loop that changes it."""
    names, said = case.trace.session.names, set[str]()
    for at, step in enumerate(case.trace.steps):
        whole = step.record.statement.tree
        for tree in step.nodes if not isinstance(whole, ast.FunctionDef) else ():
            if not isinstance(tree, ast.Assign) or not isinstance(tree.targets[0], ast.Name):
                continue
            value, name = tree.value, tree.targets[0].id
            if not isinstance(value, ast.Name) or not is_module(names.get(name)) or name in said:
                continue
            if names.get(name) is not names.get(value.id) or not any(
                {name, value.id} & set(map(path_root, change.names))
                for later in case.trace.steps[at + (tree is whole) :]
                for change in later.step.changes
                if change.kind in ("written", "seen")
            ):
                continue
            said.add(name)
            text = f"{name} is {value.id} itself, and no copy: what changes the one changes both"
            source = f"import copy\n{name} = copy.deepcopy({value.id})"
            copied = case.journal.instead(at, tree, source, "a module of its own")
            yield Surprise(case.event(at, text, "shared", node=tree), [copied])


def written_behind(case: Case) -> Iterator[Surprise]:
    """`seen['fc'] = output.detach()` in a hook, and then a module that writes over what it is given: what was kept is gone."""
    engine = case.engine
    for path, kept in _items(case):
        found = case.made(kept)
        born = None if found is None else found[1].look.version
        if found is None or born is None:
            continue
        step, made = found
        memory = case.trace.token(engine.memory(kept))
        for write in step.writes:
            called = write.node_at
            if write.memory != memory or write.before is None or write.before < born:
                continue
            if not isinstance(called, ast.Call) or called_name(called).endswith("_"):
                continue
            if path_root(path) in loaded(called):
                continue
            text = f"{path} was kept before {write.operator} wrote over its memory: it shows what was written"
            ways = [*told_not_to_write(case, step.number - 1)]
            home = None if made.node_at is None else case.holder_of(made.node_at)
            if home is not None and made.node_at is not None and called_name(made.node_at) == "detach":
                copied = case.journal.source(home, made.node_at) + ".clone()"
                ways.insert(
                    0, case.journal.changed(home, [(made.node_at, copied)], "keep the numbers of then")
                )
            yield Surprise(case.event(step.number - 1, text, "wrote", node=called), ways)
            break


def _items(case: Case) -> Iterator[tuple[str, Any]]:
    """The tensors that lists and dicts of the session hold, each with the expression that reads it."""
    for name, value in case.trace.session.names.items():
        if isinstance(value, dict | list) and len(value) <= SMALL:
            for key, each in value.items() if isinstance(value, dict) else enumerate(value):
                if case.engine.kind(each) == "tensor":
                    yield f"{name}[{key!r}]", each


def left_out(case: Case) -> Iterator[Surprise]:
    """Networks that passes reach and whose parameters no optimizer was given."""
    engine, names = case.engine, case.trace.session.names
    held = {name: found for name, value in names.items() if (found := optimised(engine, value))}
    leaves = [leaf for found in held.values() for leaf in found]
    if not held or any(type(leaf).__name__ != "Parameter" for leaf in leaves):
        return  # what is learned is an input, and no network
    known = set(map(id, leaves))
    optimizer = next(iter(held))
    at = case.bound_at(optimizer)
    for name, value in names.items() if at is not None else ():
        own = list(value.parameters()) if is_module(value) else []
        if any(id(leaf) in known for leaf in own) or all(engine.grad(leaf) is None for leaf in own):
            continue
        assert at is not None
        text = f"{optimizer} does not hold the parameters of {name}, which have gradients: no step changes {name}"
        ways = [
            case.journal.changed(
                at,
                [(call.args[0], f"[*{case.journal.source(at, call.args[0])}, *{name}.parameters()]")],
                f"{name} learns too",
            )
            for call in calls_in(case.journal.tree(at))
            if call.args and "parameters()" in ast.unparse(call.args[0])
        ]
        yield Surprise(case.event(at, text, "made"), ways[:1])


def one_memory(case: Case) -> Iterator[Surprise]:
    """`b.weight.data = a.weight.data`, after which a step of the one is one of the other."""
    for at, step in enumerate(case.trace.steps):
        for node in step.nodes:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            value = node.value if isinstance(node, ast.Assign) else None
            if not isinstance(target, ast.Attribute) or target.attr != "data":
                continue
            owner = value.value if isinstance(value, ast.Attribute) and value.attr == "data" else value
            mine, theirs = (case.tensor(each) for each in (target.value, owner))
            if mine is None or theirs is None or value is None:
                continue
            if case.engine.look(mine).memory != case.engine.look(theirs).memory:
                continue
            of, from_ = case.journal.source(at, target.value), case.journal.source(at, owner or value)
            text = f"lays {of} over the memory of {from_}: what changes the one changes both"
            copied = behind(value, case.journal.source(at, value), ".clone()")
            own = case.journal.changed(at, [(value, copied)], f"{of} has a memory of its own")
            yield Surprise(case.event(at, text, "shared", node=node), [own])
