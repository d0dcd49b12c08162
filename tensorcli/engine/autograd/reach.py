"""What a graph leads to: which nodes lead to leaves that count, and the gates by which it leads out of a transform."""

from collections.abc import Callable, Sequence

from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.nodes import Node, Passing
from tensorcli.engine.tensor import Tensor


class Gate(Passing):
    """Between a leaf of a transform and the input that it stands for."""

    title = "Gate"
    between = True


def reach(roots: Sequence[Node | None], counts: Callable[[Tensor], bool], first: int = 0) -> dict[Node, bool]:
    """For each node below the roots: whether it leads to a leaf that counts.

    Nodes from before the first in sequence do, and are not looked behind.
    """
    found: dict[Node, bool] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in roots if root is not None]
    open_: set[Node] = set()
    while stack:
        node, done = stack.pop()
        if done:
            # What asks for a gradient that nobody gets (a view made in inference mode) has a gate without an edge.
            lost = isinstance(node, Gate) and node.edges[0][0] is None
            found[node] = lost or any(
                target is not None and found.get(target, False) for target, _ in node.edges
            )
        elif node not in open_:
            open_.add(node)
            if isinstance(node, AccumulateGrad):
                found[node] = counts(node.variable)
            elif node.sequence < first:
                found[node] = True
            else:
                stack.append((node, True))
                stack.extend((target, False) for target, _ in node.edges if target is not None)
    return found
