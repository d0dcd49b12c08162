"""The divergence of normal distributions of vectors, whole and of low rank."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions.formulas import register_kl
from tensorcli.engine.distributions.lowrank import LowRankMultivariateNormal
from tensorcli.engine.distributions.multivariate import MultivariateNormal, squared_distance
from tensorcli.engine.queries import broadcast_shapes


def _same_events(p: Any, q: Any, kind: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {kind} with                          different event shapes cannot be computed"
        )


def _squares(matrix: Any) -> Any:
    """The sum of the squares of each matrix."""
    return matrix.reshape(-1, matrix.size(-2) * matrix.size(-1)).pow(2).sum(-1).reshape(matrix.shape[:-2])


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: Any, q: Any) -> Any:
    _same_events(p, q, "Multivariate Normals")
    roots = q._unbroadcasted_scale_tril, p._unbroadcasted_scale_tril
    sizes = q._half_log_determinant() - p._half_log_determinant()
    count = p.event_shape[0]
    shape = (*broadcast_shapes(*(root.shape[:-2] for root in roots)), count, count)
    inner = functions.linalg_solve_triangular(*(root.expand(shape) for root in roots), upper=False)
    return sizes + 0.5 * (_squares(inner) + squared_distance(roots[0], q.loc - p.loc) - count)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_low(p: Any, q: Any) -> Any:
    _same_events(p, q, "Low Rank Multivariate Normals")
    sizes = q._log_determinant() - p._log_determinant()
    distance = q._squared_distance(q.loc - p.loc)
    # tr(Σq⁻¹ Σp) with Σq⁻¹ = Dq⁻¹ - Aᵀ A and Σp = Dp + Wp Wpᵀ.
    inner = q._inner()
    diagonal = (p._unbroadcasted_cov_diag / q._unbroadcasted_cov_diag).sum(-1)
    factor = _squares(p._unbroadcasted_cov_factor * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1))
    less = _squares(inner * p._unbroadcasted_cov_diag.sqrt().unsqueeze(-2))
    trace = diagonal + factor - less - _squares(inner.matmul(p._unbroadcasted_cov_factor))
    return 0.5 * (sizes + trace + distance - p.event_shape[0])


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _whole_low(p: Any, q: Any) -> Any:
    _same_events(p, q, "(Low Rank) Multivariate Normals")
    sizes = q._log_determinant() - 2 * p._half_log_determinant()
    distance = q._squared_distance(q.loc - p.loc)
    root = p._unbroadcasted_scale_tril
    trace = _squares(root * q._unbroadcasted_cov_diag.rsqrt().unsqueeze(-1))
    trace = trace - _squares(q._inner().matmul(root))
    return 0.5 * (sizes + trace + distance - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_whole(p: Any, q: Any) -> Any:
    _same_events(p, q, "(Low Rank) Multivariate Normals")
    root, factor = q._unbroadcasted_scale_tril, p._unbroadcasted_cov_factor
    sizes = 2 * q._half_log_determinant() - p._log_determinant()
    distance = squared_distance(root, q.loc - p.loc)
    batch = broadcast_shapes(root.shape[:-2], factor.shape[:-2])
    scales = functions.diag_embed(p._unbroadcasted_cov_diag.sqrt())
    root, factor, scales = (each.expand((*batch, *each.shape[-2:])) for each in (root, factor, scales))
    trace = _squares(functions.linalg_solve_triangular(root, factor, upper=False))
    trace = trace + _squares(functions.linalg_solve_triangular(root, scales, upper=False))
    return 0.5 * (sizes + trace + distance - p.event_shape[0])
