"""`torch.distributions.biject_to` and `transform_to`: the transform from real numbers into a constraint's region."""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import process
from tensorcli.engine.distributions import constraints, transforms
from tensorcli.engine.distributions.constraints import Constraint
from tensorcli.engine.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    Transform,
)
from tensorcli.engine.tensor import Tensor

Maker = Callable[[Any], Transform]


def _above(constraint: Any) -> Transform:
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.lower_bound, 1)])


def _below(constraint: Any) -> Transform:
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.upper_bound, -1)])


def _between(constraint: Any) -> Transform:
    low: Any = constraint.lower_bound
    high: Any = constraint.upper_bound
    if not isinstance(low, Tensor) and not isinstance(high, Tensor) and low == 0 and high == 1:
        return transforms.SigmoidTransform()
    return ComposeTransform([transforms.SigmoidTransform(), AffineTransform(low, high - low)])


_REAL: dict[type, Maker] = {
    constraints._Real: lambda constraint: transforms.identity_transform,
    constraints._GreaterThan: _above,
    constraints._GreaterThanEq: _above,
    constraints._LessThan: _below,
    constraints._Interval: _between,
    constraints._HalfOpenInterval: _between,
    constraints._CorrCholesky: lambda constraint: transforms.CorrCholeskyTransform(),
}


class ConstraintRegistry:
    """Transforms by the constraint's class. Errors: NotImplementedError for a constraint without one."""

    __module__ = "torch.distributions.constraint_registry"

    def __init__(self) -> None:
        self._registry: dict[type, Maker] = {}

    def register(self, constraint: Any, factory: Maker | None = None) -> Any:
        """Add a transform, as a decorator too."""
        if factory is None:
            return lambda made: self.register(constraint, made)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise TypeError(
                f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Transform:
        if isinstance(constraint, constraints._IndependentConstraint):
            inner = self(constraint.base_constraint)
            return transforms.IndependentTransform(inner, constraint.reinterpreted_batch_ndims)
        maker = self._registry.get(type(constraint))
        if maker is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return maker(constraint)


def _registry(makers: dict[type, Maker]) -> ConstraintRegistry:
    """A registry of what both of PyTorch's have, and of more."""
    found = ConstraintRegistry()

    def cat(constraint: Any) -> Transform:
        parts = [found(each) for each in constraint.cseq]
        return transforms.CatTransform(parts, constraint.dim, constraint.lengths)

    def stack(constraint: Any) -> Transform:
        return transforms.StackTransform([found(each) for each in constraint.cseq], constraint.dim)

    found._registry.update({**_REAL, constraints._Cat: cat, constraints._Stack: stack, **makers})
    return found


biject_to = _registry({constraints._Simplex: lambda constraint: transforms.StickBreakingTransform()})
transform_to = _registry(
    {
        constraints._Simplex: lambda constraint: transforms.SoftmaxTransform(),
        constraints._LowerCholesky: lambda constraint: transforms.LowerCholeskyTransform(),
        constraints._PositiveDefinite: lambda constraint: transforms.PositiveDefiniteTransform(),
        constraints._PositiveSemidefinite: lambda constraint: transforms.PositiveDefiniteTransform(),
    }
)
process.keep_contents(biject_to._registry, transform_to._registry)
