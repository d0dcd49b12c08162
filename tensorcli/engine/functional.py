"""Functions that PyTorch writes in Python (torch.functional): arguments of several kinds, then operators of the table."""

from typing import Any

from tensorcli.engine.binding import python_signature
from tensorcli.engine.callers import functions
from tensorcli.engine.native import PYTHON_PARAMETERS, type_name
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.variadic import only_tensors


def tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    """Multiply and add up over the last `dims` dimensions of a and the first of b, or over two lists of dimensions."""
    if not isinstance(dims, (tuple, list, Tensor, int)):
        raise RuntimeError(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but "
            f"got dims={dims}"
        )
    if isinstance(dims, Tensor):
        if dims.numel() == 1:
            dims = int(dims.item())
        elif dims.size(0) != 2:
            raise AssertionError(f"dims tensor must have size 2 in first dimension, got {dims.size(0)}")
        else:
            dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = (list(range(-dims, 0)), list(range(dims)))
    dims_a, dims_b = dims
    return (
        functions.tensordot(a, b, dims_a, dims_b)
        if out is None
        else functions.tensordot(a, b, dims_a, dims_b, out=out)
    )


_of_consecutive = python_signature(
    "_consecutive_return_output", PYTHON_PARAMETERS["_consecutive_return_output"]
)


def unique_consecutive(*args: Any, **kwargs: Any) -> Any:
    """The first of each run of equal elements; on request the run of each element and the runs' lengths.

    Given by their places, PyTorch takes the two requests for one another when it decides what to return, not when it computes.
    """
    input, return_inverse, return_counts, dim = _of_consecutive(*args, **kwargs)
    by_name = {"return_inverse": return_inverse, "return_counts": return_counts, "dim": dim}
    if len(args) < 2:
        return functions.unique_consecutive(input, **by_name)
    try:
        found = functions._unique_consecutive(input, return_inverse, return_counts, dim)
    except TypeError:
        functions.unique_consecutive(input, **by_name)  # which complains in the name of the function
        raise
    inverse = args[2] if len(args) > 2 else kwargs.get("return_inverse", False)
    asked = (True, bool(inverse), bool(args[1]))
    kept = tuple(one for one, wanted in zip(found, asked, strict=True) if wanted)
    return kept if len(kept) > 1 else kept[0]


def einsum(*args: Any) -> Any:
    """Multiply and add up over named dimensions: `einsum("ij,jk->ik", a, b)`, or operands with lists of numbers."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        terms = [_letters(labels) for labels in args[1::2]]
        operands: Any = args[: len(args) // 2 * 2 : 2]
        terms, result = (terms, None) if len(args) % 2 == 0 else (terms[: len(operands)], _letters(args[-1]))
        equation = ",".join(terms) + ("" if result is None else f"->{result}")
    else:
        equation, operands = args[0], args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        return einsum(equation, *operands[0])
    return functions.einsum(equation, list(operands))


def _letters(labels: Any) -> str:
    found = []
    for label in labels:
        if label is Ellipsis:
            found.append("...")
        elif 0 <= label < 26:
            found.append(chr(ord("A") + label))
        elif 26 <= label < 52:
            found.append(chr(ord("a") + label - 26))
        else:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return "".join(found)


def cdist(
    x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary"
) -> Any:
    """The p-norm distances between all rows of two (batches of) matrices."""
    modes = {"use_mm_for_euclid_dist_if_necessary": None, "use_mm_for_euclid_dist": 1}
    modes |= {"donot_use_mm_for_euclid_dist": 2}
    for name, mode in modes.items():
        if compute_mode == name:
            return functions.cdist(x1, x2, p, mode)
    raise ValueError(f"{compute_mode} is not a valid value for compute_mode")


def chain_matmul(*matrices: Any, out: Any = None) -> Any:
    """The product of several matrices."""
    only_tensors(matrices)
    if out is not None and not isinstance(out, Tensor):
        raise TypeError(f"chain_matmul(): argument 'out' must be Tensor, not {type_name(type(out))}")
    found = OPS["chain_matmul"]
    return found.run((list(matrices),) if out is None else (list(matrices), out))
