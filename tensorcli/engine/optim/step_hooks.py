"""Hooks around the steps of optimisers: an optimiser's own, and those that all have in common."""

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from itertools import chain
from typing import Any

from tensorcli.engine import process
from tensorcli.engine.autograd.hooks import RemovableHandle

Table = OrderedDict[int, Callable[..., Any]]

_BEFORE: Table = OrderedDict()
_AFTER: Table = OrderedDict()
process.keep_contents(_BEFORE, _AFTER)


def added(table: Table, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    """Put a hook into a table, at its end or at its start."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimiser."""
    return added(_BEFORE, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimiser."""
    return added(_AFTER, hook)


def let_step_call_hooks(kind: Any) -> None:
    """Wrap the `step` of a class, its own or an inherited one, unless that is wrapped already."""
    step = kind.step
    if getattr(step, "hooked", False):
        return

    @wraps(step)
    def with_hooks(*args: Any, **kwargs: Any) -> Any:
        optimizer: Any = args[0]
        for hook in chain(_BEFORE.values(), optimizer._optimizer_step_pre_hooks.values()):
            answer = hook(optimizer, args, kwargs)
            if answer is not None:
                if not isinstance(answer, tuple) or len(answer) != 2:
                    raise RuntimeError(
                        f"<function {kind.__qualname__}.step at {id(step):#x}> must return None or a tuple of (new_args, "
                        f"new_kwargs), but got {answer}."
                    )
                args, kwargs = answer
        result = step(*args, **kwargs)
        for hook in chain(optimizer._optimizer_step_post_hooks.values(), _AFTER.values()):
            hook(optimizer, args, kwargs)
        return result

    with_hooks.hooked = True  # type: ignore[attr-defined]
    kind.step = with_hooks
