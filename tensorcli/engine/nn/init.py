"""`torch.nn.init`: initial values, written into tensors without a trace in the graph."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor

__all__ = [
    "Tensor",
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]


_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """By how much a nonlinearity shrinks the deviation, inverted. Errors: ValueError for one that is not known."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _quiet(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Tensor:
        with no_grad():
            return function(*args, **kwargs)

    return inside


@_quiet
def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Numbers drawn evenly between a and b."""
    return tensor.uniform_(a, b, generator=generator)  # type: ignore[no-any-return]


@_quiet
def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Numbers drawn from a normal distribution."""
    return tensor.normal_(mean, std, generator=generator)  # type: ignore[no-any-return]


@_quiet
def constant_(tensor: Any, val: float) -> Tensor:
    """One value everywhere."""
    return tensor.fill_(val)  # type: ignore[no-any-return]


@_quiet
def ones_(tensor: Any) -> Tensor:
    """One everywhere."""
    return tensor.fill_(1.0)  # type: ignore[no-any-return]


@_quiet
def zeros_(tensor: Any) -> Tensor:
    """Zero everywhere."""
    return tensor.zero_()  # type: ignore[no-any-return]


@_quiet
def eye_(tensor: Any) -> Tensor:
    """The identity matrix. Errors: ValueError unless there are two dimensions."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(functions.eye(*tensor.shape, dtype=tensor.dtype))  # type: ignore[no-any-return]


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    sizes = tensor.shape
    field = math.prod(sizes[2:])
    return sizes[1] * field, sizes[0] * field


@_quiet
def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Numbers drawn evenly within Glorot's bound."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return tensor.uniform_(-bound, bound, generator=generator)  # type: ignore[no-any-return]


@_quiet
def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal numbers of Glorot's deviation."""
    deviation = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return tensor.normal_(0.0, deviation, generator=generator)  # type: ignore[no-any-return]


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode.lower() == "fan_out"]


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def _is_empty(tensor: Any) -> bool:
    if 0 in tensor.shape:
        messages.warn("Initializing zero-element tensors is a no-op")
        return True
    return False


@_quiet
def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Numbers drawn evenly within He's bound."""
    if _is_empty(tensor):
        return tensor  # type: ignore[no-any-return]
    bound = math.sqrt(3.0) * _kaiming(tensor, a, mode, nonlinearity)
    return tensor.uniform_(-bound, bound, generator=generator)  # type: ignore[no-any-return]


@_quiet
def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Normal numbers of He's deviation."""
    if _is_empty(tensor):
        return tensor  # type: ignore[no-any-return]
    return tensor.normal_(0.0, _kaiming(tensor, a, mode, nonlinearity), generator=generator)  # type: ignore[no-any-return]


@_quiet
def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Normal numbers between a and b: what falls outside is drawn again."""
    if tensor.is_meta:
        return tensor  # type: ignore[no-any-return]

    def below(x: float) -> float:
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if mean < a - 2 * std or mean > b + 2 * std:
        messages.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect."
        )
    if below(b) - below(a) > 0.3:
        return _drawn_again(tensor, mean, std, a, b, generator)
    return _drawn_under_the_curve(tensor, mean, std, a, b, generator)


def _drawn_again(tensor: Any, mean: float, std: float, a: float, b: float, generator: Any) -> Tensor:
    """Normal numbers; those outside are replaced by new ones until none is left."""
    low, high = (tensor.new_tensor(bound).item() for bound in (a, b))
    result = tensor.normal_(mean, std, generator=generator)
    while (outside := (result < low) | (result > high)).any():
        again = functions.empty_like(result).normal_(mean, std, generator=generator)
        result = functions.where(outside, again, result)
    return tensor if result is tensor else tensor.copy_(result)  # type: ignore[no-any-return]


def _drawn_under_the_curve(
    tensor: Any, mean: float, std: float, a: float, b: float, generator: Any
) -> Tensor:
    """Numbers drawn evenly, each kept with the probability that the normal curve gives it (rejection sampling)."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    chance = functions.empty_like(tensor)

    def refused(drawn: Any) -> Any:
        density = drawn.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        return chance.uniform_(generator=generator).log_().gt(density)

    result = tensor.uniform_(a, b, generator=generator)
    pending = refused(result)
    while pending.any():
        drawn = functions.empty_like(tensor).uniform_(a, b, generator=generator)
        result = functions.where(pending, drawn, result)
        pending = pending & refused(drawn)
    return tensor if result is tensor else tensor.copy_(result)  # type: ignore[no-any-return]


@_quiet
def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Tensor:
    """A matrix whose rows or columns are orthogonal. Errors: ValueError for fewer than two dimensions."""
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.numel():
        return tensor  # type: ignore[no-any-return]
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    drawn = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    if rows < columns:
        drawn.t_()
    q, r = functions.linalg_qr(drawn)
    q *= functions.diag(r, 0).sign()
    if rows < columns:
        q.t_()
    tensor.view_as(q).copy_(q)
    return tensor.mul_(gain)  # type: ignore[no-any-return]


@_quiet
def dirac_(tensor: Any, groups: int = 1) -> Tensor:
    """The weights of a convolution that changes nothing. Errors: ValueError for other than 3 to 5 dimensions."""
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    sizes = tensor.shape
    if sizes[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    each = sizes[0] // groups
    tensor.zero_()
    for group in range(groups):
        for channel in range(min(each, sizes[1])):
            tensor[(group * each + channel, channel, *(size // 2 for size in sizes[2:]))] = 1
    return tensor  # type: ignore[no-any-return]


@_quiet
def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal numbers, of which a share of each column is zero. Errors: ValueError unless there are two dimensions."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        chosen = functions.randperm(rows)[:zeros]
        tensor[chosen, column] = 0
    return tensor  # type: ignore[no-any-return]


def _old_name(name: str) -> Callable[..., Tensor]:
    def called(*args: Any, **kwargs: Any) -> Tensor:
        messages.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", category=FutureWarning
        )
        return globals()[f"{name}_"](*args, **kwargs)  # type: ignore[no-any-return]

    called.__name__ = called.__qualname__ = name
    called.__doc__ = f"The old name of {name}_."
    return called


uniform, normal, constant, eye, dirac, orthogonal, sparse = map(
    _old_name, ("uniform", "normal", "constant", "eye", "dirac", "orthogonal", "sparse")
)
xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal = map(
    _old_name, ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal")
)
