"""Traps of loops: an update that the next round forgets, a sum that keeps the graph of each round."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.appended import Append, appends_in
from tensorcli.explorer.hazards.told import Namer, Told, named
from tensorcli.explorer.hazards.training import NEAR
from tensorcli.explorer.hazards.weak import ByIdentity
from tensorcli.language.syntax import in_order

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.hazards.scope import Scope

MOST = 1 << 20
"""Arrays of more bytes are not looked at."""
MANY = 1000
"""So much that was read is remembered from one statement of the session to the next: the last of it."""


class Loops:
    """The loops that the running statement has begun."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.read: dict[tuple[Callable[[Any], Any], ast.AST], Any] = {}
        """What was read in a loop, or of a statement in one: it runs many times, and says the same each time."""
        self.begun: list[ast.For | ast.While] = []
        self.called: list[Append] = []
        """Where functions that they call append to what an attribute holds."""
        self.written: ByIdentity[None] = ByIdentity()
        """The memory that was written since."""
        self.seen: ByIdentity[int] = ByIdentity()
        """What the bytes of an array were when a loop named it to append it, by its memory."""

    def begin(self) -> None:
        """A statement of the session begins."""
        for key in list(islice(self.read, max(0, len(self.read) - MANY))):
            del self.read[key]
        if self.begun:
            self.begun, self.called = [], []
            self.written, self.seen = ByIdentity(), ByIdentity()

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
        return [*(each for loop in self.begun for each in self.once(appends_in, loop)), *self.called]

    def calls(self, append: ast.Call) -> None:
        """`self.states.append(h)` runs while they do."""
        of_attribute = isinstance(append.func, ast.Attribute) and isinstance(append.func.value, ast.Attribute)
        if of_attribute and not any(each.node is append for each in self.appends):
            self.called.append(Append(ast.unparse(append.func.value), append))  # type: ignore[attr-defined]

    def around(self, statement: ast.stmt) -> ast.For | ast.While | None:
        """The innermost loop that a statement stands in."""
        return next(
            (loop for loop in reversed(self.begun) if any(e is statement for e in in_order(loop))), None
        )

    def repeats(self, statement: ast.stmt) -> bool:
        """Whether a statement stands in `for _ in range(100)`, which runs it for the time it takes."""
        loop = self.around(statement)
        return isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and loop.target.id == "_"

    def lost_update(self, statement: ast.Assign, names: Scope) -> Told | None:
        """What is to be said of `for p in parameters: p = p - lr * p.grad`, where the round's new tensor goes nowhere; None
        for any other statement.
        """
        target = statement.targets[0]
        told = self.once(self._lost_update, statement) if isinstance(target, ast.Name) else None
        if told is None or told[1]:
            return None if told is None else told[0]
        assert isinstance(target, ast.Name)
        leaf = names.get(target.id)
        learned = self.engine.kind(leaf) == "tensor" and self.engine.look(leaf).is_leaf
        return told[0] if learned and self.engine.grad(leaf) is not None else None

    def _lost_update(self, statement: ast.Assign) -> tuple[Told, bool] | None:
        """What is to be said, and whether the text alone tells that it is a parameter which the loop gives."""
        target = statement.targets[0]
        assert isinstance(target, ast.Name)
        if not any(self._gives(loop, target.id) for loop in self.begun):
            return None
        kind = _update(statement)
        loop = self.around(statement) if kind else None
        if not isinstance(loop, ast.For) or not self._gives(loop, target.id):
            return None
        by_text = kind == "step" or "parameters()" in ast.unparse(loop.iter)
        end = statement.end_lineno or statement.lineno
        if any(_named(each, target.id, ast.Load, after=end) for each in (*loop.body, *loop.orelse)):
            return None
        text = f"{target.id} is bound to a new tensor until the next round: the one that the loop gave it was not written."
        return Told("TSC-H016", text, (target.id,)), by_text

    @staticmethod
    def _gives(loop: ast.For | ast.While, name: str) -> bool:
        """Whether each round of a loop binds a name."""
        return isinstance(loop, ast.For) and _named(loop.target, name, ast.Store)

    def history(self, node: ast.AST | None, inputs: Sequence[Any], running: ast.stmt | None) -> Told | None:
        """What is to be said of an addition that is `total += loss` in a loop, where a pass went through the loss already;
        None for any other. `running`: the innermost statement.
        """
        if not isinstance(node, ast.AugAssign | ast.BinOp):
            return None
        summed = self.once(self._sum, node) or _accumulated(_by_a_holder(node, running))
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
        running: ast.stmt | None,
    ) -> Told | None:
        """What is to be said of an addition that is `mean = 0.9 * mean + 0.1 * p` in a loop, where what it carries on leads
        back to a leaf that was written since; None for any other. `outdates` gives that leaf.
        """
        if not isinstance(node, ast.AugAssign | ast.BinOp):
            return None
        kept = self.once(self._mixed, node) or _mixture(_by_a_holder(node, running), node)
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
            if self.seen.get(id(memory), content) != content:
                self.written.put(memory, None)
            self.seen.put(memory, content)

    def appended(self, statement: ast.Expr, value: Callable[[str], Any]) -> Told | None:
        """What is to be said of `losses.append(loss)` in a loop, where a pass went through the loss already; None for any
        other statement. `value` gives what a name stands for.
        """
        call = statement.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
            return None
        # What an attribute holds stays from one call of a method to the next, which the loop makes.
        if not isinstance(call.func.value, ast.Attribute) and not any(
            each.node is call for each in self.appends
        ):
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
                if isinstance(each, ast.stmt) and _computes(each, node):
                    return _mixture(each, node)
        return None

    def _sum(self, node: ast.AugAssign | ast.BinOp) -> tuple[str, str] | None:
        """`total` and `loss`, where the addition stands in a loop and sums over its rounds."""
        for loop in self.begun:
            for each in in_order(loop):
                if isinstance(each, ast.stmt) and _computes(each, node):
                    return _accumulated(each)
        return None


def _computes(statement: ast.stmt, node: ast.AST) -> bool:
    """Whether an operation is all that a statement binds something to, or what it binds something to from the second round on:
    `mean = loss if mean is None else 0.9 * mean + 0.1 * loss`.
    """
    value = statement.value if isinstance(statement, ast.Assign) else None
    if isinstance(value, ast.IfExp):
        return node in (value.body, value.orelse)
    return statement is node or (value is not None and value is node)


def _by_a_holder(node: ast.AST, running: ast.stmt | None) -> ast.stmt | None:
    """The running statement, where it binds an attribute or an item of something to an operation: that holds it from one call of
    a function to the next, which a loop makes.
    """
    if running is None or not _computes(running, node):
        return None
    target = running.target if isinstance(running, ast.AugAssign) else getattr(running, "targets", [None])[0]
    return running if isinstance(target, ast.Attribute | ast.Subscript) else None


def _mixture(statement: ast.stmt | None, node: ast.AugAssign | ast.BinOp) -> str | None:
    """`mean` of `mean = 0.9 * mean + 0.1 * p`, a sum that is computed from what it is bound to."""
    if isinstance(statement, ast.AugAssign):
        return ast.unparse(statement.target) if isinstance(statement.op, ast.Add) else None
    if not isinstance(statement, ast.Assign) or not isinstance(node.op, ast.Add):
        return None
    target = ast.unparse(statement.targets[0])
    parts = (one for one in in_order(node) if isinstance(one, ast.expr))
    return target if any(ast.unparse(one) == target for one in parts) else None


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


def _accumulated(statement: ast.stmt | None) -> tuple[str, str] | None:
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
