"""`torch.autograd.forward_ad`: dual tensors, whose tangents go forward with the operators while a level is open.

The rules for tangents stand in `dual.py`, which is read when the first level is entered: nothing is paid before.
"""

from typing import Any, NamedTuple

from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import Context, mode, opened
from tensorcli.engine.autograd.nodes import Passing
from tensorcli.engine.callers import functions
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]

_NUMBER = 0
"""The number of the level that is open, as PyTorch has one: those of `torch.func.jvp` stand for it where they run."""


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` gives: the tensor without its tangent, and the tangent (None where there is none)."""

    primal: Tensor
    tangent: Tensor | None


UnpackedDualTensor.__module__ = "torch.autograd.forward_ad"


def enter_dual_level() -> int:
    """Open a level; its number. Errors: RuntimeError where one is open."""
    from tensorcli.engine.autograd import dual

    if opened:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    dual.open_level(nests=False)
    return _NUMBER


def exit_dual_level(*, level: int | None = None) -> None:
    """Close a level, whose tangents are forgotten. Errors: RuntimeError where it is not the last one that was opened."""
    last = _last()
    number = last if level is None else level
    if number != last:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if number < 0:
        raise RuntimeError("Dual level must be a positive number.")
    opened[-1].close()


class dual_level(Context):  # noqa: N801 (PyTorch's name)
    """A level as a context manager, which gives its number, or as a decorator."""

    __module__ = "torch.autograd.forward_ad"

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(self, *error: Any) -> None:
        exit_dual_level()


class Identity(Passing):
    """The node of a dual tensor's primal."""

    __module__ = "builtins"
    title = "torch::autograd::Identity"


Identity.__name__ = Identity.__qualname__ = "CppFunction"  # PyTorch has no class of its own for this node


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Tensor:
    """A view of a tensor, shape S, with a tangent of shape S, both floating or complex.

    Errors: RuntimeError outside a level and for tangents that do not fit; ValueError for other dtypes.
    """
    number = _current(level)
    if number < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, one in (("primal", tensor), ("tangent", tangent)):
        if not (one.is_floating_point() or one.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {one.dtype}")
    if number > _last():
        raise RuntimeError("Invalid level given to _make_dual")
    _refuse_examples("_make_dual", tensor, tangent)
    innermost = opened[-1]
    if innermost.tangent_of(tensor) is not None:
        raise RuntimeError(
            f"Making a dual Tensor based on a Tensor that already has a forward gradient at the same level {number} is not "
            "supported."
        )
    if mode.inference:
        # Nothing has a tangent there.
        return functions.alias(tensor)  # type: ignore[no-any-return]
    found: Tensor = innermost.dual(tensor, tangent)
    return found


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """A tensor without its tangent, and the tangent: None where there is none, and where no level is open."""
    number = _current(level)
    if number < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type_name(type(tensor))}"
        )
    if not opened:
        return UnpackedDualTensor(functions.alias(tensor), None)
    if mode.inference:
        return UnpackedDualTensor(opened[-1].without_tangent(tensor), None)
    _refuse_examples("_unpack_dual", tensor)
    innermost = opened[-1]
    primal = innermost.without_tangent(tensor)
    if primal.node is not None and not innermost.nests:
        node = Identity((gradient_edge(tensor),), {})
        node.outputs = primal.node.outputs
        primal.node = node
    tangent = innermost.tangent_of(tensor) if number == _NUMBER else None
    return UnpackedDualTensor(primal, None if tangent is None else innermost.seen(tangent))


def _refuse_examples(operator: str, *tensors: Tensor) -> None:
    """Errors: RuntimeError for an example of a batch, but of the vmap of `torch.autograd`."""
    if any(one.batch is not None and not one.batch.layer.legacy for one in tensors):
        raise RuntimeError(
            f"Batching rule not implemented for aten::{operator}; the fallback path doesn't work on out= or view ops."
        )


def _current(level: int | None) -> int:
    return _last() if level is None else level


def _last() -> int:
    return _NUMBER if opened else -1
