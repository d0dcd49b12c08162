"""What the layers of networks compute: images of all examples as one batch, normalizations, losses."""

from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.rules.table import rule
from tensorcli.engine.batch.values import (
    aligned,
    batches_of,
    changed,
    each_result,
    front,
    full,
    slices,
)
from tensorcli.engine.callers import functions
from tensorcli.engine.op import Op


@rule("convolution")
def convolved(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A convolution with one filter for all examples: their images as one batch."""
    image, weight, bias, *rest = args
    if weight.dim is not None or (bias is not None and bias.dim is not None) or image.rank < 3:
        return None
    return _folded(layer, op, (image, weight.value, None if bias is None else bias.value, *rest))


@rule(
    "max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
    "adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
    "upsample_trilinear3d upsample_bicubic2d reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
    "replication_pad2d replication_pad3d"
)
def pooled(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on images: the images of all examples as one batch."""
    batch = args[0]
    plane = int(next(c for c in reversed(op.base.removesuffix("_with_indices")[:-1]) if c.isdigit()))
    if batch.rank == plane + 2:
        return _folded(layer, op, args)
    return (op.run((front(batch), *args[1:])), 0) if batch.rank == plane + 1 else None


def _folded(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Run an operator on images with the mapped dimension and the one of the images folded into one."""
    batch = args[0]
    tensor = front(batch)
    sizes = tensor.geometry.sizes
    found = op.run((tensor.reshape((-1, *sizes[2:])) if 0 not in sizes else tensor.flatten(0, 1), *args[1:]))

    def apart(one: Any) -> Any:
        # Of no examples PyTorch makes no images either.
        return one.view((layer.size, sizes[1] if layer.size else 0, *one.geometry.sizes[1:]))

    return each_result(found, apart), 0


@rule("native_layer_norm")
def normalized(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Layer normalisation with one scale for all examples."""
    batch, sizes, weight, bias, eps = args
    if any(one is not None and one.dim is not None for one in (weight, bias)):
        return None
    given = [None if one is None else one.value for one in (weight, bias)]
    return op.run((front(batch), sizes, *given, eps)), 0


@rule("nll_loss_forward nll_loss2d_forward")
def chosen(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A loss by the classes of each example: which they are is looked at for all examples. Errors: RuntimeError."""
    given = dict(zip(op.names, args, strict=True))
    batch, target = given["self"], given["target"]
    if batch.rank == target.rank == 1 and batch.sizes != target.sizes:
        raise RuntimeError(
            f"size mismatch (got input: torch.Size({messages.numbers(batch.sizes)}), target: torch.Size"
            f"({messages.numbers(target.sizes)}))"
        )
    place = min(batch.rank, 2)
    check_indices(target, place, batch.sizes[place - 1], given["ignore_index"])


def check_indices(index: Batch, dim: int, size: int, ignored: int | None = None) -> None:
    """Refuse indices that a dimension does not have, as PyTorch's gather does. Errors: RuntimeError."""
    values = front(index).values
    beyond = values[((values < 0) | (values >= size)) & (values != ignored)]
    if beyond.size:
        raise RuntimeError(f"index {beyond[0]} is out of bounds for dimension {dim} with size {size}")


@rule("native_batch_norm")
def counted(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Batch normalisation. Errors: RuntimeError where each example would write running statistics that all share."""
    batch, weight, bias, mean, variance, training, *numbers = args
    shared = any(one is not None and one.dim is None for one in (mean, variance))
    if training and shared and batch.dim is not None:
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, "
            "were not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be "
            "False.If you are using a prebuilt module and do not need eval mode, please see the functorch website for resources "
            "on how to patch your module to work with vmap"
        )
    if not training:
        return None
    if batch.dim is None and shared:
        # The examples differ in their scale alone: what all share is counted once.
        plain, *statistics = op.run((batch.value, None, None, mean.value, variance.value, training, *numbers))
        found = plain.expand((layer.size, *plain.geometry.sizes))
        for one, step in ((weight, functions.mul), (bias, functions.add)):
            if one is not None:
                scale = full(one, layer.size)
                found = step(found, scale.view((layer.size, 1, -1, *[1] * (batch.rank - 2))))
        return (found, *(one.expand((layer.size, *one.geometry.sizes)) for one in statistics)), 0
    if any(one is not None and one.dim for one in (mean, variance)):
        # PyTorch counts in a copy, where the examples do not come first.
        kept = [
            None if one is None else (one.dim and Batch(layer, front(one).clone(), 0)) or one
            for one in (mean, variance)
        ]
        given = (batch, weight, bias, *kept, training, *numbers)
        results = [op.run(slices(given, i)) for i in range(layer.size)]
        return tuple(functions.stack(list(column)) for column in zip(*results, strict=True)), 0
    return None


@rule("mse_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits")
def lost(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Losses: element by element, then reduced for each example."""
    place = op.names.index("reduction")
    rank = max(one.rank for one in batches_of(args))
    if not rank or any(one.rank != rank for one in batches_of(args)):
        return None
    values = list(changed(args, lambda one: full(one, layer.size)))
    reduction, values[place] = args[place], 0
    found = op.run(tuple(values))
    if not reduction:
        return found, 0
    dims = list(range(1, rank + 1))
    return getattr(functions, "mean" if reduction == 1 else "sum")(found, dims), 0


@rule("huber_loss_backward")
def bent(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """By other operators, of which PyTorch makes it under a vmap: tangents go through those, and not through the operator."""
    *batches, reduction, delta = args
    rank = max(one.rank for one in batches)
    values: Any = (aligned(one, rank) for one in batches)
    grad, value, target = values
    difference = value - target
    mapped = any(one.dim is not None for one in batches[1:])
    count = difference.numel() // (layer.size if mapped else 1)
    slope = functions.clamp(difference, -delta, delta) * grad
    return (slope / count if reduction == 1 else slope), 0
