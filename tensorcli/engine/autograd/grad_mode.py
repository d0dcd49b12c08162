"""`torch.autograd.grad_mode`: the modes of recording, where PyTorch has them, the layout of gradients, and versions that stay."""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.autograd.accumulate import layouts
from tensorcli.engine.autograd.modes import (
    Context,
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class enforce_grad_layout_policy(Context):  # noqa: N801
    """Say at once, or until the block is left, whether a leaf's first gradient gets the leaf's strides."""

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, enable: bool = True) -> None:
        if not isinstance(enable, bool):
            raise TypeError(
                "set_grad_layout_enforcement_enabled(): argument 'enabled' (position 1) must be bool, not "
                f"{type_name(type(enable))}"
            )
        self.prev, self.mode = layouts.enforced, enable
        layouts.enforced = enable

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        layouts.enforced = self.prev
        return super().__call__(function)

    def clone(self) -> "enforce_grad_layout_policy":
        """One that says the same, and says it now."""
        return enforce_grad_layout_policy(self.mode)

    _again = clone

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        layouts.enforced = self.prev


class _unsafe_preserve_version_counter(Context):  # noqa: N801
    """Writes inside leave the version counters of these tensors where they were, so that no backward pass finds them.

    Errors: AssertionError for anything but a tensor or a tuple of tensors, RuntimeError for inference tensors.
    """

    __module__ = "torch.autograd.grad_mode"

    def __init__(self, tensors: Tensor | tuple[Tensor, ...]) -> None:
        self.tensors = (tensors,) if isinstance(tensors, Tensor) else tensors
        if not isinstance(self.tensors, tuple):
            raise AssertionError("Expected tensors to be a tuple")
        self.versions = [tensor._version for tensor in self.tensors]

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        for tensor, version in zip(self.tensors, self.versions, strict=True):
            tensor.counter.count = version
