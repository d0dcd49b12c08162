"""The tensors within modules and optimisers, by their paths.

PyTorch's objects and the embedded engine's keep them under the same names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tensorcli.explorer.engines import FailedModule
from tensorcli.language.vocabulary import BAGS

NUMBERED = ("Sequential", "ModuleList", "ParameterList")
NAMED = ("ModuleDict", "ParameterDict")


def is_module(value: Any) -> bool:
    """Whether a value is a module, and not a class of them."""
    return isinstance(getattr(value, "_modules", None), dict) and not isinstance(value, type)


def parts(value: Any) -> Iterable[tuple[str, Any]]:
    """What an object holds, by what is written after its name: `.weight`, `[0].bias`, `['a'].weight`."""
    kind = type(value)
    if (kind.__module__, kind.__name__) in BAGS:
        return [(f".{name}", each) for name, each in vars(value).items()]
    if not kind.__module__.startswith(("tensorcli.engine.", "torch.")):
        return ()
    if isinstance(vars(value).get("_modules") if hasattr(value, "__dict__") else None, dict):
        return _of_module(value, set())
    groups = getattr(value, "param_groups", None)
    if isinstance(groups, list):
        return [
            (f".param_groups[{i}]['params'][{k}]", each)
            for i, group in enumerate(groups)
            for k, each in enumerate(group.get("params", ()))
        ]
    return ()


def _of_module(module: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers, other attributes, then what is in the children; each module once, as in named_parameters."""
    if id(module) in seen:
        return
    seen.add(id(module))
    own = vars(module)
    others = [(name, each) for name, each in own.items() if not name.startswith("_")]
    for name, each in (*own["_parameters"].items(), *own["_buffers"].items(), *others):
        if each is not None:
            yield suffix(module, name), each
    for name, child in own["_modules"].items():
        if child is not None:
            for path, each in _of_module(child, seen):
                yield suffix(module, name) + path, each


def suffix(module: Any, name: str) -> str:
    """How a member of a module is written after it."""
    kinds = {kind.__name__ for kind in type(module).__mro__}
    if name.isdigit() and not kinds.isdisjoint(NUMBERED):
        return f"[{name}]"
    if not kinds.isdisjoint(NAMED):
        return f"[{name!r}]"
    return f".{name}"


CALLS = ("__call__", "_call_impl")
"""The functions in which the two engines call a module."""


def failed_module(raised: BaseException) -> FailedModule | None:
    """The innermost module in whose call an exception was raised; None where there is none."""
    calls: list[tuple[Any, tuple[Any, ...]]] = []
    step = raised.__traceback__
    while step is not None:
        local = step.tb_frame.f_locals
        owner = local.get("self")
        if step.tb_frame.f_code.co_name in CALLS and is_module(owner):
            calls.append((owner, local.get("args", ())))
        step = step.tb_next
    if not calls:
        return None
    outer, (module, inputs) = calls[0][0], calls[-1]
    text = repr(module)
    return FailedModule(
        outer, module, _path(outer, module), text if "\n" not in text else type(module).__name__, inputs
    )


def _path(outer: Any, module: Any) -> str:
    """How a module is written after one that holds it."""
    queue = [(outer, "")]
    seen = set()
    for owner, path in queue:
        if owner is module:
            return path
        if id(owner) not in seen:
            seen.add(id(owner))
            queue.extend(
                (child, path + suffix(owner, name))
                for name, child in owner._modules.items()
                if child is not None
            )
    return ""
