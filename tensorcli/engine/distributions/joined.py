"""Transforms beside each other: of the parts, or of the slices, of a dimension."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import lazy, sum_rightmost
from tensorcli.engine.distributions.transform import Transform


class _JoinedTransform(Transform):
    """Transforms along a dimension. Errors: AssertionError for values that do not fit them."""

    _length = "length"

    def __init__(self, tseq: Any, dim: int = 0, cache_size: int = 0) -> None:
        if not all(isinstance(each, Transform) for each in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size=cache_size)
        self.transforms = [each.with_cache(cache_size) for each in tseq] if cache_size else list(tseq)
        self.dim = dim

    def _settings(self) -> tuple[Any, ...]:
        return (id(self),)

    @property
    def bijective(self) -> bool:
        return all(each.bijective for each in self.transforms)

    def _size(self) -> Any:
        raise NotImplementedError

    def _parts(self, value: Any) -> list[Any]:
        raise NotImplementedError

    def _join(self, parts: list[Any]) -> Any:
        raise NotImplementedError

    def _checked(self, value: Any, name: str, kind: str) -> list[Any]:
        """The parts of a value for each transform."""
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(f"dim {self.dim} out of range for {kind} with {value.dim()} dimensions")
        if value.size(self.dim) != self._size():
            raise AssertionError(
                f"{name}.size({self.dim}) = {value.size(self.dim)} must equal {self._length} {self._size()}"
            )
        return self._parts(value)

    def _call(self, x: Any) -> Any:
        parts = self._checked(x, "x", "tensor")
        return self._join([each(part) for each, part in zip(self.transforms, parts, strict=True)])

    def _inverse(self, y: Any) -> Any:
        parts = self._checked(y, "y", "tensor")
        return self._join([each.inv(part) for each, part in zip(self.transforms, parts, strict=True)])

    def _stretches(self, x: Any, y: Any) -> list[Any]:
        pairs = zip(self.transforms, self._checked(x, "x", "x"), self._checked(y, "y", "y"), strict=True)
        return [each.log_abs_det_jacobian(before, after) for each, before, after in pairs]


class CatTransform(_JoinedTransform):
    """Transforms of the parts of a dimension, `lengths` long."""

    def __init__(self, tseq: Any, dim: int = 0, lengths: Any = None, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
            )

    @lazy
    def event_dim(self) -> Any:
        """How many dimensions the largest event has."""
        return max(each.event_dim for each in self.transforms)

    @lazy
    def length(self) -> int:
        """The length of the parts together."""
        return sum(self.lengths)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.cat([each.domain for each in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.cat([each.codomain for each in self.transforms], self.dim, self.lengths)

    def _again(self, cache_size: int) -> Transform:
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _size(self) -> Any:
        return self.length

    def _parts(self, value: Any) -> list[Any]:
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        return [
            value.narrow(self.dim, start, length) for start, length in zip(starts, self.lengths, strict=True)
        ]

    def _join(self, parts: list[Any]) -> Any:
        return functions.cat(parts, dim=self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        found = [
            sum_rightmost(stretch, self.event_dim - each.event_dim)
            for each, stretch in zip(self.transforms, self._stretches(x, y), strict=True)
        ]
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim = dim + self.event_dim
        return functions.cat(found, dim=dim) if dim < 0 else sum(found)


class StackTransform(_JoinedTransform):
    """Transforms of the slices of a dimension."""

    _length = "len(transforms)"

    def __init__(self, tseq: Any, dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.stack([each.domain for each in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.stack([each.codomain for each in self.transforms], self.dim)

    def _again(self, cache_size: int) -> Transform:
        return StackTransform(self.transforms, self.dim, cache_size)

    def _size(self) -> Any:
        return len(self.transforms)

    def _parts(self, value: Any) -> list[Any]:
        return [value.select(self.dim, i) for i in range(value.size(self.dim))]

    def _join(self, parts: list[Any]) -> Any:
        return functions.stack(parts, dim=self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return self._join(self._stretches(x, y))
