"""`torch.distributions.utils`: what those who write distributions use."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions.distribution import (
    EULER,
    broadcast_all,
    clamp_probs,
    lazy,
    logits_of,
    probs_of,
)
from tensorcli.engine.queries import finfo

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = EULER
lazy_property = lazy


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities of log-odds (`is_binary`), or of logarithms up to a constant."""
    return probs_of(logits, is_binary)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log-odds of probabilities (`is_binary`), or their logarithms."""
    return logits_of(probs, is_binary)


def _lower(like: Any, size: int, diag: int) -> Any:
    """A mask of a square matrix's places up to a diagonal."""
    places = functions.arange(size, device=like.device)
    return places < places.view(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The elements of matrices up to a diagonal, row by row: (..., D, D) to (..., N). Errors: ValueError."""
    size = mat.shape[-1]
    if diag < -size or diag >= size:
        raise ValueError(f"diag ({diag}) provided is outside [{-size}, {size - 1}].")
    return mat[..., _lower(mat, size, diag)]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """Lower triangular matrices of vectors: (..., N) to (..., D, D). Errors: ValueError where N fits no D."""
    count, ahead = vec.shape[-1], 1 + 2 * diag
    size = (-ahead + (ahead**2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(size) - size > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square "
            "D x D matrix."
        )
    found = vec.new_zeros((*vec.shape[:-1], round(size), round(size)))
    found[..., _lower(vec, round(size), diag)] = vec
    return found
