"""Functions of several tensors that PyTorch wrote in Python: they take the tensors one by one or as one sequence."""

from typing import Any

from tensorcli.engine.binding.messages import not_a_tensor
from tensorcli.engine.callers import functions
from tensorcli.engine.ops import grid, shape
from tensorcli.engine.tensor import Tensor


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> Any:
    """Parts of equal length along a dimension, or parts of the given lengths."""
    return tensor.split(split_size_or_sections, dim)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All tensors stretched to their common sizes, with stride 0: no copies."""
    only_tensors(tensors)
    return functions.broadcast_tensors(tensors)  # type: ignore[no-any-return]


def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal, zeros elsewhere."""
    if not tensors:
        made: Tensor = functions.empty((1, 0))
        return made
    found: Tensor = functions.block_diag(tensors)
    return found


def cartesian_prod(*tensors: Any) -> Tensor:
    """All choices of one element from each vector, a row each."""
    return functions.cartesian_prod(tensors)  # type: ignore[no-any-return]


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors stretched to the grid that they span, one tensor each; `indexing` is "ij" or "xy"."""
    gathered = _gathered(tensors)
    found: tuple[Tensor, ...]
    if indexing is None:
        found = grid.meshgrid(gathered)
    else:
        found = grid.meshgrid_indexing(gathered, indexing)
    return found


def _gathered(tensors: Any) -> Any:
    """The tensors, given one by one or as one sequence."""
    found = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    only_tensors(found)
    return found


def only_tensors(found: Any) -> None:
    """Errors: TypeError for what is not a tensor."""
    for place, one in enumerate(found):
        if not isinstance(one, Tensor):
            not_a_tensor(one, place, 0)


def _at_least(name: str, raise_dimensions: Any) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1:
            given = tensors[0]
            if not isinstance(given, (list, tuple)):
                return getattr(functions, name)(given)
        return tuple(raise_dimensions(one) for one in _gathered(tensors))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = raise_dimensions.__doc__
    return function


atleast_1d = _at_least("atleast_1d", shape.at_least_1d)
atleast_2d = _at_least("atleast_2d", shape.at_least_2d)
atleast_3d = _at_least("atleast_3d", shape.at_least_3d)
