"""Facts of the embedded engine's graphs: nodes, what they save, hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcli.engine import effects
from tensorcli.engine.autograd import nodes
from tensorcli.engine.autograd.accumulate import AccumulateGrad
from tensorcli.engine.autograd.saved import SavedNumber
from tensorcli.engine.geometry import contiguous
from tensorcli.engine.table import PACKETS
from tensorcli.engine.tensor import fresh_tensor
from tensorcli.explorer.engines.reading import Hook, KeptCopy, Saved
from tensorcli.explorer.engines.values import Values, present_node


class Nodes(Values):
    """Reads graphs, and the values that they save."""

    def node(self, tensor: Any) -> Any:
        return tensor.node if tensor.view_of is None else present_node(tensor)[0]

    def old_node(self, tensor: Any) -> Any:
        node, name = present_node(tensor)
        return tensor.node if node is None and name is not None else None

    def node_name(self, node: Any) -> str:
        return str(node.shown_name)

    def clock(self) -> float:
        return nodes.next_number()

    def sequence(self, node: Any) -> float | None:
        return None if isinstance(node, AccumulateGrad) else node.sequence

    def operator(self, node: Any) -> str:
        declared = getattr(type(node), "op", None)
        return "" if declared is None else str(declared.base)

    def outputs(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        return [(each[0].sizes, each[1].name) for each in node.outputs if each is not None]

    def hooks(self, node: Any) -> Sequence[Hook]:
        found = node.hooks
        if found is None:
            return []
        return [
            *(
                Hook("tensor", output, function)
                for output, table in found.tensor
                for function in table.values()
            ),
            *(Hook("retain_grad", output, reference()) for output, reference in found.retains.items()),
            *(Hook("before", None, function) for function in found.before.values()),
            *(Hook("post_accumulate", None, function) for function in found.post_accumulate.values()),
            *(Hook("after", None, function) for function in found.after.values()),
        ]

    def edges(self, node: Any) -> Sequence[Any]:
        return [target for target, _ in node.edges]

    def saved(self, node: Any) -> Sequence[Saved]:
        return [
            Saved(slot, value.tensor, value.version, value.tensor.counter.count)
            for slot, value in node.saved_tensors_of()
        ]

    def reads(self, node: Any, slot: str) -> bool:
        # In training, batch normalisation keeps its running statistics, which the same step writes, and reads the batch's.
        return not (slot in ("running_mean", "running_var") and node.saved.get("training") is True)

    def copies(self, node: Any, memory: int, content: Any, of: Any = None) -> Sequence[KeptCopy]:
        found = []
        for _, value in node.saved_tensors_of():
            kept = value.tensor
            owner = self.memory(kept)
            if id(owner) != memory or not isinstance(owner, np.ndarray) or of not in (None, kept):
                continue
            walk = self.walk(kept)
            window = np.ndarray(
                (*walk.sizes, walk.itemsize), np.uint8, content.data, walk.start, (*walk.strides, 1)
            )
            array = window.copy().view(kept.dtype.np).reshape(walk.sizes)
            private = fresh_tensor(array, contiguous(kept.geometry.sizes), kept.dtype)
            private.lazy, private.wrapped = kept.lazy, kept.wrapped
            private._counter = kept.counter
            private.node, private.output_nr = kept.node, kept.output_nr
            found.append(KeptCopy(value, private))
        return found

    def shield(self, copies: Sequence[KeptCopy]) -> None:
        for value, private in copies:
            value.tensor = private

    def elementwise(self, operator: str) -> bool:
        overloads = PACKETS.get(operator, ())
        return any((each.twin_of or each).effect is effects.pointwise for each in overloads)

    def numbers(self, node: Any) -> Sequence[tuple[str, Any]]:
        return [(slot, value.value) for slot, value in node.saved.items() if isinstance(value, SavedNumber)]

    def released(self, node: Any) -> bool:
        return bool(node.released)

    def variable(self, node: Any) -> Any:
        return node.variable if isinstance(node, AccumulateGrad) else None

    def accumulator(self, tensor: Any) -> Any:
        found = None if tensor.accumulator is None else tensor.accumulator()
        # Of a leaf with hooks and without a graph, one to look at: it stays unknown to the leaf.
        return (
            AccumulateGrad(tensor)
            if found is None
            and (tensor.hooks or tensor._post_accumulate_grad_hooks)
            and tensor.leaf_requires_grad
            else found
        )
