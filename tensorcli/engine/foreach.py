"""`torch._foreach_NAME`: an operator on each tensor of a list. Each result is that of the operator itself.

A second argument is a number or a tensor for all, or a list with one for each; in-place names return the list that they wrote.
Out of place, the results have one node together (autograd/of_lists.py).
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any, Final

from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.of_lists import joined
from tensorcli.engine.binding import Binder
from tensorcli.engine.callers import functions
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.schema import Argument, parse
from tensorcli.engine.tensor import CONJ, NEG, Tensor

_UNARY: Final = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt "
    "sigmoid sign sin sinh sqrt tan tanh trunc"
)
_OF_TWO: Final = ("Tensor[] other", "Scalar scalar", "Scalar[] scalars")
_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(f"{_UNARY} max zero".split(), ("",)),
    "add": (
        "Tensor[] other, *, Scalar alpha=1",
        "Scalar scalar",
        "Scalar[] scalars",
        "Tensor other, *, Scalar alpha=1",
    ),
    "sub": ("Tensor[] other, *, Scalar alpha=1", "Scalar scalar", "Scalar[] scalars"),
    **dict.fromkeys(("mul", "div"), (*_OF_TWO, "Tensor other")),
    **dict.fromkeys(("maximum", "minimum", "clamp_max", "clamp_min"), _OF_TWO),
    "pow": ("Tensor[] exponent", "Scalar exponent", "Scalar[] exponent"),
    "lerp": (
        "Tensor[] tensors1, Tensor[] weights",
        "Tensor[] tensors1, Scalar weight",
        "Tensor[] tensors1, Scalar[] weight",
    ),
    **{
        name: tuple(
            f"Tensor[] tensor1, Tensor[] tensor2, {last}"
            for last in ("Scalar value=1", "Scalar[] scalars", "Tensor scalars")
        )
        for name in ("addcmul", "addcdiv")
    },
    **dict.fromkeys(("norm", "powsum"), ("Scalar ord=2, ScalarType? dtype=None",)),
    "mm": ("Tensor[] mat2",),
    "copy": ("Tensor[] src, bool non_blocking=False",),
    "clone": ("*, MemoryFormat? memory_format=None",),
}
"""What each overload takes behind the list, by the operator's name."""
NAMES: Final = frozenset(f"_foreach_{name}{ending}" for name in _PARAMETERS for ending in ("", "_")) - {
    f"_foreach_{name}" for name in ("zero", "copy", "norm_", "powsum_", "max_", "clone_", "mm_")
}
_NUMBERS: Final = {
    "maximum": "clamp_min", "minimum": "clamp_max", "maximum_": "clamp_min_", "minimum_": "clamp_max_"
}  # fmt: skip
"""What an operator of two tensors is called where the second is a number, or the first is written."""
_BY_NAME: Final = ("alpha", "memory_format")
"""What the operator of one tensor takes by name."""


def _lines(name: str) -> list[str]:
    base = name.removeprefix("_foreach_")
    lines = [f"Tensor[] self, {rest}".rstrip(", ") for rest in _PARAMETERS[base.rstrip("_")]]
    return [*lines, "Scalar self, Tensor[] exponent"] if base == "pow" else lines


@cache
def _overloads(name: str) -> tuple[Callable[..., Any], list[tuple[Argument, ...]]]:
    """What binds a call, and the arguments of each overload."""
    schemas = [parse(f"{name}.o{i}({line}) -> Tensor[]") for i, line in enumerate(_lines(name))]
    return Binder(name, schemas, tensor_class=Tensor).bind, [one.arguments for one in schemas]


def _full_name(name: str, arguments: Sequence[Argument]) -> str:
    """The name of an overload as PyTorch's refusals have it."""
    if not _is_list(arguments[0]):
        return f"{name}.ScalarAndTensor"
    _, *others = (one for one in arguments if not one.keyword_only)
    if not others or name in ("_foreach_copy_", "_foreach_mm"):
        return name
    last = others[0] if others[0].name == "ord" else others[-1]
    return f"{name}.{'List' if _is_list(last) else last.type.base + 'List' * last.type.is_list}"


def _is_list(argument: Argument) -> bool:
    return argument.type.is_list and argument.type.base == "Tensor"


def _check_lists(name: str, lists: Sequence[Any]) -> None:
    """Errors: RuntimeError for lists of tensors of which one is longer than the first, or which are empty."""
    count = len(lists[0])
    if name != "_foreach_copy_" or all(lists):
        for one in lists:
            if len(one) != count:
                raise RuntimeError(
                    f"Tensor lists must have the same number of tensors, got {count} and {len(one)}"
                )
    if not all(lists):
        raise RuntimeError("Tensor list must have at least one tensor.")


def function(name: str) -> Callable[..., Any]:
    """The function of this name, which is one of NAMES."""
    base = name.removeprefix("_foreach_")
    writes = base.endswith("_")

    def call(*args: Any, **kwargs: Any) -> Any:
        bind, overloads = _overloads(name)
        place, values = bind(args, kwargs)
        arguments = overloads[place]
        lists = [value for argument, value in zip(arguments, values, strict=True) if _is_list(argument)]
        if any(one.batch is not None for one in (*chain(*lists), *values) if isinstance(one, Tensor)):
            raise RuntimeError(
                f"Batching rule not implemented for aten::{_full_name(name, arguments)}. We could not generate a fallback."
            )
        _check_lists(name, lists)
        first, *others = values
        if not isinstance(first, (list, tuple)):
            powers = tuple(functions.pow(first, one) for one in others[0])
            return joined("ForeachPowBackward2", powers, [others[0]])
        given = [
            (argument.name, _for_each(argument.name, value, len(first)))
            for argument, value in zip(arguments[1:], others, strict=True)
        ]
        if writes:
            for one in first:
                views.check_in_place(one, mode.enabled and one.requires_grad)
            _check_lazy(name, first)
        results = [
            _on_one(
                base,
                one,
                [(what, value[i] if isinstance(value, (list, tuple)) else value) for what, value in given],
                isinstance(given[0][1], (list, tuple)) if given else False,
            )
            for i, one in enumerate(first)
        ]
        if writes:
            return list(first)
        lists = [first, *(value for _, value in given if _are_tensors(value))]
        return joined(_title(base, place), tuple(results), lists)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{base} of each tensor of a list."
    return call


def _are_tensors(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, (list, tuple)) and isinstance(value[0], Tensor))


def _title(base: str, place: int) -> str:
    """The name of the node of an overload: empty where it is that of the operator's own, None where it has no derivative."""
    marks = _MARKS.get(base)
    if marks is None:
        return ""
    stem = "".join(part.capitalize() for part in base.split("_"))
    return f"Foreach{stem}Backward{marks[place]}" if marks[place] else f"_foreach_{base}"


_MARKS: Final[dict[str, tuple[str, ...]]] = {
    "add": ("0List", "1Scalar", "1ScalarList", "1Scalar"),
    "sub": ("0List", "1Scalar", "1ScalarList"),
    "mul": ("0List", "1Scalar", "1ScalarList", "0Tensor"),
    "div": ("0", "1Scalar", "1ScalarList", "0Tensor"),
    **dict.fromkeys(("maximum", "minimum"), ("0List", "0", "1")),
    **dict.fromkeys(("clamp_max", "clamp_min", "lerp"), ("1List", "0Scalar", "0ScalarList")),
    "pow": ("0", "0Scalar", "1"),
    **dict.fromkeys(("addcmul", "addcdiv"), ("0Scalar", "0ScalarList", "")),
    "norm": ("0",),
    "mm": ("0",),
    "powsum": ("",),
}
"""How the names of the nodes end, by overload; empty where PyTorch has no derivative."""


def _for_each(what: str, value: Any, count: int) -> Any:
    """A value for all tensors of the list, or a list with one for each. Errors: RuntimeError."""
    if what == "scalars" and isinstance(value, Tensor):
        if value.ndim != 1:
            raise RuntimeError(
                f"Expected packed scalar Tensor to be of dimension 1. Got {value.ndim} instead."
            )
        if len(value) != count:
            raise RuntimeError(
                f"Expected length of scalars to match input of length {count} but got {len(value)} instead."
            )
        return value.tolist()
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"scalar tensor expected to be 0 dim but it has {value.ndim} dimensions and {value.numel()} elements."
        )
    if isinstance(value, (list, tuple)) and len(value) != count:
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return value


def _on_one(base: str, one: Tensor, given: Sequence[tuple[str, Any]], listed: bool) -> Any:
    """The result for one tensor. `listed`: its second argument came from a list."""
    values = [value for _, value in given]
    if base in _REDUCTIONS:
        return _REDUCTIONS[base](one, *values)
    if base.startswith(("addcmul", "addcdiv")):
        return _called(one, base)(*values[:2], value=values[2])
    named = {what: value for what, value in given if what in _BY_NAME and value != 1}
    plain = [value for what, value in given if what not in _BY_NAME]
    number = bool(plain) and not isinstance(plain[0], Tensor)
    if base in _BY_NUMBER and mode.enabled and one.requires_grad:
        zero_dimensional = base in ("add_", "sub_") and not listed and not number
        if number or zero_dimensional:
            return direct(f"_{base}.Scalar", one, plain[0] if number else plain[0].item())
    return _called(one, _NUMBERS.get(base, base) if number or base.endswith("_") else base)(*plain, **named)


_BY_NUMBER: Final = ("add_", "sub_", "mul_", "div_")
"""Where PyTorch records, in place, the node of the overload for numbers."""


def _called(one: Tensor, name: str) -> Callable[..., Any]:
    return getattr(one, name) if name.endswith("_") else partial(getattr(functions, name), one)


def _norm(one: Tensor, order: Any, dtype: Any) -> Any:
    if abs(order) == float("inf") and not one.numel():
        raise RuntimeError(
            "_foreach_norm cannot compute the infinity norm on an empty tensor because the operation does not have an identity"
        )
    return one.norm(order, dtype=dtype)


def _max(one: Tensor) -> Any:
    if not one.numel():
        raise RuntimeError(
            "_foreach_max cannot compute the maximum of an empty tensor; max over zero elements is undefined."
        )
    return one.max()


_REDUCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "norm": _norm,
    "max": _max,
    "powsum": lambda one, order, dtype: one.abs().pow(order).sum(dtype=dtype),
}


def _check_lazy(name: str, tensors: Any) -> None:
    """Refuse to write into tensors that are read conjugated or negated. Errors: RuntimeError."""
    lazy = {bit for one in tensors for bit in (CONJ, NEG) if one.lazy & bit}
    if lazy:
        kind = "conjugate" if CONJ in lazy else "negation"
        raise RuntimeError(
            f" fallback doesn't currently support mutable TensorLists with {kind} inputs. Please materialize all the {kind} "
            f"input tensor(s) in the mutable TensorList inputs before calling aten::{name}"
        )
