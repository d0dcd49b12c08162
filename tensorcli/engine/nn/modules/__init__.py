"""`torch.nn.modules`: the classes of `torch.nn` by the chapters that PyTorch keeps them in, which their `__module__` names.

Beside the classes, `module` has the hooks that all modules have in common, and `utils` what makes tuples of numbers.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from tensorcli.engine import nn
from tensorcli.engine.nn.layers import numbers


def _classes(chapter: str) -> dict[str, Any]:
    found = {}
    for place in sorted({*nn._WHERE.values(), "state"}):
        for name, value in vars(import_module(f"tensorcli.engine.nn.{place}")).items():
            if isinstance(value, type) and value.__module__ == chapter:
                found[name] = value
    return found


def _common_hooks() -> dict[str, Any]:
    found = vars(import_module("tensorcli.engine.nn.everywhere"))
    return {name: value for name, value in found.items() if name.startswith("register_")}


def _helpers() -> dict[str, Any]:
    found: dict[str, Any] = {"_ntuple": _ntuple, "consume_prefix_in_state_dict_if_present": consume_prefix}
    names = ("_single", "_pair", "_triple", "_quadruple")
    return found | {name: _ntuple(n, name) for n, name in enumerate(names, 1)}


def _ntuple(n: int, name: str = "parse") -> Any:
    """The function that makes n equal numbers of one, and a tuple of several."""

    def parse(x: Any) -> tuple[Any, ...]:
        return numbers(x, n)

    parse.__name__ = name
    return parse


def consume_prefix(state_dict: Any, prefix: str) -> None:
    """Take a prefix, such as `module.`, off the keys of a state, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", {})
    for key in list(metadata):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)


_MORE = {"module": _common_hooks, "utils": _helpers}


def __getattr__(name: str) -> Any:
    if name in nn._WHERE:
        return getattr(nn, name)
    path = f"torch.nn.modules.{name}"
    found = {} if name.startswith("__") else _classes(path)
    if name in _MORE:
        found |= _MORE[name]()
    if not found:
        raise AttributeError(f"module 'torch.nn.modules' has no attribute '{name}'")
    chapter = globals()[name] = ModuleType(path)
    vars(chapter).update(found)
    return chapter
