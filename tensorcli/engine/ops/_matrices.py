"""What the chapters of linear algebra share: checks of matrices, column-major results, LinAlgError."""

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.batch.layer import whole
from tensorcli.engine.effects import Laid, broadcast_sizes
from tensorcli.engine.ops._dimensions import existing, kind_of

LinAlgError = type("_LinAlgError", (RuntimeError,), {"__module__": "torch._C"})
"""`torch.linalg.LinAlgError`: the matrix does not allow it."""


def columns(array):
    """Matrices laid out column by column, as LAPACK leaves them."""
    sizes = array.shape
    steps = [1] * len(sizes)
    steps[-2], steps[-1] = 1, max(sizes[-2], 1)
    step = max(sizes[-2], 1) * max(sizes[-1], 1)
    for d in range(len(sizes) - 3, -1, -1):
        steps[d] = step
        step *= max(sizes[d], 1)
    return Laid(array, tuple(steps))


def rows(array):
    """Matrices as LAPACK leaves them that were solved for transposed; those of complex numbers were conjugated as well."""
    return Laid(array, None, conjugated=array.dtype.kind == "c")


def check_matrix(a, name, square=True, floating=True):
    """Refuse what is not a batch of (square) floating matrices. Errors: RuntimeError with PyTorch's texts."""
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    if floating:
        check_floating(a, name)


def check_order(order, name):
    """Refuse a complex number as the order of a norm. Errors: RuntimeError."""
    if isinstance(order, complex):
        raise RuntimeError(f"{name}: Expected a non-complex scalar as the order of norm.")


def check_floating(a, name):
    """Errors: RuntimeError for an array whose dtype is neither floating nor complex."""
    if dtypes.from_numpy_dtype(a.dtype).category < dtypes.FLOATING:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {kind_of(a)}")


def check_floating_tensor(self, name):
    """Errors: RuntimeError for a tensor whose dtype is neither floating nor complex."""
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {self.dtype.scalar_type}"
        )


def full_precision(name, square=False):
    """The check of an operator that PyTorch refuses to float16 and bfloat16, after it looked for `square` matrices.

    Errors: RuntimeError.
    """

    def check(a, *rest):
        if a.dtype.reduced and square:
            check_matrix(stand_in(a), name, floating=False)
        if a.dtype.reduced:
            raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {a.dtype.scalar_type}")

    return check


def check_systems(b, a, name):
    """Sides that fit the matrices that an older solver is given. Errors: RuntimeError, IndexError with PyTorch's texts."""
    if b.dtype != a.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {kind_of(b)} and A of type {kind_of(a)} instead."
        )
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    existing(-2, b.ndim)
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {a.shape[-1]} by {a.shape[-1]} but each b matrix is "
            f"{b.shape[-2]} by {b.shape[-1]}"
        )


def check_sides(a, b, left, name):
    """Sides that fit the matrices that a solver is given. Errors: RuntimeError with PyTorch's texts."""
    if b.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


def check_no_nan(xp, a, name):
    """Refuse matrices on which LAPACK does not converge. Errors: LinAlgError."""
    wrong = xp.isnan(a).any(axis=(-2, -1))
    if wrong.any():
        where = f"(Batch element {int(xp.argmax(wrong))}): " if a.ndim > 2 else ""
        raise LinAlgError(
            f"{name}: {where}The algorithm failed to converge because the input matrix contained non-finite values."
        )


def check_no_infinity(xp, a, name):
    """Refuse matrices of whose singular vectors LAPACK finds none. Errors: LinAlgError."""
    check_codes(xp.isinf(a).any(axis=(-2, -1)) * (min(a.shape[-2:]) - 1), name)


def eigenvectors(xp, a, half="L", vectors=True):
    """The eigenvalues and eigenvectors of symmetric matrices. Errors: LinAlgError, where LAPACK does not converge."""
    try:
        return xp.linalg.eigh(a, half)
    except np.linalg.LinAlgError:
        # LAPACK counts what did not converge beside the diagonal: all for the vectors, the first for the values alone.
        endless = ~xp.isfinite(a).all(axis=(-2, -1))
        check_codes(endless * (a.shape[-1] - 1 if vectors else 1), "linalg.eigh")
        raise


def stand_in(tensor):
    """An array of a tensor's sizes and dtype, for checks that look at nothing else."""
    return np.broadcast_to(np.zeros((), tensor.dtype.np), tensor.geometry.sizes)


_FAILURES = (
    (
        "inv",
        LinAlgError,
        "The diagonal element {0} is zero, the inversion could not be completed because the input matrix is singular.",
    ),
    ("solve", LinAlgError, "The solver failed because the input matrix is singular."),
    (
        "cholesky",
        LinAlgError,
        "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
        "{0} is not positive-definite).",
    ),
    (
        "lstsq",
        LinAlgError,
        "The least squares solution could not be computed because the input matrix does not have full rank (error code: {0}).",
    ),
    *(
        (
            part,
            LinAlgError,
            "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
            f"{what} values (error code: {{0}}).".replace("eigen values", "eigenvalues"),
        )
        for part, what in (("eigh", "eigen"), ("svd", "singular"))
    ),
    (
        "lu_factor",
        RuntimeError,
        "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the "
        "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
    ),
)
"""What PyTorch makes of LAPACK's codes: by what is in the function's name, tried in this order."""


def check_codes(codes, name):
    """Refuse failed factorisations, by the numbers (an array) that LAPACK gave for a batch of matrices.

    Errors: LinAlgError; RuntimeError where PyTorch has no better text.
    """
    if not codes.any():
        return
    at = int(np.flatnonzero(codes.reshape(-1))[0])
    code = int(codes.reshape(-1)[at])
    where = f"{name}: (Batch element {at})" if codes.ndim else name
    for part, error, text in _FAILURES:
        if part in name:
            raise error(f"{where}: {text.format(code)}")
    raise RuntimeError(
        'false INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/aten/src/ATen/native/BatchLinearAlgebra.cpp":1642, please '
        f"report a bug to PyTorch. {where}: Unknown error code: {code}."
    )


def raise_for(info, name):
    """Refuse failed factorisations, by the tensor of LAPACK's numbers. Errors: as `check_codes`."""
    check_codes(whole(info).array, name)


def solve(xp, a, b):
    """The X for which a X = b, for matrices b. Errors: numpy's LinAlgError for a singular a."""
    if a.shape[:-2] != b.shape[:-2]:
        lead = broadcast_sizes([b.shape[:-2], a.shape[:-2]])  # in this order, which the error tells
        a = xp.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = xp.broadcast_to(b, (*lead, *b.shape[-2:]))
    return xp.linalg.solve(a, b)
