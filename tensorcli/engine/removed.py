"""What PyTorch has removed, or keeps for old programs: it says what to write instead."""

from operator import attrgetter
from typing import Any, NoReturn

from tensorcli.engine import messages

_REMOVED = "This function was deprecated since version 1.9 and is now removed."


def matrix_rank(input: Any, tol: Any = None, symmetric: bool = False, *, out: Any = None) -> NoReturn:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        f"{_REMOVED}\nPlease use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' was renamed in "
        "`torch.linalg.matrix_rank()` to 'hermitian'."
    )


def solve(input: Any, A: Any, *, out: Any = None) -> NoReturn:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        f"{_REMOVED} `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments "
        "reversed and does not return the LU factorization.\n\nTo get the LU factorization see `torch.lu`, which can be used "
        "with `torch.lu_solve` or `torch.lu_unpack`.\nX = torch.solve(B, A).solution should be replaced with:\n"
        "X = torch.linalg.solve(A, B)"
    )


def lstsq(input: Any, A: Any, *, out: Any = None) -> NoReturn:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        f"{_REMOVED} `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.\n`torch.linalg.lstsq` has reversed "
        "arguments and does not return the QR decomposition in the returned tuple (although it returns other information "
        "about the problem).\n\nTo get the QR decomposition consider using `torch.linalg.qr`.\n\nThe returned solution in "
        "`torch.lstsq` stored the residuals of the solution in the last m - n columns of the returned value whenever m > n. "
        "In torch.linalg.lstsq, the residuals are in the field 'residuals' of the returned named tuple.\n\nThe unpacking of "
        "the solution, as in\nX, _ = torch.lstsq(B, A).solution[:A.size(1)]\nshould be replaced with:\n"
        "X = torch.linalg.lstsq(A, B).solution"
    )


def symeig(input: Any, eigenvectors: bool = False, upper: bool = True, *, out: Any = None) -> NoReturn:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        f"{_REMOVED} The default behavior has changed from using the upper triangular portion of the matrix by default to "
        "using the lower triangular portion.\n\nL, _ = torch.symeig(A, upper=upper) should be replaced with:\n"
        "L = torch.linalg.eigvalsh(A, UPLO='U' if upper else 'L')\n\nand\n\n"
        "L, V = torch.symeig(A, eigenvectors=True) should be replaced with:\n"
        "L, V = torch.linalg.eigh(A, UPLO='U' if upper else 'L')"
    )


def eig(self: Any, eigenvectors: bool = False, *, e: Any = None, v: Any = None) -> NoReturn:
    """Errors: RuntimeError, always."""
    raise RuntimeError(
        f"{_REMOVED} `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors "
        "mimicking complex tensors.\n\nL, _ = torch.eig(A) should be replaced with:\nL_complex = torch.linalg.eigvals(A)\n\n"
        "and\n\nL, V = torch.eig(A, eigenvectors=True) should be replaced with:\n"
        "L_complex, V_complex = torch.linalg.eig(A)"
    )


def tensor_solve(self: Any, other: Any) -> NoReturn:
    """Errors: RuntimeError, always."""
    solve(self, other)


def tensor_lstsq(self: Any, other: Any) -> NoReturn:
    """Errors: RuntimeError, always."""
    lstsq(self, other)


def tensor_symeig(self: Any, eigenvectors: bool = False) -> NoReturn:
    """Errors: RuntimeError, always."""
    symeig(self, eigenvectors)


def tensor_eig(self: Any, eigenvectors: bool = False) -> NoReturn:
    """Errors: RuntimeError, always."""
    eig(self, eigenvectors)


for _method in (tensor_solve, tensor_lstsq, tensor_symeig, tensor_eig):
    _method.__name__ = _method.__name__.removeprefix("tensor_")
    _method.__qualname__ = f"Tensor.{_method.__name__}"


def deprecated_flag(name: str, path: str) -> bool:
    """Whether PyTorch for the CPU has a library, with a warning that names the function which says so below `torch.backends`."""
    from tensorcli.engine.backend_flags import backends

    messages.warn(f"'{name}' is deprecated, please use 'torch.backends.{path}()'")
    return bool(attrgetter(path)(backends)())
