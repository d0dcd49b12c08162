"""`torch.nn.init`: values to begin a training with, written into tensors without a trace in the graph."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.op import functions
from tensorcli.engine.tensor import Tensor

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
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
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(functions.eye(*tensor.geometry.sizes, dtype=tensor.dtype))  # type: ignore[no-any-return]


def _fans(tensor: Any) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    sizes = tensor.geometry.sizes
    field = math.prod(sizes[2:])
    return sizes[1] * field, sizes[0] * field


@_quiet
def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Numbers drawn evenly within Glorot's bound."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / float(sum(_fans(tensor))))
    return tensor.uniform_(-bound, bound, generator=generator)  # type: ignore[no-any-return]


@_quiet
def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal numbers of Glorot's deviation."""
    return tensor.normal_(0.0, gain * math.sqrt(2.0 / float(sum(_fans(tensor)))), generator=generator)  # type: ignore[no-any-return]


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of ['fan_in', 'fan_out']")
    fan = _fans(tensor)[mode.lower() == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _is_empty(tensor: Any) -> bool:
    if 0 in tensor.geometry.sizes:
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
