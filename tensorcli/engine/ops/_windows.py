"""What PyTorch asks of the windows of pooling, convolution and unfolding, in its words. No operators are declared here."""

from tensorcli.engine import messages
from tensorcli.engine.ops._dimensions import existing

WORDS = {2: "two", 3: "three"}


def full(values, n):
    """A setting for each of n dimensions: one value stands for all."""
    values = tuple(values)
    return values * n if len(values) == 1 else values


def _named(names, values, between=" "):
    return between.join(f"{name}: {value}" for name, value in zip(names, values, strict=True))


def _quotient(a, b):
    """C++'s division of integers."""
    return int(a / b)


# ---- pooling


def single(name, **settings):
    """The settings of pooling in one dimension, one number each. Errors: RuntimeError."""
    for setting, values in settings.items():
        if len(values) != 1:
            raise RuntimeError(f"{name}() argument '{setting}' should contain one int (got {len(values)})")


def one_dimension(tensor, name):
    """Rows of numbers, in a batch or not. Errors: RuntimeError."""
    if tensor.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {tensor.ndim}-dimensional tensor for argument #1 'self' (while checking "
            f"arguments for {name})"
        )


def places(sizes, kernel, stride, padding, dilation, ceil_mode):
    """How many windows fit in each dimension (aten/src/ATen/native/Pool.h)."""
    found = []
    for s, k, st, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        room = s + 2 * p - d * (k - 1) - 1 + (st - 1 if ceil_mode else 0)
        count = room // st + 1
        if ceil_mode and (count - 1) * st >= s + p:
            count -= 1
        found.append(count)
    return found


def pooling(array, n, kernel, stride, padding, dilation, ceil_mode, name):
    """The settings of pooling for each dimension, and how many windows fit. Errors: RuntimeError."""
    must = "must be" if name == "avg_pool3d" else "must either be"
    for setting, values in (
        ("kernel_size", kernel),
        ("stride", stride),
        ("padding", padding),
        ("dilation", dilation),
    ):
        if len(values) not in (1, n) and (values or setting != "stride"):
            rule = "must be either" if setting == "dilation" else must
            raise RuntimeError(
                f"{name}: {setting} {rule} {'omitted, ' * (setting == 'stride')}a single int, or a tuple of {WORDS[n]} ints"
            )
    if array.ndim not in (n + 1, n + 2):
        if name == "avg_pool2d":
            existing(-3, array.ndim)
        else:
            raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    kernel, padding, dilation = full(kernel, n), full(padding, n), full(dilation, n)
    stride = full(stride, n) if len(stride) else kernel
    if not all(stride):
        raise RuntimeError("stride should not be zero")
    if any(p < 0 for p in padding):
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(padding)}")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p > _quotient((k - 1) * d + 1, 2):
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    letters = "THW"[-n:]
    for what, short, values in (
        ("kernel size", "k", kernel),
        ("stride", "d", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(values) <= 0:
            found = _named([short + letter for letter in letters], values)
            raise RuntimeError(f"{what} should be greater than zero, but got {found}")
    _not_empty(array, n, name)
    if n > 1:
        _half_padded(kernel, padding)
    found = places(array.shape[-n:], kernel, stride, padding, dilation, ceil_mode)
    if name == "avg_pool3d" and any(s < k for s, k in zip(array.shape[-n:], kernel, strict=True)):
        raise RuntimeError(
            f"input image ({_named('THW', array.shape[-n:])}) smaller than kernel size ({_named(('kT', 'kH', 'kW'), kernel)})"
        )
    if min(found) < 1:
        sizes = array.shape[-n - 1 :]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, sizes))}). Calculated output size: "
            f"({'x'.join(map(str, (sizes[0], *found)))}). Output size is too small"
        )
    return kernel, stride, padding, dilation, found


def _half_padded(kernel, padding):
    """Planes and volumes are padded by half a kernel at most, whatever its dilation. Errors: RuntimeError."""
    if all(2 * p <= k for p, k in zip(padding, kernel, strict=True)):
        return
    if len(kernel) == 3:
        (kt, kh, kw), (pt, ph, pw) = kernel, padding
        told = f"kT: {kt} kW: {kw} kH: {kh} padT: {pt} padW: {pw} padH: {ph}"
    else:
        told = f"padW = {padding[1]}, padH = {padding[0]}, kW = {kernel[1]}, kH = {kernel[0]}"
    raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {told}")


def _not_empty(array, n, name):
    if all(array.shape[-n - 1 :]) and array.ndim in (n + 1, n + 2):
        return
    if n == 2:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{messages.numbers(array.shape)}"
        )
    called = "max_pool3d_with_indices_out_cpu_template" if name == "max_pool3d" else name
    # PyTorch writes the size where it means the dimension.
    raise RuntimeError(
        f"{called}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
        f"{messages.numbers(array.shape)} and non-batch dimension 0 has length zero!"
    )


def not_empty_parts(array, first, name, what="input"):
    """What is pooled to a given size has elements in each dimension from `first` on. Errors: RuntimeError."""
    for dim in range(first, array.ndim):
        if not array.shape[dim]:
            raise RuntimeError(
                f"{name}(): Expected {what} to have non-zero size for non-batch dimensions, but {what} has sizes "
                f"{messages.numbers(array.shape)} with dimension {dim} being empty"
            )


# ---- convolution


def expanded(values, setting, n):
    """A setting of a convolution for each of n dimensions. Errors: RuntimeError."""
    if len(values) not in (1, n):
        raise RuntimeError(
            f"expected {setting} to be a single integer value or a list of {n} values to match the convolution dimensions, but "
            f"got {setting}={messages.numbers(values)}"
        )
    return full(values, n)


_PLANE, _VOLUME = ("height", "width"), ("depth", "height", "width")


def _with_plane(values, neutral):
    """Settings as PyTorch's kernels get them: one dimension is a plane of height 1."""
    return (neutral, *values) if len(values) == 1 else tuple(values)


def _of_axes(label, values):
    names = _PLANE if len(values) == 2 else _VOLUME
    return [f"{label}_{name}" for name in names]


def positive(weight, dilation, transposed):
    """Kernels and dilations have a size. Errors: RuntimeError."""
    kernel = _with_plane(weight.shape[2:], 1)
    dilation = _with_plane(dilation, 1)
    if not all(kernel):
        if len(kernel) == 3 and transposed:
            raise RuntimeError(
                "non-empty 5D (n_output_plane x n_input_plane x kernel_depth x kernel_height x kernel_width) tensor expected "
                f"for weight, but got: {messages.numbers(weight.shape)}"
            )
        plane = f" {_named(_of_axes('kernel', kernel), kernel)}"
        listed = plane if len(kernel) == 2 else f": {' x '.join(map(str, kernel))} (TxHxW)"
        raise RuntimeError(f"kernel size should be greater than zero, but got{listed}")
    if not all(dilation):
        found = (
            _named(_of_axes("dilation", dilation), dilation, ", ")
            if transposed
            else messages.numbers(dilation)
        )
        raise RuntimeError(f"dilation should be greater than zero, but got {found}")


def transposed_sizes(input, kernel, stride, padding, dilation, extra):
    """The sizes of a transposed convolution's result. Errors: RuntimeError."""
    settings = zip(extra, stride, dilation, strict=True)
    if any(o >= s and o >= d for o, s, d in settings):
        parts = (("output_padding", extra, 0), ("stride", stride, 1), ("dilation", dilation, 1))
        found = [(label, _with_plane(values, neutral)) for label, values, neutral in parts]
        listed = " ".join(_named(_of_axes(label, values), values) for label, values in found)
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {listed}")
    sizes = [
        (s - 1) * st - 2 * p + d * (k - 1) + o + 1
        for s, st, p, d, k, o in zip(input.shape[2:], stride, padding, dilation, kernel, extra, strict=True)
    ]
    if min(sizes) < 1:
        given, found = (" x ".join(map(str, _with_plane(each, 1))) for each in (input.shape[2:], sizes))
        raise RuntimeError(
            f"Given input size per channel: ({given}). Calculated output size per channel: ({found}). Output size is too small"
        )
    return sizes


# ---- patches


def _pairs(**settings):
    for name, values in settings.items():
        if len(values) != 2:
            raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(values)}")


def _positive_patches(kernel_size, dilation, padding, stride):
    for what, label, values in (
        ("kernel size", "kernel", kernel_size),
        ("stride", "stride", stride),
        ("dilation", "dilation", dilation),
    ):
        if min(values) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {_named(_of_axes(label, values), values)}"
            )
    if min(padding) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got {_named(_of_axes('pad', padding), padding)}"
        )


def _blocks(sizes, kernel, dilation, padding, stride):
    return [
        (s + 2 * p - (d * (k - 1) + 1)) // st + 1
        for s, k, d, p, st in zip(sizes, kernel, dilation, padding, stride, strict=True)
    ]


def _tuple(values):
    return f"({', '.join(map(str, values))})"


def patches(array, kernel_size, dilation, padding, stride):
    """The settings of unfolding. Errors: RuntimeError, IndexError."""
    _pairs(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    _positive_patches(kernel_size, dilation, padding, stride)
    existing(1, array.ndim)
    if array.shape[1]:
        existing(2, array.ndim)
    if array.ndim not in (3, 4) or not all(array.shape[-3:]):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but "
            f"got: {messages.numbers(array.shape)}"
        )
    found = _blocks(array.shape[-2:], kernel_size, dilation, padding, stride)
    if min(found) < 1:
        raise RuntimeError(
            f"Given input with spatial size {_tuple(array.shape[-2:])}, kernel_size={_tuple(kernel_size)}, dilation="
            f"{_tuple(dilation)}, padding={_tuple(padding)}, calculated shape of the array of sliding blocks as "
            f"{_tuple(found)}, but its components must be at least one."
        )


def columns(array, output_size, kernel_size, dilation, padding, stride):
    """The settings of folding; how many windows fit. Errors: RuntimeError."""
    _pairs(
        output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    _positive_patches(kernel_size, dilation, padding, stride)
    if array.ndim not in (2, 3) or not all(array.shape[-2:]):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, "
            f"but got: {messages.numbers(array.shape)}"
        )
    cells, length = array.shape[-2:]
    if cells % (kernel_size[0] * kernel_size[1]):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
            f"{cells} and kernel_size={_tuple(kernel_size)}."
        )
    found = _blocks(output_size, kernel_size, dilation, padding, stride)
    settings = (
        f"Given output_size={_tuple(output_size)}, kernel_size={_tuple(kernel_size)}, dilation={_tuple(dilation)}, "
        f"padding={_tuple(padding)}, stride={_tuple(stride)}"
    )
    if length != found[0] * found[1]:
        raise RuntimeError(
            f"{settings}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {found[0]} * {found[1]} = {found[0] * found[1]}, but got "
            f"input.size(2)={length}."
        )
    if min(found) < 1:
        raise RuntimeError(
            f"{settings}, calculated shape of the array of sliding blocks as {_tuple(found)}, which is too small (non-positive)"
        )
    return found
