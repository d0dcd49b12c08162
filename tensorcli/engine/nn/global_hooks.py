"""Hooks that all modules have in common: `torch.nn.modules.module.register_module_…_hook`.

They are called before a module's own. `CALLS` has the ids of those that a call must look for, so that a call without hooks
asks one dictionary more.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tensorcli.engine import process
from tensorcli.engine.autograd.hooks import RemovableHandle

Table = OrderedDict[int, Any]

FORWARD_PRE: Table = OrderedDict()
FORWARD: Table = OrderedDict()
WITH_KWARGS: Table = OrderedDict()
"""Of the forward hooks, those that are given the keyword arguments."""
ALWAYS: Table = OrderedDict()
"""Of the forward hooks, those that are called after a failure too."""
BACKWARD_PRE: Table = OrderedDict()
BACKWARD: Table = OrderedDict()
CALLS: Table = OrderedDict()
PARAMETERS: Table = OrderedDict()
BUFFERS: Table = OrderedDict()
MODULES: Table = OrderedDict()

_full: list[bool] = []
"""Whether the backward hooks are the full ones; empty before the first."""

process.keep_contents(
    FORWARD_PRE,
    FORWARD,
    WITH_KWARGS,
    ALWAYS,
    BACKWARD_PRE,
    BACKWARD,
    CALLS,
    PARAMETERS,
    BUFFERS,
    MODULES,
    _full,
)


def _added(table: Table, hook: Callable[..., Any], *marks: Table) -> RemovableHandle:
    handle = RemovableHandle(table, marks)
    table[handle.id] = hook
    for each in marks:
        each[handle.id] = True
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module."""
    return _added(FORWARD_PRE, hook, CALLS)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module."""
    marks = [mark for mark, asked in ((WITH_KWARGS, with_kwargs), (ALWAYS, always_call)) if asked]
    return _added(FORWARD, hook, CALLS, *marks)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` when the gradients of a module's outputs are there."""
    return _added(BACKWARD_PRE, hook, CALLS)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the gradients of a module's inputs are there."""
    _choose(True)
    return _added(BACKWARD, hook, CALLS)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """The old kind of backward hook, on the node of every module's output."""
    _choose(False)
    return _added(BACKWARD, hook, CALLS)


def _choose(full: bool) -> None:
    if _full and _full[0] is not full:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only one of "
            "them."
        )
    _full[:] = [full]


def backward_hooks(full: bool) -> list[Any]:
    """The common backward hooks, if they are of this kind."""
    return list(BACKWARD.values()) if _full == [full] else []


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when a module gets a parameter; what it returns is taken instead."""
    return _added(PARAMETERS, hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when a module gets a buffer; what it returns is taken instead."""
    return _added(BUFFERS, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, submodule)` when a module gets a child; what it returns is taken instead."""
    return _added(MODULES, hook)


def registered(table: Table, module: Any, name: str, value: Any) -> Any:
    """What the hooks of a table make of a value that a module is given."""
    for hook in table.values():
        answer = hook(module, name, value)
        value = value if answer is None else answer
    return value
