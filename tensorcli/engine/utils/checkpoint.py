"""`torch.utils.checkpoint`: functions whose saved tensors are dropped, and made again in the backward pass by calling them again.

There are two ways, as in PyTorch. The reentrant one is a `Function` that runs without recording and starts a backward pass of
its own inside the outer one. The other records, but each node keeps an empty `Place` in place of a tensor; the first one that
is asked for calls the function again, and what is saved then fills the places in the same order.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from tensorcli.engine import messages, random
from tensorcli.engine.autograd import run as backward_pass
from tensorcli.engine.autograd.differentiate import backward
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.autograd.graph import saved_tensors_hooks
from tensorcli.engine.autograd.modes import enable_grad, mode, no_grad
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.saved import keep
from tensorcli.engine.tensor import Tensor

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "GraphExecGroup",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


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


_OVERLAP = (
    "Performing two backward calls that overlap (i.e. require the same saved activation in order to compute gradients) is "
    "not allowed while under the torch.utils.checkpoint.GraphExecGroup context. "
)
Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]

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
_UNCHOSEN_ONE = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
    "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to preserve "
    "the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between "
    "the two variants."
)
_UNCHOSEN_SEQUENTIAL = (
    "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we "
    "will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you need to preserve "
    "the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences between "
    "the two variants."
)


class CheckpointError(RuntimeError):
    """What was saved the second time is not what was saved the first time."""

    __module__ = "torch.utils.checkpoint"


# ---- the public functions


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """The contexts of a checkpoint that asks for none."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Contexts = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args)`, whose intermediate tensors are made again in the backward pass instead of being kept.

    `debug` adds no traces of operators to an error here. Errors: ValueError for arguments that the variant does not take;
    in the backward pass CheckpointError, or RuntimeError where a reentrant checkpoint is asked for part of the gradients.
    """
    if use_reentrant is None:
        messages.warn(_UNCHOSEN_ONE)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if (debug if _settings.debug is None else _settings.debug) and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in _FACTS:
        raise ValueError(f"determinism_check should be one of {list(_FACTS)}, but got {determinism_check}")
    forward_context, context = context_fn()
    surroundings = _Surroundings(preserve)

    def again(*inputs: Any) -> None:
        with surroundings.restored(), context:
            function(*inputs, **kwargs)

    if not mode.grad:
        return function(*args, **kwargs)
    stop = early_stop if _settings.early_stop is None else _settings.early_stop
    region = _Region(again, args, stop, _FACTS[determinism_check])
    with saved_tensors_hooks(region.pack, region.unpack), forward_context:
        result = function(*args, **kwargs)
    region.complete = True
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A chain of functions in segments, each a checkpoint but the last."""
    from tensorcli.engine.nn.containers import Sequential

    if use_reentrant is None:
        messages.warn(_UNCHOSEN_SEQUENTIAL)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    chain = list(functions.children()) if isinstance(functions, Sequential) else functions

    def part(start: int, stop: int) -> Callable[[Any], Any]:
        def forward(value: Any) -> Any:
            for number in range(start, stop):
                value = chain[number](value)
            return value

        return forward

    length = len(chain) // segments
    done = 0
    for start in range(0, length * (segments - 1), length):
        done = start + length
        input = checkpoint(part(start, done), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(done, len(chain))(input)


class _Settings:
    """What the two contexts below say of all checkpoints inside; None where they say nothing."""

    __slots__ = ("debug", "early_stop")

    def __init__(self) -> None:
        self.debug: bool | None = None
        self.early_stop: bool | None = None


_settings = _Settings()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether checkpoints made inside stop calling again as soon as all places are filled."""
    before, _settings.early_stop = _settings.early_stop, enable
    try:
        yield
    finally:
        _settings.early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """The `debug` of all checkpoints made inside."""
    before, _settings.debug = _settings.debug, enabled
    try:
        yield
    finally:
        _settings.debug = before


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs, each tensor as a leaf of the same flag. Errors: RuntimeError unless it is a tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}"
        )
    found: list[Any] = []
    for one in inputs:
        if isinstance(one, Tensor):
            leaf = one.detach()
            leaf.requires_grad = one.requires_grad
            found.append(leaf)
        else:
            found.append(one)
    return tuple(found)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no tensor requires grad."""
    if not any(one.requires_grad for one in inputs if isinstance(one, Tensor)):
        messages.warn("None of the inputs have requires_grad=True. Gradients will be None")


# ---- what a second call finds as the first one did


class _Surroundings:
    """The state that a function ran in: autocast, and with `preserve` the random streams."""

    def __init__(self, preserve: bool) -> None:
        from tensorcli.engine.amp.casting import state

        self.autocast = state.copy()
        self.streams = random.states() if preserve else None

    @contextmanager
    def restored(self) -> Iterator[None]:
        """That state inside, and the present one again afterwards."""
        from tensorcli.engine.amp.casting import state

        now = None if self.streams is None else random.states()
        autocast = state.copy()
        if self.streams is not None:
            random.put_back(self.streams)
        state.take(self.autocast)
        try:
            yield
        finally:
            state.take(autocast)
            if now is not None:
                random.put_back(now)


# ---- the reentrant variant


class CheckpointFunction(Function):
    """`CheckpointFunction.apply(function, preserve_rng_state, *args)`."""

    __module__ = "torch.utils.checkpoint"

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """The outputs of the function, which records nothing."""
        check_backward_validity(args)
        ctx.run_function = function
        ctx.preserve_rng_state = preserve
        ctx.surroundings = _Surroundings(preserve)
        ctx.inputs = [None if isinstance(one, Tensor) else one for one in args]
        ctx.tensor_indices = [i for i, one in enumerate(args) if isinstance(one, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensor_indices))
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Call the function again, recording, and run its graph: gradients of tensors that it closes over are added there."""
        if any(one.inputs is not None for one in backward_pass.running):
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for i, one in zip(ctx.tensor_indices, ctx.saved_tensors, strict=True):
            inputs[i] = one
        with ctx.surroundings.restored():
            leaves = detach_variable(tuple(inputs))
            with enable_grad():
                outputs = ctx.run_function(*leaves)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        roots = [
            (one, grad)
            for one, grad in zip(outputs, grads, strict=False)
            if isinstance(one, Tensor) and one.requires_grad
        ]
        if not roots:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([one for one, _ in roots], [grad for _, grad in roots])
        return (None, None, *(one.grad if isinstance(one, Tensor) else None for one in leaves))


# ---- the variant that is not reentrant


class _Place:
    """Stands for one saved tensor. `filled` holds it by the number of the pass that needed it; None once it was taken."""

    __slots__ = ("__weakref__", "filled")

    def __init__(self) -> None:
        self.filled: dict[Any, Tensor | None] = {}


class _Enough(Exception):  # noqa: N818 (no error)
    """All places are filled: the rest of the second call is not needed."""


class _Checkpoint(Node):
    """Keeps the inputs of a call, with their versions. It is in no graph."""


_Checkpoint.__name__ = "Checkpoint"


class _Region:
    """One call under a checkpoint: its places in order, and how to fill them."""

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
        running = backward_pass.running
        key: Any = GraphExecGroup.current or (running[-1].number if running else object())
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


_UNEXPECTED = "Something went unexpectedly wrong in activation checkpoint. Please report this bug by filing an issue to PyTorch."
_FACTS: dict[str, Callable[[Tensor], Any]] = {
    "default": lambda tensor: {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device},
    "none": lambda tensor: None,
}
"""What is compared of the tensors saved in the two calls, by the name of the check."""
