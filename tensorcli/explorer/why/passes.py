"""The backward pass that failed: what it begins at, and the nodes on its way to one of them."""

from __future__ import annotations

import ast
from typing import Any

from tensorcli.explorer.trees import receiver_of
from tensorcli.explorer.why.case import Case


def backward_root(case: Case) -> ast.expr | None:
    """What the failing pass begins at."""
    call = case.call("backward", "grad")
    if call is None:
        return None
    receiver = receiver_of(call)
    if receiver is not None and case.text_of(receiver) not in ("torch.autograd", "autograd"):
        return receiver
    first = (
        call.args[0]
        if call.args
        else next((each.value for each in call.keywords if each.arg == "outputs"), None)
    )
    return first.elts[0] if isinstance(first, ast.List | ast.Tuple) and first.elts else first


def path_to(case: Case, wanted: int) -> list[str]:
    """The names of the nodes from what the failing pass begins at to a node; empty where none leads there."""
    return way_to(case, case.tensor(backward_root(case)), wanted)


def way_to(case: Case, tensor: Any, wanted: int) -> list[str]:
    """The names of the nodes from a tensor to a node; empty where none leads there."""
    start = None if tensor is None else case.engine.node(tensor)
    before: dict[int, Any] = {id(start): None}
    queue = [] if start is None else [start]
    for node in queue:
        if case.trace.token(node) == wanted:
            way = []
            while node is not None:
                way.append(case.engine.node_name(node))
                node = before[id(node)]
            return way[::-1]
        for target in case.engine.edges(node):
            if target is not None and id(target) not in before:
                before[id(target)] = node
                queue.append(target)
    return []
