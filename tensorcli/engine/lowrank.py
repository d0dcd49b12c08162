"""torch.svd_lowrank and pca_lowrank: the largest singular values of a matrix, by random projections (Halko et al., 2009)."""

from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions

_OWN = (dtypes.float16, dtypes.float32, dtypes.float64)


def _floating(matrix: Any) -> Any:
    return matrix.dtype if matrix.dtype in _OWN else dtypes.float32


def _less(matrix: Any, mean: Any, other: Any) -> Any:
    """(matrix - mean) @ other, without the difference."""
    found = functions.matmul(matrix, other)
    return found if mean is None else found - functions.matmul(mean, other)


def _basis(matrix: Any, mean: Any, count: int, rounds: int) -> Any:
    """Orthonormal columns that nearly span the range of a matrix of shape (..., m, n): (..., m, count)."""
    kind = matrix.dtype if matrix.is_complex() else _floating(matrix)
    # Not one draw for each matrix of a batch: they share it.
    drawn = functions.randn((matrix.shape[-1], count), dtype=kind, device=matrix.device)
    found = functions.linalg_qr(_less(matrix, mean, drawn)).Q
    turned = None if mean is None else mean.mH
    for _ in range(rounds):
        found = functions.linalg_qr(_less(matrix.mH, turned, found)).Q
        found = functions.linalg_qr(_less(matrix, mean, found)).Q
    return found


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> tuple[Any, Any, Any]:
    """U, S and V of a matrix A, or of A - M, of rank about q: (..., m, q), (..., q) and (..., n, q)."""
    rows, columns = A.shape[-2:]
    wide = rows < columns
    mean = None if M is None else M.broadcast_to(A.size())
    if wide:
        A, mean = A.mH, None if mean is None else mean.mH
    basis = _basis(A, mean, 6 if q is None else q, 2 if niter is None else niter)
    small = functions.matmul(basis.mH, A)
    if mean is not None:
        small = small - functions.matmul(basis.mH, mean)
    inner, values, turned = functions.linalg_svd(small, full_matrices=False)
    left, right = basis.matmul(inner), turned.mH
    return (right, values, left) if wide else (left, values, right)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Any, Any, Any]:
    """The q principal components of the rows of A, as `svd_lowrank` of A without its columns' means. Errors: ValueError."""
    rows, columns = A.shape[-2:]
    least = min(rows, columns)
    if q is None:
        q = min(6, least)
    elif not 0 <= q <= least:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={least}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter)
