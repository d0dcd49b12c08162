"""Products and factorizations: matrices and vectors of all examples at once."""

from typing import Any

from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.rules.table import rule
from tensorcli.engine.batch.values import aligned, batches_of, changed, front, full, moved
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import FLOATING
from tensorcli.engine.op import Op


@rule(
    "linalg_inv_ex linalg_cholesky_ex cholesky _linalg_det _linalg_slogdet linalg_qr _linalg_eigh _linalg_svd "
    "linalg_lu_factor_ex linalg_lu linalg_matrix_exp trace"
)
def matrices(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on matrices, which take any number of dimensions before them."""
    batch = args[0]
    if batch.rank < 2 or op.base == "trace":
        return None
    return op.run((front(batch), *args[1:])), 0


@rule(
    "linalg_solve_triangular triangular_solve cholesky_solve linalg_householder_product linalg_lu_solve _cdist_forward "
    "_euclidean_dist cholesky_inverse linalg_eig lu_unpack _linalg_solve_ex"
)
def paired(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on matrices and what belongs to each of them (right sides, pivots): all are brought to one batch."""
    given = batches_of(args)
    if op.base == "linalg_householder_product":
        fits = given[0].rank == given[1].rank + 1
    elif op.base in ("lu_unpack", "linalg_lu_solve"):
        fits = given[0].rank == given[1].rank + 1 and (len(given) < 3 or given[2].rank == given[0].rank)
    else:
        fits = len({one.rank for one in given}) == 1
    if given[0].rank < 2 or not fits:
        return None
    return op.run(changed(args, lambda one: full(one, layer.size))), 0


@rule("mm bmm")
def multiplied(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """mm and bmm."""
    return None if op.overload else _product(args[0], args[1], 2 if op.base == "mm" else 3)


def _product(a: Batch, b: Batch, rank: int) -> Any:
    """The products of two matrices, or of two batches of them (rank 3), for each example; None where the sizes do not fit."""
    if a.rank != rank or b.rank != rank or a.sizes[-1] != b.sizes[-2] or a.sizes[:-2] != b.sizes[:-2]:
        return None
    return functions.matmul(front(a), front(b)), 0


@rule("mv")
def applied(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """mv: a matrix times a vector."""
    a, b = args
    if a.rank != 2 or b.rank != 1 or a.sizes[1] != b.sizes[0]:
        return None
    if a.dim is None and b.dim is None:
        return functions.mv(a.value, b.value), None
    if a.dim is None:
        found: Any = functions.matmul(a.value, moved(front(b), 0, 1))
        return found, 1
    if b.dim is None:
        return functions.matmul(front(a), b.value), 0
    whole: Any = functions.matmul(front(a), front(b).unsqueeze(-1))
    return whole.squeeze(-1), 0


@rule("dot")
def dotted(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """dot: a vector times a vector."""
    a, b = args
    if a.rank != 1 or b.rank != 1 or a.sizes != b.sizes or a.value.dtype is not b.value.dtype:
        return None
    if a.dim is not None and b.dim is not None:
        found: Any = functions.matmul(front(a).unsqueeze(-2), front(b).unsqueeze(-1))
        return found.squeeze(-1).squeeze(-1), 0
    mapped, other = (a, b) if a.dim is not None else (b, a)
    return functions.matmul(front(mapped), other.value), 0


@rule("addmm baddbmm addmv")
def added(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A product added to something, as the sum of the two, scaled where that is asked."""
    own, a, b, beta, alpha = args
    if beta == 0 or a.value.dtype.category < FLOATING or own.value.dtype is not a.value.dtype:
        return None
    rank = {"addmv": 1, "addmm": 2, "baddbmm": 3}[op.base]
    found = applied(layer, op, (a, b)) if rank == 1 else _product(a, b, rank)
    if found is None:
        return None
    result, dim = found
    if dim:
        result = moved(result, dim, 0)
    left = aligned(own, rank)
    if alpha != 1:
        result = result * alpha
    return (left if beta == 1 else left * beta) + result, 0
