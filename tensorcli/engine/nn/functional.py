"""`torch.nn.functional`: the functions that PyTorch writes in Python, over operators of the table.

What PyTorch exposes from C++ (conv2d, linear, softplus, …) is found in the table by name; the losses are in `losses`,
resampling in `resampling`.
"""

from importlib import import_module
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.formats import contiguous_format


def __getattr__(name: str) -> Any:
    found = None
    if not name.startswith("_"):
        for part in _PARTS:
            found = found or getattr(import_module(f"tensorcli.engine.nn.{part}"), name, None)
    if found is None:
        try:
            found = getattr(functions, _BUILT_IN.get(name, name))
        except AttributeError:
            raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'") from None
    globals()[name] = found
    return found


_PARTS = ("losses", "resampling", "bags", "attention")
"""The modules with the other functions that PyTorch writes in Python."""
_BUILT_IN = {"logsigmoid": "log_sigmoid"}


# ---- activations


def _in_place_or_not(name: str, inplace: bool) -> Any:
    return getattr(functions, f"{name}_" if inplace else name)


def relu(input: Any, inplace: bool = False) -> Any:
    """Zero for negative elements."""
    return _in_place_or_not("relu", inplace)(input)


def relu6(input: Any, inplace: bool = False) -> Any:
    """Each element limited to 0 … 6."""
    return hardtanh(input, 0.0, 6.0, inplace) if inplace else functions.relu6(input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Each element limited to min_val … max_val."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _in_place_or_not("hardtanh", inplace)(input, min_val, max_val)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Negative elements flattened out by an exponential."""
    return _in_place_or_not("elu", inplace)(input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """The scaled ELU."""
    return _in_place_or_not("selu", inplace)(input)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """The continuously differentiable ELU."""
    return _in_place_or_not("celu", inplace)(input, alpha)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Negative elements scaled down."""
    return _in_place_or_not("leaky_relu", inplace)(input, negative_slope)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """Negative elements scaled down by a random slope in training."""
    return _in_place_or_not("rrelu", inplace)(input, lower, upper, training)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Elements up to the threshold replaced by a value."""
    return _in_place_or_not("threshold", inplace)(input, threshold, value)


threshold.__qualname__ = (
    "_threshold"  # PyTorch's function is an alias of one with this name, which its errors show.
)


def silu(input: Any, inplace: bool = False) -> Any:
    """Each element times its sigmoid."""
    return _in_place_or_not("silu", inplace)(input)


def mish(input: Any, inplace: bool = False) -> Any:
    """Each element times the tanh of its softplus."""
    return _in_place_or_not("mish", inplace)(input)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """A sigmoid of straight lines."""
    return _in_place_or_not("hardsigmoid", inplace)(input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """Each element times its hardsigmoid."""
    return _in_place_or_not("hardswish", inplace)(input)


def glu(input: Any, dim: int = -1) -> Any:
    """One half of a dimension times the sigmoid of the other."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return functions.glu(input, dim)


def sigmoid(input: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input: Any) -> Any:
    """The hyperbolic tangent."""
    return input.tanh()


def tanhshrink(input: Any) -> Any:
    """Each element less its tanh."""
    return input - input.tanh()


def softsign(input: Any) -> Any:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


# ---- softmax


def _softmax_dim(name: str, ndim: int) -> int:
    messages.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """Exponentials scaled to add up to one along a dimension."""
    dim = _softmax_dim("softmax", input.dim()) if dim is None else dim
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """The softmax of the negated input."""
    dim = _softmax_dim("softmin", input.dim()) if dim is None else dim
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """The logarithm of the softmax along a dimension."""
    dim = _softmax_dim("log_softmax", input.dim()) if dim is None else dim
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A random one-hot choice made differentiable."""
    gumbels = -functions.empty_like(logits, memory_format=contiguous_format).exponential_().log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = functions.zeros_like(logits, memory_format=contiguous_format).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft


# ---- dropout


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training, zero elements with probability p and scale the others up."""
    _check_probability(p)
    return _in_place_or_not("dropout", inplace)(input, p, training)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean and variance."""
    _check_probability(p)
    return functions.alpha_dropout(input, p, training)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Alpha dropout of whole channels."""
    _check_probability(p)
    return functions.feature_alpha_dropout(input, p, training)


def _channel_dropout(input: Any, p: float, training: bool, inplace: bool, batched: int) -> Any:
    _check_probability(p)
    single = input.dim() != batched
    if single:
        input = input.unsqueeze_(0) if inplace else input.unsqueeze(0)
    result = _in_place_or_not("feature_dropout", inplace)(input, p, training)
    if single:
        result = result.squeeze_(0) if inplace else result.squeeze(0)
    return result


def _warn_of_dimensions(input: Any, n: int) -> None:
    if input.dim() not in (n + 1, n + 2):
        messages.warn(
            f"dropout{n}d: Received a {input.dim()}-D input to dropout{n}d, which is deprecated and will result in an error "
            "in a future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            f"dropout{n}d exists to provide channel-wise dropout on inputs with {n} spatial dimensions, a channel dimension, "
            f"and an optional batch dimension (i.e. {n + 1}D or {n + 2}D inputs)."
        )


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of sequences."""
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _channel_dropout(input, p, training, inplace, 3)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of images."""
    _check_probability(p)
    _warn_of_dimensions(input, 2)
    if input.dim() == 3:
        messages.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead."
        )
    return _in_place_or_not("feature_dropout", inplace)(input, p, training)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of volumes."""
    _check_probability(p)
    _warn_of_dimensions(input, 3)
    return _channel_dropout(input, p, training, inplace, 5)


# ---- embeddings and similarities


def embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    """The rows of weight that the input's indices name."""
    rows = weight.size(0) if weight.ndim else 0
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx > 0:
        if padding_idx >= rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        if padding_idx < -rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx = rows + padding_idx
    if max_norm is not None:
        from tensorcli.engine.autograd.modes import no_grad

        input = input.contiguous()
        with no_grad():
            functions.embedding_renorm_(weight, input, max_norm, norm_type)
    return functions.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """Rows scaled to a p-norm of one."""
    length = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    return functions.div(input, length) if out is None else functions.div(input, length, out=out)


# ---- normalisation


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """The last dimensions scaled to mean 0 and variance 1."""
    return functions.layer_norm(input, normalized_shape, weight, bias, eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """The last dimensions scaled to a mean square of 1."""
    return functions.rms_norm(input, normalized_shape, weight, eps)


def _check_batch(sizes: Any) -> None:
    values = 1
    for i, size in enumerate(sizes):
        values *= 1 if i == 1 else size
    if values == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {sizes}")


def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel scaled to mean 0 and variance 1 over the batch, or by the running statistics."""
    if training:
        _check_batch(input.size())
    return functions.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, True)


def instance_norm(
    input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
    use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel of each sample scaled to mean 0 and variance 1."""
    if use_input_stats:
        values = 1
        for size in input.size()[2:]:
            values *= size
        if values == 1:
            raise ValueError(
                f"Expected more than 1 spatial element when training, got input size {input.size()}"
            )
    return functions.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True
    )


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Groups of channels scaled to mean 0 and variance 1."""
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    sizes = input.size()
    _check_batch([sizes[0] * sizes[1] // num_groups, num_groups, *sizes[2:]])
    return functions.group_norm(input, num_groups, weight, bias, eps, True)


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """Each channel divided by a power of its neighbours' mean square."""
    ndim = input.dim()
    if ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {ndim} dimensions)"
        )
    if not input.numel():
        return input
    squares = input.mul(input)
    if ndim == 3:
        squares = pad(squares.unsqueeze(1), (0, 0, size // 2, (size - 1) // 2))
        squares = functions.avg_pool2d(squares, (size, 1), stride=1).squeeze(1)
    else:
        sizes = input.size()
        squares = squares.view(sizes[0], 1, sizes[1], sizes[2], -1)
        squares = pad(squares, (0, 0, 0, 0, size // 2, (size - 1) // 2))
        squares = functions.avg_pool3d(squares, (size, 1, 1), stride=1).squeeze(1).view(sizes)
    return input / squares.mul(alpha).add(k).pow(beta)


# ---- padding and pooling


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Elements added at the borders of the last dimensions."""
    return functions.pad(input, pad, mode, value)


def _pool(name: str, indices: bool) -> Any:
    """Pooling by the largest element; `indices`: always with its place, not only where the caller asks for that."""

    def pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:  # fmt: skip
        stride = () if stride is None else stride
        called = getattr(functions, f"{name}_with_indices" if indices or return_indices else name)
        return called(input, kernel_size, stride, padding, dilation, ceil_mode)

    pool.__name__ = pool.__qualname__ = f"{name}_with_indices" if indices else name
    pool.__doc__ = f"The largest element under each position of the kernel{', and where it is' * indices}."
    return pool


max_pool1d, max_pool2d, max_pool3d = (_pool(f"max_pool{n}d", False) for n in (1, 2, 3))
max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = (
    _pool(f"max_pool{n}d", True) for n in (1, 2, 3)
)


def _adaptive(name: str, count: int) -> Any:
    def pool(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        wanted = output_size if count == 1 else _output_size(output_size, input.size(), count)
        found = getattr(functions, name)(input, wanted)
        return found if return_indices else found[0]

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = "The largest element of each part of the input, for an output of a given size."
    return pool


def _output_size(wanted: Any, sizes: Any, count: int) -> Any:
    if isinstance(wanted, int):
        return (wanted,) * count
    if len(sizes) <= len(wanted):
        raise ValueError(f"Input dimension should be at least {len(wanted) + 1}")
    return tuple(own if one is None else one for one, own in zip(wanted, sizes[-len(wanted) :]))


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive(f"adaptive_max_pool{n}d", n) for n in (1, 2, 3)
)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """The means of parts of an image, for an output of a given size."""
    return functions.adaptive_avg_pool2d(input, _output_size(output_size, input.size(), 2))


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """The means of parts of a volume, for an output of a given size."""
    return functions.adaptive_avg_pool3d(input, _output_size(output_size, input.size(), 3))


def lp_pool1d(
    input: Any, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The power-average under each position of the kernel."""
    out = functions.avg_pool1d(
        input.pow(norm_type), kernel_size, () if stride is None else stride, 0, ceil_mode
    )
    return (functions.sign(out) * relu(functions.abs(out))).mul(kernel_size).pow(1.0 / norm_type)


def lp_pool2d(
    input: Any, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The power-average under each position of the kernel."""
    width, height = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    out = functions.avg_pool2d(
        input.pow(norm_type), kernel_size, () if stride is None else stride, 0, ceil_mode
    )
    return (functions.sign(out) * relu(functions.abs(out))).mul(width * height).pow(1.0 / norm_type)


def lp_pool3d(
    input: Any, norm_type: Any, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """The power-average under each position of the kernel."""
    sizes = (kernel_size,) * 3 if isinstance(kernel_size, int) else kernel_size
    out = functions.avg_pool3d(
        input.pow(norm_type), kernel_size, () if stride is None else stride, 0, ceil_mode
    )
    return (
        (functions.sign(out) * relu(functions.abs(out)))
        .mul(sizes[0] * sizes[1] * sizes[2])
        .pow(1.0 / norm_type)
    )


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The patches of images that a kernel sees, as columns."""
    return functions.im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Patches added up to images: the transpose of unfold."""
    return functions.col2im(
        input, _pair(output_size), _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride)
    )


def _unpool(n: int) -> Any:
    def unpool(
        input: Any,
        indices: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        output_size: Any = None,
    ) -> Any:
        kernel, pads = _numbers(kernel_size, n), _numbers(padding, n)
        steps = kernel if stride is None else _numbers(stride, n)
        wanted = _unpooled_size(input, kernel, steps, pads, output_size)
        if n == 1:
            return functions.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), (*wanted, 1)).squeeze(
                -1
            )
        if n == 2:
            return functions.max_unpool2d(input, indices, wanted)
        return functions.max_unpool3d(input, indices, wanted, steps, pads)

    unpool.__name__ = unpool.__qualname__ = f"max_unpool{n}d"
    unpool.__doc__ = "What max pooling chose, put back where it was found; zero elsewhere."
    return unpool


def _numbers(value: Any, n: int) -> tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


def _unpooled_size(input: Any, kernel: Any, stride: Any, padding: Any, wanted: Any) -> Any:
    n = len(kernel)
    sizes = input.size()
    default = [(sizes[-n + d] - 1) * stride[d] + kernel[d] - 2 * padding[d] for d in range(n)]
    if wanted is None:
        wanted = default
    else:
        if len(wanted) == n + 2:
            wanted = wanted[2:]
        if len(wanted) != n:
            raise ValueError(
                f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(wanted)}'"
            )
        for d in range(n):
            least, most = default[d] - stride[d], default[d] + stride[d]
            if not least < wanted[d] < most:
                raise ValueError(
                    f'invalid output_size "{wanted}" (dim {d} must be between {least} and {most})'
                )
    for d in range(n):
        if wanted[d] < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={wanted[d]}"
            )
    return wanted


max_unpool1d, max_unpool2d, max_unpool3d = (_unpool(n) for n in (1, 2, 3))
