"""The graph of a tensor, as a tree, a table or a file. Looking changes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import argument
from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.files import writable, write
from tensorcli.explorer.graphs import nodes_below, roots
from tensorcli.explorer.names import name_of
from tensorcli.explorer.results import Graph, GraphNode, GraphSave
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
        code = "" if origin is None else self._code(node, origin, pieces)
        line = None if origin is None else origin.line
        grad = ""
        shape: tuple[int, ...] | None = None
        if leaf is not None:
            look = engine.look(leaf)
            shape = tuple(look.sizes)
            allocation = self.session.allocations.known.get(look.memory)
            line = None if allocation is None else allocation.line
            name = self.name(leaf)
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

    def _code(self, node: Any, origin: Origin, pieces: dict[int, str]) -> str:
        """The expression that made a node; the whole statement where that cannot be told, or binds just this to a name."""
        whole = " ".join(origin.source.split())
        piece = pieces.get(id(node), whole)
        binds = (
            bool(self.made.get(id(node)))
            and is_assignment(whole)
            and piece == whole.partition("=")[2].strip()
        )
        return whole if binds else piece

    def _saves(self, node: Any) -> Iterator[GraphSave]:
        engine = self.engine
        for each in engine.saved(node):
            look = engine.look(each.tensor)
            name = self.name(each.tensor)
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

    def name(self, tensor: Any) -> str | None:
        """The name that the session has for a tensor."""
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


def is_assignment(source: str) -> bool:
    """Whether a text is one statement that binds names."""
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
