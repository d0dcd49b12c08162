"""The backward pass: a queue of nodes ordered by sequence number, without recursion.

A node runs when all gradients that lead to it have arrived; of those ready, the one made last runs first (AccumulateGrad
before any). This is PyTorch's order, which hooks make visible.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from sys import getrefcount
from typing import Any, Final

import numpy as np

from tensorcli.engine import events, geometry, messages
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.anomaly import anomaly, check, report
from tensorcli.engine.autograd.edges import Edge
from tensorcli.engine.autograd.hooks import (
    Owned,
    Share,
    after_function,
    after_hook,
    check_answers,
    check_nothing,
    is_sole,
    release,
    run_prehooks,
    run_tensor_hooks,
)
from tensorcli.engine.autograd.modes import mode, passing
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.tensor import Tensor

DENSE = geometry.is_non_overlapping_and_dense

_numbers = count()


def run(
    roots: Sequence[Edge],
    gradients: Sequence[Tensor],
    keep_graph: bool,
    create_graph: bool,
    inputs: Sequence[Edge] | None = None,
    accumulate: bool = True,
) -> list[Tensor | None]:
    """Run the graph from `roots` with their gradients.

    With `inputs` (edges), only what leads to them runs; with `accumulate` false their gradients are returned instead of
    being added to leaves. Errors: RuntimeError of the nodes (freed, version, shape), and whatever hooks raise.
    """
    before = mode.grad
    mode.set(create_graph)
    this = _Pass(keep_graph, inputs, accumulate)
    passing.append(this)
    try:
        with np.errstate(all="ignore"):
            found = this.run(roots, gradients)
            # A callback may queue another.
            for callback in this.callbacks:
                callback()
            return found
    finally:
        passing.pop()
        mode.set(before)


class _Pass:
    """One backward pass: dependencies, the buffers of gradients that arrived, and the queue."""

    def __init__(self, keep_graph: bool, inputs: Sequence[Edge] | None, accumulate: bool) -> None:
        self.number = next(_numbers)
        self.keep_graph = keep_graph
        self.inputs = inputs
        self.capture = inputs is not None and not accumulate
        self.captured: list[Tensor | None] = [None] * (len(inputs) if inputs is not None else 0)
        self.waiting: dict[Node, int] = {}
        self.buffers: dict[Node, list[Any]] = {}
        self.wanted: set[Node] | None = None
        self.callbacks: list[Callable[[], Any]] = []
        """What is called when all nodes have run."""

    def run(self, roots: Sequence[Edge], gradients: Sequence[Tensor]) -> list[Tensor | None]:
        self._count([node for node, _ in roots])
        self._restrict()
        for i, ((node, number), given) in enumerate(zip(roots, gradients, strict=True)):
            outputs = node.outputs[number] if number < len(node.outputs) else None
            if outputs is not None and given.geometry.sizes != outputs[0].sizes:
                given = sum_to(given, outputs[0].sizes, None, i)
            self._arrive(node, number, given, False)
        queue: list[tuple[float, int, Node]] = []
        order = 0
        for node in dict.fromkeys(node for node, _ in roots):
            if not self.waiting[node]:
                heappush(queue, (-node.sequence, order, node))
                order += 1
        needed = self._needed if self.wanted is not None else None
        waiting = self.waiting
        while queue:
            node = heappop(queue)[2]
            edges = node.edges
            results = self._evaluate(node, self.buffers.pop(node, None), needed)
            if results is None:
                continue
            for i, edge in enumerate(edges):
                target, number = edge
                if target is None or (needed is not None and not needed(edge)):
                    if results[i] is not None:
                        release(results[i][1])
                    continue
                if results[i] is not None:
                    gradient, owned = results[i]
                    self._arrive(target, number, gradient, owned)
                    del gradient
                left = waiting[target] = waiting[target] - 1
                if not left:
                    heappush(queue, (-target.sequence, order, target))
                    order += 1
            # Nothing here holds a gradient on its way: a hook's caller asks who else does.
            results = None
        return self.captured

    def _count(self, roots: list[Node]) -> None:
        """How many edges lead to each node that the roots reach."""
        waiting = self.waiting
        stack = []
        for root in roots:
            if root not in waiting:
                waiting[root] = 0
                stack.append(root)
        while stack:
            node = stack.pop()
            for target, _ in node.edges:
                if target is None:
                    continue
                if target in waiting:
                    waiting[target] += 1
                else:
                    waiting[target] = 1
                    stack.append(target)

    def _restrict(self) -> None:
        """With inputs: the nodes that must run, because they lead to one of them."""
        if self.inputs is None:
            return
        targets = {node for node, _ in self.inputs}
        parents: dict[Node, list[Node]] = {}
        for node in self.waiting:
            for target, _ in node.edges:
                if target is not None:
                    parents.setdefault(target, []).append(node)
        wanted: set[Node] = set()
        stack = [t for t in targets if t in self.waiting]
        while stack:
            for parent in parents.get(stack.pop(), ()):
                if parent not in wanted:
                    wanted.add(parent)
                    stack.append(parent)
        self.wanted = wanted | {t for t in targets if not self.capture}
        self.targets = targets

    def _needed(self, edge: Edge) -> bool:
        assert self.wanted is not None
        return edge[0] in self.wanted or edge[0] in self.targets

    def executes(self, node: Node) -> bool:
        """Whether the pass runs this node (or hands out what arrives there).

        Errors: RuntimeError for a leaf that a pass without accumulation was asked for, as in PyTorch.
        """
        if node not in self.waiting or self.wanted is None:
            return node in self.waiting
        if node not in self.wanted and node not in self.targets:
            return False
        if self.capture and isinstance(node, AccumulateGrad):
            raise RuntimeError(
                "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This is "
                "currently not supported."
            )
        return True

    def _arrive(self, node: Node, number: int, gradient: Tensor, owned: Owned) -> None:
        """Add a gradient to what already arrived at one output of a node."""
        buffer = self.buffers.get(node)
        if buffer is None:
            buffer = self.buffers[node] = [None] * len(node.outputs)
        present = buffer[number]
        if present is None:
            buffer[number] = (gradient, owned)
            return
        old, old_owned = present
        sole = not mode.enabled and is_sole(old_owned) and _sole(old)
        # A write has no room for the examples of a batch.
        if sole and gradient.batch is None and old.batch is None:
            buffer[number] = (old.add_(gradient), True)
        else:
            buffer[number] = (old + gradient, True)
            release(old_owned)
        release(owned)

    def _evaluate(self, node: Node, buffer: list[Any] | None, needed: Any) -> list[Any] | None:
        """Run one node: hooks, captures, its gradient; each result with whether nobody else holds it.

        A gradient that is asked for is handed out as the hooks on its tensor left it where the node itself need not run, and
        as it arrived where it must.
        """
        if buffer is None:
            grads: list[Any] = [None] * len(node.outputs)
            owned: list[Owned] = [False] * len(grads)
        else:
            grads = [None if entry is None else entry[0] for entry in buffer]
            owned = [False if entry is None else entry[1] for entry in buffer]
            buffer.clear()
        executed = self.wanted is None or node in self.wanted
        if node.hooks is not None and not executed:
            run_tensor_hooks(node, grads, owned)
        if self.capture:
            assert self.inputs is not None
            for k, (target, number) in enumerate(self.inputs):
                if target is node:
                    self.captured[k] = grads[number]
                    owned[number] = False
        if not executed:
            return None
        if node.hooks is not None:
            run_tensor_hooks(node, grads, owned)
            run_prehooks(node, grads, owned)
        if isinstance(node, AccumulateGrad):
            self._accumulate(node, grads, owned)
            return None
        outer, anomaly.node = anomaly.node, node
        try:
            answers = node.apply(grads, needed)
        except Exception:
            if anomaly.enabled:
                report(node)
            raise
        finally:
            anomaly.node = outer
        if anomaly.enabled and anomaly.check_nan:
            try:
                check(node, answers)
            except RuntimeError:
                report(node)
                raise
        kept = after_function(answers, grads, owned) if node.calls_user else ()
        results = self._validate(node, answers, grads, owned)
        for i, one in enumerate(results):
            if one is not None and any(one[0] is held for held in kept):
                results[i] = one[0], False
        if not self.keep_graph:
            node.release()
        answers.clear()
        if node.hooks is not None:
            self._after(node, results, grads)
        for one in owned:
            release(one)
        return results

    def _accumulate(self, node: AccumulateGrad, grads: list[Any], owned: list[Owned]) -> None:
        """The end of the way: the gradient is added to the leaf's, and the hooks that wait for that run."""
        if grads[0] is not None:
            node.accumulate(grads[0], is_sole(owned[0]))
            release(owned[0])
        if node.hooks is not None:
            for hook in list(node.hooks.post_accumulate.values()):
                if events.observer is not None:
                    events.observer.hooked(node, "post_accumulate", hook)
                check_nothing(hook(node.variable), node.variable)
            self._after(node, [], grads)

    def _after(self, node: Node, results: list[Any], grads: list[Any]) -> None:
        places = range(len(results)) if node.tensor_inputs is None else node.tensor_inputs
        for hook in list(node.hooks.after.values()):
            if events.observer is not None:
                events.observer.hooked(node, "after", hook)
            given = tuple(None if results[p] is None else results[p][0] for p in places)
            answer = hook(given, tuple(grads))
            if answer is not None and answer is not given:
                check_answers(hook, given, answer)
                for i, old, new in zip(places, given, answer, strict=True):
                    if new is not old:
                        if results[i] is not None:
                            release(results[i][1])
                        results[i] = None if new is None else (new, True)
                old = new = None
            del answer, given
            for i in range(len(results)):
                if results[i] is not None:
                    gradient, owned = results[i]
                    others = sum(gradient is grad for grad in grads)
                    owned = after_hook(owned, getrefcount(gradient) - others)
                    results[i] = gradient, owned

    def _validate(self, node: Node, answers: list[Any], grads: list[Any], held: list[Owned]) -> list[Any]:
        """Un-broadcast and cast each gradient to what the next node made, and find out who else holds it."""
        results: list[Any] = [None] * len(answers)
        for i, gradient in enumerate(answers):
            if gradient is None:
                continue
            target, number = node.edges[i]
            if target is None:
                # Nobody waits for it, but the hooks on the node see it.
                results[i] = (gradient, False)
                continue
            outputs = target.outputs[number] if number < len(target.outputs) else None
            if outputs is None:
                continue
            wanted, kind, device = outputs
            if (
                gradient._dtype is not kind
                and kind is not None
                and gradient.dtype.is_complex > kind.is_complex
            ):
                if not node.takes_real_parts:
                    raise RuntimeError(messages.COMPLEX_GRADIENT)
                gradient = gradient.real
            if gradient.geometry.sizes != wanted.sizes:
                gradient = sum_to(gradient, wanted.sizes, node, i)
            if gradient._dtype is not kind and kind is not None:
                gradient = gradient.to(kind)
            if gradient.device is not device:
                # A tensor without dimensions may have joined another device's: its gradient comes home.
                if gradient.geometry.sizes:
                    raise RuntimeError(
                        f"Function {node.name()} returned an invalid gradient at index {i} - expected device "
                        f"{device} but got {gradient.device}"
                    )
                gradient = gradient.to(device)
            results[i] = (gradient, self._owner(node, gradient, results, grads, held))
        return results

    def _owner(
        self, node: Node, gradient: Tensor, results: list[Any], grads: list[Any], held: list[Owned]
    ) -> Owned:
        """Who holds a gradient that a node gave: nobody else, whoever held it when it came in, or who got it before."""
        if gradient.node is not None:
            return False
        for k, before in enumerate(results):
            if before is not None and before[0] is gradient and node.edges[k][0] is not None:
                if before[1] is True:
                    results[k] = (gradient, Share(1))
                owner: Owned = results[k][1]
                if owner.__class__ is Share:
                    owner.holders += 1
                return owner
        for k, incoming in enumerate(grads):
            if gradient is incoming:
                owner = held[k]
                if owner.__class__ is Share:
                    owner.holders += 1
                return owner
        return self._made_here(node, gradient)

    def _made_here(self, node: Node, gradient: Tensor) -> bool:
        """Whether the gradient is not a value that the graph keeps: a formula may return what it saved."""
        return not any(getattr(value, "tensor", None) is gradient for value in node.saved.values())


def _sole(tensor: Tensor) -> bool:
    """Whether nothing else shares the memory: a fresh dense result, no view, and none of it is on its way elsewhere."""
    storage = tensor._storage
    return (
        tensor.view_of is None
        and tensor.batch is None
        and DENSE(tensor.geometry.sizes, tensor.geometry.strides)
        and (storage is None or getrefcount(storage) <= _ONE_TENSOR)
    )


_ONE_TENSOR: Final = 3
"""The references to the storage of one tensor while it is counted: the tensor's, a local name's and an argument's."""


def sum_to(gradient: Tensor, sizes: tuple[int, ...], node: Node | None, index: int) -> Tensor:
    """Undo a broadcast: sum over the dimensions that were stretched or added. Errors: RuntimeError when it was not a
    broadcast.

    `node` gave the gradient; None where the user did.
    """
    own = gradient.geometry.sizes
    dims = geometry.stretched(own, sizes)
    if dims is None:
        returned = "" if node is None else f"Function {node.name()} returned an "
        raise RuntimeError(
            f"{returned}invalid gradient at index {index} - got {messages.numbers(own)} but expected shape compatible with "
            f"{messages.numbers(sizes)}"
        )
    if not sizes:
        whole: Tensor = gradient.sum()
        return whole
    summed: Tensor = gradient.sum(dims, keepdim=True) if dims else gradient
    return summed.view(sizes) if len(own) > len(sizes) else summed
