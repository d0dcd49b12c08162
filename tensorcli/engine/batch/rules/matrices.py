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
    return None if op.overload else _product(op.base, args[0], args[1])


def _product(name: str, a: Batch, b: Batch) -> Any:
    """The products of two matrices, or of two batches of them, for each example. Errors: RuntimeError for other ranks."""
    if a.dim is None and b.dim is None:
        return getattr(functions, name)(a.value, b.value), None
    rank = 2 if name == "mm" else 3
    _check_ranks(name, a, b, rank, rank)
    return functions.matmul(front(a), front(b)), 0


def _check_ranks(name: str, a: Batch, b: Batch, first: int, second: int) -> None:
    if (a.rank, b.rank) != (first, second):
        raise RuntimeError(
            f"Shape mismatch: Got incorrect dims for {name}(a, b). a has dim {a.rank}and b has dim {b.rank}but expected them to "
            f"have dim {first} and dim {second}"
        )


@rule("mv")
def applied(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """mv: a matrix times a vector. Errors: RuntimeError for other ranks."""
    a, b = args
    if a.dim is None and b.dim is None:
        return functions.mv(a.value, b.value), None
    _check_ranks("mv", a, b, 2, 1)
    if a.dim is None:
        found: Any = functions.matmul(a.value, moved(front(b), 0, 1))
        return found, 1
    if b.dim is None:
        return functions.matmul(front(a), b.value), 0
    whole: Any = functions.matmul(front(a), front(b).unsqueeze(-1))
    return whole.squeeze(-1), 0


@rule("dot vdot")
def dotted(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """dot: a vector times a vector; vdot: its conjugate. Errors: RuntimeError for other ranks."""
    a, b = args
    if op.base == "vdot":
        a = Batch(layer, a.value.conj(), a.dim)
    if a.rank != 1 or b.rank != 1:
        raise RuntimeError("Got wrong shapes for dot")
    if a.dim is not None and b.dim is not None:
        found: Any = functions.matmul(front(a).unsqueeze(-2), front(b).unsqueeze(-1))
        return found.squeeze(-1).squeeze(-1), 0
    return functions.matmul(front(a), front(b).t()), 0


@rule("addmm baddbmm addmv")
def added(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A product added to something, as the sum of the two, scaled where that is asked."""
    own, a, b, beta, alpha = args
    if beta == 0 or a.value.dtype.category < FLOATING or own.value.dtype is not a.value.dtype:
        return None
    rank = {"addmv": 1, "addmm": 2, "baddbmm": 3}[op.base]
    result, dim = applied(layer, op, (a, b)) if rank == 1 else _product("mm" if rank == 2 else "bmm", a, b)
    if dim:
        result = moved(result, dim, 0)
    left = aligned(own, rank)
    if alpha != 1:
        result = result * alpha
    return (left if beta == 1 else left * beta) + result, 0
