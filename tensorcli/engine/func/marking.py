"""What new tensors belong to while transforms run, and what may not be written meanwhile.

Every new tensor is noted as belonging to the transforms that run, as in PyTorch, where it is wrapped once for each.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcli.engine import callers, events
from tensorcli.engine.autograd.modes import passing, undeclared
from tensorcli.engine.autograd.modes import transforms as running
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.func.levels import Transform
    from tensorcli.engine.op import Op


def mark() -> None:
    """Note from here on what new tensors belong to."""
    if not isinstance(events.observer, _Marking):
        callers.surround_all(_refusing)
        events.observer = _Marking(events.observer)


def _refusing(op: "Op", run: Callable[[tuple[Any, ...]], Any]) -> Callable[[tuple[Any, ...]], Any]:
    """What runs a write that PyTorch refuses by another name than the one that does it, or before anything is done."""
    if not (op.writes and (op.is_composed or op.base in ("resize_", "resize_as_"))):
        return run

    def refusing(values: tuple[Any, ...]) -> Any:
        check_captured(values[0], op.name)
        return run(values)

    return refusing


def unmark() -> None:
    """Note it no more where no transform runs."""
    if not running and isinstance(events.observer, _Marking):
        events.observer = events.observer.listener


def listener() -> events.Observer | None:
    """Who hears of what happens, whether transforms run or not."""
    observer = events.observer
    return observer.listener if isinstance(observer, _Marking) else observer


def check_captured(tensor: Tensor, operator: str) -> None:
    """Errors: RuntimeError for a write to a tensor from outside of the innermost transform."""
    # The backward pass writes into tensors that it has made.
    if (
        running
        and not running[-1].batched
        and not passing
        and not undeclared
        and running[-1] not in _owner(tensor, running[-1]).levels
    ):
        refuse_captured(operator)


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
        check_captured(tensor, operator)
        if self.listener is not None:
            self.listener.writes(tensor, operator, inputs)

    def __getattr__(self, name: str) -> Any:
        return _silent if self.listener is None else getattr(self.listener, name)


def _owner(tensor: Tensor, transform: "Transform") -> Tensor:
    """What a tensor is a view of, as far as the function that a transform runs sees it."""
    while tensor.view_of is not None and not any(tensor is each for each in transform.inputs()):
        tensor = tensor.view_of.above
    return tensor


def _silent(*told: Any) -> None:
    """Nobody listens."""
