"""Saved tensors that are dropped and made again in the backward pass: checkpoints that are not reentrant.

A function runs and records, but each node keeps an empty `_Place` in place of each tensor that it saves. The first place that is
asked for has the function called again, and what that call saves fills the places in the same order.
"""

import weakref
from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.graph import saved_tensors_hooks
from tensorcli.engine.autograd.modes import enable_grad, no_grad, passing
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.recording import keep
from tensorcli.engine.tensor import Tensor

_UNEXPECTED = "Something went unexpectedly wrong in activation checkpoint. Please report this bug by filing an issue to PyTorch."
_OVERLAP = (
    "Performing two backward calls that overlap (i.e. require the same saved activation in order to compute gradients) is "
    "not allowed while under the torch.utils.checkpoint.GraphExecGroup context. "
)
_TIP = """
Tip: To see a more detailed error message, either pass `debug=True` to
`torch.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint\N{NON-BREAKING HYPHEN}debug mode globally.

If this error occurs under torch.compile with automatic_dynamic_shapes enabled,
it may be because the recomputation selected a different compiled graph than the
forward pass (e.g., a dynamic graph instead of the original static graph).
To fix this, either:
  - Use torch._dynamo.mark_dynamic() to explicitly mark varying dimensions as
    dynamic upfront, avoiding the static-to-dynamic transition.
  - Call torch._C._dynamo.eval_frame._set_lru_cache(False) to disable LRU cache
    reordering, which can change which graph is checked first between forward
    and recompute.
See https://github.com/pytorch/pytorch/issues/166926 for more details and
workaround examples.
"""
FACTS: dict[str, Callable[[Tensor], Any]] = {
    "default": lambda tensor: {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device},
    "none": lambda tensor: None,
}
"""What is compared of the tensors saved in the two calls, by the name of the check."""


class CheckpointError(RuntimeError):
    """What was saved the second time is not what was saved the first time."""

    __module__ = "torch.utils.checkpoint"


class GraphExecGroup:
    """Several backward passes for which a checkpointed function is called again only once; they may not overlap."""

    __module__ = "torch.utils.checkpoint"

    current: "GraphExecGroup | None" = None

    def __enter__(self) -> "GraphExecGroup":
        if GraphExecGroup.current is not None:
            raise RuntimeError(
                f"GraphExecGroup contexts cannot be nested. Already inside group {GraphExecGroup.current}"
            )
        GraphExecGroup.current = self
        return self

    def __exit__(self, *error: Any) -> None:
        GraphExecGroup.current = None


class _Place:
    """Stands for one saved tensor. `filled` holds it by the number of the pass that needed it; None once it was taken."""

    __slots__ = ("__weakref__", "filled")

    def __init__(self) -> None:
        self.filled: dict[Any, Tensor | None] = {}


class _Enough(Exception):  # noqa: N818 (no error)
    """All places are filled: the rest of the second call is not needed."""


_Enough.__module__, _Enough.__qualname__ = "torch.utils.checkpoint", "_StopRecomputationError"


class _Checkpoint(Node):
    """Keeps the inputs of a call, with their versions. It is in no graph."""


_Checkpoint.__name__ = "Checkpoint"


class Region:
    """One call under a checkpoint: its places in order, and how to fill them.

    `again` calls the function on its inputs once more; `facts` gives what must be the same of a tensor in both calls.
    """

    def __init__(
        self,
        again: Callable[..., None],
        inputs: tuple[Any, ...],
        early_stop: bool,
        facts: Callable[[Tensor], Any],
    ) -> None:
        self.again = again
        self.kept = _Checkpoint((), {})
        self.kept.saved.update(
            (f"inputs[{i}]", keep(self.kept, f"inputs[{i}]", one))
            for i, one in enumerate(inputs)
            if isinstance(one, Tensor)
        )
        self.inputs = tuple(None if isinstance(one, Tensor) else one for one in inputs)
        self.early_stop = early_stop
        self.facts = facts
        self.places: list[weakref.ref[_Place]] = []
        self.first: list[Any] = []
        """The facts of each tensor that was saved the first time."""
        self.complete = False
        """Whether the first call is over."""
        self.ran: set[Any] = set()
        """The numbers of the passes that the function was called again for."""

    def pack(self, tensor: Tensor) -> _Place:
        """A place for what the first call saves."""
        place = _Place()
        self.places.append(weakref.ref(place))
        with no_grad():
            self.first.append(self.facts(tensor))
        return place

    def unpack(self, place: _Place) -> Tensor:
        """What stands in a place, after the call that fills it. Errors: CheckpointError."""
        key: Any = GraphExecGroup.current or (passing[-1].number if passing else object())
        if key not in self.ran:
            self._fill(key)
        if key not in place.filled:
            raise AssertionError(_UNEXPECTED)
        found = place.filled[key]
        if found is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. "
                f"{_OVERLAP if GraphExecGroup.current else ''}If you are "
                "calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise please open an issue with "
                "details on your use case."
            )
        place.filled[key] = None
        return found

    def _fill(self, key: Any) -> None:
        """Call the function again for a pass, and put what it saves into the places. Errors: CheckpointError."""
        second: list[Any] = []
        unchecked = False

        def pack(tensor: Tensor) -> Tensor:
            nonlocal unchecked
            if tensor.requires_grad:
                tensor = tensor.detach()
            number = len(second)
            second.append(self.facts(tensor))
            if number >= len(self.places):
                if not self.complete:
                    # A backward pass inside the first call, which goes on to save more.
                    unchecked = True
                    return tensor
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original "
                    f"forward pass.\n{_TIP}"
                )
            place = self.places[number]()
            if place is not None:
                place.filled[key] = tensor
            if self.early_stop and len(second) == len(self.places):
                raise _Enough
            return tensor

        inputs = list(self.inputs)
        for i in range(len(inputs)):
            if f"inputs[{i}]" in self.kept.saved:
                inputs[i] = self.kept.unpack(f"inputs[{i}]")
        try:
            with saved_tensors_hooks(pack, lambda tensor: tensor), enable_grad():
                self.again(*inputs)
        except _Enough:
            pass
        self.ran.add(key)
        if not unchecked:
            self._compare(second)

    def _compare(self, second: list[Any]) -> None:
        """Errors: CheckpointError where the second call saved something else than the first."""
        if len(second) != len(self.places):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.places)}\n"
                f"Number of tensors saved during recomputation: {len(second)}.\n{_TIP}"
            )
        different = [
            f"tensor at position {number}:\nsaved metadata: {before}\nrecomputed metadata: {now}\n"
            for number, (before, now) in enumerate(zip(self.first, second, strict=True))
            if self.places[number]() is not None and before != now
        ]
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                f"forward pass.\n{''.join(different)}.\n{_TIP}"
            )
