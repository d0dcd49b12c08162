"""Images resampled to a size, and the grids of affine maps.

Every resampling here is separable: along one dimension each output element is a few input elements (taps) with weights,
so that an operator is a table of taps for each of its dimensions, and its gradient is the transpose of the same table.
"""

from functools import partial

import numpy as np

from tensorcli.engine import allocation, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops import _registers, _resampling
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import widened

_EXACT = partial(_resampling.nearest, shift=0.5)
_KINDS = (
    ("upsample_nearest1d", 1, _resampling.nearest, False),
    ("upsample_nearest2d", 2, _resampling.nearest, False),
    ("upsample_nearest3d", 3, _resampling.nearest, False),
    ("_upsample_nearest_exact1d", 1, _EXACT, False),
    ("_upsample_nearest_exact2d", 2, _EXACT, False),
    ("_upsample_nearest_exact3d", 3, _EXACT, False),
    ("upsample_linear1d", 1, _resampling.linear, True),
    ("upsample_bilinear2d", 2, _resampling.linear, True),
    ("upsample_trilinear3d", 3, _resampling.linear, True),
    ("upsample_bicubic2d", 2, _resampling.cubic, True),
    ("_upsample_bilinear2d_aa", 2, _resampling.smooth, True),
    ("_upsample_bicubic2d_aa", 2, partial(_resampling.smooth, reach=4, weigh=_resampling.smooth_cubic), True),
    ("_upsample_lanczos2d_aa", 2, partial(_resampling.smooth, reach=6, weigh=_resampling.lanczos), True),
)
"""The operators: name, spatial dimensions, where their taps are, whether they take align_corners."""

_OF_GRADIENT = {
    _resampling.nearest: _resampling.nearest_by_index,
    _resampling.cubic: _resampling.cubic_backward,
}
"""Where the taps of a gradient are, for the kinds of which PyTorch's gradient looks elsewhere."""


# ---- the operators


def _check(n, sizes, output):
    """Errors: RuntimeError with PyTorch's texts."""
    if len(output) != n:
        raise RuntimeError(
            f"It is expected output_size equals to {n}, but got size {len(output)}"
        )  # fmt: skip
    if len(sizes) != n + 2:
        raise RuntimeError(f"It is expected input_size equals to {n + 2}, but got size {len(sizes)}")
    if min(*sizes[2:], *output) <= 0:
        letters = "DHW"[-n:]
        given = [
            ", ".join(f"{a}: {b}" for a, b in zip(letters, part, strict=True)) for part in (sizes[2:], output)
        ]
        if n == 1:
            given = [part.removeprefix("W: ") for part in given]
            raise RuntimeError(
                f"Input and output sizes should be greater than 0, but got input (W: {given[0]}) and output (W: {given[1]})"
            )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given[0]}) output ({given[1]})"
        )
    if 0 in sizes[1:]:
        raise RuntimeError(
            f"Non-empty {n + 2}D data tensor expected but got a tensor with sizes {messages.numbers(sizes)}"
        )


def _size(own, output_size, scales):
    """The size that is asked for, be it by factors. Errors: RuntimeError for none, both, or another number of dimensions."""
    if (output_size is None) is (scales is None):
        raise RuntimeError("Must specify exactly one of output_size and scale_factors")
    given, name = (scales, "scale_factors") if output_size is None else (output_size, "output_size")
    if len(given) != len(own):
        raise RuntimeError(
            f"Expected static_cast<int64_t>({name}->size()) == spatial_dimensions to be true, but got false.  (Could this "
            "error message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    if scales is None:
        return output_size
    sizes = [size * factor for size, factor in zip(own, scales, strict=True)]
    if not all(-(2.0**63) <= size < 2.0**63 for size in sizes):
        raise messages.overflow("int64_t")
    return [int(size) for size in sizes]


def _refused(name):
    """The kernel that PyTorch names where it has none for a dtype."""
    kind = "nearest" if "nearest" in name else "cubic" if "cubic" in name else "linear"
    return f"compute_indices_weights_{kind}"


_DOUBLE = np.dtype(np.float64)

_SMALL = 128
"""The height and width of an output up to which PyTorch resamples pixel by pixel."""


def _by_pixel(images, output):
    """Whether PyTorch resamples images pixel by pixel: to small ones, and where many channels lie side by side."""
    return sum(output) <= _SMALL or (images.shape[1] > 3 and images.strides[1] == images.itemsize)


def _declare(name, n, taps, aligned):
    letters = ("d", "h", "w")[-n:]
    names = ("scales",) if n == 1 else tuple(f"scales_{letter}" for letter in letters)
    corners = "bool align_corners, " if aligned else ""
    rest = corners + ", ".join(f"float? {scale}=None" for scale in names)

    refused = _refused(name)
    is_cubic = taps is _resampling.cubic
    of_gradient = _OF_GRADIENT.get(taps, taps)

    def forward(xp, self, output_size, *settings):
        _check(n, self.shape, output_size)
        kernel = refused
        if n == 2 and "cubic" not in name and sum(output_size) <= _SMALL:
            kernel = f"upsample_{'nearest' if 'nearest' in name else 'bilinear'}2d_channels_last"
        bytes_too = "nearest" in name or n == 2
        if self.dtype.kind in "cbi" or (self.dtype.kind == "u" and not bytes_too):
            refuse(self, kernel, "cbiu")
        align_corners, scales = (settings[0], settings[1:]) if aligned else (False, settings)
        if self.dtype == np.uint8 and aligned:
            table = _resampling.table(xp, taps, _DOUBLE, self.shape[2:], output_size, align_corners, scales)
            return _resampling.gathered_bytes(xp, self, table)
        by_pixel = n == 2 and _by_pixel(self, output_size)
        own = _resampling.nearest_by_index if by_pixel and taps is _resampling.nearest else taps
        table = _resampling.table(xp, own, self.dtype, self.shape[2:], output_size, align_corners, scales)
        (wide,) = widened(self)
        if by_pixel and taps is _resampling.linear:
            return _resampling.gathered_by_pixel(wide, table, self.dtype).astype(self.dtype, copy=False)
        if _registers.is_reduced(self):
            table = _resampling.narrowed(table, self.dtype)
        return _resampling.gathered(wide, table).astype(self.dtype, copy=False)

    def backward(xp, grad_output, output_size, input_size, *settings):
        align_corners, scales = (settings[0], settings[1:]) if aligned else (False, settings)
        if is_cubic and tuple(input_size[2:]) == tuple(output_size):
            return grad_output.copy()
        table = _resampling.table(
            xp, of_gradient, grad_output.dtype, input_size[2:], output_size, align_corners, scales
        )
        return _resampling.scattered(xp, grad_output, table, input_size[2:], not is_cubic)

    # A formula's parameters name what it needs, so that each number of dimensions has its own.
    given = ", ".join((("align_corners",) if aligned else ()) + names)
    space = {"functions": functions}
    of_self = eval(
        f"lambda grad, output_size, self_sizes, {given}: "
        f"functions.{name}_backward(grad, output_size, self_sizes, {given})",
        space,
    )
    of_grad = eval(f"lambda grad, output_size, {given}: functions.{name}(grad, output_size, {given})", space)

    def wanted(input, output_size, *settings):
        scales = settings[-1]
        size = _size(input.size()[2:], output_size, scales)
        each = (None,) * n if scales is None else scales
        return direct(name, input, size, *settings[:-1], *each)

    wanted.__doc__ = "Resample the last dimensions to a size, or by factors."
    wanted.__module__ = __name__
    composite(
        f"{name}.vec(Tensor input, SymInt[]? output_size, {corners}float[]? scale_factors) -> Tensor",
        variants="function",
        namespace="nn",
    )(wanted)
    forward.__doc__ = "Resample the last dimensions to a size."
    backward.__doc__ = f"The gradient of {name}."
    forward.__module__ = backward.__module__ = __name__
    op(
        f"{name}(Tensor self, SymInt[{n}] output_size, {rest}) -> Tensor",
        variants="function",
        namespace="nn",
        stepwise=REDUCED,
        self=of_self,
    )(forward)
    op(
        f"{name}_backward(Tensor grad_output, SymInt[{n}] output_size, SymInt[{n + 2}] input_size, {rest}) -> Tensor",
        variants="function",
        namespace="nn",
        grad_output=of_grad,
    )(backward)


for _kind in _KINDS:
    _declare(*_kind)


# ---- grids of affine maps


def _base_grid(xp, kind, size, align_corners):
    """The homogeneous coordinates of each element: (elements, dimensions + 1), the last dimension's coordinate first."""
    lines = []
    for count in size:
        line = xp.linspace(-1, 1, count, dtype=kind) if count > 1 else xp.zeros(1, kind)
        lines.append(line if align_corners else line * ((count - 1) / count))
    axes = xp.meshgrid(*lines, indexing="ij")
    return xp.stack([*reversed(axes), xp.ones_like(axes[0])], -1).reshape(-1, len(size) + 1).astype(kind)


@op(
    "affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor",
    out=False,
    variants="function",
    theta=lambda grad, size, align_corners: functions.affine_grid_generator_backward(
        grad, size, align_corners
    ),
)
def affine_grid_generator(xp, theta, size, align_corners):
    """The places in an input that an affine map takes each element of an output to."""
    base = _base_grid(xp, theta.dtype, size[2:], align_corners)
    if len(theta) != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {base.shape[1]}] but got: "
            f"[{len(theta)}, {base.shape[1]}]."
        )
    return (base @ theta.swapaxes(1, 2)).reshape(size[0], *size[2:], len(size) - 2)


@composite(
    "affine_grid_generator_backward(Tensor grad, SymInt[] size, bool align_corners) -> Tensor",
    variants="function",
)
def affine_grid_generator_backward(grad, size, align_corners):
    """The gradient of affine_grid_generator."""
    n = len(size) - 2
    flat = _base_grid(np, np.dtype(np.float64), size[2:], align_corners)
    base = allocation.adopt(flat.T.astype(grad.dtype.np), grad.dtype, grad.device)
    return base.expand(size[0], *flat.T.shape).bmm(grad.reshape(size[0], -1, n)).transpose(1, 2)
