"""Traps of loops: an update that the next round forgets, a sum that keeps the graph of each round."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.kept import Append, appends_in
from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.explorer.hazards.training import NEAR
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine

MOST = 1 << 20
"""Arrays of more bytes are not looked at."""
MANY = 1000
"""So many statements are remembered."""


class Loops:
    """The loops that the running statement has begun."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.read: dict[tuple[Callable[[Any], Any], ast.AST], Any] = {}
        """What was read in a loop, or of a statement in one: it runs many times, and says the same each time."""
        self.begun: list[ast.For | ast.While] = []
        self.written: set[int] = set()
        self.seen: dict[int, int] = {}
        """What the bytes of an array were when a loop named it to append it, by the memory's identity."""
        """The memory that was written since, by its identity."""

    def begin(self) -> None:
        """A statement of the session begins."""
        if len(self.read) > MANY:
            self.read = {}
        if self.begun:
            self.begun, self.written, self.seen = [], set(), {}

    def once(self, read: Callable[[Any], Any], tree: ast.AST) -> Any:
        """What is read in a tree, which is read once."""
        key = (read, tree)
        if key not in self.read:
            self.read[key] = read(tree)
        return self.read[key]

    def enter(self, loop: ast.For | ast.While) -> None:
        """A loop begins."""
        if not any(each is loop for each in self.begun):  # in a function that is called again
            self.begun.append(loop)

    @property
    def appends(self) -> list[Append]:
        """Where they append to lists."""
        return [each for loop in self.begun for each in self.once(appends_in, loop)]

    def around(self, statement: ast.stmt) -> ast.For | ast.While | None:
        """The innermost loop that a statement stands in."""
        return next(
            (loop for loop in reversed(self.begun) if any(e is statement for e in in_order(loop))), None
        )

    def repeats(self, statement: ast.stmt) -> bool:
        """Whether a statement stands in `for _ in range(100)`, which runs it for the time it takes."""
        loop = self.around(statement)
        return isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and loop.target.id == "_"

    def lost_update(self, statement: ast.Assign) -> Told | None:
        """What is to be said of `for p in parameters: p = p - lr * p.grad`, where the round's new tensor goes nowhere; None
        for any other statement.
        """
        return self.once(self._lost_update, statement) if isinstance(statement.targets[0], ast.Name) else None

    def _lost_update(self, statement: ast.Assign) -> Told | None:
        target = statement.targets[0]
        assert isinstance(target, ast.Name)
        if not any(self._gives(loop, target.id) for loop in self.begun):
            return None
        kind = _update(statement)
        loop = self.around(statement) if kind else None
        if not isinstance(loop, ast.For) or not self._gives(loop, target.id):
            return None
        if kind != "step" and "parameters()" not in ast.unparse(loop.iter):
            return None
        end = statement.end_lineno or statement.lineno
        if any(_named(each, target.id, ast.Load, after=end) for each in (*loop.body, *loop.orelse)):
            return None
        text = f"{target.id} is bound to a new tensor until the next round: the one that the loop gave it was not written."
        return Told("TSC-H016", text, (target.id,))

    @staticmethod
    def _gives(loop: ast.For | ast.While, name: str) -> bool:
        """Whether each round of a loop binds a name."""
        return isinstance(loop, ast.For) and _named(loop.target, name, ast.Store)

    def history(self, node: ast.AST | None, inputs: Sequence[Any]) -> Told | None:
        """What is to be said of an addition that is `total += loss` in a loop, where a pass went through the loss already;
        None for any other.
        """
        if not isinstance(node, ast.AugAssign | ast.BinOp):
            return None
        summed = self.once(self._sum, node)
        if summed is None:
            return None
        for each in inputs[:2]:
            root = self.engine.node(each) if self.engine.kind(each) == "tensor" else None
            if root is not None and any(map(self.engine.released, nodes_below(self.engine, root, NEAR))):
                name, part = summed
                return Told(
                    "TSC-H017",
                    f"{name} keeps each round's graph of {part}, which was differentiated and cannot be again: memory grows "
                    "with each round.",
                    (name, part),
                )
        return None

    def outdated_history(
        self,
        node: ast.AST | None,
        inputs: Sequence[Any],
        outdates: Callable[[Any], Any],
        name: Namer,
    ) -> Told | None:
        """What is to be said of an addition that is `mean = 0.9 * mean + 0.1 * p` in a loop, where what it carries on leads
        back to a leaf that was written since; None for any other. `outdates` gives that leaf.
        """
        if not isinstance(node, ast.AugAssign | ast.BinOp):
            return None
        kept = self.once(self._mixed, node)
        if kept is None:
            return None
        for each in inputs[:2]:
            root = self.engine.node(each) if self.engine.kind(each) == "tensor" else None
            leaf = None if root is None else outdates(root)
            if leaf is not None:
                known = name(leaf)
                return Told(
                    "TSC-H017",
                    f"{kept} keeps the graph of each round: it leads back to {known or 'a leaf'} as it was before the last "
                    "step, and memory grows with each round.",
                    (kept, *named(known)),
                )
        return None

    def rewritten(self, call: ast.Call, value: Callable[[str], Any]) -> None:
        """A loop is about to append something: the memory of arrays that it names counts as written where it holds other bytes
        than when it was named there last. numpy says of no write that it happens.
        """
        if not any(each.node is call for each in self.appends):
            return
        for each in ast.walk(call.args[0]):
            named = value(each.id) if isinstance(each, ast.Name) else None
            if named is None or self.engine.kind(named) != "ndarray" or named.nbytes > MOST:
                continue
            memory, content = self.engine.memory(named), hash(named.tobytes())
            if self.seen.setdefault(id(memory), content) != content:
                self.seen[id(memory)] = content
                self.written.add(id(memory))

    def appended(self, statement: ast.Expr, value: Callable[[str], Any]) -> Told | None:
        """What is to be said of `losses.append(loss)` in a loop, where a pass went through the loss already; None for any
        other statement. `value` gives what a name stands for.
        """
        call = statement.value
        if not isinstance(call, ast.Call) or not any(each.node is call for each in self.appends):
            return None
        part = call.args[0]
        kept = value(part.id) if isinstance(part, ast.Name) else None
        root = self.engine.node(kept) if self.engine.kind(kept) == "tensor" else None
        if root is None or not any(map(self.engine.released, nodes_below(self.engine, root, NEAR))):
            return None
        name, text = ast.unparse(call.func).rpartition(".")[0], ast.unparse(part)
        return Told(
            "TSC-H017",
            f"{name} keeps each round's graph of {text}, which was differentiated and cannot be again: memory grows with "
            "each round.",
            (name, text),
        )

    def _mixed(self, node: ast.AugAssign | ast.BinOp) -> str | None:
        """`mean`, where the addition stands in a loop and is what the name, or an item, is bound to: computed from itself."""
        for loop in self.begun:
            for each in in_order(loop):
                if isinstance(each, ast.AugAssign) and each is node and isinstance(each.op, ast.Add):
                    return ast.unparse(each.target)
                if isinstance(each, ast.Assign) and each.value is node and isinstance(node.op, ast.Add):
                    target = ast.unparse(each.targets[0])
                    parts = (one for one in in_order(node) if isinstance(one, ast.expr))
                    return target if any(ast.unparse(one) == target for one in parts) else None
        return None

    def _sum(self, node: ast.AugAssign | ast.BinOp) -> tuple[str, str] | None:
        """`total` and `loss`, where the addition stands in a loop and sums over its rounds."""
        for loop in self.begun:
            for each in in_order(loop):
                if each is node or (isinstance(each, ast.Assign) and each.value is node):
                    return _accumulated(each) if isinstance(each, ast.stmt) else None
        return None


def _update(statement: ast.Assign) -> str:
    """`step` where a statement computes `p` from `p.grad`, `other` where it is an expression of `p`; else empty."""
    name: str = statement.targets[0].id  # type: ignore[attr-defined]
    for node in in_order(statement.value):
        if isinstance(node, ast.Attribute) and node.attr == "grad" and _named(node.value, name, ast.Load):
            return "step"
    return (
        "other" if isinstance(statement.value, ast.BinOp) and _named(statement.value, name, ast.Load) else ""
    )


def _named(tree: ast.AST, name: str, context: type[ast.expr_context], after: int = 0) -> bool:
    """Whether a name stands within a tree, in this context, below a line."""
    return any(
        isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, context)
        and node.lineno > after
        for node in in_order(tree)
    )


def _accumulated(statement: ast.stmt) -> tuple[str, str] | None:
    """`total` and `loss` of `total += loss`, `total = total + loss`."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        return ast.unparse(statement.target), ast.unparse(statement.value)
    value = statement.value if isinstance(statement, ast.Assign) else None
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add) and isinstance(statement, ast.Assign):
        name = ast.unparse(statement.targets[0])
        left, right = ast.unparse(value.left), ast.unparse(value.right)
        if name in (left, right):
            return name, right if name == left else left
    return None
