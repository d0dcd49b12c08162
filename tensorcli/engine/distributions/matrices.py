"""Distributions of matrices: Wishart's of covariances, and that of correlations' Cholesky factors (LKJ)."""

import math
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import Distribution, broadcast_all, lazy, standard_normal
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.distributions.gamma import Beta, Chi2
from tensorcli.engine.distributions.multivariate import root_of_inverse
from tensorcli.engine.queries import broadcast_shapes, finfo
from tensorcli.engine.tensor import Size

_TRIES = 10
"""How often singular draws are drawn again."""


def _digammas(x: Any, size: int) -> Any:
    """The multivariate digamma function."""
    if not x.gt((size - 1) / 2).all():
        raise AssertionError("Wrong domain for multivariate digamma function.")
    steps = functions.arange(size, dtype=x.dtype, device=x.device).div(2)
    return functions.digamma(x.unsqueeze(-1) - steps.expand((*x.shape, -1))).sum(-1)


class Wishart(ExponentialFamily):
    """Sums of `df` outer products of normal vectors of a covariance, its inverse, or its Cholesky factor."""

    __module__ = "torch.distributions.wishart"
    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _kept = frozenset({"_unbroadcasted_scale_tril"})

    @property
    def arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(
        self,
        df: Any,
        covariance_matrix: Any = None,
        precision_matrix: Any = None,
        scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        matrices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        told = [(name, matrix) for name, matrix in matrices.items() if matrix is not None]
        if len(told) != 1:
            raise AssertionError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified."
            )
        ((name, matrix),) = told
        if matrix.dim() < 2:
            raise ValueError(
                "scale_tril must be at least two-dimensional, with optional leading batch dimensions"
            )
        if isinstance(df, Number):
            batch = Size(matrix.shape[:-2])
            self.df: Any = tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch = Size(broadcast_shapes(matrix.shape[:-2], df.shape))
            self.df = df.expand(batch)
        event = matrix.shape[-2:]
        if self.df.le(event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        if self.df.lt(event[-1]).any():
            messages.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim."
            )
        super().__init__(batch, event, validate_args=validate_args)
        roots = {"covariance_matrix": functions.linalg_cholesky, "precision_matrix": root_of_inverse}
        self._unbroadcasted_scale_tril = roots[name](matrix) if name in roots else matrix
        steps = functions.arange(event[-1], dtype=matrix.dtype, device=matrix.device)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - steps.expand((*batch, -1)))

    def _spread(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance."""
        return self._spread(self._unbroadcasted_scale_tril)

    @lazy
    def covariance_matrix(self) -> Any:
        """The covariance of the vectors."""
        root = self._unbroadcasted_scale_tril
        return self._spread(functions.matmul(root, root.transpose(-2, -1)))

    @lazy
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        root = self._unbroadcasted_scale_tril
        one = functions.eye(self._event_shape[-1], dtype=root.dtype, device=root.device)
        return self._spread(functions.cholesky_solve(one, root))

    def _wide_df(self) -> Any:
        return self.df.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Any:
        return self._wide_df() * self.covariance_matrix

    @property
    def mode(self) -> Any:
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor[factor <= 0] = math.nan
        return factor.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        covariance = self.covariance_matrix
        diagonal = covariance.diagonal(dim1=-2, dim2=-1)
        pairs = functions.einsum("...i,...j->...ij", [diagonal, diagonal])
        return self._wide_df() * (covariance.pow(2) + pairs)

    def _draw(self, sample_shape: Any) -> Any:
        """Draws by Bartlett's decomposition: chi variables on the diagonal, normal ones below it."""
        size = self._event_shape[-1]
        chi = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = functions.diag_embed(chi.clamp(min=finfo(chi.dtype).eps), dim1=-2, dim2=-1)
        rows, columns = functions.tril_indices(size, size, offset=-1)
        shape = (*sample_shape, *self._batch_shape, size * (size - 1) // 2)
        noise[..., rows, columns] = functions.randn(shape, dtype=noise.dtype, device=noise.device)
        root = functions.matmul(self._unbroadcasted_scale_tril, noise)
        return functions.matmul(root, root.transpose(-2, -1))

    def _over_batch(self, marked: Any) -> Any:
        """Whether any of a batch is marked."""
        dims = [-1 - i for i in range(len(self._batch_shape))]
        return marked.amax(dims) if dims else marked

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Any:
        tries = _TRIES if max_try_correction is None else max_try_correction
        found = self._draw(Size(sample_shape))
        # PyTorch's first look takes the good draws for singular ones, so that they are drawn twice, with a warning.
        singular = self._over_batch(self.support.check(found))
        if not singular.any():
            return found
        messages.warn("Singular sample detected.")
        for _ in range(tries):
            drawn = self._draw(singular[singular].shape)
            found[singular] = drawn
            still = self._over_batch(functions.logical_not(self.support.check(drawn)))
            singular[singular.clone()] = still
            if not singular.any():
                break
        return found

    def _half_log_determinant(self) -> Any:
        """Half of the logarithm of the determinant of twice the covariance."""
        logs = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return self._event_shape[-1] * math.log(2) / 2 + logs

    def _log_prob(self, value: Any) -> Any:
        df, size = self.df, self._event_shape[-1]
        solved = functions.cholesky_solve(value, self._unbroadcasted_scale_tril)
        return (
            -df * self._half_log_determinant()
            - functions.mvlgamma(df / 2, size)
            + (df - size - 1) / 2 * functions.linalg_slogdet(value).logabsdet
            - solved.diagonal(dim1=-2, dim2=-1).sum(dim=-1) / 2
        )

    def entropy(self) -> Any:
        df, size = self.df, self._event_shape[-1]
        return (
            (size + 1) * self._half_log_determinant()
            + functions.mvlgamma(df / 2, size)
            - (df - size - 1) / 2 * _digammas(df / 2, size)
            + df * size / 2
        )

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        size = self._event_shape[-1]
        half = y + (size + 1) / 2
        logs = -functions.linalg_slogdet(-2 * x).logabsdet + math.log(2) * size
        return half * logs + functions.mvlgamma(half, size)


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices of `dim` rows; all are alike at concentration 1."""

    __module__ = "torch.distributions.lkj_cholesky"
    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        marginal = self.concentration + 0.5 * (dim - 2)
        steps = functions.arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        steps = functions.cat([steps.new_zeros((1,)), steps])
        self._beta = Beta(steps + 0.5, marginal.unsqueeze(-1) - 0.5 * steps)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Any:
        # The onion method: each row's direction is that of normal variables, and its length a beta variable's root.
        lengths = self._beta.sample(sample_shape).unsqueeze(-1)
        normal = standard_normal(self._extended_shape(sample_shape), lengths).tril(-1)
        rows = normal / normal.norm(dim=-1, keepdim=True)
        rows[..., 0, :].fill_(0.0)
        rows = functions.sqrt(lengths) * rows
        rest = functions.clamp(1 - functions.sum(rows**2, dim=-1), min=finfo(rows.dtype).tiny)
        rows += functions.diag_embed(rest.sqrt())
        return rows

    def _log_prob(self, value: Any) -> Any:
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = functions.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        found = functions.sum(order * diagonal.log(), dim=-1)
        less = self.dim - 1
        alpha = self.concentration + 0.5 * less
        over, under = functions.mvlgamma(alpha - 0.5, less), functions.lgamma(alpha) * less
        return found - (0.5 * less * math.log(math.pi) + over - under)
