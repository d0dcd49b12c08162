"""Grad mode and inference mode: whether operators record, as context managers, functions and decorators."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from inspect import isgeneratorfunction
from typing import Any

from tensorcli.engine import messages, process
from tensorcli.engine.decorators import like
from tensorcli.engine.native import type_name


class Mode:
    """The state that operators read: `grad` (what grad mode says), `inference`, and `enabled`: whether they record, which
    they do in grad mode outside inference mode."""

    __slots__ = ("enabled", "grad", "inference", "native")

    def __init__(self) -> None:
        self.set(True, False)
        self.native = False
        """Whether what is recorded now is a gradient's formula: PyTorch's are C++, which has operators of its own for numbers."""

    def set(self, grad: bool, inference: bool | None = None) -> None:
        """Switch grad mode, and inference mode where it is given."""
        self.grad = grad
        if inference is not None:
            self.inference = inference
        self.enabled = grad and not self.inference


mode = Mode()
process.keep(lambda: (mode.grad, mode.inference), lambda before: mode.set(*before))


class Passes:
    """What is set for backward passes: `multithreading`, and whether the strides of a leaf's gradient are the leaf's."""

    __slots__ = ("grad_layout", "multithreading")

    def __init__(self) -> None:
        self.grad_layout = self.multithreading = True


passes = Passes()
process.keep_attributes(passes, "grad_layout", "multithreading")

opened: list[Any] = []
"""The levels of forward-mode differentiation that are open (tangents.ForwardLevel), outermost first."""
forward: list[Any] = []
"""Those of them that operators heed now."""
process.keep_contents(opened, forward)
aside: list[Any] = []
"""Those whose tangents are computed beside the operator that runs now."""
pushing: list[bool] = []
"""Whether gradients are computed to be differentiated by what comes in, which gives tangents: a quotient that a formula masks
afterwards must not be nan then."""
undeclared: list[bool] = []
"""Whether what is written is a state that the operator's schema says nothing of: transforms do not see that."""
passing: list[Any] = []
"""The backward passes that run, innermost last: a node may start another one (a checkpoint does), and hooks ask which one
calls them.
"""
transforms: list[Any] = []
"""The transforms of `torch.func` that run, outermost first."""


@contextmanager
def _holding(state: list[bool]) -> Generator[None]:
    state.append(True)
    try:
        yield
    finally:
        state.pop()


def pushed_through() -> AbstractContextManager[None]:
    """Compute gradients to push tangents through."""
    return _holding(pushing)


def undeclared_writes() -> AbstractContextManager[None]:
    """Write a state that the operator's schema says nothing of."""
    return _holding(undeclared)


def transformed() -> bool:
    """Whether a transform of `torch.func` runs; the vmap of `torch.autograd` is not one of them."""
    return any(not each.legacy for each in transforms)


def refuse_in_transform(method: str, functional: str = "") -> None:
    """Errors: RuntimeError for a method that PyTorch refuses while a transform of `torch.func` runs."""
    if transformed():
        raise RuntimeError(
            f"You are attempting to call Tensor.{method}() {functional}inside of a function being transformed by a functorch "
            "transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, vjp, jacrev, jacfwd, "
            f"hessian) or call {method}() outside of a function being transformed instead."
        )


def set_as_outside(inside: Sequence[Any]) -> None:
    """Switch grad mode and inference mode to what they are outside of running transforms, given outermost first."""
    before = [each.before for each in inside if each.before is not None]
    if before:
        mode.set(next((grad for grad, _ in before if grad is not None), mode.grad), before[0][1])


class Context:
    """A context manager that is also a decorator. One object entered twice forgets what it found the first time."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *error: Any) -> None:
        raise NotImplementedError

    def clone(self) -> "Context":
        """Another of the kind, which a decorated function enters at each call."""
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(function, type):
            messages.warn(messages.DECORATED_CLASS, FutureWarning)
        if isgeneratorfunction(function):
            return like(function)(lambda *args, **kwargs: _steps(self.clone, function(*args, **kwargs)))

        @like(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return inside


def _steps(context: Callable[[], Context], inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """A generator whose every step runs in a context of its own: its caller, between the steps, is outside."""
    step: Callable[[], Any] = partial(inner.send, None)
    try:
        while True:
            with context():
                given = step()
            try:
                step = partial(inner.send, (yield given))
            except GeneratorExit:
                with context():
                    inner.close()
                raise
            except BaseException as error:
                step = partial(inner.throw, error)
    except StopIteration as end:
        return end.value


class _GradMode(Context):
    wanted = True

    def __init__(self, orig_func: Callable[..., Any] | None = None) -> None:
        self.prev = False

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        # `@torch.no_grad` without parentheses decorates at once.
        return object.__new__(cls) if orig_func is None else cls()(orig_func)

    __new__.__qualname__ = "_NoParamDecoratorContextManager.__new__"  # as complaints of wrong calls name it

    def __enter__(self) -> None:
        self.prev = mode.grad
        mode.set(self.wanted)

    def __exit__(self, *error: Any) -> None:
        mode.set(self.prev)


class no_grad(_GradMode):  # noqa: N801
    """Operators inside record nothing: their results do not require grad."""

    __module__ = "torch.autograd.grad_mode"

    wanted = False


class enable_grad(_GradMode):  # noqa: N801
    """Operators inside record, also within `no_grad`."""

    __module__ = "torch.autograd.grad_mode"


class _Switch(Context):
    """A setting that is switched at once, as a statement; as a context manager until it is left."""

    holder: Any
    attribute: str
    setter: str
    """What PyTorch's own function that sets it is called."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"{self.setter}(): argument 'enabled' (position 1) must be bool, not {type_name(type(mode))}"
            )
        self.prev = getattr(self.holder, self.attribute)
        self.mode = mode
        self._switch(mode)

    def _switch(self, to: bool) -> None:
        setattr(self.holder, self.attribute, to)

    def clone(self) -> "_Switch":
        return type(self)(self.mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self._switch(self.prev)


class _Decorating(_Switch):
    """A switch that a function may be decorated with, which leaves the setting outside as it was."""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self._switch(self.prev)
        return super().__call__(function)


class set_grad_enabled(_Decorating):  # noqa: N801
    """Switch grad mode at once, as a statement; as a context manager until it is left."""

    __module__ = "torch.autograd.grad_mode"

    holder = mode
    attribute = "grad"
    setter = "set_grad_enabled"

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)

    def _switch(self, to: bool) -> None:
        mode.set(to)

    def __enter__(self) -> None:
        mode.set(self.mode)

    def __str__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"

    __repr__ = __str__


class inference_mode(Context):  # noqa: N801
    """Operators inside record nothing and their results have no version counter. `inference_mode(False)` leaves it."""

    __module__ = "torch.autograd.grad_mode"

    def __new__(cls, mode: Any = True) -> Any:
        return object.__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.previous: tuple[bool, bool] | None = None

    def clone(self) -> "inference_mode":
        return inference_mode(self.mode)

    def __enter__(self) -> None:
        before, self.previous = self.previous, (mode.grad, mode.inference)
        mode.set(not self.mode, self.mode)
        if before is not None:
            # Entered a second time, PyTorch drops the guard of the first time, which ends that.
            mode.set(*before)

    def __exit__(self, *error: Any) -> None:
        if self.previous is not None:
            mode.set(*self.previous)
            self.previous = None


class set_multithreading_enabled(_Switch):  # noqa: N801
    """Whether the backward pass may use several threads, which it never does here: the setting can be read back."""

    __module__ = "torch.autograd.grad_mode"

    holder = passes
    attribute = "multithreading"
    setter = "set_multithreading_enabled"

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)


class enforce_grad_layout_policy(_Decorating):  # noqa: N801
    """Whether a leaf's first gradient is copied where its strides are not the leaf's, and later ones warn."""

    __module__ = "torch.autograd.grad_mode"

    holder = passes
    attribute = "grad_layout"
    setter = "set_grad_layout_enforcement_enabled"

    def __init__(self, enable: bool = True) -> None:
        super().__init__(enable)


def is_multithreading_enabled() -> bool:
    """Whether the backward pass may use several threads."""
    return passes.multithreading


def is_grad_enabled() -> bool:
    """Whether grad mode is on."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether inference mode is on."""
    return mode.inference
