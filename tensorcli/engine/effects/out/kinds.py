"""How operators fill the tensor given as `out=`: element-wise ones cast into it, others want the dtype of their result exactly,
some compute in the output's dtype, and each looks at dtype, size and memory in an order of its own.

Which operators are of which kind, by name, measured on PyTorch 2.13.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import effects

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

CASTING: Final = frozenset(
    "var std logsumexp bernoulli addr cholesky cholesky_inverse cholesky_solve linalg_eig linalg_eigvals linalg_pinv "
    "linalg_householder_product linalg_tensorinv linalg_tensorsolve fft_fftfreq fft_rfftfreq geqrf linalg_lstsq".split()
)
"""Operators that are not element-wise and cast their result into the output all the same."""

EXACT_COMPOSITES: Final = frozenset(
    "isin slice_scatter cross diag lu_solve linear qr svd msort take_along_dim softmax log_softmax special_softmax "
    "special_log_softmax linalg_ldl_factor "
    "norm index_add linalg_det linalg_cholesky linalg_eigh linalg_eigvalsh linalg_slogdet linalg_lu_factor linalg_inv "
    "inverse linalg_solve linalg_solve_ex linalg_svd linalg_svdvals linalg_qr expand_copy diagonal_copy alias_copy "
    "as_strided_copy view_copy permute_copy split_with_sizes_copy unbind_copy unfold_copy squeeze_copy unsqueeze_copy "
    "transpose_copy t_copy slogdet det argsort matmul".split()
)
"""Operators made of others that want the dtype of their result exactly."""

OVERLAP_FIRST: Final = frozenset("diff take index_select masked_select nonzero".split())
"""Operators that look at the memory of the output before they give it its size, as element-wise ones do; the others after."""

OVERLAP_BEFORE_DTYPE: Final = frozenset("scatter scatter_add scatter_reduce addbmm".split())
"""Operators that look at the memory of the output before anything else."""

SIZED_SILENTLY: Final = frozenset("addbmm log_sigmoid multinomial bernoulli".split())
"""Operators that give the output its size without a warning."""

COPIED_FROM_ROWS: Final = frozenset("cholesky linalg_tensorinv linalg_tensorsolve".split())
"""Operators that copy into an output which they gave its size row by row, as transforms do, whatever strides their result has."""
FILLED_BY_COLUMN: Final = frozenset("geqrf ormqr linalg_eig linalg_householder_product linalg_lstsq".split())
"""Operators that do so where LAPACK cannot write into the output: one of another dtype, or that has elements already."""

SIZED_ONCE: Final = frozenset("floor_divide mvlgamma angle logit abs".split())
"""Element-wise operators that size the output alone, as logical ones do; the others size what they compute in as well, where that
has another dtype, and warn of both.
"""

ELEMENTWISE_INSIDE: Final = frozenset("max.other min.other outer square".split())
"""Operators that are an element-wise one on other arguments."""

DTYPE_LAST: Final[dict[str, Callable[[tuple[Any, ...]], bool]]] = {
    # Along a new last dimension it is `cat` of the output itself, else of a view of the output.
    "stack": lambda values: values[1] not in (-1, values[0][0].ndim),
    "matmul": lambda values: max(one.ndim for one in values) > 2,
    **dict.fromkeys(("std", "var"), lambda values: not values[0].dtype.is_complex),
    **dict.fromkeys(
        "matrix_power linalg_matrix_power normal kron dot vdot diag addbmm log_sigmoid expand_copy diagonal_copy "
        "alias_copy as_strided_copy view_copy permute_copy unfold_copy squeeze_copy unsqueeze_copy transpose_copy t_copy "
        "split_with_sizes_copy unbind_copy diff slice_scatter linalg_solve_triangular".split(),
        lambda values: True,
    ),
}
"""Operators that give the output its size before they look at its dtype, and for which values."""

ALIASING_REFUSED: Final = frozenset(
    "gather take index_select masked_select kthvalue scatter scatter_add scatter_reduce index_add index_copy index_reduce "
    "nonzero cross linalg_cross take_along_dim diff hstack vstack row_stack dstack column_stack".split()
)
"""Operators that refuse an output which shares memory with an input, although it may be that input itself."""

WRITES_INTO_SELF: Final = frozenset(
    "scatter scatter_add scatter_reduce index_add index_copy index_reduce".split()
)
"""Of these, those that begin with a copy of `self` into the output, which may therefore be `self`."""

ALIASING_ALLOWED: Final = frozenset(
    "sum nansum mean nanmean prod amax amin logsumexp var std all any argmax argmin dot vdot norm linalg_norm "
    "linalg_vector_norm linalg_matrix_norm median nanmedian linalg_inv inverse "
    "linalg_inv_ex linalg_det _linalg_det det linalg_solve _linalg_solve_ex linalg_qr linalg_eigvalsh _linalg_eigh "
    "linalg_svdvals _linalg_svd linalg_pinv quantile nanquantile diag histc cummax cummin bmm tril triu".split()
) | {f"fft_{name}{over}" for name in ("fft", "ifft", "rfft", "irfft") for over in ("", "2", "n")}
"""Operators that write where they read: PyTorch does not look, and has read before it writes."""

CHECKED_ALONE: Final = frozenset(
    "mean logsumexp quantile nanquantile linalg_inv inverse median nanmedian diag addmm addmv addbmm norm linalg_norm "
    "linalg_matrix_norm linalg_eigvalsh linalg_qr linalg_inv_ex linalg_solve _linalg_solve_ex linalg_pinv linalg_svdvals".split()
) | {f"fft_{name}{over}" for name in ("fft", "ifft", "rfft", "irfft") for over in ("", "2", "n")}
"""Of these and the next, those that refuse an output whose elements share memory with each other."""

FILLED_FIRST: Final = frozenset("mv addmv addmm addbmm".split())
"""Products that begin with what is added to them, or zeros, in the output, and do not look whether a factor lies there too."""

COUNTED: Final = {"kron": 0, "nanmean": 2}
"""How often an output is written into, where it is not once: `kron` writes through a view with a counter of its own."""

SILENT: Final = frozenset("split_copy split_with_sizes_copy unbind_copy".split())
"""Operators that write into a list of outputs and return nothing."""

DEVICE_AFTER_DTYPE: Final = frozenset(
    "avg_pool2d svd index_reduce scatter scatter_add argmax argmin hash_tensor gather topk max.dim min.dim inverse linalg_inv "
    "linalg_inv_ex linalg_det linalg_cholesky linalg_cholesky_ex linalg_svd linalg_svdvals".split()
)
"""Operators that look at the dtype of an output before they look where it is."""


def origin_of(op: "Op") -> "Op":
    """The operator that an alias (`torch.concat`) is another name of, or the operator itself."""
    while op.alias_of is not None:
        op = op.alias_of
    return op


def is_exact(origin: "Op", values: Sequence[Any]) -> bool:
    """Whether an operator without words of its own wants the dtype of its result exactly."""
    name = origin.base
    if name.endswith("matrix_power"):
        return not ends_with_a_square(values[1])  # The output gets the last product itself.
    if name in EXACT_COMPOSITES:
        return True
    return origin.effect is effects.fresh and origin.rule is None and name not in CASTING


def ends_with_a_square(n: int) -> bool:
    """Whether PyTorch makes this power of a matrix by squaring alone, and copies it."""
    return n in (0, 1) or ((n := abs(n)) > 2 and n & (n - 1) == 0)
