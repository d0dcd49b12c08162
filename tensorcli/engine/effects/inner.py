"""How often PyTorch's own kernels write into a result that they made, where that counts.

Most kernels are written in terms of other operators: `mean` fills its result with a sum and divides it in place. Under
autograd those writes are not counted; they are where no input has autograd's dispatch key, which is so when all inputs are
inference tensors and inference mode is off. Then a fresh result, a normal tensor, carries their number as its version.
Measured on PyTorch 2.13 by `torch.clone(x)._version` and its like.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import dtypes
from tensorcli.engine.effects.arrays import tensors_of
from tensorcli.engine.storage import Version
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

Count = int | Callable[[Tensor, Tensor, Sequence[Any]], int]
"""A number, or a function of the first input, the result and all values."""


def _of_integers(source: Tensor, result: Tensor, values: Sequence[Any]) -> int:
    return int(source.dtype.category < dtypes.FLOATING)


def _of_scalars(source: Tensor, result: Tensor, values: Sequence[Any]) -> int:
    return int(not source.geometry.sizes)


def _of_spread(source: Tensor, result: Tensor, values: Sequence[Any]) -> int:
    return int(result.geometry.numel == 1)


def _of_unmoved(source: Tensor, result: Tensor, values: Sequence[Any]) -> int:
    """A flip that moves nothing is a copy into the result."""
    sizes, strides = source.geometry.sizes, source.geometry.strides
    return int(source.geometry.numel <= 1 or all(sizes[d] <= 1 or not strides[d] for d in values[1]))


def _of_norm(source: Tensor, result: Tensor, values: Sequence[Any]) -> int:
    """A norm of single elements is their absolute value; one of nothing is filled in."""
    sizes, dim = source.geometry.sizes, values[2] if len(values) > 2 else None
    if not sizes:
        return int(dim is None)
    if not source.geometry.numel:
        return int(values[1] is None or abs(values[1]) != float("inf"))
    dims = range(len(sizes)) if dim is None else (dim,) if isinstance(dim, int) else dim
    return int(all(sizes[d] == 1 for d in dims))


WRITES: Final[dict[str, Count]] = {
    **dict.fromkeys(
        "abs logical_not logical_and logical_or logical_xor nan_to_num deg2rad rad2deg clone _to_copy sum nansum prod "
        "max min amax any all logsumexp sort argsort msort kthvalue cummax cummin repeat _unique2 nonzero aminmax "
        "frexp mv dot vdot isclose bincount addmm baddbmm complex polar renorm index_copy index_add scatter scatter_add fill "
        "median.dim nanmedian.dim _linalg_det _linalg_slogdet _linalg_solve_ex linalg_qr linalg_eig "
        "linalg_lstsq pow.Scalar cholesky_inverse geqrf isin _adaptive_avg_pool2d _adaptive_avg_pool3d im2col "
        "soft_margin_loss multi_margin_loss multilabel_margin_loss_forward hardtanh mvlgamma bernoulli".split(),
        1,
    ),
    **dict.fromkeys(
        "mean mode diag_embed diagflat masked_fill masked_scatter index_fill put histc constant_pad_nd slice_scatter "
        "select_scatter diagonal_scatter as_strided_scatter index_put cholesky_solve max_unpool2d max_unpool3d "
        "_fft_r2c".split(),
        2,
    ),
    "isreal": lambda source, result, values: int(not source.dtype.is_complex),
    "isinf": lambda source, result, values: int(source.dtype.category != dtypes.FLOATING),
    "angle": lambda source, result, values: int(source.dtype.is_complex),
    "rot90": lambda source, result, values: int(values[1] % 4 != 2),
    "signbit": lambda source, result, values: int(source.dtype is dtypes.bool_),
    "ormqr": 3,
    **dict.fromkeys("ceil floor round trunc isposinf isneginf".split(), _of_integers),
    "flip": _of_unmoved,
    **dict.fromkeys("topk cumsum cumprod logcumsumexp".split(), _of_scalars),
    **dict.fromkeys(("norm", "linalg_vector_norm"), _of_norm),
    "linalg_inv_ex": 3,
    "linalg_matrix_exp": 2,
    "_conj_physical": 1,
    "amin": lambda source, result, values: int(source.dtype.category >= dtypes.FLOATING),
    **dict.fromkeys("std var".split(), _of_spread),
    **dict.fromkeys(
        ("max.dim", "min.dim", "mse_loss"), lambda source, result, values: 2 if source.geometry.sizes else 1
    ),
}
"""By base name, or by the full name where overloads differ."""

COMPOSED: Final[dict[str, Count]] = {
    "isfinite": lambda source, result, values: (
        1 if source.dtype.is_complex else _of_integers(source, result, values) if source.inference else 0
    ),
    "one_hot": lambda source, result, values: 2 if source.geometry.numel else 0,
}
"""Operators that PyTorch makes of others, whose writes count always, and that the engine does at once."""


def counted(op: "Op", values: Sequence[Any], results: Sequence[Any]) -> None:
    """Give fresh results the version that PyTorch's inner writes leave, where all inputs are inference tensors."""
    inputs = list(tensors_of(op, values))
    if not inputs or not (op.base in COMPOSED or all(one.inference for one in inputs)):
        return
    count = op.inner_writes
    for result in results:
        if result is not None and not result.inference:
            number = count if isinstance(count, int) else count(inputs[0], result, values)
            result._counter = Version(number)
