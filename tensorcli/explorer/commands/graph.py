"""Commands about the graph: `graph` and `hooks`. Looking changes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument
from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.files import writable, write
from tensorcli.explorer.graphs import MOST, nodes_below, roots
from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Graph, GraphNode, GraphSave, HookRow, Hooks
from tensorcli.explorer.sources import expressions_of
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.origins import Origin
    from tensorcli.explorer.session import Session

NODES = 20_000
"""Nodes of one graph."""
SUFFIXES = ("dot", "mmd", "json", "svg", "html")


def graph(session: Session, invocation: Invocation) -> Graph:
    """The graph below a tensor or a node. Errors: TypeError for other values, ValueError for a focus that is
    not there, PermissionError and ValueError for the file.
    """
    engine = session.engine
    path = invocation.get("output")
    place = writable(session, invocation, path, SUFFIXES) if isinstance(path, str) else None
    value, of = argument(session, invocation, "value")
    kind = engine.kind(value)
    if kind not in ("tensor", "node"):
        raise TypeError(f"graph wants a tensor or a node, not '{type(value).__name__}'")
    depth, focus = invocation.get("depth"), invocation.get("focus")
    form: Any = next((each for each in ("mermaid", "dot", "json") if invocation.get(each)), "tree")
    root, note = _root(session, value) if kind == "tensor" else (value, "")
    walk = Walk(session)
    found = walk.read(root, depth if isinstance(depth, int) else None)
    if isinstance(focus, str):
        found = focused(found, focus)
    line = None
    shape: tuple[int, ...] = ()
    if kind == "tensor":
        shape = tuple(engine.look(value).sizes)
        line = found[0].line if found else None
    notes = tuple(walk.stale_notes(found))
    written = path if isinstance(path, str) else None
    if not engine.tells_nodes:
        note = "; ".join(
            part for part in (note, "what the nodes save is unknown: PyTorch does not tell") if part
        )
    left = walk.total - len(found)
    answer = Graph(of, shape, line, tuple(found), left, notes, engine.tells_nodes, note, form, written)
    if place is not None:
        write(session, invocation, place, answer)
    return answer


def _root(session: Session, tensor: Any) -> tuple[Any, str]:
    """The node that a backward pass from here begins at, and what there is to say about it."""
    engine = session.engine
    node, old = engine.node(tensor), engine.old_node(tensor)
    if old is not None:
        base = engine.base(tensor)
        below = None if base is None else engine.node(base)
        return (
            below,
            f"its base was written since this view was made: PyTorch will give it a new "
            f"{engine.look(tensor).grad_fn} when grad_fn is asked for; this is its base's graph",
        )
    return node, ""


class Walk:
    """Reads the nodes below one root as finished data."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.engine = session.engine
        self.total = 0
        self.ids: dict[int, str] = {}
        self.made: dict[int, list[str]] = {}
        observation = session.observation
        if observation is not None:
            for entry, node in roots(self.engine, observation.index):
                self.made.setdefault(id(node), []).extend(observation.index.names(entry))
        self.stale: dict[int, set[str]] = {}
        """By allocation: the names of the stale tensors."""

    def read(self, root: Any, depth: int | None) -> list[GraphNode]:
        """The nodes, the root first, each above what it leads to, none deeper than `depth` edges."""
        if root is None:
            return []
        levels = {id(root): 0}
        kept = []
        for node in nodes_below(self.engine, root, NODES):
            self.total += 1
            level = levels[id(node)]
            for target in self.engine.edges(node):
                if target is not None:
                    levels.setdefault(id(target), level + 1)
            if depth is None or level <= depth:
                kept.append(node)
        for number, node in enumerate(kept):
            self.ids[id(node)] = f"n{number}"
        pieces = self._pieces(kept)
        return [self._node(node, pieces) for node in kept]

    def origin(self, node: Any) -> Origin | None:
        """The statement that made a node."""
        observation = self.session.observation
        return None if observation is None else observation.origins.of(self.engine.sequence(node))

    def _pieces(self, nodes: Iterable[Any]) -> dict[int, str]:
        """The expression that made each node, where it can be told apart from the others of its statement."""
        by_statement: dict[Origin, list[Any]] = {}
        for node in nodes:
            origin = self.origin(node)
            if origin is not None:
                by_statement.setdefault(origin, []).append(node)
        found: dict[int, str] = {}
        for origin, members in by_statement.items():
            candidates = expressions_of(origin.source, self.session.names)
            by_operator: dict[str, list[Any]] = {}
            for node in members:
                by_operator.setdefault(self.engine.operator(node), []).append(node)
            for operator, same in by_operator.items():
                texts = candidates.get(operator, [])
                if len(same) == len(texts) and operator:
                    ordered = sorted(same, key=lambda node: self.engine.sequence(node) or 0)
                    for node, text in zip(ordered, texts):
                        found[id(node)] = text
        return found

    def _node(self, node: Any, pieces: dict[int, str]) -> GraphNode:
        engine = self.engine
        leaf = engine.variable(node)
        origin = self.origin(node)
        names = self.made.get(id(node), [])
        code = "" if origin is None else pieces.get(id(node), " ".join(origin.source.split()))
        line = None if origin is None else origin.line
        if origin is not None and names:
            whole = " ".join(origin.source.split())
            if _is_assignment(whole) and pieces.get(id(node), whole.partition("=")[2].strip()) in whole:
                right = whole.partition("=")[2].strip()
                code = whole if pieces.get(id(node), right) == right else code
        grad = ""
        shape: tuple[int, ...] | None = None
        if leaf is not None:
            look = engine.look(leaf)
            shape = tuple(look.sizes)
            allocation = self.session.allocations.known.get(look.memory)
            line = None if allocation is None else allocation.line
            name = self._name(leaf)
            names = [name] if name else []
            held = engine.grad(leaf)
            grad = "None" if held is None else engine.text(held)
        else:
            outputs = engine.outputs(node)
            shape = tuple(outputs[0][0]) if len(outputs) == 1 else None
        targets = list(engine.edges(node))
        following = [None if each is None else self.ids.get(id(each)) for each in targets]
        return GraphNode(
            self.ids[id(node)],
            engine.node_name(node),
            leaf is not None,
            tuple(dict.fromkeys(names)),
            shape,
            code,
            line,
            tuple(self._saves(node)),
            tuple(f"{slot}={value!r}" for slot, value in engine.numbers(node)),
            engine.released(node),
            grad,
            len(engine.hooks(node)),
            tuple(each for each, target in zip(following, targets) if target is None or each is not None),
            sum(target is not None and each is None for each, target in zip(following, targets)),
        )

    def _saves(self, node: Any) -> Iterator[GraphSave]:
        engine = self.engine
        for each in engine.saved(node):
            look = engine.look(each.tensor)
            name = self._name(each.tensor)
            if each.saved != each.now:
                self.stale.setdefault(look.memory, set()).add(name or "a temporary")
            yield GraphSave(
                each.slot,
                name,
                self.session.allocations.name(look.memory),
                tuple(look.sizes),
                look.nbytes,
                each.saved,
                each.now,
            )

    def _name(self, tensor: Any) -> str | None:
        observation = self.session.observation
        if observation is None:
            return None
        found: str | None = name_of(self.engine, observation.index, self.session.allocations, tensor)
        return found

    def stale_notes(self, nodes: Iterable[GraphNode]) -> Iterator[str]:
        """What wrote over saved tensors, a sentence for each storage."""
        shown = {each.storage for node in nodes for each in node.saves if each.stale}
        observation = self.session.observation
        for memory, names in self.stale.items():
            allocation = self.session.allocations.known.get(memory)
            if allocation is None or allocation.id not in shown or observation is None:
                continue
            versions = sorted(
                {
                    each.now
                    for node in nodes
                    for each in node.saves
                    if each.stale and each.storage == allocation.id
                }
            )
            written = ""
            if allocation.written is not None:
                line, via = allocation.written
                written = f" (written at line {line}" + (f" via {via})" if via else ")")
            others = [
                observation.index.names(entry)[0]
                for entry in observation.index.sharing(memory)
                if observation.index.names(entry)[0] not in names
            ]
            at = " and ".join(f"v{version}" for version in versions)
            text = f"{allocation.id or 'a storage without a name'} is at {at}{written}"
            yield text + (f"; also over it: {' '.join(others[:8])}" if others else "")


def _is_assignment(source: str) -> bool:
    try:
        tree = ast.parse(source).body
    except (SyntaxError, ValueError):
        return False
    return len(tree) == 1 and isinstance(tree[0], ast.Assign)


def focused(nodes: list[GraphNode], wanted: str) -> list[GraphNode]:
    """The nodes on the ways from the root to a tensor, a node's id or a node's name."""
    goals = {
        node.id
        for node in nodes
        if wanted in node.tensors or wanted in (node.id, node.name, operation_of(node.name))
    }
    if not goals:
        raise ValueError(
            f"there is no {wanted!r} in this graph: name a tensor, a node (ExpBackward0) or an id (n3)"
        )
    above: dict[str, list[str]] = {}
    for node in nodes:
        for each in node.next:
            if each is not None:
                above.setdefault(each, []).append(node.id)
    kept: set[str] = set()
    pending = list(goals)
    while pending:
        each = pending.pop()
        if each not in kept:
            kept.add(each)
            pending.extend(above.get(each, ()))
    return [_without(node, kept) for node in nodes if node.id in kept]


def _without(node: GraphNode, kept: set[str]) -> GraphNode:
    from dataclasses import replace

    following = tuple(each for each in node.next if each is None or each in kept)
    return replace(node, next=following, cut=node.cut + len(node.next) - len(following))


# ---- hooks

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
    for what is no tensor, ValueError where the engine does not tell.
    """
    engine = session.engine
    if not engine.tells_nodes:
        raise ValueError("PyTorch does not tell which hooks there are: run without --engine pytorch")
    of = None
    nodes: dict[int, Any] = {}
    observation = session.observation
    if invocation.get("value") is not None:
        value, of = argument(session, invocation, "value")
        if engine.kind(value) not in ("tensor", "node"):
            raise TypeError(f"hooks wants a tensor or a node, not '{type(value).__name__}'")
        starts = [
            engine.node(value) if engine.kind(value) == "tensor" else value,
            *_accumulator(session, value),
        ]
    else:
        starts = [] if observation is None else [node for _, node in roots(engine, observation.index)]
        if observation is not None:
            for entry in list(observation.index.entries.values()):
                if entry.value is not None:
                    starts.extend(_accumulator(session, entry.value))
    for start in starts:
        if start is not None and id(start) not in nodes:
            for node in nodes_below(engine, start, MOST):
                nodes.setdefault(id(node), node)
    walk = Walk(session)
    rows = [
        row
        for node in sorted(nodes.values(), key=lambda node: -_sequence(session, node))
        for row in _hook_rows(walk, node)
    ]
    return Hooks(of, tuple(rows))


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
            target = walk._name(leaf) or "a leaf"
        elif hook.kind == "retain_grad" and hook.function is not None:
            target = walk._name(hook.function) or "a tensor without a name"
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
    if origin is None or not _is_assignment(" ".join(origin.source.split())):
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
