"""`torch.utils.hooks`: what registering a hook gives, and hooks that pickles leave behind in silence."""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.hooks import RemovableHandle, unserializable
from tensorcli.engine.copies import warn_of_hooks

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a hook as one that no pickle is warned of."""
    unserializable.add(f)
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Say which hooks of a tensor a pickle leaves behind."""
    warn_of_hooks(tensor)
