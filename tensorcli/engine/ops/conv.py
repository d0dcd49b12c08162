"""Convolutions and their transposes."""

from itertools import product
from math import prod

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED, can_cast, from_numpy_dtype, is_reduced
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import times
from tensorcli.engine.ops._windows import expanded, full, positive, transposed_sizes


def windows_of(xp, array, kernel, stride, dilation):
    """What a kernel sees at each position: (batch, channels, *positions, *kernel), a view."""
    spatial = tuple(range(2, array.ndim))
    reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    seen = xp.lib.stride_tricks.sliding_window_view(array, reach, axis=spatial)
    steps = tuple(slice(None, None, s) for s in stride)
    inside = tuple(slice(None, None, d) for d in dilation)
    return seen[(slice(None), slice(None), *steps, *inside)]


def padded(xp, array, padding):
    return xp.pad(array, [(0, 0), (0, 0), *((p, p) for p in padding)]) if any(padding) else array


def _slices(total, groups):
    size = total // groups
    return [slice(g * size, (g + 1) * size) for g in range(groups)]


def _correlate(xp, x, w, stride, padding, dilation, groups):
    """The forward convolution. x: (n, c, *s), w: (o, c / groups, *k)."""
    n = w.ndim - 2
    windows = windows_of(xp, padded(xp, x, padding), w.shape[2:], stride, dilation)
    axes = ((1, *range(2 + n, 2 + 2 * n)), (1, *range(2, 2 + n)))
    parts = [
        xp.tensordot(windows[:, c], w[o], axes)
        for c, o in zip(_slices(x.shape[1], groups), _slices(w.shape[0], groups), strict=True)
    ]
    return xp.ascontiguousarray(xp.moveaxis(xp.concatenate(parts, axis=-1), -1, 1))


def _spread(xp, y, w, sizes, stride, padding, dilation, groups):
    """The transpose of `_correlate` with respect to x, whose spatial sizes are `sizes`. PyTorch keeps the products in columns
    of the dtype, and adds those up in it.
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


def _weights(xp, y, x, kernel, stride, padding, dilation, groups):
    """The transpose of `_correlate` with respect to w. PyTorch adds up sample by sample, in the dtype."""
    n = len(kernel)
    own = x.dtype
    if is_reduced(own) and len(x):
        total, *others = (
            _weights(xp, *widened(y[i : i + 1], x[i : i + 1]), kernel, stride, padding, dilation, groups)
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


def _check_settings(input, weight, stride, padding, dilation, output_padding, groups):
    """Errors: RuntimeError with PyTorch's texts."""
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
    """Errors: RuntimeError with PyTorch's texts."""
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


def _double_backward(grads, grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed,
                     output_padding, groups, needs):  # fmt: skip
    """The gradients of the three gradients: convolution is linear in each of its inputs, so they are convolutions again."""
    rest = (stride, padding, dilation, transposed, output_padding, groups)
    of_input, of_weight, of_bias = grads
    of_grad = found_input = found_weight = None
    if needs[0]:
        if of_input is not None:
            of_grad = functions.convolution(of_input, weight, None, *rest)
        if of_weight is not None:
            part = functions.convolution(input, of_weight, None, *rest)
            of_grad = part if of_grad is None else of_grad + part
        if of_bias is not None:
            part = of_bias.view((1, -1) + (1,) * (weight.ndim - 2)).expand(grad_output.geometry.sizes)
            of_grad = part if of_grad is None else of_grad + part
    if needs[1] and of_weight is not None:
        found_input = direct(
            "convolution_backward", grad_output, input, of_weight, bias_sizes, *rest, [True, False, False]
        )[0]
    if needs[2] and of_input is not None:
        found_weight = direct(
            "convolution_backward", grad_output, of_input, weight, bias_sizes, *rest, [False, True, False]
        )[1]
    return of_grad, found_input, found_weight


@op(
    "convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, "
    "SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) "
    "-> (Tensor, Tensor, Tensor)",
    stepwise=REDUCED,
    variants="function",
    grad_output__input__weight=_double_backward,
)
def convolution_backward(xp, grad_output, input, weight, bias_sizes, stride, padding, dilation, transposed,
                         output_padding, groups, output_mask):  # fmt: skip
    """The gradients of a convolution for input, weight and bias."""
    n = weight.ndim - 2
    if not weight.size:
        shapes = (input.shape, weight.shape, tuple(bias_sizes or ()))
        return tuple(
            xp.zeros(shape, input.dtype) if wanted else None
            for shape, wanted in zip(shapes, output_mask, strict=True)
        )
    stride, padding, dilation = full(stride, n), full(padding, n), full(dilation, n)
    rest = (stride, padding, dilation, groups)
    of_input = of_weight = None
    if output_mask[0]:
        if transposed:
            of_input = _correlate(xp, *widened(grad_output, weight), *rest).astype(input.dtype, copy=False)
            of_input = of_input[(slice(None), slice(None), *(slice(0, s) for s in input.shape[2:]))]
        else:
            of_input = _spread(xp, grad_output, weight, input.shape[2:], *rest)
    if output_mask[1]:
        if transposed:
            of_weight = _weights(xp, input, grad_output, weight.shape[2:], *rest)
        else:
            of_weight = _weights(xp, grad_output, input, weight.shape[2:], *rest)
    of_bias = None
    if output_mask[2]:
        # Where the kernel is dilated, sample by sample too.
        parts = [grad_output] if transposed or all(d == 1 for d in dilation) else grad_output[:, None]
        for one in widened(*parts):
            found = one.sum(axis=(0, *range(2, one.ndim))).astype(grad_output.dtype, copy=False)
            of_bias = found if of_bias is None else of_bias + found
    return of_input, of_weight, of_bias


def _type_text(array):
    """The type of a tensor as PyTorch's old text has it: those without a tensor class of their own by their backend."""
    return from_numpy_dtype(array.dtype).tensor_type


@op(
    "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, "
    "bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor",
    stepwise=REDUCED,
    out=False,
    variants="function",
    input__weight__bias=lambda grad, input, weight, bias_sizes, stride, padding, dilation, transposed, output_padding, groups, needs: (
        direct(
            "convolution_backward",
            grad,
            input,
            weight,
            bias_sizes,
            stride,
            padding,
            dilation,
            transposed,
            output_padding,
            groups,
            list(needs),
        )
    ),
)
def convolution(xp, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """A convolution in any number of dimensions: each output is a weighted sum of a window of the input."""
    n = weight.ndim - 2
    if input.dtype.kind == "c":
        _check_parts(input, weight, bias if transposed else None)
    if n < 1:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    stride, padding = expanded(stride, "stride", n), expanded(padding, "padding", n)
    dilation = expanded(dilation, "dilation", n)
    output_padding = expanded(output_padding, "output_padding", n)
    _check(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    if transposed:
        sizes = transposed_sizes(input, weight.shape[2:], stride, padding, dilation, output_padding)
        result = _spread(xp, input, weight, sizes, stride, padding, dilation, groups)
    else:
        result = _correlate(xp, *widened(input, weight), stride, padding, dilation, groups)
        if not input.shape[1]:
            return result[:, :0].astype(
                input.dtype
            )  # PyTorch gives what has no channels back without channels.
    if bias is not None:
        result = result + bias.reshape((1, -1) + (1,) * n).astype(result.dtype, copy=False)
    result = result.astype(input.dtype, copy=False)
    # Of PyTorch's kernels for volumes only oneDNN's knows `channels_last_3d`, which is given no large output padding.
    known = _by_onednn(input, weight, groups) and not (
        transposed and any(more >= step for more, step in zip(output_padding, stride, strict=True))
    )
    return result if n < 3 or known else Laid(result, None)


def _check_parts(input, weight, bias):
    """PyTorch takes complex numbers apart before it looks at anything else. Errors: RuntimeError."""
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one.dtype != input.dtype:
            raise RuntimeError(
                f"Input type ({_type_text(input)}) and {name} type ({_type_text(one)}) should be the same"
            )


def _check(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Refuse what does not go together, in PyTorch's order. Errors: RuntimeError, NotImplementedError with PyTorch's texts."""
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
        if _by_onednn(input, weight, groups):
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


def _by_onednn(input, weight, groups):
    """Whether PyTorch gives this convolution to oneDNN (aten/src/ATen/native/Convolution.cpp, use_mkldnn), on processors that do
    not compute in float16 and bfloat16 themselves.
    """
    if input.dtype != np.float32:
        return False
    sizes = input.shape if input.ndim > 3 else (*input.shape[:2], 1, *input.shape[2:])
    kernel = weight.shape if weight.ndim > 3 else (*weight.shape[:2], 1, *weight.shape[2:])
    return groups > 1 or min(kernel[-2:]) > 3 or sizes[0] > 1 or prod(sizes[:4]) > 20480


def _refuse_kinds(input, kernel_size, dilation, transposed):
    """Refuse what PyTorch's kernels, one for each kind of convolution, are not compiled for. Errors: NotImplementedError."""
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


def _batched(input, n, name, call):
    """Run on a batch; an input without one gets a batch of one for the time."""
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: "
            f"{messages.numbers(input.geometry.sizes)}"
        )
    if input.ndim == n + 2:
        return call(input)
    return call(input.unsqueeze(0)).squeeze(0)


def _by_parts(input, weight, bias, call):
    """A convolution; one of complex numbers as three of real ones (Gauss's trick: `complex_convolution` in Convolution.cpp)."""
    if not input.dtype.is_complex or any(
        one is not None and one.dtype is not input.dtype for one in (weight, bias)
    ):
        return call(input, weight, bias)
    (x, xi), (w, wi) = _parts(input), _parts(weight)
    b, bi = (None, None) if bias is None else _parts(bias)
    real = call(x, w, b)
    imaginary = call(xi, wi, None)
    mixed = call(x + xi, w + wi, None if b is None else b + bi)
    turned = times(mixed - real - imaginary, 1j)  # first, as C++ evaluates it
    return real - imaginary + turned


def _parts(tensor):
    pairs = functions.view_as_real(tensor.resolve_conj())
    return pairs.select(-1, 0), pairs.select(-1, 1)


def _same(input, weight, stride, dilation, n):
    """Padding "same": (padding of both sides, what the input gets on the right alone)."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    if weight.ndim < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if weight.ndim != input.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight"
            f"{messages.numbers(weight.geometry.sizes)}, but got {input.ndim}-dimensional input of size "
            f"{messages.numbers(input.geometry.sizes)} instead"
        )
    totals = [d * (k - 1) for k, d in zip(weight.geometry.sizes[2:], full(dilation, n), strict=True)]
    extra = [total % 2 for total in totals]
    if any(extra):
        messages.warn(
            "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be "
            "created",
            once=True,
        )
        pads = [p for one in reversed(extra) for p in (0, one)]
        input = functions.constant_pad_nd(input, pads, 0)
    return input, [total // 2 for total in totals]


def _declare(n):
    """conv1d, conv2d or conv3d and its transpose."""
    name = f"conv{n}d"

    def conv(input, weight, bias, stride, padding, dilation, groups):
        def call(x, w, b):
            return functions.convolution(x, w, b, stride, padding, dilation, False, (0,) * n, groups)

        def checked(x):
            if bias is not None and bias.dtype is not x.dtype:
                raise RuntimeError(
                    f"Input type ({x.dtype.cpp_name}) and bias type ({bias.dtype.cpp_name}) should be the same"
                )
            return _by_parts(x, weight, bias, call)

        return _batched(input, n, name, checked)

    def named_padding(input, weight, bias, stride, padding, dilation, groups):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")

        def call(x, w, b):
            amounts = [0] * n
            if padding == "same":
                x, amounts = _same(x, w, stride, dilation, n)
            return functions.convolution(x, w, b, stride, amounts, dilation, False, (0,) * n, groups)

        return _batched(input, n, name, lambda x: _by_parts(x, weight, bias, call))

    def transposed(input, weight, bias, stride, padding, output_padding, groups, dilation):
        def call(x, w, b):
            return functions.convolution(x, w, b, stride, padding, dilation, True, output_padding, groups)

        return _batched(input, n, f"conv_transpose{n}d", lambda x: _by_parts(x, weight, bias, call))

    conv.__doc__ = named_padding.__doc__ = f"A convolution over {n} dimension{'s' * (n > 1)}."
    transposed.__doc__ = (
        f"A transposed convolution over {n} dimension{'s' * (n > 1)}: the gradient of one, as a layer."
    )
    whole = f"Tensor input, Tensor weight, Tensor? bias=None, SymInt[{n}] stride=1"
    composite(
        f"{name}({whole}, SymInt[{n}] padding=0, SymInt[{n}] dilation=1, SymInt groups=1) -> Tensor",
        variants="function",
    )(conv)
    composite(
        f'{name}.padding({whole}, str padding="valid", SymInt[{n}] dilation=1, SymInt groups=1) -> Tensor',
        variants="function",
    )(named_padding)
    overload = "" if n == 1 else ".input"
    composite(
        f"conv_transpose{n}d{overload}({whole}, SymInt[{n}] padding=0, SymInt[{n}] output_padding=0, SymInt groups=1, "
        f"SymInt[{n}] dilation=1) -> Tensor",
        variants="function",
    )(transposed)


for _n in (1, 2, 3):
    _declare(_n)
