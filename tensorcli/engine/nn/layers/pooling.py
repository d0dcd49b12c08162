"""Pooling, and padding by constants, by reflection, by replication, and circular padding."""

from functools import partial
from typing import Any

from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn.layers import layer, normalised, numbers

pooling = partial(layer, place="pooling")


def _steps(count: int | None, *names: str) -> Any:
    """A stride that is not given is the kernel's size; `count` numbers of each, where PyTorch makes them so."""

    def prepare(module: Any) -> None:
        if module.stride is None:
            module.stride = module.kernel_size
        if count is not None:
            normalised(count, *names)(module)

    return prepare


_MaxPoolNd = pooling(
    "_MaxPoolNd(kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)",
    "",
    "kernel_size stride padding dilation ceil_mode",
    prepare=_steps(None),
)


def _max_pool(n: int) -> Any:
    def forward(self: Any, input: Any) -> Any:
        return getattr(F, f"max_pool{n}d")(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    return pooling(f"MaxPool{n}d()", forward, base=_MaxPoolNd, like=F.max_pool2d)


def _unpool(name: str) -> Any:
    return lambda self, input, indices, output_size=None: getattr(F, name)(
        input, indices, self.kernel_size, self.stride, self.padding, output_size
    )


MaxPool1d, MaxPool2d, MaxPool3d = (_max_pool(n) for n in (1, 2, 3))
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (
    pooling(
        f"MaxUnpool{n}d(kernel_size, stride=None, padding=0)",
        _unpool(f"max_unpool{n}d"),
        "kernel_size stride padding",
        prepare=_steps(n, "kernel_size", "stride", "padding"),
        like=F.max_unpool2d,
    )
    for n in (1, 2, 3)
)
AvgPool1d = pooling(
    "AvgPool1d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)",
    "avg_pool1d",
    "kernel_size stride padding",
    prepare=_steps(1, "kernel_size", "stride", "padding"),
)
AvgPool2d, AvgPool3d = (
    pooling(
        f"AvgPool{n}d(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)",
        f"avg_pool{n}d",
        "kernel_size stride padding",
        prepare=_steps(None),
    )
    for n in (2, 3)
)


def _lp_pool(n: int) -> Any:
    def forward(self: Any, input: Any) -> Any:
        return getattr(F, f"lp_pool{n}d")(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    return pooling(f"LPPool{n}d()", forward, base=_LPPoolNd, like=F.lp_pool2d)


_LPPoolNd = pooling(
    "_LPPoolNd(norm_type, kernel_size, stride=None, ceil_mode=False)",
    "",
    "norm_type kernel_size stride ceil_mode",
)
LPPool1d, LPPool2d, LPPool3d = (_lp_pool(n) for n in (1, 2, 3))
_AdaptiveMaxPoolNd = pooling("_AdaptiveMaxPoolNd(output_size, return_indices=False)", "", "output_size")
_AdaptiveAvgPoolNd = pooling("_AdaptiveAvgPoolNd(output_size)", "", "output_size")


def _adaptive(name: str, functional: str, base: Any, *names: str) -> Any:
    def forward(self: Any, input: Any) -> Any:
        return getattr(F, functional)(input, *(getattr(self, name) for name in names))

    return pooling(f"{name}()", forward, base=base, like=getattr(F, functional))


AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (
    _adaptive(
        f"AdaptiveMaxPool{n}d", f"adaptive_max_pool{n}d", _AdaptiveMaxPoolNd, "output_size", "return_indices"
    )
    for n in (1, 2, 3)
)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (
    _adaptive(f"AdaptiveAvgPool{n}d", f"adaptive_avg_pool{n}d", _AdaptiveAvgPoolNd, "output_size")
    for n in (1, 2, 3)
)

# ---- padding


def _pad_base(name: str, forward: Any, shows: str = ":padding") -> Any:
    """What the classes for 1 to 3 dimensions have in common: PyTorch's complaints name the base, which has `forward`."""
    return layer(f"{name}()", forward, shows, place="padding", like=F.pad)


def _circular(self: Any, input: Any) -> Any:
    n = len(self.padding) // 2
    if input.dim() not in (n + 1, n + 2):
        raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
    return F.pad(input, self.padding, "circular")


_CircularPadNd = _pad_base("_CircularPadNd", _circular)
_ReflectionPadNd = _pad_base("_ReflectionPadNd", lambda self, input: F.pad(input, self.padding, "reflect"))
_ReplicationPadNd = _pad_base(
    "_ReplicationPadNd", lambda self, input: F.pad(input, self.padding, "replicate")
)
_ConstantPadNd = _pad_base(
    "_ConstantPadNd",
    lambda self, input: F.pad(input, self.padding, "constant", self.value),
    "padding value",
)


def _pads(base: Any, parameters: str = "padding") -> Any:
    return (
        layer(
            f"{base.__name__[1:-2]}{n}d({parameters})",
            place="padding",
            base=base,
            prepare=normalised(2 * n, "padding"),
            like=F.pad,
        )
        for n in (1, 2, 3)
    )


CircularPad1d, CircularPad2d, CircularPad3d = _pads(_CircularPadNd)
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _pads(_ReflectionPadNd)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _pads(_ReplicationPadNd)
ConstantPad1d, ConstantPad2d, ConstantPad3d = _pads(_ConstantPadNd, "padding, value")


def _zero_pad(n: int, base: Any) -> Any:
    def prepare(module: Any) -> None:
        module.padding = numbers(module.padding, 2 * n)
        module.value = 0.0

    return layer(
        f"ZeroPad{n}d(padding)", "", ":padding", place="padding", base=base, prepare=prepare, like=F.pad
    )


ZeroPad1d, ZeroPad2d, ZeroPad3d = (
    _zero_pad(n, base) for n, base in enumerate((ConstantPad1d, ConstantPad2d, ConstantPad3d), 1)
)


def _fractional(n: int) -> Any:
    name = f"FractionalMaxPool{n}d"

    def prepare(module: Any) -> None:
        samples = module.__dict__.pop("_random_samples")
        module.register_buffer("_random_samples", samples)
        given = module.kernel_size
        if (
            n == 3
            and isinstance(given, int | tuple | list)
            and not all(each > 0 for each in numbers(given, n))
        ):
            raise ValueError(f"kernel_size must be greater than 0, but got {given}")
        module.kernel_size = numbers(given, n)
        size, ratio = module.output_size, module.output_ratio
        module.output_size = None if size is None else numbers(size, n)
        module.output_ratio = None if ratio is None else numbers(ratio, n)
        if size is None and ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if size is not None and ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if ratio is not None and not all(0 < module.output_ratio[place] < 1 for place in range(n)):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {ratio})")

    return pooling(
        f"{name}(kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None)",
        f"fractional_max_pool{n}d",
        prepare=prepare,
    )


FractionalMaxPool2d, FractionalMaxPool3d = (_fractional(n) for n in (2, 3))
