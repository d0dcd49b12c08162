"""`torch.utils.checkpoint`: functions whose saved tensors are dropped, and made again in the backward pass by calling them again.

There are two ways, as in PyTorch. The reentrant one is a `Function` that runs without recording and starts a backward pass of
its own inside the outer one. The other records, and drops what its nodes save (recomputation.py).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from tensorcli.engine import messages, random
from tensorcli.engine.autograd.differentiate import backward
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.autograd.graph import saved_tensors_hooks
from tensorcli.engine.autograd.modes import enable_grad, mode, no_grad, passing
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.utils.recomputation import FACTS, CheckpointError, GraphExecGroup, Region

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


Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]

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
    if determinism_check not in FACTS:
        raise ValueError(f"determinism_check should be one of {list(FACTS)}, but got {determinism_check}")
    forward_context, context = context_fn()
    surroundings = _Surroundings(preserve)

    def again(*inputs: Any) -> None:
        with surroundings.restored(), context:
            function(*inputs, **kwargs)

    if not mode.grad:
        return function(*args, **kwargs)
    stop = early_stop if _settings.early_stop is None else _settings.early_stop
    region = Region(again, args, stop, FACTS[determinism_check])
    with saved_tensors_hooks(region.pack, region.unpack), forward_context:
        result = function(*args, **kwargs)
        region.complete = True
    if not region.complete:
        raise RuntimeError(
            "torch.utils.checkpoint: the forward context provided by context_fn suppressed an exception raised during the "
            "checkpointed forward. This is not supported because checkpoint cannot return a value for a failed forward."
        )
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
        if any(one.inputs is not None for one in passing):
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
