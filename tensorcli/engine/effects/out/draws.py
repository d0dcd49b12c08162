"""Random numbers for an `out=` that does not lie row by row: PyTorch draws in the output, in the order of its memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import events
from tensorcli.engine.callers import functions
from tensorcli.engine.effects.arrays import broadcast_sizes
from tensorcli.engine.geometry import has_internal_overlap
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

DRAWS: Final = frozenset("rand randn randint normal bernoulli".split())


def drawn(op: "Op", values: Sequence[Any], out: Tensor) -> Tensor | None:
    """What is drawn into an output of the result's sizes; None where the result itself is in that order, or the sizes differ."""
    given = dict(zip(op.names, values, strict=False))
    geometry = out.geometry
    tensors = [one.geometry.sizes for one in values if isinstance(one, Tensor)]
    sizes = tuple(given["size"]) if "size" in given else broadcast_sizes(tensors)
    if geometry.sizes != sizes or geometry.contiguous or has_internal_overlap(geometry):
        return None
    if op.check is not None:
        op.check(*values)
    observer, events.observer = events.observer, None
    try:
        place: Any = functions.empty_strided(sizes, geometry.strides, dtype=out.dtype, device=out.device)
        _draw(op.base, given, place)
    finally:
        events.observer = observer
    return place  # type: ignore[no-any-return]


def _draw(name: str, given: dict[str, Any], place: Any) -> None:
    generator = given.get("generator")
    if name == "rand":
        place.uniform_(generator=generator)
    elif name == "randint":
        place.random_(given.get("low", 0), given["high"], generator=generator)
    elif name == "bernoulli":
        place.bernoulli_(given["self"], generator=generator)
    else:
        mean, std = given.get("mean", 0), given.get("std", 1)
        place.normal_(generator=generator).mul_(std).add_(mean)
