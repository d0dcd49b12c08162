"""What the optimisers share: checks of their settings, what they count with, the beginning of a step."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.optim.optimizer import Group, State, count_dtype
from tensorcli.engine.tensor import Tensor

LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}


def check_rate(lr: Any, *, or_nan: bool = False) -> None:
    """Errors: ValueError for a learning rate below zero, or of several elements."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_not_negative(lr, "learning rate", or_nan=or_nan)


def check_not_negative(value: Any, what: str, *, or_nan: bool = False) -> None:
    """Errors: ValueError. TypeError names the comparison, whose sides are therefore PyTorch's; SGD's lets NaN through."""
    if value < 0.0 if or_nan else not 0.0 <= value:  # noqa: SIM300
        raise ValueError(f"Invalid {what}: {value}")


def check_fused(fused: bool | None, differentiable: bool, foreach: bool | None) -> None:
    """Errors: RuntimeError for variants that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar(value: Any) -> Any:
    """A setting as it was given; a tensor of one element as a zero-dimensional one."""
    return value.squeeze() if isinstance(value, Tensor) and value.ndim else value


def count(start: float, param: Tensor, group: Group | None = None) -> Tensor:
    """A number to count on: on the parameter's device, or only where a group's device counts, and else where new tensors are."""
    on_device = group is None or group.get("capturable") or group.get("fused")
    made: Tensor = functions.full((), start, dtype=count_dtype(), device=param.device if on_device else None)
    return made


def parts_of(param: Tensor) -> Any:
    """What makes two real numbers of each complex one, where the parameter is complex."""
    return functions.view_as_real if param.dtype.is_complex else lambda tensor: tensor


def counted_and_decayed(param: Tensor, grad: Tensor, state: State, group: Group, rate: Any = None) -> Tensor:
    """Count the step; the gradient with the weight decay, which `rate` lets act on the parameter itself."""
    steps = state["step"]
    steps += 1
    decay = group["weight_decay"]
    if decay == 0:
        return grad
    if rate is not None and group["decoupled_weight_decay"]:
        param.mul_(1 - rate * decay)
        return grad
    found: Tensor = grad.add(param, alpha=decay)
    return found
