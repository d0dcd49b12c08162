"""`torch._check` and its variants: a condition that a script says must hold, and an error of its choice where it does not."""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.tensor import Tensor

Message = Callable[[], Any] | None


def _check_with(error_type: type[Exception], cond: Any, message: Message) -> None:
    """Raise unless `cond`. Errors: `error_type`; TypeError for a condition that is not a bool, AssertionError for no error."""
    if isinstance(cond, Tensor):
        raise TypeError(
            "cond must be a bool, but got a Tensor. For tensor conditions, use torch._check_tensor_all() to assert that all "
            "elements are true."
        )
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if not issubclass(error_type, Exception) or issubclass(error_type, Warning):
        raise AssertionError(f"error_type must be a subclass of Exception but not Warning, got {error_type}")
    if message is None:
        raise error_type(
            "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an "
            "enhancement request to PyTorch.)"
        )
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(str(message()))


def _raising(name: str, error_type: type[Exception]) -> Any:
    def check(cond: Any, message: Message = None) -> None:
        _check_with(error_type, cond, message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raise unless `cond`. Errors: {error_type.__name__}; TypeError for what is no condition."
    return check


_check = _raising("_check", RuntimeError)
_check_index = _raising("_check_index", IndexError)
_check_value = _raising("_check_value", ValueError)
_check_type = _raising("_check_type", TypeError)
_check_not_implemented = _raising("_check_not_implemented", NotImplementedError)


def _check_tensor_all(cond: Any, message: Message = None) -> None:
    """Raise unless all elements hold. Errors: RuntimeError; TypeError for what is not a tensor of bools."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype is not dtypes.bool_:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _check_with(RuntimeError, cond.all().item(), message)


def _check_is_size(i: Any, message: Message = None, *, max: Any = None) -> None:
    """Raise unless a number is a size, and no larger than `max`. Errors: RuntimeError."""
    messages.warn(
        "_check_is_size will be removed in a future PyTorch release along with guard_size_oblivious.     Use _check(i >= 0) "
        "instead.",
        FutureWarning,
    )
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _assert(condition: Any, message: str) -> None:
    """Python's assert, as a function. Errors: AssertionError."""
    if not condition:
        raise AssertionError(message)
