"""Gradients that are zero throughout: the pass is run once more, and each node asked what it made of what came to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorcli.explorer.facts import operation_of
from tensorcli.explorer.graphs import nodes_below
from tensorcli.explorer.hazards.values import FLAT
from tensorcli.explorer.trace import run, traced
from tensorcli.explorer.trees import atom, called_name, calls_in, operand_of, receiver_of
from tensorcli.explorer.why.case import LOOKING, Case, Story
from tensorcli.explorer.why.reconnect import beside_the_graph
from tensorcli.language.limits import OutOfTime

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

SATURATED: Final = {
    "Relu": "nothing that it was given is above 0",
    "Threshold": "nothing that it was given is above the threshold",
    "Clamp": "all that it was given lies beyond the bounds",
    "ClampMin": "all that it was given lies below the bound",
    "ClampMax": "all that it was given lies above the bound",
    "Hardtanh": "all that it was given lies beyond the bounds",
    "Sigmoid": "its results are 0 or 1 to the last digit",
    "Tanh": "its results are -1 or 1 to the last digit",
    "Softmax": "its results are 0 or 1 to the last digit, as they always are over one element",
    "LogSoftmax": "its results are 0 to the last digit, as they always are over one element",
    "Mul": "it multiplies by zeros",
    "Mm": "it multiplies by zeros",
    "Mv": "it multiplies by zeros",
    "Dot": "it multiplies by zeros",
    "Bmm": "it multiplies by zeros",
    "Addmm": "it multiplies by zeros",
    "Where": "nothing was taken of this side",
}
"""Why an operation that has a slope elsewhere had none here."""


class Killed(NamedTuple):
    """A node that made zeros of a gradient."""

    name: str
    """`RoundBackward0`."""
    node: ast.AST | None
    """The expression that it stands for."""

    @property
    def operation(self) -> str:
        """`Round` of RoundBackward0."""
        return operation_of(self.name)

    @property
    def reason(self) -> str:
        """Why it did."""
        if self.operation.lower() in FLAT:
            return "its slope is 0 everywhere"
        return SATURATED.get(self.operation, "it made zeros of what came to it")


def zeroed(case: Case, value: Any, name: str, last: int) -> Story | None:
    """Why a gradient is zero throughout: the nodes that made it so; None where it is not, or where no node did. `last`: the
    place of the pass.
    """
    elements = case.engine.elements(case.engine.grad(value))
    if elements is None or not elements.size or elements.any():
        return None
    text = case.engine.text(case.engine.grad(value))
    killed = _found(case, name, last)
    if not killed:
        return None
    story = Story("")
    for each in killed:
        at, node = _place(case, each.node, last)
        story.events.append(case.event(at, each.reason, "cut", culprit=not story.events, node=node))
        story.proposals.extend(_sloped(case, at, node, each.operation))
    first = story.events[0].line
    story.events.append(case.event(last, f"gave {text}", "made"))
    story.title = (
        f"{name}.grad is {text}: it became zero in {killed[0].name} (line {first}): {killed[0].reason}."
    )
    return story


def _place(case: Case, node: ast.AST | None, last: int) -> tuple[int, ast.AST | None]:
    """Where an expression stands: of the statement that ran the pass, which was written otherwise, the one that is like it."""
    at = None if node is None else case.holder_of(node)
    if at is not None or node is None:
        return (last if at is None else at), node
    alike = ast.dump(node)
    found = (each for each in ast.walk(case.journal.tree(last)) if ast.dump(each) == alike)
    return last, next(found, None)


def _found(case: Case, name: str, last: int) -> list[Killed]:
    """The nodes of the pass at `last` that made zeros of a gradient on the way to a leaf."""
    proposal, helper = _watched(case, last)
    if proposal is None:
        return []
    try:
        with traced(case.session, case.journal.records[:last], LOOKING) as trace:
            session = trace.session
            killed: dict[int, str] = {}

            def watch(root: Any) -> Any:
                killed.clear()
                for node, edges in _leading(session, root, name):
                    node.register_hook(_hook(session.engine, node, edges, killed, trace.token(node)))
                return root

            session.names[helper] = watch
            run(trace, last + 1, proposal)
            made = {each.node: each.node_at for step in trace.steps for each in step.made if each.node}
    except OutOfTime:
        return []
    return [Killed(operation, made.get(token)) for token, operation in killed.items()]


def _leading(session: Session, root: Any, name: str) -> list[tuple[Any, list[int]]]:
    """The nodes of a graph from which a gradient gets to a leaf, the nearest to it first, each with the edges that lead there."""
    engine = session.engine
    try:
        leaf = session.value_of(ast.parse(name, mode="eval").body)
    except Exception:  # a name of a function that runs
        leaf = None
    nodes = list(nodes_below(engine, engine.node(root)))
    variables = ((node, engine.variable(node)) for node in nodes)
    reached = {
        id(node)
        for node, variable in variables
        if variable is not None and (leaf is None or variable is leaf)
    }
    leading: dict[int, tuple[Any, list[int]]] = {}
    for _ in nodes:
        before = len(leading)
        for node in reversed(nodes):
            edges = [at for at, target in enumerate(engine.edges(node)) if id(target) in reached]
            if edges:
                reached.add(id(node))
                leading[id(node)] = node, edges
        if len(leading) == before:
            break
    return list(leading.values())


def _hook(engine: Any, node: Any, edges: list[int], killed: dict[int, str], token: int) -> Any:
    name = engine.node_name(node)

    def seen(given: Any, came: Any) -> None:
        results = [given[edge] for edge in edges if given[edge] is not None]
        if (
            results
            and not any(_any(engine, each) for each in results)
            and any(_any(engine, each) for each in came)
        ):
            killed[token] = name

    return seen


def _any(engine: Any, gradient: Any) -> bool:
    elements = None if gradient is None else engine.elements(gradient)
    return elements is not None and bool(elements.any())


def _watched(case: Case, last: int) -> tuple[Any, str]:
    """The statement of a pass with what it begins at handed through a function, and the name of that."""
    taken = case.trace.session.names
    helper = next(each for each in ("watched", "watched_", "the_watched") if each not in taken)
    tree = case.journal.tree(last)
    for node in calls_in(tree, "backward"):
        root = receiver_of(node)
        if root is not None and ast.unparse(root) not in ("torch.autograd", "autograd"):
            changed = case.journal.changed(last, [(root, f"{helper}({case.journal.source(last, root)})")], "")
            return (None if changed is None else changed.records[last]), helper
    return None, helper


def _sloped(case: Case, at: int, node: ast.AST | None, operation: str) -> Iterator[Any]:
    """A flat operation with the slope of its operand, or without it; a softmax over one element as a sigmoid."""
    if isinstance(node, ast.Call) and operation == "LogSoftmax" and len(node.args) == 2:
        scores, classes = (atom(each, case.journal.source(at, each)) for each in node.args)
        loss = "torch.nn.functional.binary_cross_entropy_with_logits"
        new = f"{loss}({scores}.squeeze(1), {classes}.float())"
        yield case.journal.changed(at, [(node, new)], "yes or no, of one score")
    if not isinstance(node, ast.Call) or receiver_of(node) is None:
        return
    drawn = beside_the_graph(case, at, node)
    if drawn is not None:
        yield case.journal.changed(at, [(node, drawn)], "drawn beside the graph: both have a slope")
        return
    text, operand = case.journal.source(at, node), operand_of(node)
    inner = atom(operand, case.journal.source(at, operand))
    if operation.lower() in FLAT:
        if isinstance(operand, ast.Name):
            through = f"({inner} + ({text} - {inner}).detach())"
            yield case.journal.changed(at, [(node, through)], f"its values, with the slope of {inner}")
        yield case.journal.changed(at, [(node, inner)], f"without {called_name(node)}")
    elif operation == "Softmax":
        yield case.journal.changed(at, [(node, f"{inner}.sigmoid()")], "one score as a probability")
