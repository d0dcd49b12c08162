"""`torch.nn.functional`: the functions that PyTorch writes in Python, over operators of the table.

What PyTorch exposes from C++ (conv2d, linear, softplus, …) is found in the table by name; losses, pooling, resampling, bags
and attention are in files of their own.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd import modes
from tensorcli.engine.callers import functions
from tensorcli.engine.formats import contiguous_format


def __getattr__(name: str) -> Any:
    found = None
    if not name.startswith("_"):
        for part in _PARTS:
            found = found or getattr(import_module(f"tensorcli.engine.nn.{part}"), name, None)
    if found is None:
        if name not in BUILT_IN:
            raise AttributeError(f"module 'torch.nn.functional' has no attribute '{name}'")
        found = getattr(functions, "log_sigmoid" if name == "logsigmoid" else name)
    globals()[name] = found
    return found


_PARTS = ("losses", "pooling", "resampling", "embedding_bag", "multi_head")
"""The modules with the other functions that PyTorch writes in Python."""


BUILT_IN = frozenset(
    "logsigmoid adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d conv3d "
    "conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity elu_ gelu hardshrink hardtanh_ leaky_relu_ "
    "linear native_channel_shuffle one_hot pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_ rrelu_ "
    "scaled_dot_product_attention selu_ softplus softshrink threshold_".split()
)
"""The functions that are operators as they are."""


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
    if eps != 1e-10:
        messages.warn("`eps` parameter is deprecated and has no effect.")
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
    return _in_place_or_not("alpha_dropout", inplace)(input, p, training)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Alpha dropout of whole channels."""
    _check_probability(p)
    return _in_place_or_not("feature_alpha_dropout", inplace)(input, p, training)


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
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx > 0:
        if padding_idx >= weight.size(0):
            raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        if padding_idx < -weight.size(0):
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx = weight.size(0) + padding_idx
    if max_norm is not None:
        input = input.contiguous()
        with modes.no_grad():
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
    values = sizes[0]
    for size in sizes[2:]:
        values *= size
    if values == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {sizes}")


def batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    """Each channel scaled to mean 0 and variance 1 over the batch, or by the running statistics."""
    if training:
        _check_batch(input.size())
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
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


# ---- padding and windows


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Elements added at the borders of the last dimensions."""
    return functions.pad(input, pad, mode, value)


def _pair(value: Any) -> Any:
    return tuple(value) if isinstance(value, Iterable) else (value, value)


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
