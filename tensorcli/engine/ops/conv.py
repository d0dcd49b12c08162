"""Convolutions and their transposes."""

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.effects import Laid, composed
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.ops import _convolution
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import times
from tensorcli.engine.ops._windows import expanded, full, transposed_sizes


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
            of_input = _convolution.correlate(xp, *widened(grad_output, weight), *rest).astype(
                input.dtype, copy=False
            )
            of_input = of_input[(slice(None), slice(None), *(slice(0, s) for s in input.shape[2:]))]
        else:
            of_input = _convolution.spread(xp, grad_output, weight, input.shape[2:], *rest)
    if output_mask[1]:
        if transposed:
            of_weight = _convolution.weights(xp, input, grad_output, weight.shape[2:], *rest)
        else:
            of_weight = _convolution.weights(xp, grad_output, input, weight.shape[2:], *rest)
    of_bias = None
    if output_mask[2]:
        # Where the kernel is dilated, sample by sample too.
        parts = [grad_output] if transposed or all(d == 1 for d in dilation) else grad_output[:, None]
        for one in widened(*parts):
            found = one.sum(axis=(0, *range(2, one.ndim))).astype(grad_output.dtype, copy=False)
            of_bias = found if of_bias is None else of_bias + found
    return of_input, of_weight, of_bias


@op(
    "convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, "
    "bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor",
    stepwise=REDUCED,
    out=False,
    variants="function",
    input__weight__bias=lambda grad, input, weight, bias_sizes_opt, stride, padding, dilation, transposed, output_padding, groups, needs: (
        direct(
            "convolution_backward",
            grad,
            input,
            weight,
            bias_sizes_opt,
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
        _convolution.check_parts(input, weight, bias if transposed else None)
    if n < 1:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    stride, padding = expanded(stride, "stride", n), expanded(padding, "padding", n)
    dilation = expanded(dilation, "dilation", n)
    output_padding = expanded(output_padding, "output_padding", n)
    _convolution.check(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    if transposed:
        sizes = transposed_sizes(input, weight.shape[2:], stride, padding, dilation, output_padding)
        result = _convolution.spread(xp, input, weight, sizes, stride, padding, dilation, groups)
    else:
        result = _convolution.correlate(xp, *widened(input, weight), stride, padding, dilation, groups)
        if not input.shape[1]:
            # PyTorch gives what has no channels back without channels.
            return result[:, :0].astype(input.dtype)
    if bias is not None:
        result = result + bias.reshape((1, -1) + (1,) * n).astype(result.dtype, copy=False)
    result = result.astype(input.dtype, copy=False)
    # Of PyTorch's kernels for volumes only oneDNN's knows `channels_last_3d`, which is given no large output padding.
    known = _convolution.by_onednn(input, weight, groups) and not (
        transposed and any(more >= step for more, step in zip(output_padding, stride, strict=True))
    )
    return result if n < 3 or known else Laid(result, None)


def _batched(input, n, name, call):
    """Run on a batch; an input without one is treated as a batch of one."""
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

        if bias is not None and bias.dtype is not input.dtype:
            raise RuntimeError(
                f"Input type ({input.dtype.cpp_name}) and bias type ({bias.dtype.cpp_name}) should be the same"
            )
        return _batched(input, n, name, lambda x: _by_parts(x, weight, bias, call))

    def named_padding(input, weight, bias, stride, padding, dilation, groups):
        def call(x, w, b):
            if padding not in ("valid", "same"):
                raise RuntimeError(f"Invalid padding string: '{padding}'")
            if padding == "valid":
                return functions.convolution(x, w, b, stride, (0,), dilation, False, (0,), groups)
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


# ---- time first, then the batch, then the channels


def _steps_of_kernel(length, kernel, padding, results):
    """For each step of the kernel: its number, where its part of the input and of the output begins, and how long that is."""
    for step in range(kernel):
        of_input, of_output = max(0, step - padding), max(0, padding - step)
        steps = min(length + padding - step, results) - of_output
        if steps > 0:
            yield step, of_input, of_output, steps


def _rows(tensor, start, steps):
    part = tensor.narrow(0, start, steps)
    return part.view((steps * part.size(1), part.size(2)))


def _tbc_backward(grad, self, weight, bias, pad):
    """The gradients of input, weight and bias (`conv_tbc_backward` in ConvolutionTBC.cpp)."""
    places = [*_steps_of_kernel(self.size(0), weight.size(0), pad, grad.size(0))]
    of_self = functions.zeros_like(self, memory_format=contiguous_format)
    for step, start, place, steps in places:
        _rows(of_self, start, steps).addmm_(_rows(grad, place, steps), weight.select(0, step).t())
    of_weight = functions.zeros_like(weight)
    for step, start, place, steps in places:
        of_weight.select(0, step).addmm_(_rows(self, start, steps).t(), _rows(grad, place, steps))
    of_bias = functions.zeros_like(bias)
    of_bias.copy_(grad.sum(0).sum(0))
    return of_self, of_weight, of_bias


@op(
    "conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor",
    effect=composed,
    out=False,
    variants="function",
    self__weight__bias=lambda grad, bias, pad, self, weight: _tbc_backward(grad, self, weight, bias, pad),
)
def conv_tbc(self, weight, bias, pad):
    """A convolution over time: self (time, batch, channels), weight (kernel, channels, channels of the result)."""
    if self.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if self.size(2) != weight.size(1):
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if weight.size(2) != bias.size(0):
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    results = self.size(0) - weight.size(0) + 1 + pad * 2
    result = self.new_empty((results, self.size(1), weight.size(2)))
    result.copy_(bias.expand(result.geometry.sizes))
    for step, start, place, steps in _steps_of_kernel(self.size(0), weight.size(0), pad, results):
        _rows(result, place, steps).addmm_(_rows(self, start, steps), weight.select(0, step))
    return result
