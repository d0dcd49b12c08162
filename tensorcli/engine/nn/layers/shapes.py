"""Modules without numbers of their own that rearrange or resize what they are given."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn.layers import layer
from tensorcli.engine.nn.module import Module

Flatten = layer(
    "Flatten(start_dim=1, end_dim=-1)",
    lambda self, input: input.flatten(self.start_dim, self.end_dim),
    "start_dim end_dim",
    place="flatten",
    like=functions.flatten,
)


def _checked_sizes(module: Any) -> None:
    sizes = module.unflattened_size
    if not isinstance(sizes, tuple | list):
        raise TypeError(f"unflattened_size must be a tuple of ints, but found type {type(sizes).__name__}")
    for place, size in enumerate(sizes):
        if not isinstance(size, int):
            raise TypeError(
                f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at pos {place}"
            )


Unflatten = layer(
    "Unflatten(dim, unflattened_size)",
    lambda self, input: input.unflatten(self.dim, self.unflattened_size),
    "dim unflattened_size",
    place="flatten",
    prepare=_checked_sizes,
    like=functions.unflatten,
)
PixelShuffle = layer("PixelShuffle(upscale_factor)", "pixel_shuffle", "upscale_factor", place="pixelshuffle")
PixelUnshuffle = layer(
    "PixelUnshuffle(downscale_factor)", "pixel_unshuffle", "downscale_factor", place="pixelshuffle"
)
ChannelShuffle = layer("ChannelShuffle(groups)", "channel_shuffle", "groups", place="channelshuffle")
Fold = layer(
    "Fold(output_size, kernel_size, dilation=1, padding=0, stride=1)",
    "fold",
    "output_size kernel_size dilation padding stride",
    place="fold",
)
Unfold = layer(
    "Unfold(kernel_size, dilation=1, padding=0, stride=1)",
    "unfold",
    "kernel_size dilation padding stride",
    place="fold",
)


class Upsample(Module):
    """The input resampled to a size, or by a factor."""

    __module__ = "torch.nn.modules.upsampling"

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(map(float, scale_factor))
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """The input resampled."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The factor, or else the size, and the mode."""
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode nearest."""

    __module__ = "torch.nn.modules.upsampling"

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode bilinear and aligned corners."""

    __module__ = "torch.nn.modules.upsampling"

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


LocalResponseNorm = layer(
    "LocalResponseNorm(size, alpha=1e-4, beta=0.75, k=1.0)",
    "local_response_norm",
    ":size alpha beta k",
    place="normalization",
)
