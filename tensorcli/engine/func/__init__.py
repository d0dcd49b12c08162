"""`torch.func`: functions that differentiate functions, and modules called with other parameters."""

from importlib import import_module
from typing import Any

_WHERE = {
    **dict.fromkeys(("grad", "grad_and_value", "jacrev", "vjp"), "func.reverse"),
    **dict.fromkeys(("hessian", "jacfwd", "jvp", "linearize"), "func.forward"),
    **dict.fromkeys(
        ("functional_call", "replace_all_batch_norm_modules_", "stack_module_state"), "func.modules"
    ),
    "functionalize": "func.functional",
    "vmap": "batch.vmap",
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'torch.func' has no attribute '{name}'")
    return getattr(import_module(f"tensorcli.engine.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)
