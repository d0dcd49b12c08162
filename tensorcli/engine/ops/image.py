"""Images read at other places: resampling to a size, and at the places that a grid names.

Every resampling here is separable: along one dimension each output element is a few input elements (taps) with weights,
so that an operator is a table of taps for each of its dimensions, and its gradient is the transpose of the same table.
"""

from functools import partial

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.op import functions, op

# ---- where the elements of an output come from, along one dimension


def _scale(kind, size, count, align_corners, scale):
    """How far in the input one step in the output is (aten/src/ATen/native/UpSample.h)."""
    if align_corners:
        return kind.type((size - 1) / kind.type(count - 1)) if count > 1 else kind.type(0)
    return kind.type(1.0 / scale if scale is not None and scale > 0 else size / count)


def _nearest(kind, size, count, align_corners, scale, shift=0.0):
    if scale is None and size == count:
        return np.arange(count)[:, None], np.ones((count, 1), kind)
    # PyTorch computes these places in single precision whatever the dtype is.
    single = np.dtype(np.float32)
    step = _scale(single, size, count, False, scale)
    places = np.floor((np.arange(count, dtype=single) + single.type(shift)) * step).astype(np.int64)
    return np.minimum(places, size - 1)[:, None], np.ones((count, 1), kind)


def _source(kind, size, count, align_corners, scale):
    """The real coordinates in the input, and the step between them."""
    step = _scale(kind, size, count, align_corners, scale)
    places = np.arange(count, dtype=kind)
    half = kind.type(0.5)
    return (places * step if align_corners else (places + half) * step - half), step


def _linear(kind, size, count, align_corners, scale):
    if scale is None and size == count:
        return np.arange(count)[:, None], np.ones((count, 1), kind)
    at = np.maximum(_source(kind, size, count, align_corners, scale)[0], 0)
    low = np.minimum(at.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    part = np.clip(at - low.astype(kind), 0, 1)
    return np.stack([low, high], 1), np.stack([1 - part, part], 1).astype(kind)


def _near_cubic(x, a):
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far_cubic(x, a):
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def _cubic_weights(part, a=-0.75):
    """The four weights of cubic convolution for the distance from the second tap (Keys, 1981)."""
    rest = 1 - part
    return [
        _far_cubic(part + 1, a), _near_cubic(part, a), _near_cubic(rest, a), _far_cubic(rest + 1, a)
    ]  # fmt: skip


def _cubic(kind, size, count, align_corners, scale):
    if scale is None and size == count:
        return np.arange(count)[:, None], np.ones((count, 1), kind)
    at = _source(kind, size, count, align_corners, scale)[0]
    low = np.minimum(np.floor(at), size - 1)
    part = np.clip(at - low, 0, 1).astype(kind)
    places = np.clip(low.astype(np.int64)[:, None] + np.arange(-1, 3), 0, size - 1)
    return places, np.stack(_cubic_weights(part), 1).astype(kind)


def _triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def _smooth_cubic(x):
    x = np.abs(x)
    return np.where(x < 1, _near_cubic(x, -0.5), np.where(x < 2, _far_cubic(x, -0.5), 0))


def _lanczos(x):
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _smooth(kind, size, count, align_corners, scale, reach=2, weigh=_triangle):
    """Antialiasing: the kernel grows with the step, so that each input element has a share."""
    step = _scale(kind, size, count, align_corners, scale)
    half, one = kind.type(0.5), kind.type(1)
    support = kind.type(reach) * half * (step if step >= 1 else one)
    centre = step * (np.arange(count, dtype=kind) + half)
    first = np.maximum((centre - support + half).astype(np.int64), 0)
    length = np.minimum((centre + support + half).astype(np.int64), size) - first
    taps = np.arange(max(int(length.max(initial=1)), 1))
    places = first[:, None] + taps
    weights = weigh((places - centre[:, None] + half) * (one / step if step >= 1 else one)).astype(kind)
    weights[taps >= length[:, None]] = 0
    total = weights.sum(axis=1, keepdims=True)
    return np.minimum(places, size - 1), np.divide(weights, total, out=weights, where=total != 0)


_EXACT = partial(_nearest, shift=0.5)
_KINDS = (
    ("upsample_nearest1d", 1, _nearest, False),
    ("upsample_nearest2d", 2, _nearest, False),
    ("upsample_nearest3d", 3, _nearest, False),
    ("_upsample_nearest_exact1d", 1, _EXACT, False),
    ("_upsample_nearest_exact2d", 2, _EXACT, False),
    ("_upsample_nearest_exact3d", 3, _EXACT, False),
    ("upsample_linear1d", 1, _linear, True),
    ("upsample_bilinear2d", 2, _linear, True),
    ("upsample_trilinear3d", 3, _linear, True),
    ("upsample_bicubic2d", 2, _cubic, True),
    ("_upsample_bilinear2d_aa", 2, _smooth, True),
    ("_upsample_bicubic2d_aa", 2, partial(_smooth, reach=4, weigh=_smooth_cubic), True),
    ("_upsample_lanczos2d_aa", 2, partial(_smooth, reach=6, weigh=_lanczos), True),
)
"""The operators: name, spatial dimensions, where their taps are, whether they take align_corners."""


# ---- the operators


def _check(name, n, sizes, output):
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


def _table(taps, dtype, sizes, output, align_corners, scales):
    """The taps of each dimension, computed in at least single precision."""
    kind = dtype if dtype.kind == "f" else np.dtype(np.float32)
    return [taps(kind, s, o, align_corners, f) for s, o, f in zip(sizes, output, scales, strict=True)]


def _gathered(array, table):
    """Each dimension's taps, weighted and added, from the last dimension to the first as PyTorch does."""
    for back, (places, weights) in enumerate(reversed(table), 1):
        shape = (-1,) + (1,) * (back - 1)
        result = None
        for tap in range(places.shape[1]):
            part = array.take(places[:, tap], axis=-back)
            if places.shape[1] > 1:
                part = part * weights[:, tap].reshape(shape)
            result = part if result is None else result + part
        array = result
    return array


def _scattered(array, table, sizes):
    """The transpose of `_gathered`."""
    for back, ((places, weights), size) in enumerate(zip(reversed(table), reversed(sizes), strict=True), 1):
        moved = np.moveaxis(array, -back, 0)
        result = np.zeros((size, *moved.shape[1:]), array.dtype)
        shape = (-1,) + (1,) * (moved.ndim - 1)
        for tap in range(places.shape[1]):
            np.add.at(result, places[:, tap], moved * weights[:, tap].astype(array.dtype).reshape(shape))
        array = np.moveaxis(result, 0, -back)
    return array


def _declare(name, n, taps, aligned):
    letters = ("d", "h", "w")[-n:]
    names = ("scales",) if n == 1 else tuple(f"scales_{letter}" for letter in letters)
    corners = "bool align_corners, " if aligned else ""
    rest = corners + ", ".join(f"float? {scale}=None" for scale in names)

    def forward(xp, self, output_size, *settings):
        _check(name, n, self.shape, output_size)
        align_corners, scales = (settings[0], settings[1:]) if aligned else (False, settings)
        table = _table(taps, self.dtype, self.shape[2:], output_size, align_corners, scales)
        return _gathered(self, table).astype(self.dtype, copy=False)

    def backward(xp, grad_output, output_size, input_size, *settings):
        align_corners, scales = (settings[0], settings[1:]) if aligned else (False, settings)
        table = _table(taps, grad_output.dtype, input_size[2:], output_size, align_corners, scales)
        return _scattered(grad_output, table, input_size[2:])

    # A formula's parameters name what it needs, so that each number of dimensions has its own.
    given = ", ".join((("align_corners",) if aligned else ()) + names)
    space = {"functions": functions}
    of_self = eval(
        f"lambda grad, output_size, self_sizes, {given}: "
        f"functions.{name}_backward(grad, output_size, self_sizes, {given})",
        space,
    )
    of_grad = eval(f"lambda grad, output_size, {given}: functions.{name}(grad, output_size, {given})", space)
    forward.__doc__ = "Resample the last dimensions to a size."
    backward.__doc__ = f"The gradient of {name}."
    forward.__module__ = backward.__module__ = __name__
    op(
        f"{name}(Tensor self, SymInt[{n}] output_size, {rest}) -> Tensor",
        variants="function",
        namespace="nn",
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
