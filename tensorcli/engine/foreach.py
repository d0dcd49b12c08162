"""`torch._foreach_NAME`: an operator on each tensor of a list. Each result is that of the operator itself.

A second argument is a number or a tensor for all, or a list with one for each; in-place names return the list that they wrote.

Out of place, PyTorch records one node for the whole list (`ForeachExpBackward0`); here each result has its operator's own.
"""

from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.tensor import CONJ, NEG, Tensor

UNARY: Final = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt "
    "sigmoid sign sin sinh sqrt tan tanh trunc zero"
)
OTHERS: Final = "add sub mul div pow maximum minimum clamp_max clamp_min lerp addcmul addcdiv copy norm"
NAMES: Final = frozenset(
    f"_foreach_{name}{ending}" for name in f"{UNARY} {OTHERS}".split() for ending in ("", "_")
) - {"_foreach_zero", "_foreach_norm_"}
_NUMBERS: Final = {
    "maximum": "clamp_min", "minimum": "clamp_max", "maximum_": "clamp_min_", "minimum_": "clamp_max_"
}  # fmt: skip
"""What an operator of two tensors is called where the second is a number."""


def function(name: str) -> Callable[..., Any]:
    """The function of this name, which is one of NAMES."""
    base = name.removeprefix("_foreach_")
    writes = base.endswith("_")

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, (list, tuple)):
            raise TypeError(f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not Tensor")
        if not self:
            raise RuntimeError("Tensor list must have at least one tensor.")
        for other in args:
            if isinstance(other, (list, tuple)) and len(other) != len(self):
                what = "lists" if other and isinstance(other[0], Tensor) else "list"
                of = (
                    "the same number of tensors"
                    if what == "lists"
                    else "same number of elements as scalar list"
                )
                raise RuntimeError(
                    f"Tensor {what} must have {of}, got {len(self)} and {len(other)}"
                    + ("" if what == "lists" else ".")
                )
        if writes:
            for one in self:
                views.check_in_place(one, mode.enabled and one.requires_grad)
            _check_lazy(name, self)
        called = _NUMBERS.get(base, base) if args and not isinstance(args[0], (list, tuple, Tensor)) else base
        results = [
            _method(one, called, writes or base == "norm", args)(
                *(other[i] if isinstance(other, (list, tuple)) else other for other in args), **kwargs
            )
            for i, one in enumerate(self)
        ]
        return list(self) if writes else tuple(results)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{base} of each tensor of a list."
    return call


def _check_lazy(name: str, tensors: Any) -> None:
    """Refuse to write into tensors that are read conjugated or negated. Errors: RuntimeError."""
    lazy = {bit for one in tensors for bit in (CONJ, NEG) if one.lazy & bit}
    if lazy:
        kind = "conjugate" if CONJ in lazy else "negation"
        raise RuntimeError(
            f" fallback doesn't currently support mutable TensorLists with {kind} inputs. Please materialize all the {kind} "
            f"input tensor(s) in the mutable TensorList inputs before calling aten::{name}"
        )


def _method(one: Tensor, name: str, is_method: bool, args: tuple[Any, ...]) -> Callable[..., Any]:
    """What is called for one tensor of the list. In place, PyTorch records the node of the overload for numbers."""
    if name in _BY_NUMBER and args and mode.enabled and one.requires_grad:
        other = args[0][0] if isinstance(args[0], (list, tuple)) else args[0]
        if not isinstance(other, Tensor) or (
            name in ("add_", "sub_") and not (other.ndim or isinstance(args[0], (list, tuple)))
        ):
            return lambda other: direct(f"_{name}.Scalar", one, getattr(other, "item", lambda: other)())
    return getattr(one if is_method else _Function(one), name)  # type: ignore[no-any-return]


_BY_NUMBER: Final = ("add_", "sub_", "mul_", "div_")


class _Function:
    """An operator as a function of one tensor, where it is no method."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: getattr(functions, name)(self._tensor, *args, **kwargs)
