"""Convolutions, and their transposes."""

from types import FunctionType
from typing import Any

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn.layers import numbers
from tensorcli.engine.nn.layers.linear import draw_weight_and_bias, empty
from tensorcli.engine.nn.module import Module

_PADDINGS = "{'same', 'valid'}"
_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What convolutions of all dimensions have in common. `n`: how many dimensions."""

    __module__ = "torch.nn.modules.conv"
    n: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: Any,
        dilation: tuple[int, ...],
        transposed: bool,
        output_padding: tuple[int, ...],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count % groups != 0:
                raise ValueError(f"{name} must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {_PADDINGS}")
            if padding == "same" and any(each != 1 for each in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        first, second = (
            (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        )
        self.weight = empty((first, second, *kernel_size), device=device, dtype=dtype)
        self.register_parameter("bias", empty(out_channels, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        with no_grad():
            draw_weight_and_bias(self)

    def extra_repr(self) -> str:
        """The channels and the kernel, and the settings that are not the usual ones."""
        shown = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ]
        if self.padding != (0,) * len(self.padding):
            shown.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            shown.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            shown.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            shown.append(f"groups={self.groups}")
        if self.bias is None:
            shown.append("bias=False")
        if self.padding_mode != "zeros":
            shown.append(f"padding_mode={self.padding_mode}")
        return ", ".join(shown)


class _Conv(_ConvNd):
    __module__ = "torch.nn.modules.conv"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        kernel, strides, dilations, none = (
            numbers(each, self.n) for each in (kernel_size, stride, dilation, 0)
        )
        borders = padding if isinstance(padding, str) else numbers(padding, self.n)
        geometry = (in_channels, out_channels, kernel, strides, borders, dilations, False, none)
        super().__init__(*geometry, groups, bias, padding_mode, device, dtype)

    @property
    def _reversed_padding_repeated_twice(self) -> list[int] | tuple[int, ...]:
        """How much `F.pad` adds where the padding is not by zeros."""
        if not isinstance(self.padding, str):
            return tuple(each for each in reversed(self.padding) for _ in range(2))
        found = []
        for dilation, kernel in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True):
            total = dilation * (kernel - 1) if self.padding == "same" else 0
            found += [total // 2, total - total // 2]
        return found

    def forward(self, input: Any) -> Any:
        """The convolution of the input with the weight, plus the bias."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = (
                F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode),
                (0,) * self.n,
            )
        convolve = getattr(F, f"conv{self.n}d")
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    __module__ = "torch.nn.modules.conv"
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        kernel, strides, borders, dilations, more = (
            numbers(each, self.n) for each in (kernel_size, stride, padding, dilation, output_padding)
        )
        geometry = (in_channels, out_channels, kernel, strides, borders, dilations, True, more)
        super().__init__(*geometry, groups, bias, padding_mode, device, dtype)

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """The transposed convolution; `output_size` chooses among the sizes that the stride leaves open."""
        more = self.output_padding if output_size is None else self._more(input, output_size)
        convolve = getattr(F, f"conv_transpose{self.n}d")
        return convolve(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )

    def _more(self, input: Any, wanted: Any) -> list[int]:
        """What is added to the smallest possible size. Errors: ValueError for a size that cannot be."""
        n = self.n
        before = 2 if input.dim() == n + 2 else 1
        sizes = wanted[before:] if len(wanted) == before + n else wanted
        if len(sizes) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or {before + n} elements (got "
                f"{len(sizes)})"
            )
        least = [
            (input.size(d + before) - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(n)
        ]
        most = [low + step - 1 for low, step in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, sizes, most, strict=True)):
            raise ValueError(
                f"requested an output size of {sizes}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.size()[2:]})"
            )
        return [size - low for size, low in zip(sizes, least, strict=True)]


def _convolution(base: Any, name: str, n: int) -> Any:
    """The class for n dimensions, whose complaints about arguments are in its own name."""
    space = {each: _named(vars(base)[each], f"{name}.{each}") for each in ("__init__", "forward")}
    space["__doc__"] = getattr(F, f"conv{'_transpose' if base.transposed else ''}{n}d").__doc__
    return type(name, (base,), {"n": n, "__module__": base.__module__, "__qualname__": name, **space})


def _named(function: Any, qualified: str) -> Any:
    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__qualname__ = qualified
    made.__doc__ = function.__doc__
    return made


Conv1d, Conv2d, Conv3d = (_convolution(_Conv, f"Conv{n}d", n) for n in (1, 2, 3))
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = (
    _convolution(_ConvTransposeNd, f"ConvTranspose{n}d", n) for n in (1, 2, 3)
)
