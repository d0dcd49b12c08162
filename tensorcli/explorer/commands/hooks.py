"""The hooks on the graph, in the order of its nodes. Looking changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument
from tensorcli.explorer.commands.graph import Walk, is_assignment
from tensorcli.explorer.graphs import MOST, nodes_below, roots
from tensorcli.explorer.results import HookRow, Hooks
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.origins import Origin
    from tensorcli.explorer.session import Session

KINDS = {
    "tensor": ("register_hook", "the gradient of {0}, on its way"),
    "retain_grad": (
        "retain_grad",
        "keeps the gradient of {0} in .grad, after the other hooks; follows {0} through in-place writes",
    ),
    "before": ("register_prehook", "the gradients of the node's outputs, before it runs"),
    "post_accumulate": ("register_post_accumulate_grad_hook", "the leaf {0}, after its .grad changed"),
    "after": ("register_hook of the node", "the gradients of the node's inputs, after it ran"),
}


def hooks(session: Session, invocation: Invocation) -> Hooks:
    """The hooks on the graph of one tensor, or of all that names reach, in the order of the nodes. Errors: TypeError
    for what is not a tensor, ValueError where the engine does not tell.
    """
    engine = session.engine
    if not engine.tells_nodes:
        raise ValueError("PyTorch does not tell which hooks there are: run without --engine pytorch")
    of, starts = _asked_of(session, invocation)
    nodes: dict[int, Any] = {}
    for start in starts:
        if start is not None and id(start) not in nodes:
            nodes |= {id(node): node for node in nodes_below(engine, start, MOST)}
    walk = Walk(session)
    rows = [
        row
        for node in sorted(nodes.values(), key=lambda node: -_sequence(session, node))
        for row in _hook_rows(walk, node)
    ]
    return Hooks(of, tuple(rows))


def _asked_of(session: Session, invocation: Invocation) -> tuple[str | None, list[Any]]:
    """Whose hooks are asked for (None: all that names reach), and the nodes that they are on or below."""
    engine, observation = session.engine, session.observation
    if invocation.get("value") is not None:
        value, of = argument(session, invocation, "value")
        if engine.kind(value) not in ("tensor", "node"):
            raise TypeError(f"hooks wants a tensor or a node, not '{type(value).__name__}'")
        node = engine.node(value) if engine.kind(value) == "tensor" else value
        return of, [node, *_accumulator(session, value)]
    if observation is None:
        return None, []
    named = [each.value for each in observation.index.entries.values() if each.value is not None]
    below = [node for _, node in roots(engine, observation.index)]
    return None, below + [found for value in named for found in _accumulator(session, value)]


def _sequence(session: Session, node: Any) -> float:
    found = session.engine.sequence(node)
    return -1 if found is None else found


def _accumulator(session: Session, value: Any) -> Iterator[Any]:
    if session.engine.kind(value) == "tensor":
        found = session.engine.accumulator(value)
        if found is not None:
            yield found


def _hook_rows(walk: Walk, node: Any) -> Iterator[HookRow]:
    engine, session = walk.engine, walk.session
    leaf = engine.variable(node)
    name = engine.node_name(node)
    origin = walk.origin(node)
    at = name if origin is None else f"{name} (line {origin.line})"
    made = walk.made.get(id(node), [])
    for hook in engine.hooks(node):
        title, sees = KINDS[hook.kind]
        if leaf is not None:
            target = walk.name(leaf) or "a leaf"
        elif hook.kind == "retain_grad" and hook.function is not None:
            target = walk.name(hook.function) or "a tensor without a name"
        elif made:
            target = made[0]
        else:
            target = f"the value that {name} made"
        subject = target
        if hook.kind == "tensor" and leaf is None and not made:
            sees = "the gradient of {0}: no name has it any more"
            overwritten = _overwritten(walk, origin)
            if overwritten is not None and origin is not None:
                written, line = overwritten
                subject = f"{written} of line {origin.line}"
                sees = f"the gradient of {written} as it was before line {line} wrote it"
        text = "" if hook.kind == "retain_grad" else function_text(session, hook.function)
        yield HookRow(subject, title, text, at, sees.format(target))


def _overwritten(walk: Walk, origin: Origin | None) -> tuple[str, int] | None:
    """The name that a statement gave to what a node made, where that tensor was written in place since, and where the
    first write that is recorded stands.
    """
    session, engine = walk.session, walk.engine
    if origin is None or not is_assignment(" ".join(origin.source.split())):
        return None
    name = origin.source.partition("=")[0].strip()
    value = session.names.get(name)
    node = None if engine.kind(value) != "tensor" else engine.node(value)
    line = None
    while node is not None:
        found = walk.origin(node)
        if found is None:
            return None
        if found == origin:
            return None if line is None else (name, line)
        line = found.line
        node = next((each for each in engine.edges(node) if each is not None), None)
    return None


def function_text(session: Session, function: Any) -> str:
    """A function by the name that the session has for it, or its own."""
    for name, value in session.names.items():
        if value is function:
            return name
    from tensorcli.explorer.observe import function_text as own_text

    return own_text(function)
