"""`Tensor.resize` and `resize_as`, which PyTorch keeps for old programs: views of another shape with a gradient of their own."""

from functools import reduce
from operator import mul
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.tensor import Tensor


class Resize(Function):
    """The elements of a tensor in another shape. It multiplies whatever it is given as sizes, as PyTorch's does."""

    __module__ = "torch.autograd._functions.tensor"

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, sizes: Any) -> Any:
        numel = reduce(mul, sizes, 1)
        if tensor.numel() != numel:
            shape, wanted = ("x".join(map(str, one)) for one in (tensor.shape, sizes))
            raise RuntimeError(
                f"requested resize to {wanted} ({numel} elements in total), but the given tensor has a size of {shape} "
                f"({tensor.numel()} elements). autograd's resize can only change the shape of a given tensor, while preserving "
                "the number of elements. "
            )
        ctx.input_sizes = tensor.shape
        return (tensor.new(tensor) if tensor.is_contiguous() else tensor.contiguous()).view(*sizes)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad.contiguous().view(ctx.input_sizes), None


def resize(self: Tensor, *sizes: Any) -> Any:
    """The same elements in another shape (deprecated: `reshape`). Errors: RuntimeError for another number of elements."""
    messages.warn("non-inplace resize is deprecated")
    return Resize.apply(self, sizes)


def resize_as(self: Tensor, tensor: Tensor) -> Any:
    """The same elements in the shape of another tensor (deprecated: `reshape_as`). Errors: as `resize`."""
    messages.warn("non-inplace resize_as is deprecated")
    return Resize.apply(self, tensor.size())
