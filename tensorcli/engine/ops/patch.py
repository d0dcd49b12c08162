"""Patches as columns, and channels as pixels."""

from itertools import product
from math import prod

from tensorcli.engine import geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._convolution import padded, windows_of
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.ops._windows import columns, patches


@op(
    "im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor",
    variants="function",
    namespace="nn",
    self=lambda grad, self_argsize_minus_2, self_argsize_minus_1, kernel_size, dilation, padding, stride: (
        functions.col2im(
            grad, (self_argsize_minus_2, self_argsize_minus_1), kernel_size, dilation, padding, stride
        )
    ),
)
def im2col(xp, self, kernel_size, dilation, padding, stride):
    """The patches of images that a kernel sees, as columns."""
    patches(self, kernel_size, dilation, padding, stride)
    single = self.ndim == 3
    x = self[None] if single else self
    windows = windows_of(xp, padded(xp, x, padding), kernel_size, stride, dilation)
    columns = windows.transpose(0, 1, 4, 5, 2, 3)
    batch, channels, kh, kw, height, width = columns.shape
    result = columns.reshape(batch, channels * kh * kw, height * width)
    return result[0] if single else result


@op(
    "col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) "
    "-> Tensor",
    variants="function",
    namespace="nn",
    self=lambda grad, kernel_size, dilation, padding, stride: functions.im2col(
        grad, kernel_size, dilation, padding, stride
    ),
)
def col2im(xp, self, output_size, kernel_size, dilation, padding, stride):
    """Patches added up to images: the transpose of im2col."""
    places = columns(self, output_size, kernel_size, dilation, padding, stride)
    single = self.ndim == 2
    x = self[None] if single else self
    kernel, sizes = kernel_size, output_size
    channels = x.shape[1] // (kernel[0] * kernel[1])
    parts = x.reshape(x.shape[0], channels, *kernel, *places)
    result = xp.zeros(
        (x.shape[0], channels, *(s + 2 * p for s, p in zip(sizes, padding, strict=True))), x.dtype
    )
    for at in product(range(kernel[0]), range(kernel[1])):
        where = tuple(
            slice(a * d, a * d + s * (m - 1) + 1, s)
            for a, d, s, m in zip(at, dilation, stride, places, strict=True)
        )
        result[(slice(None), slice(None), *where)] += parts[:, :, at[0], at[1]]
    result = result[:, :, padding[0] : padding[0] + sizes[0], padding[1] : padding[1] + sizes[1]]
    return result[0] if single else result


def _check_format(self):
    """PyTorch has no kernel for volumes with their channels last. Errors: RuntimeError."""
    if self.ndim == 5 and geometry.suggests_channels_last(own_geometry(self)):
        raise RuntimeError("Unsupported memory format. Supports only ChannelsLast, Contiguous")


def _check_image(self, name):
    if self.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {self.ndim} dimension(s)"
        )


@op(
    "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor",
    out=False,
    variants="function",
    self=lambda grad, upscale_factor: functions.pixel_unshuffle(grad, upscale_factor),
)
def pixel_shuffle(xp, self, upscale_factor):
    """Channels spread out over the image: (c r r, h, w) becomes (c, h r, w r)."""
    r = upscale_factor
    _check_image(self, "pixel_shuffle")
    *batch, channels, height, width = self.shape
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    _check_format(self)
    parts = self.reshape(prod(batch), channels // (r * r), r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
    return parts.reshape(*batch, channels // (r * r), height * r, width * r)


@op(
    "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor",
    out=False,
    variants="function",
    self=lambda grad, downscale_factor: functions.pixel_shuffle(grad, downscale_factor),
)
def pixel_unshuffle(xp, self, downscale_factor):
    """Blocks of the image stacked as channels: (c, h r, w r) becomes (c r r, h, w)."""
    r = downscale_factor
    _check_image(self, "pixel_unshuffle")
    *batch, channels, height, width = self.shape
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for name, at, size in (("height", -2, height), ("width", -1, width)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={size} is not "
                f"divisible by {r}"
            )
    _check_format(self)
    if not self.size:
        return self.copy()
    parts = self.reshape(prod(batch), channels, height // r, r, width // r, r).transpose(0, 1, 3, 5, 2, 4)
    return parts.reshape(*batch, channels * r * r, height // r, width // r)


@op(
    "channel_shuffle(Tensor self, SymInt groups) -> Tensor",
    out=False,
    variants="function",
    self=lambda grad, groups: functions.channel_shuffle(grad, grad.size(1) // groups),
)
def channel_shuffle(xp, self, groups):
    """The channels of several groups interleaved."""
    if self.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {messages.numbers(self.shape)}"
        )
    batch, channels, *rest = self.shape
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    return self.reshape(batch, groups, channels // groups, *rest).swapaxes(1, 2).reshape(self.shape)


@op("native_channel_shuffle(Tensor self, SymInt groups) -> Tensor", out=False, variants="function")
def native_channel_shuffle(xp, self, groups):
    """channel_shuffle without a gradient."""
    return channel_shuffle(xp, self, groups)
