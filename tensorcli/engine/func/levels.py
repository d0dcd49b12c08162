"""The transforms that run: which tensors belong to them, how those print, and what is left of them at the end.

A transform differentiates by leaves of its own that share memory with the inputs. All transforms record in the one graph that
plain autograd records in. Where an input asks for gradients outside, a `Gate` leads from the leaf to it, so that the graph goes
on there; when the transform ends, what leads to its leaves alone is cut away. While one runs, every new tensor is noted as
belonging to the transforms that run, as in PyTorch, where it is wrapped once for each.
"""

import weakref
from collections.abc import Iterable, Sequence
from textwrap import indent
from typing import Any

from tensorcli.engine import dtypes, events, messages, printing
from tensorcli.engine.autograd import run as backward_pass
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.modes import mode, undeclared
from tensorcli.engine.autograd.modes import transforms as running
from tensorcli.engine.autograd.nodes import Edge, Node, Passing, gradient_edge
from tensorcli.engine.autograd.recording import drop_unneeded
from tensorcli.engine.batch.layer import Batch, Layer, layers, lifted
from tensorcli.engine.tensor import Tensor, alias

_OVER = -2
"""The number that PyTorch prints for a transform that has ended."""


class Gate(Passing):
    """Between a leaf of a transform and the input that it stands for."""

    title = "Gate"
    between = True


class Entry(Passing):
    """Between what a function is given to write into, and the leaf of the transform."""

    title = "Entry"


class Level:
    """One running transform that differentiates, as a context."""

    pushes = False
    """Whether it pushes tangents forward."""
    batched = False
    """Whether it maps over examples (see batch.layer)."""

    def __init__(self) -> None:
        self.number = 0
        self.layers: tuple[Any, ...] = ()
        """The vmaps that it runs in."""
        self.tracks = False
        """Whether operators recorded outside."""
        self.before = (True, False)
        """Grad mode and inference mode outside."""
        self.leaves: list[Tensor] = []
        self.originals: dict[int, Tensor] = {}
        """The inputs by the number of the leaf."""
        self.entries: list[Tensor] = []
        """What functions were given in the place of leaves: held, since originals go by their numbers."""
        self.gates: dict[Node, Edge] = {}

    def __enter__(self) -> "Level":
        mark()
        running.append(self)
        self.number = len(running)
        self.layers = tuple(layers)
        self.tracks = mode.enabled
        self.before = mode.grad, mode.inference
        mode.set(True, False)
        return self

    def __exit__(self, *error: Any) -> None:
        mode.set(*self.before)
        running.pop()
        self.number = _OVER
        unmark()

    # ---- inputs

    def leaf(self, tensor: Tensor) -> Tensor:
        """The leaf that stands for an input. Errors: RuntimeError unless it is floating."""
        given = lifted(tensor)
        found = alias(given)
        found.inference = False
        if tensor.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_METHOD)
        found.leaf_requires_grad = True
        found.levels = (*tensor.levels, self)
        self.leaves.append(found)
        self.originals[id(found)] = tensor
        if self.tracks and given.requires_grad:
            edge = gradient_edge(given)
            gate = Gate((edge,), {})
            gate.outputs = ((found.geometry, found.dtype, found.device),)
            found.accumulator = weakref.ref(gate)
            self.gates[gate] = edge
        return found

    def entry(self, leaf: Tensor) -> Tensor:
        """What a function is given for a leaf that it may write into."""
        found = alias(leaf)
        node = Entry((gradient_edge(leaf),), {})
        node.outputs = ((leaf.geometry, leaf.dtype, leaf.device),)
        found.node, found.leaf_requires_grad, found.levels = node, False, leaf.levels
        self.originals[id(found)] = self.originals[id(leaf)]
        self.entries.append(found)
        return found

    # ---- results

    def outside(self, tensor: Any) -> Any:
        """A result as it is seen outside, still connected with the leaves where it is connected with more."""
        if not isinstance(tensor, Tensor):
            return tensor
        wrapper, inner = None, tensor
        while inner.batch is not None and inner.batch.layer not in self.layers:
            wrapper, inner = inner, inner.batch.value
        if wrapper is not None:
            # What a vmap that began later has made of it: its value is what was differentiated.
            wrapper.batch.value = self.outside(inner)
            return tensor
        if self not in tensor.levels:
            return tensor
        original = self.originals.get(id(tensor))
        if original is not None and (tensor.node is None or isinstance(tensor.node, Entry)):
            return original
        rest = tuple(each for each in tensor.levels if each is not self)
        if self.tracks and self._reach([tensor.node]).get(tensor.node):
            tensor.levels = rest
            return tensor
        plain = alias(tensor)
        plain.levels = rest
        return plain

    def close(self, results: Iterable[Any]) -> None:
        """Cut the leaves out of the graphs of results: what leads to them alone goes, and a gate becomes its edge."""
        roots = [node for node in map(self._node, results) if node is not None]
        alive = self._reach(roots)
        for node in alive:
            if not isinstance(node, AccumulateGrad) and node.edges:
                node.edges = tuple(self._edge(edge, alive) for edge in node.edges)
                drop_unneeded(node)
        for leaf in self.leaves:
            if leaf.accumulator is None or not isinstance(leaf.accumulator(), Gate):
                leaf.leaf_requires_grad = False

    def trim(self, results: Iterable[Any], before: Node) -> None:
        """Cut what leads to the leaves alone off the nodes of results that were made after a node; the leaves stay."""
        roots = [node for node in map(self._node, results) if node is not None]
        alive = self._reach(roots)
        for node in alive:
            if not isinstance(node, AccumulateGrad) and node.sequence > before.sequence:
                node.edges = tuple(e if e[0] is None or alive[e[0]] else (None, 0) for e in node.edges)
                drop_unneeded(node)

    def own(self, tensor: Tensor) -> Tensor:
        """A tensor as it is where this transform runs, below the vmaps that began later."""
        while tensor.batch is not None and tensor.batch.layer not in self.layers:
            tensor = tensor.batch.value
        return tensor

    def _node(self, result: Any) -> Any:
        return self.own(result).node if isinstance(result, Tensor) else None

    def _edge(self, edge: Edge, alive: dict[Node, bool]) -> Edge:
        node, number = edge
        if node is None or not alive[node]:
            return (None, 0)
        return self.gates.get(node, (node, number))

    def _reach(self, roots: Sequence[Node | None]) -> dict[Node, bool]:
        """For each node below the roots: whether it leads to anything but leaves of this transform, and of those that ended."""
        own = set(map(id, self.leaves))
        return reach(
            roots, lambda leaf: id(leaf) not in own and all(each.number != _OVER for each in leaf.levels)
        )


def reach(roots: Sequence[Node | None], counts: Any) -> dict[Node, bool]:
    """For each node below the roots: whether it leads to a leaf that counts."""
    found: dict[Node, bool] = {}
    stack: list[tuple[Node, bool]] = [(root, False) for root in roots if root is not None]
    open_: set[Node] = set()
    pushed = any(each.pushes for each in running)
    while stack:
        node, done = stack.pop()
        if done:
            # What asks for a gradient that nobody gets (a view made in inference mode) has a gate without an edge.
            lost = isinstance(node, Gate) and node.edges[0][0] is None
            found[node] = (pushed or not node.forward_only) and (
                lost or any(target is not None and found.get(target, False) for target, _ in node.edges)
            )
        elif node not in open_:
            open_.add(node)
            if isinstance(node, AccumulateGrad):
                found[node] = counts(node.variable)
                continue
            stack.append((node, True))
            stack.extend((target, False) for target, _ in node.edges if target is not None)
    return found


# ---- what new tensors belong to


def mark() -> None:
    """Note from here on what new tensors belong to."""
    if not isinstance(events.observer, _Marking):
        events.observer = _Marking(events.observer)


def unmark() -> None:
    """Note it no more where no transform runs."""
    if not running and isinstance(events.observer, _Marking):
        events.observer = events.observer.listener


def refuse_captured(operator: str) -> None:
    """Errors: RuntimeError for a write to a tensor from outside of a transform."""
    raise RuntimeError(
        "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call in-place operation "
        f"(aten::{operator}) that would mutate a captured Tensor. This is not supported; please "
        "rewrite the function being transformed to explicitly accept the mutated Tensor(s) as inputs."
    )


class _Marking:
    """Hears of all that happens while transforms run, and tells whoever listened before."""

    def __init__(self, listener: Any) -> None:
        self.listener = listener

    def made(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """A new tensor belongs to the transforms that run."""
        tensor.levels = tuple(each for each in running if not each.batched)
        if self.listener is not None:
            self.listener.made(tensor, operator, inputs)

    def writes(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """Errors: RuntimeError for a write to a tensor from outside of the innermost transform."""
        owner = tensor if tensor.view_of is None else tensor.view_of.base
        # The backward pass writes into tensors that it has made.
        if (
            running
            and running[-1] not in owner.levels
            and not isinstance(running[-1], Layer)
            and not backward_pass.running
            and not undeclared
        ):
            refuse_captured(operator)
        if self.listener is not None:
            self.listener.writes(tensor, operator, inputs)

    def __getattr__(self, name: str) -> Any:
        return _silent if self.listener is None else getattr(self.listener, name)


def _silent(*told: Any) -> None:
    """Nobody listens."""


# ---- printing


def text(tensor: Tensor) -> str:
    """The repr of a tensor that belongs to transforms: wrapped once for each, and inside as plain autograd sees it."""
    return _text(tensor, tensor.levels)


def _text(tensor: Tensor, levels: tuple[Level, ...]) -> str:
    if not levels and tensor.batch is not None:
        return _of_batch(tensor.batch)
    if not levels:
        return _plain(tensor)
    original = levels[-1].originals.get(id(tensor))
    value = _text(tensor, levels[:-1]) if original is None else repr(original)
    return f"GradTrackingTensor(lvl={levels[-1].number}, value=\n{indent(value, '    ')}\n)"


def _of_batch(batch: Batch) -> str:
    if batch.dim is None:
        return repr(batch.value)
    inner = indent(repr(batch.value), "    ")
    return f"BatchedTensor(lvl={batch.layer.number}, bdim={batch.dim}, value=\n{inner}\n)"


def _plain(tensor: Tensor) -> str:
    from tensorcli.engine.special_methods import printable

    node = tensor.grad_fn
    outermost = tensor.levels[0]
    seen = outermost.tracks and reach([node], lambda leaf: not leaf.levels).get(node, False)
    return printing.tensor_text(
        None if tensor.is_meta else printable(tensor),
        dtype=tensor.dtype.name,
        sizes=tensor.geometry.sizes,
        device=str(tensor.device),
        requires_grad=seen,
        grad_fn=type(node).__name__ if seen else None,
        default_dtype=dtypes.default.floating.name,
        is_meta=tensor.is_meta,
    )
