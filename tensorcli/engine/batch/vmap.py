"""`torch.vmap`: what may be mapped, over which dimensions, and where the results get theirs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tensorcli.engine import trees
from tensorcli.engine.batch.dispatch import begun
from tensorcli.engine.batch.layer import Layer
from tensorcli.engine.batch.values import moved
from tensorcli.engine.callers import functions
from tensorcli.engine.decorators import like
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.random import default_generator
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import Tree, flatten, unflatten

Function = Callable[..., Any]
_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """A function that maps `func` over a dimension of its inputs, and stacks what it returns.

    Errors: RuntimeError for another randomness than the three; ValueError for a chunk size below 1.
    """
    check_randomness(randomness)
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @like(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return mapped(func, in_dims, out_dims, randomness, chunk_size, args, kwargs)

    return wrapped


def check_randomness(randomness: str) -> None:
    """Errors: RuntimeError for what a vmap cannot be asked to do with random numbers."""
    if randomness not in _RANDOMNESS:
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}"
        )


def mapped(
    func: Function,
    in_dims: Any,
    out_dims: Any,
    randomness: str,
    chunk_size: int | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """One call of a mapped function."""
    for dim in flatten(out_dims)[0]:
        if not isinstance(dim, int) and dim is not None:
            raise ValueError(
                f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
                "ints representing where in the outputs the vmapped dimension should appear."
            )
    size, dims, leaves, tree = _inputs(in_dims, args, func)
    if chunk_size is not None:
        results, state = [], default_generator.get_state() if randomness == "same" else None
        for count, chunk in _chunks(leaves, dims, size, chunk_size):
            if state is not None:
                default_generator.set_state(state)
            results.append(_once(func, count, dims, out_dims, randomness, chunk, tree, kwargs))
        return _joined(results, out_dims)
    return _once(func, size, dims, out_dims, randomness, leaves, tree, kwargs)


def _once(
    func: Function,
    size: int,
    dims: Sequence[int | None],
    out_dims: Any,
    randomness: str,
    leaves: Sequence[Any],
    tree: Tree,
    kwargs: dict[str, Any],
) -> Any:
    with begun(size, randomness) as layer:
        given = [one if dim is None else layer.wrap(one, dim) for one, dim in zip(leaves, dims, strict=True)]
        outputs = func(*unflatten(given, tree), **kwargs)
        found, shape = flatten(outputs)
    return unflatten(_unwrapped(layer, found, shape, outputs, out_dims, func), shape)


# ---- inputs


def _name(func: Function) -> str:
    if hasattr(func, "__name__"):
        return str(func.__name__)
    if isinstance(func, partial):
        return f"functools.partial({_name(func.func)}, ...)"
    return repr(func)


def _inputs(
    in_dims: Any, args: tuple[Any, ...], func: Function
) -> tuple[int, list[int | None], list[Any], Tree]:
    """How many examples there are, the mapped dimension of each leaf, the leaves. Errors: ValueError."""
    name = _name(func)
    start = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, int) and not isinstance(in_dims, tuple):
        raise ValueError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
            "with no inputs. The latter is unsupported."
        )
    leaves, tree = flatten(args)
    dims = trees.spread(in_dims, tree)
    if dims is None:
        raise ValueError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure {flatten(in_dims)[1]} but "
            f"inputs has structure {tree}."
        )
    for i, (one, dim) in enumerate(zip(leaves, dims, strict=True)):
        if not isinstance(dim, int) and dim is not None:
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
            )
        if isinstance(dim, int) and not isinstance(one, Tensor):
            raise ValueError(
                f"{start}Got in_dim={dim} for an input but the input is of type {type(one)}. We cannot vmap over non-Tensor "
                "arguments, please use None as the respective in_dim"
            )
        if dim is not None and not -one.ndim <= dim < one.ndim:
            raise ValueError(
                f"{start}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {one.ndim} so expected "
                f"in_dim to satisfy -{one.ndim} <= in_dim < {one.ndim}."
            )
        if dim is not None and dim < 0:
            dims[i] = dim % one.ndim
    sizes = [one.geometry.sizes[dim] for one, dim in zip(leaves, dims, strict=True) if dim is not None]
    return check_sizes(sizes), dims, leaves, tree


def check_sizes(sizes: Sequence[int]) -> int:
    """How many examples there are, by the sizes of the mapped dimensions. Errors: ValueError where they differ."""
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
            "dimension"
        )
    return sizes[0]


def _chunks(
    leaves: Sequence[Any], dims: Sequence[int | None], size: int, chunk_size: int
) -> list[tuple[int, list[Any]]]:
    """The leaves in pieces of at most that many examples each."""
    sizes = [chunk_size] * (size // chunk_size)
    if size % chunk_size:
        sizes.append(size % chunk_size)
    split = [
        [one] * len(sizes) if dim is None else one.split(sizes, dim)
        for one, dim in zip(leaves, dims, strict=True)
    ]
    return [(count, [pieces[i] for pieces in split]) for i, count in enumerate(sizes)]


def _joined(results: Sequence[Any], out_dims: Any) -> Any:
    """The results of the chunks, put together along the dimensions of the examples."""
    flat = [flatten(one)[0] for one in results]
    shape = flatten(results[0])[1]
    dims = trees.spread(out_dims, shape)
    assert dims is not None
    joined = [
        functions.cat(list(column), dim) for column, dim in zip(zip(*flat, strict=True), dims, strict=True)
    ]
    return unflatten(joined, shape)


# ---- outputs


def _unwrapped(
    layer: Layer, found: list[Any], shape: Tree, outputs: Any, out_dims: Any, func: Function
) -> list[Any]:
    """The results as they are outside. Errors: ValueError for what is not a tensor, or has no such dimension."""
    name = _name(func)
    dims: list[Any] | None
    if isinstance(outputs, Tensor):
        if isinstance(out_dims, int):
            dims = [out_dims]
        elif isinstance(out_dims, tuple) and len(out_dims) == 1:
            dims = list(out_dims)
        elif out_dims is None:
            dims = [None]
        else:
            dims = None
    else:
        dims = trees.spread(out_dims, shape)
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {flatten(out_dims)[1]} but outputs has structure {shape}."
        )
    return [outside(layer, one, dim, name) for one, dim in zip(found, dims, strict=True)]


def outside(layer: Layer, one: Any, dim: int | None, name: str) -> Any:
    """A result as it is outside of the layer. Errors: ValueError, IndexError."""
    batch = layer.batch_of(one) if isinstance(one, Tensor) else None
    if dim is None:
        if batch is None:
            return one
        if batch.dim is not None:
            raise ValueError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"
            )
        return batch.value
    if not isinstance(one, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(one)}. Did you mean to set out_dims= to "
            "None for output?"
        )
    value = one if batch is None else batch.value
    place = wrap(dim, one.ndim + 1)
    if batch is None or batch.dim is None:
        sizes = list(one.geometry.sizes)
        sizes.insert(place, layer.size)
        # PyTorch repeats what all examples share in front of it, wherever the examples were asked for.
        return (value if dim >= 0 else value.unsqueeze(dim)).expand(sizes)
    return moved(value, batch.dim, place)
