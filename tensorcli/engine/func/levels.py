"""The transforms that run: which tensors are theirs, and what is left of them at the end.

A transform differentiates by leaves of its own that share memory with the inputs. All transforms record in the one graph that
plain autograd records in. Where an input asks for gradients outside, a `Gate` leads from the leaf to it, so that the graph goes
on there; when the transform ends, what leads to its leaves alone is cut away.
"""

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Self

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.edges import Edge, gradient_edge
from tensorcli.engine.autograd.modes import forward, mode, set_as_outside
from tensorcli.engine.autograd.modes import transforms as running
from tensorcli.engine.autograd.nodes import Node, next_number
from tensorcli.engine.autograd.reach import Gate, reach
from tensorcli.engine.autograd.recording import drop_unneeded
from tensorcli.engine.batch.layer import carry, layers, lifted
from tensorcli.engine.func.marking import mark, unmark
from tensorcli.engine.tensor import Tensor, alias

_OVER = -2
"""The number that PyTorch prints for a transform that has ended."""


class Transform:
    """A running transform that differentiates, as a context."""

    batched = False
    """Whether it maps over examples (see batch.layer)."""
    legacy = False
    before: tuple[bool | None, bool] = (None, False)
    """Grad mode (None: as it is inside) and inference mode outside."""

    def __init__(self) -> None:
        self.number = 0
        self.layers: tuple[Any, ...] = ()
        """The vmaps that it runs in."""
        self.tracks = False
        """Whether operators recorded outside."""
        self._inputs: dict[int, tuple[weakref.ref[Tensor], Tensor | None]] = {}
        """What the function is given, by id, and what that stands for. It knows the transform, which does not keep it."""

    def __enter__(self) -> Self:
        mark()
        running.append(self)
        self.number = len(running)
        self.layers = tuple(layers)
        self.tracks = mode.enabled
        return self

    def __exit__(self, *error: Any) -> None:
        running.pop()
        self.number = _OVER
        unmark()

    def give(self, tensor: Tensor, original: Tensor | None = None) -> None:
        """Note that the function is given a tensor, which it may write into, and what it stands for."""
        self._inputs[id(tensor)] = weakref.ref(tensor), original

    def inputs(self) -> list[Tensor]:
        """What the function was given, as far as that is alive."""
        return [one for reference, _ in self._inputs.values() if (one := reference()) is not None]

    def original(self, tensor: Tensor) -> Tensor | None:
        """What an input stands for; None for anything else."""
        reference, found = self._inputs.get(id(tensor), (None, None))
        return found if reference is not None and reference() is tensor else None

    def outside(self, tensor: Any) -> Any:
        """A result as it is seen outside."""
        if isinstance(tensor, Tensor) and self in tensor.levels:
            tensor.levels = tuple(each for each in tensor.levels if each is not self)
        return tensor


class Level(Transform):
    """A transform that differentiates backward."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[Tensor] = []
        """What the function is given for tensors that nothing is differentiated by, until the originals get it back."""
        self.rejoined = False
        """Whether what is made now is connected with what the inputs are outside, though that did not record the transform."""
        self.gates: dict[Node, Edge] = {}
        self.first = 0
        """The number in sequence of the first node that is made in it."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.before = mode.grad, mode.inference
        self.first = next_number()
        mode.set(True, False)
        return self

    def __exit__(self, *error: Any) -> None:
        set_as_outside((self,))
        super().__exit__(*error)

    # ---- inputs

    def leaf(self, tensor: Tensor) -> Tensor:
        """The leaf that stands for an input. Errors: RuntimeError unless it is floating."""
        given = lifted(tensor)
        found = handle(given)
        found.inference = False
        if tensor.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_METHOD)
        found.leaf_requires_grad = True
        found.levels = (*tensor.levels, self)
        self.give(found, tensor)
        if given.requires_grad:
            edge = gradient_edge(given)
            gate = Gate((edge,), {})
            gate.outputs = ((found.geometry, found.dtype, found.device),)
            found.accumulator = weakref.ref(gate)
            self.gates[gate] = edge
        return found

    def other(self, tensor: Any) -> Any:
        """What a function is given for an argument that nothing is differentiated by: a tensor that it may write into."""
        if not isinstance(tensor, Tensor) or tensor.requires_grad:
            return tensor
        found = handle(lifted(tensor))
        found.inference = False
        found.levels = (*tensor.levels, self)
        self.others.append(found)
        self.give(found, tensor)
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
        original = self.original(tensor)
        if original is not None and (tensor.node is None or any(tensor is one for one in self.others)):
            return original
        rest = tuple(each for each in tensor.levels if each is not self)
        found = self._rooted(tensor)
        found.levels = rest
        return found

    def _rooted(self, tensor: Tensor) -> Tensor:
        """A tensor, without its history where that leads to the leaves alone; its tangents likewise."""
        if (self.tracks or self.rejoined) and self._reach([tensor.node]).get(tensor.node):
            carry(tensor, tensor, self._rooted)
            return tensor
        return handle(tensor, self._rooted)

    def give_back(self) -> list[Tensor]:
        """Let what was given for other tensors have written them: they get its geometry, and its history outside. What it was."""
        others, self.others = self.others, []
        for one in others:
            original: Any = self.original(one)
            if one.node is not None and self.tracks and self._reach([one.node]).get(one.node):
                original.node, original.output_nr = one.node, one.output_nr
            if one.batch is None and one.geometry.sizes != original.geometry.sizes:
                original.replace_memory(one.memory, one.geometry, one.dtype)
        return others

    def close(self, results: Iterable[Any]) -> None:
        """Cut the leaves out of the graphs of results."""
        self.trim(results, self.first)
        for leaf in self.inputs():
            if not self.tracks or leaf.accumulator is None or not isinstance(leaf.accumulator(), Gate):
                leaf.leaf_requires_grad = False

    def trim(self, results: Iterable[Any], first: int) -> None:
        """Cut what leads to the leaves alone off the nodes of results. A gate becomes its edge.

        `first` is the number in sequence of the first node that may be cut: others may be in use elsewhere.
        """
        alive = self._reach(self._nodes(results))
        for node in alive:
            if not isinstance(node, AccumulateGrad) and node.edges and node.sequence >= first:
                node.edges = tuple(self._edge(edge, alive) for edge in node.edges)
                drop_unneeded(node)

    def rejoin(self, results: Iterable[Any], end: int) -> None:
        """Connect results with what the inputs are outside, where nothing recorded the transform, which made its last node
        before the number `end` in sequence: of what they are made of, outside knows the inputs alone.
        """
        self.rejoined = True

        def edge(target: Node | None, number: int) -> Edge:
            inside = target is not None and self.first <= target.sequence < end
            return (None, 0) if inside and target not in self.gates else (target, number)

        for node in reach(self._nodes(results), lambda leaf: True, end):
            if not isinstance(node, AccumulateGrad) and node.sequence >= end:
                node.edges = tuple(edge(*each) for each in node.edges)

    def own(self, tensor: Tensor) -> Tensor:
        """A tensor as it is where this transform runs, below the vmaps that began later."""
        while tensor.batch is not None and tensor.batch.layer not in self.layers:
            tensor = tensor.batch.value
        return tensor

    def _nodes(self, results: Iterable[Any]) -> list[Node]:
        """The nodes of results, and of their tangents."""
        found: list[Node] = []
        for result in results:
            if isinstance(result, Tensor):
                own = self.own(result)
                found += [own.node] if own.node is not None else []
                found += self._nodes([level.tangent_of(own) for level in forward])
        return found

    def _edge(self, edge: Edge, alive: dict[Node, bool]) -> Edge:
        node, number = edge
        if node is None or not alive[node]:
            return (None, 0)
        return self.gates.get(node, (node, number))

    def _reach(self, roots: Sequence[Node | None]) -> dict[Node, bool]:
        """For each node that was made in this transform, below the roots: whether it leads to anything but leaves of it, and of
        those that ended.
        """
        own = set(map(id, self.inputs()))
        return reach(
            roots,
            lambda leaf: id(leaf) not in own and all(each.number != _OVER for each in leaf.levels),
            self.first,
        )


def handle(tensor: Tensor, change: Any = None) -> Tensor:
    """Another handle on what a tensor is, without its history and with its tangents, or what becomes of them."""
    found = alias(tensor)
    carry(found, tensor, change)
    return found


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """What a tensor stands for beneath the innermost transform that it belongs to; with `recurse` beneath all."""
    if tensor.levels:
        *rest, innermost = tensor.levels
        found = innermost.original(tensor)
        if found is None:
            found = alias(tensor)
            found.levels = tuple(rest)
    elif tensor.batch is not None:
        found = tensor.batch.value
    else:
        return tensor
    return debug_unwrap(found) if recurse else found
