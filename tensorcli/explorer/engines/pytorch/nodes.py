"""Facts of PyTorch's graphs. What nodes save, and which hooks sit on them, PyTorch does not tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch

from tensorcli.explorer.engines.pytorch.values import Values, shown_name
from tensorcli.explorer.engines.reading import Hook, KeptCopy, Saved


class Nodes(Values):
    """Reads graphs."""

    def node(self, tensor: Any) -> Any:
        name = self._node_name(tensor)
        if (
            name is None
            or name == "Invalid"
            or (tensor._is_view() and self.views[tensor][0] != tensor._version)
        ):
            return None
        return tensor.grad_fn

    def old_node(self, tensor: Any) -> Any:
        return None

    def node_name(self, node: Any) -> str:
        return shown_name(node)

    def clock(self) -> float:
        return int(torch.autograd._get_sequence_nr())

    def sequence(self, node: Any) -> float | None:
        return None if type(node).__name__ == "AccumulateGrad" else float(node._sequence_nr())

    def operator(self, node: Any) -> str:
        return ""

    def outputs(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        return [
            (tuple(each.shape), str(each.dtype).removeprefix("torch."))
            for each in node._input_metadata
            if each is not None
        ]

    def hooks(self, node: Any) -> Sequence[Hook]:
        return ()  # PyTorch keeps them in C++

    def edges(self, node: Any) -> Sequence[Any]:
        return [target for target, _ in node.next_functions]

    def saved(self, node: Any) -> Sequence[Saved]:
        return ()

    def reads(self, node: Any, slot: str) -> bool:
        return True

    def copies(self, node: Any, memory: int, content: Any, of: Any = None) -> Sequence[KeptCopy]:
        return ()

    def shield(self, copies: Sequence[KeptCopy]) -> None:
        """PyTorch's saved tensors cannot be exchanged."""

    def same_gradients(self, node: Any, copies: Sequence[KeptCopy]) -> bool:
        return False

    def same_pass(self, root: Any, nodes: Collection[Any], copies: Sequence[KeptCopy]) -> bool:
        return False

    def elementwise(self, operator: str) -> bool:
        return self.model.elementwise(operator)

    def numbers(self, node: Any) -> Sequence[tuple[str, Any]]:
        return ()

    def released(self, node: Any) -> bool:
        return False

    def variable(self, node: Any) -> Any:
        return getattr(node, "variable", None) if type(node).__name__ == "AccumulateGrad" else None

    def accumulator(self, tensor: Any) -> Any:
        return None
