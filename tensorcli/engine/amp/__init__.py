"""`torch.amp`: operators in less precision inside a block, and gradients scaled so that they do not vanish in it."""

from importlib import import_module
from typing import Any

_WHERE = {
    **dict.fromkeys(("autocast", "custom_bwd", "custom_fwd", "is_autocast_available"), "autocast"),
    "GradScaler": "scaler",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'torch.amp' has no attribute '{name}'")
    return getattr(import_module(f"tensorcli.engine.amp.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)
