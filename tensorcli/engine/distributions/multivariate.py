"""The normal distribution of vectors, by one of three matrices, each with the Cholesky factor as its root."""

import math
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import Distribution, lazy, standard_normal
from tensorcli.engine.queries import broadcast_shapes
from tensorcli.engine.tensor import Size


def squared_distance(factor: Any, off: Any) -> Any:
    """`offᵀ (L Lᵀ)⁻¹ off` for vectors whose batch is that of the factors L, with any dimensions before it."""
    size, shape = off.size(-1), off.shape[:-1]
    batch = factor.dim() - 2
    outer = len(shape) - batch
    # Each dimension of the batch in two: how often the factor is used along it, and which factor.
    pairs = [(have // own, own) for own, have in zip(factor.shape[:-2], off.shape[outer:-1], strict=True)]
    off = off.reshape((*off.shape[:outer], *(part for pair in pairs for part in pair), size))
    last = outer + 2 * batch
    off = off.permute([*range(outer), *range(outer, last, 2), *range(outer + 1, last, 2), last])
    flat = factor.reshape(-1, size, size)
    columns = off.reshape(-1, flat.size(0), size).permute(1, 2, 0)
    found = functions.linalg_solve_triangular(flat, columns, upper=False).pow(2).sum(-2).t()
    back = [*range(outer), *(place for i in range(batch) for place in (outer + i, outer + batch + i))]
    return found.reshape(off.shape[:-1]).permute(back).reshape(shape)


def root_of_inverse(precision: Any) -> Any:
    """The Cholesky factor of a matrix's inverse."""
    flipped = functions.linalg_cholesky(functions.flip(precision, (-2, -1)))
    upper = functions.transpose(functions.flip(flipped, (-2, -1)), -2, -1)
    one = functions.eye(precision.shape[-1], dtype=precision.dtype, device=precision.device)
    return functions.linalg_solve_triangular(upper, one, upper=False)


class VectorNormal(Distribution):
    """What the normal distributions of vectors have in common: a location, which is their mean and their mode."""

    support = constraints.real_vector
    has_rsample = True
    loc: Any

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    def _spread(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)


class MultivariateNormal(VectorNormal):
    """The normal distribution of a mean vector and a covariance matrix, its inverse, or its Cholesky factor."""

    __module__ = "torch.distributions.multivariate_normal"
    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    _kept = frozenset({"_unbroadcasted_scale_tril"})

    def __init__(
        self,
        loc: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        matrices = {
            "scale_tril": scale_tril,
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
        }
        told = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
        if len(told) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        ((name, matrix),) = told
        if matrix.dim() < 2:
            raise ValueError(
                f"{name}{' matrix' if name == 'scale_tril' else ''} must be at least two-dimensional, with optional leading "
                "batch dimensions"
            )
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.loc = loc.expand((*batch, -1))
        super().__init__(Size(batch), self.loc.shape[-1:], validate_args=validate_args)
        roots = {"covariance_matrix": functions.linalg_cholesky, "precision_matrix": root_of_inverse}
        self._unbroadcasted_scale_tril = roots[name](matrix) if name in roots else matrix

    @lazy
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._spread(self._unbroadcasted_scale_tril)

    @lazy
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._spread(
            functions.matmul(self._unbroadcasted_scale_tril, self._unbroadcasted_scale_tril.mT)
        )

    @lazy
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        return self._spread(functions.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def variance(self) -> Any:
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        drawn = standard_normal(self._extended_shape(sample_shape), self.loc)
        return self.loc + functions.matmul(self._unbroadcasted_scale_tril, drawn.unsqueeze(-1)).squeeze(-1)

    def _half_log_determinant(self) -> Any:
        return self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def _log_prob(self, value: Any) -> Any:
        distance = squared_distance(self._unbroadcasted_scale_tril, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + distance) - self._half_log_determinant()

    def entropy(self) -> Any:
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_determinant()
        return found.expand(self._batch_shape) if len(self._batch_shape) else found
