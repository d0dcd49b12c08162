"""The tensor behind a batch in the form that a rule wants: the mapped dimension in front, or one example of it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from tensorcli.engine.batch.layer import Batch
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import mapped

Found = TypeVar("Found")


def batches_of(args: Sequence[Any]) -> list[Batch]:
    """The batches among the arguments, those in lists too."""
    return list(found_in(args, Batch))


def found_in(args: Sequence[Any], kind: type[Found]) -> Iterator[Found]:
    """The arguments of a class, those in lists too."""
    for one in args:
        if isinstance(one, kind):
            yield one
        elif one.__class__ in (list, tuple):
            yield from found_in(one, kind)


def changed(args: Sequence[Any], change: Callable[[Any], Any], kind: type[Any] = Batch) -> tuple[Any, ...]:
    """The arguments, with each one that is of a class replaced; those in lists too."""
    return tuple(
        change(one)
        if isinstance(one, kind)
        else [change(each) if isinstance(each, kind) else each for each in one]
        if one.__class__ in (list, tuple)
        else one
        for one in args
    )


def each_result(result: Any, change: Callable[[Tensor], Any]) -> Any:
    """What an operator returned, with each of its tensors changed and its containers kept."""
    return mapped(lambda one: change(one) if isinstance(one, Tensor) else one, result)


def plain(args: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments, with the tensors behind the batches in their place."""
    return changed(args, lambda one: one.value)


def slices(args: Sequence[Any], number: int) -> tuple[Any, ...]:
    """The arguments of one example, by its number."""
    return changed(args, lambda one: example(one, number))


def example(batch: Batch, number: int) -> Tensor:
    """One example of a batch, by its number."""
    if batch.dim is None:
        return batch.value
    return OPS["select.int"].run((batch.value, batch.dim, number))  # type: ignore[no-any-return]


def moved(tensor: Tensor, source: int, target: int) -> Tensor:
    """A tensor with one dimension moved to another place; itself where it is there."""
    if source == target:
        return tensor
    order = [d for d in range(tensor.ndim) if d != source]
    order.insert(target, source)
    found: Tensor = tensor.permute(order)
    return found


def front(batch: Batch) -> Tensor:
    """The tensor behind a batch with the mapped dimension first; as it is where none is mapped."""
    return batch.value if batch.dim is None else moved(batch.value, batch.dim, 0)


def full(batch: Batch, size: int) -> Tensor:
    """The tensor behind a batch with the mapped dimension first; repeated for each example where none is mapped."""
    if batch.dim is None:
        found: Tensor = batch.value.expand((size, *batch.value.geometry.sizes))
        return found
    return front(batch)


def aligned(batch: Batch, rank: int) -> Tensor:
    """The tensor behind a batch with the mapped dimension first, and as many dimensions of size 1 after it as give examples
    that rank.
    """
    found = front(batch)
    if batch.dim is None or batch.rank >= rank:
        return found
    sizes = found.geometry.sizes
    padded: Tensor = found.view((sizes[0], *[1] * (rank - batch.rank), *sizes[1:]))
    return padded


def where(dim: int, rank: int) -> int:
    """The number that a dimension of an example has where the mapped one stands first. Errors: IndexError."""
    return wrap(dim, rank) + 1
