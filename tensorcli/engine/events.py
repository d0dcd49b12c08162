"""What an observer may hear of the engine: made, wrote, saved, freed. Free of cost when nobody listens.

The engine calls `events.observer` only where it is not None. Hearing changes nothing: an observer gets the objects and
must not run operators on them while it is called.
"""

from typing import Any, Protocol


class Observer(Protocol):
    """Who listens. `operator` is the declared operator's name; inputs are the values it was called with."""

    def made(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """A new tensor came out of an operator (a fresh result or a view)."""

    def writes(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """The bytes of `tensor` are about to be written; its version counter has not moved yet."""

    def wrote(self, tensor: Any, operator: str, inputs: tuple[Any, ...]) -> None:
        """The bytes of `tensor` were written and its version counter moved."""

    def moves(self, tensor: Any, source: Any) -> None:
        """`tensor` is about to move to the memory of `source` (`tensor.data = source`); its version counter stays."""

    def saved(self, node: Any, name: str, value: Any) -> None:
        """A node of the graph keeps `value` for the backward pass under `name`."""

    def freed(self, node: Any) -> None:
        """A node dropped its saved values."""

    def accumulated(self, tensor: Any, gradient: Any, kind: str) -> None:
        """A leaf's `.grad` changed: kind is "new", "in place" or "replaced"."""

    def archived(self, name: str | None, nbytes: int, tensors: tuple[Any, ...]) -> None:
        """`torch.save` wrote this many bytes with these tensors: under a name, or into a buffer."""

    def hooked(self, node: Any, kind: str, function: Any) -> None:
        """A hook on `node` is about to run, or a tensor to keep its gradient; kind as in `hooks.NodeHooks`."""


observer: Observer | None = None
