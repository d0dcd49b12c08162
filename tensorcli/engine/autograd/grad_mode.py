"""`torch.autograd.grad_mode`: the modes of recording, where PyTorch has them, the layout of gradients, and versions that stay."""

from typing import Any

from tensorcli.engine.autograd.modes import (
    Context,
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from tensorcli.engine.tensor import Tensor

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


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
