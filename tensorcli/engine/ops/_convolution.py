"""Convolutions of arrays in any number of dimensions, and what PyTorch refuses of them, in its words.

x has the sizes (batch, channels, *spatial), w (outputs, channels / groups, *kernel). No operators are declared here.
"""

from itertools import product
from math import prod

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.dtypes import can_cast, from_numpy_dtype, is_reduced
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._windows import positive


def windows_of(xp, array, kernel, stride, dilation):
    """What a kernel of these sizes sees at each position, as a view: (batch, channels, *positions, *kernel)."""
    spatial = tuple(range(2, array.ndim))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    seen = xp.lib.stride_tricks.sliding_window_view(array, reach, axis=spatial)
    steps = tuple(slice(None, None, s) for s in stride)
    inside = tuple(slice(None, None, d) for d in dilation)
    return seen[(slice(None), slice(None), *steps, *inside)]


def padded(xp, array, padding):
    """x with zeros around each spatial dimension: `padding` of them on both sides."""
    return xp.pad(array, [(0, 0), (0, 0), *((p, p) for p in padding)]) if any(padding) else array


def _slices(total, groups):
    """`total` channels in a number of groups of one size."""
    size = total // groups
    return [slice(g * size, (g + 1) * size) for g in range(groups)]


def correlate(xp, x, w, stride, padding, dilation, groups):
    """The convolution of x by w: (batch, outputs, *positions)."""
    n = w.ndim - 2
    windows = windows_of(xp, padded(xp, x, padding), w.shape[2:], stride, dilation)
    axes = ((1, *range(2 + n, 2 + 2 * n)), (1, *range(2, 2 + n)))
    parts = [
        xp.tensordot(windows[:, c], w[o], axes)
        for c, o in zip(_slices(x.shape[1], groups), _slices(w.shape[0], groups), strict=True)
    ]
    return xp.ascontiguousarray(xp.moveaxis(xp.concatenate(parts, axis=-1), -1, 1))


def spread(xp, y, w, sizes, stride, padding, dilation, groups):
    """The transpose of `correlate` for x, whose spatial sizes are `sizes`: the gradient for x where y is the one of the result.

    PyTorch keeps the products in columns of the dtype and adds them up in it.
    """
    n = w.ndim - 2
    whole = [s + 2 * p for s, p in zip(sizes, padding, strict=True)]
    own = y.dtype if y.dtype == w.dtype else xp.result_type(y, w)
    y, w = widened(y, w)
    result = xp.zeros((y.shape[0], w.shape[1] * groups, *whole), own)
    channels = _slices(result.shape[1], groups)
    for c, o in zip(channels, _slices(w.shape[0], groups), strict=True):
        parts = xp.tensordot(y[:, o], w[o], ((1,), (0,)))
        parts = xp.moveaxis(parts, 1 + n, 1).astype(own, copy=False)
        for at in product(*(range(k) for k in w.shape[2:])):
            where = tuple(
                slice(a * d, a * d + s * (m - 1) + 1, s)
                for a, d, s, m in zip(at, dilation, stride, y.shape[2:], strict=True)
            )
            result[(slice(None), c, *where)] += parts[(..., *at)]
    return result[(slice(None), slice(None), *(slice(p, p + s) for p, s in zip(padding, sizes, strict=True)))]


def weights(xp, y, x, kernel, stride, padding, dilation, groups):
    """The transpose of `correlate` for w: the gradient for w where y is the one of the result.

    PyTorch adds up sample by sample, in the dtype.
    """
    n = len(kernel)
    own = x.dtype
    if is_reduced(own) and len(x):
        total, *others = (
            weights(xp, *widened(y[i : i + 1], x[i : i + 1]), kernel, stride, padding, dilation, groups)
            for i in range(len(x))
        )
        total = total.astype(own)
        for one in others:
            total = (total.astype(one.dtype) + one).astype(own)
        return total
    windows = windows_of(xp, padded(xp, x, padding), kernel, stride, dilation)
    windows = windows[(slice(None), slice(None), *(slice(0, m) for m in y.shape[2:]))]
    axes = ((0, *range(2, 2 + n)), (0, *range(2, 2 + n)))
    parts = [
        xp.tensordot(y[:, o], windows[:, c], axes)
        for o, c in zip(_slices(y.shape[1], groups), _slices(x.shape[1], groups), strict=True)
    ]
    return xp.concatenate(parts, axis=0)


# ---- what PyTorch refuses


def check(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Refuse what does not go together, in PyTorch's order. Errors: RuntimeError, NotImplementedError."""
    n = weight.ndim - 2
    _check_settings(input, weight, stride, padding, dilation, output_padding, groups)
    _check_sizes(input, weight, bias, padding, dilation, transposed, groups)
    positive(weight, dilation, transposed)
    if not all(input.shape[2:]) and len(input) and input.shape[1]:
        plane = input.shape if n > 1 else (*input.shape[:2], 1, *input.shape[2:])
        raise RuntimeError(
            f"Only zero batch or zero channel inputs are supported, but got input shape: {messages.numbers(plane)}"
        )
    if input.size:
        if by_onednn(input, weight, groups):
            for name, one in (("weight", weight), ("bias", bias)):
                if one is not None and one.dtype != input.dtype:
                    raise RuntimeError(
                        f"Input type ({_type_text(input)}) and {name} type ({_type_text(one)}) should be the same or "
                        f"input should be a MKLDNN tensor and {name} is a dense tensor"
                    )
        _refuse_kinds(input, weight.shape[2:], dilation, transposed)
        for one in (weight, bias if n == 3 or not transposed else None):
            if one is not None and one.dtype != input.dtype:
                raise messages.expected_scalar_type(kind_of(input), kind_of(one))
    if transposed and bias is not None:
        target, added = (from_numpy_dtype(one.dtype) for one in (input, bias))
        if not can_cast(added, target):
            raise messages.result_cast(added.scalar_type, target.scalar_type)


def _check_settings(input, weight, stride, padding, dilation, output_padding, groups):
    """Refuse settings that no convolution can have. Errors: RuntimeError."""
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(o < 0 for o in output_padding):
        raise RuntimeError("negative output_padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d < 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if weight.ndim != input.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {messages.numbers(weight.shape)}, but "
            f"got {input.ndim}-dimensional input of size {messages.numbers(input.shape)} instead"
        )
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{messages.numbers(weight.shape)} instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"[{messages.numbers(weight.shape)}] instead"
        )


def _check_sizes(input, weight, bias, padding, dilation, transposed, groups):
    """Refuse numbers of channels and sizes that do not fit. Errors: RuntimeError."""
    n = weight.ndim - 2
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != channels:
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else 'groups=' + str(groups) + ', '}weight of size "
            f"{messages.numbers(weight.shape)}, expected input{messages.numbers(input.shape)} to have {channels} channels, "
            f"but got {input.shape[1]} channels instead"
        )
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != outputs):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {messages.numbers(weight.shape)}, expected bias "
            f"to be 1-dimensional with {outputs} elements, but got bias of size {messages.numbers(bias.shape)} instead"
        )
    whole = [s + 2 * p for s, p in zip(input.shape[2:], padding, strict=True)]
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    if not transposed and any(w < r for w, r in zip(whole, reach, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, whole))}). Kernel size: "
            f"({' x '.join(map(str, reach))}). Kernel size can't be greater than actual input size"
        )
    return n


def check_parts(input, weight, bias):
    """Refuse complex numbers whose dtypes differ: PyTorch looks at that before anything else. Errors: RuntimeError."""
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one.dtype != input.dtype:
            raise RuntimeError(
                f"Input type ({_type_text(input)}) and {name} type ({_type_text(one)}) should be the same"
            )


def _refuse_kinds(input, kernel_size, dilation, transposed):
    """Refuse dtypes that PyTorch's kernel for this kind of convolution is not compiled for. Errors: NotImplementedError."""
    n = input.ndim - 2
    plane = max(n, 2)
    if transposed:
        kernel, few = f"slow_conv_transpose{plane}d_out_cpu", True
    elif any(d != 1 for d in dilation):
        kernel, few = "slow_conv_dilated<>", True
    else:
        copies = n == 3 and any(k != 1 for k in kernel_size)
        kernel, few = "compute_columns3d" if copies else f"slow_conv{plane}d_cpu", False
    if input.dtype.kind == "b" or (few and input.dtype.kind in "iu" and input.dtype != np.int64):
        raise messages.not_implemented(kernel, kind_of(input))


def by_onednn(input, weight, groups):
    """Whether PyTorch gives this convolution to oneDNN (aten/src/ATen/native/Convolution.cpp, use_mkldnn).

    That is as on processors that do not compute in float16 and bfloat16 themselves.
    """
    if input.dtype != np.float32:
        return False
    sizes = input.shape if input.ndim > 3 else (*input.shape[:2], 1, *input.shape[2:])
    kernel = weight.shape if weight.ndim > 3 else (*weight.shape[:2], 1, *weight.shape[2:])
    return groups > 1 or min(kernel[-2:]) > 3 or sizes[0] > 1 or prod(sizes[:4]) > 20480


def _type_text(array):
    """The type of a tensor in the words of these complaints (torch.FloatTensor), or its backend's where it has no class."""
    return from_numpy_dtype(array.dtype).tensor_type
