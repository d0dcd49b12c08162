"""Normalisation of each element by the squares of its neighbours in other channels, as a function of its own."""

from typing import Any

from tensorcli.engine.autograd.function import Function
from tensorcli.engine.callers import functions
from tensorcli.engine.nn.module import Module


def _windows(squares: Any, size: int) -> Any:
    """The sum over the channels around each one, from the sum before it by what enters and what leaves.

    As in PyTorch, what leaves does so one channel late.
    """
    result = squares.new().resize_as_(squares)
    channels, reach = squares.size(1), int((size - 1) / 2 + 1)
    running = result.select(1, 0).zero_()
    for channel in range(min(reach, channels)):
        running.add_(squares.select(1, channel))
    for channel in range(1, channels):
        running = result.select(1, channel).copy_(running)
        if channel + reach <= channels:
            running.add_(squares.select(1, channel + reach - 1))
        if channel > reach:
            running.sub_(squares.select(1, channel - reach))
    return result


class _Normalised(Function):
    @staticmethod
    def forward(ctx: Any, input: Any, size: int, alpha: float, beta: float, k: float) -> Any:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        ctx.size, ctx.alpha, ctx.beta = size, alpha, beta
        output = input.new().resize_as_(input)
        squares = functions.pow(input, 2, out=output)
        ctx.scale = _windows(squares, size).mul_(alpha / size).add_(k)
        functions.pow(ctx.scale, -beta, out=output).mul_(input)
        ctx.save_for_backward(input, output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        input, output = ctx.saved_tensors
        size, channels = ctx.size, input.size(1)
        result = grad.new().resize_as_(input)
        functions.pow(ctx.scale, -ctx.beta, out=result).mul_(grad)
        shares = input.new_zeros((input.size(0), channels + size - 1, *input.shape[2:]))
        inner = shares.narrow(1, int(size - (size - 1) / 2), channels)
        functions.mul(grad, output, out=inner)
        inner.div_(ctx.scale)
        running = shares.narrow(1, 0, size - 1).sum(1)
        factor = -2 * ctx.alpha * ctx.beta / size
        for channel in range(channels):
            running.add_(shares.select(1, channel + size - 1))
            result.select(1, channel).addcmul_(input.select(1, channel), running, value=factor)
            running.sub_(shares.select(1, channel))
        return result, None, None, None, None


_Normalised.__name__ = _Normalised.__qualname__ = "CrossMapLRN2d"


class CrossMapLRN2d(Module):
    """Each element over a power of the squares of its neighbours in other channels: `size` channels wide, (N, C, H, W).

    Errors: ValueError for another number of dimensions.
    """

    __module__ = "torch.nn.modules.normalization"

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Any) -> Any:
        """The input, normalised across channels."""
        return _Normalised.apply(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
