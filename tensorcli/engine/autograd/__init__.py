"""`torch.autograd`: each name is imported when it is first asked for. The engine's own modules import from the files."""

from importlib import import_module as _import_module
from typing import Any

_PUBLIC = {
    **dict.fromkeys(("backward", "grad"), "differentiate"),
    **dict.fromkeys(
        ("no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled"),
        "modes",
    ),
    **dict.fromkeys(("set_detect_anomaly", "detect_anomaly"), "anomaly"),
    **dict.fromkeys(("gradcheck", "gradgradcheck"), "check"),
    **dict.fromkeys(("Variable", "variable"), "variable"),
    "grad_mode": "grad_mode",
    "anomaly_mode": "anomaly",
    "functional": "functional",
    "forward_ad": "forward_ad",
    "graph": "graph",
    **dict.fromkeys(("Function", "custom_function", "function"), "function"),
}
"""Where the public names stand: a module of this package, or that module itself."""


def __getattr__(name: str) -> Any:
    where = _PUBLIC.get(name)
    if where is None:
        raise AttributeError(f"module 'torch.autograd' has no attribute '{name}'")
    module = _import_module(f"tensorcli.engine.autograd.{where}")
    return getattr(module, name, module)
