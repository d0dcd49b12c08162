"""What the text of a statement tells when it is about to run: what it calls for nothing, compares or assigns, and the steps of
optimizers that it makes.
"""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hazards.itself import comparisons, with_itself
from tensorcli.explorer.hazards.parameters import optimised, unheld
from tensorcli.explorer.hazards.places import own_moments
from tensorcli.explorer.hazards.slips import (
    CONTEXTS,
    idle_attribute,
    idle_context,
    misspelt,
    not_called,
    shown_methods,
    sign_of_the_value,
)
from tensorcli.explorer.hazards.training import idle
from tensorcli.explorer.hazards.untimely import CLIPS, clipped, idle_clip

if TYPE_CHECKING:
    from tensorcli.explorer.hazards.watch import Watch


def begins(watch: Watch, statement: ast.stmt) -> None:
    """Note what may be told of a statement before it runs, one within a loop or a function included."""
    if watch.gradients.leaves:
        pairs = comparisons(statement)
        if pairs:
            told = with_itself(watch.engine, watch.names, pairs, watch.gradients.leaves)
            watch.note(told, statement)
    value = getattr(statement, "value", None)
    if type(value) is ast.Call and getattr(value.func, "attr", "") == "step":
        if watch.recorded:
            watch.steps.begins(watch.names, statement)
            watch.rounds.steps(watch.names, statement, closure=bool(value.keywords or value.args))
        if isinstance(statement, ast.Assign):
            _steps(watch, value)
    if isinstance(value, ast.UnaryOp | ast.BinOp):
        watch.note(sign_of_the_value(watch.names, statement, watch.text), statement)
    if isinstance(statement, ast.Expr):
        _expression(watch, statement)
    elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
        told = misspelt(watch.engine, watch.names, statement.targets[0])
        watch.note(told, statement)
        watch.note(idle_attribute(watch.names, statement), statement)
    elif isinstance(statement, ast.For | ast.While):
        watch.loops.enter(statement)
    elif watch.loops.begun and isinstance(statement, ast.Assign):
        watch.note(watch.loops.lost_update(statement, watch.names))


def _expression(watch: Watch, statement: ast.Expr) -> None:
    """A statement that is an expression, by the name of the method that it calls."""
    node = statement.value
    if isinstance(node, ast.Attribute):
        watch.note(not_called(watch.names, node), statement)
    elif isinstance(node, ast.Call):
        method = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if method in CONTEXTS:
            watch.note(idle_context(watch.names, node), statement)
        elif method == "print":
            for told, where in shown_methods(watch.names, node):
                watch.note(told, where)
        elif method == "step":
            _steps(watch, node)
        elif method == "zero_grad":
            _clears(watch, node)
        elif method == "backward":
            watch.rounds.passes(watch.names, node)
            _passes(watch, node)
        elif method == "unscale_":
            for given in node.args[:1]:
                watch.rounds.unscales(optimised(watch.engine, watch.names.at(given)))
        elif method == "load_state_dict":
            watch.note(own_moments(watch.engine, watch.names, node), statement)
        elif method in CLIPS:
            leaves, applied = clipped(watch.engine, watch.names, node), watch.gradients.applied
            watch.note(idle_clip(watch.engine, node, leaves, applied), statement)
            watch.note(watch.rounds.scaled_clip(method, leaves, watch.names), statement)
        elif method == "append" and watch.loops.begun:
            watch.loops.calls(node)
            watch.loops.rewritten(node, watch.names.get)
            watch.note(watch.loops.appended(statement, watch.names.get), statement)


def _steps(watch: Watch, node: ast.Call) -> None:
    """`opt.step()`: whether what it changes has gradients, and is there still."""
    if not isinstance(node.func, ast.Attribute):
        return
    owner = node.func.value
    optimizer = watch.names.at(owner)
    given = node.args or node.keywords
    leaves = optimised(watch.engine, optimizer) if watch.recorded or given else ()
    text = ast.unparse(owner)
    if leaves and given:
        watch.steps.by_closure(leaves, text, node, watch.gradients.passes)
    if leaves and watch.recorded:
        dropped = None if given else watch.gradients.dropped(leaves, text)
        watch.note(dropped)
        outdated = watch.gradients.outdated(leaves, text, partial(_paths, watch))
        watch.note(outdated)
        reached, gone = watch.gradients.leaves.values(), watch.gradients.gone
        watch.note(unheld(watch.engine, watch.names, leaves, reached, gone, text))
        watch.note(watch.steps.first(watch.names, optimizer, leaves, text))
        watch.note(watch.steps.in_evaluation(watch.names, optimizer, text))
        watch.note(watch.steps.thawed(watch.names, optimizer, text))
        watch.note(watch.rounds.vanishing(optimizer, text))
        watch.steps.freezes(watch.names, leaves, text, node)
        if not given and dropped is None:
            watch.note(idle(watch.engine, leaves, text))
        if not given and outdated is None:
            brought = watch.gradients.brought
            watch.unreached.steps(watch.names, optimizer, leaves, text, node, brought)


def _clears(watch: Watch, node: ast.Call) -> None:
    """`opt.zero_grad()`: whether what it drops was ever of use."""
    owner = getattr(node.func, "value", None)
    optimizer = None if owner is None else watch.names.at(owner)
    leaves = optimised(watch.engine, optimizer) if watch.recorded and not node.args else ()
    if leaves and owner is not None:
        text = ast.unparse(owner)
        watch.steps.clears(optimizer, leaves, node, watch.gradients.ever_applied, text)
        if not watch.gradients.used:
            watch.rounds.drops(optimizer, leaves, node, text, watch.gradients.applied)


def _passes(watch: Watch, node: ast.Call) -> None:
    """`loss.backward()`: whether the graph that it goes through was computed before a step."""
    loss = node.func.value if isinstance(node.func, ast.Attribute) else None
    root = None if loss is None or not watch.gradients.moved else watch.names.at(loss)
    graph = watch.engine.node(root) if watch.engine.kind(root) == "tensor" else None
    # Of a write that nobody saw there is another tale.
    watch.past = None if graph is None or watch.tainted else watch.gradients.from_before(graph)


def _paths(watch: Watch, tensor: Any) -> list[str]:
    """All names and paths of a tensor."""
    entry = watch.index.entry(tensor)
    return [] if entry is None else watch.index.names(entry)
