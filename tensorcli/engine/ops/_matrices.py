"""What the chapters of linear algebra share: checks of matrices, column-major results, LinAlgError."""

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops._dimensions import kind_of

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


def check_matrix(a, name, square=True, argument="A"):
    """Refuse what is no batch of (square) floating matrices. Errors: RuntimeError with PyTorch's texts."""
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    check_floating(a, name)


def check_floating(a, name):
    if a.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {kind_of(a)}")


def check_no_nan(xp, a, name):
    """Refuse matrices on which LAPACK does not converge. Errors: LinAlgError."""
    wrong = xp.isnan(a).any(axis=(-2, -1))
    if wrong.any():
        where = f"(Batch element {int(xp.argmax(wrong))}): " if a.ndim > 2 else ""
        raise LinAlgError(
            f"{name}: {where}The algorithm failed to converge because the input matrix contained non-finite values."
        )


def raise_for(info, text):
    """Refuse a failed factorisation. `text` takes the number that LAPACK gave. Errors: LinAlgError."""
    codes = info.array.reshape(-1) if info.ndim else info.array.reshape(1)
    if codes.any():
        at = int(np.flatnonzero(codes)[0])
        where = f"(Batch element {at}): " if info.ndim else ""
        name, _, rest = text.partition(": ")
        raise LinAlgError(f"{name}: {where}{rest}".format(int(codes[at])))


def solve(xp, a, b):
    """The X for which a X = b, for matrices b. Errors: numpy's LinAlgError for a singular a."""
    if a.shape[:-2] != b.shape[:-2]:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = xp.broadcast_to(a, (*lead, *a.shape[-2:]))
        b = xp.broadcast_to(b, (*lead, *b.shape[-2:]))
    return xp.linalg.solve(a, b)


def eye_like(a, columns=None):
    """The identity matrix with as many rows as a matrix has columns, of its dtype and on its device."""
    n = a.size(-1)
    return functions.eye(n, n if columns is None else columns, dtype=a.dtype, device=a.device)
