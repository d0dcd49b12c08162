"""The normal distribution of vectors whose covariance is a diagonal and a product W Wᵀ of few columns."""

import math
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import lazy, standard_normal
from tensorcli.engine.distributions.multivariate import VectorNormal, squared_distance
from tensorcli.engine.variadic import broadcast_tensors


def _times(matrix: Any, vector: Any) -> Any:
    return functions.matmul(matrix, vector.unsqueeze(-1)).squeeze(-1)


def _root_of_one_plus(square: Any) -> Any:
    """The Cholesky factor of 1 + a square matrix."""
    square = square.contiguous()
    size = square.size(-1)
    square.view(-1, size * size)[:, :: size + 1] += 1
    return functions.linalg_cholesky(square)


class LowRankMultivariateNormal(VectorNormal):
    """The normal distribution of a mean vector and a covariance `W Wᵀ + diag(D)`, W of shape (..., n, m)."""

    __module__ = "torch.distributions.lowrank_multivariate_normal"
    arg_constraints: ClassVar[Any] = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    _kept = frozenset({"_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"})

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        try:
            columns: Any = broadcast_tensors(loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1))
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_factor, self.cov_diag = columns[0][..., 0], columns[1], columns[2][..., 0]
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = _root_of_one_plus(functions.matmul(self._scaled_factor(), cov_factor))
        super().__init__(self.loc.shape[:-1], event, validate_args=validate_args)

    def _scaled_factor(self) -> Any:
        """`Wᵀ D⁻¹`."""
        return self._unbroadcasted_cov_factor.mT / self._unbroadcasted_cov_diag.unsqueeze(-2)

    @lazy
    def variance(self) -> Any:
        """The variance of each element."""
        found = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return found.expand(self._batch_shape + self._event_shape)

    @lazy
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        # With S² = D: W Wᵀ + D = S (S⁻¹ W Wᵀ S⁻¹ + 1) S, which keeps the number of digits.
        scale = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        factor = self._unbroadcasted_cov_factor / scale
        return self._spread(scale * _root_of_one_plus(functions.matmul(factor, factor.mT)))

    @lazy
    def covariance_matrix(self) -> Any:
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._spread(
            functions.matmul(factor, factor.mT) + functions.diag_embed(self._unbroadcasted_cov_diag)
        )

    @lazy
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        inner = self._inner()
        return self._spread(
            functions.diag_embed(self._unbroadcasted_cov_diag.reciprocal())
            - functions.matmul(inner.mT, inner)
        )

    def _inner(self) -> Any:
        """A matrix A for which `D⁻¹ - Aᵀ A` is the inverse of the covariance."""
        return functions.linalg_solve_triangular(self._capacitance_tril, self._scaled_factor(), upper=False)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        few = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc)
        each = standard_normal(shape, self.loc)
        spread = self._unbroadcasted_cov_diag.sqrt() * each
        return self.loc + _times(self._unbroadcasted_cov_factor, few) + spread

    def _log_determinant(self) -> Any:
        roots = 2 * self._capacitance_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return roots + self._unbroadcasted_cov_diag.log().sum(-1)

    def _squared_distance(self, off: Any) -> Any:
        """`offᵀ Σ⁻¹ off`."""
        inner = _times(self._scaled_factor(), off)
        whole = (off.pow(2) / self._unbroadcasted_cov_diag).sum(-1)
        return whole - squared_distance(self._capacitance_tril, inner)

    def _log_prob(self, value: Any) -> Any:
        distance = self._squared_distance(value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + self._log_determinant() + distance)

    def entropy(self) -> Any:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        found = 0.5 * (constant + self._log_determinant())
        return found.expand(self._batch_shape) if len(self._batch_shape) else found
