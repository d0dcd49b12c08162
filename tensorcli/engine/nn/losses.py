"""The losses of `torch.nn.functional`: reductions by name and sizes checked, then an operator of the table."""

from collections.abc import Callable
from math import prod
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd import modes
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor

_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def number_of(reduction: str) -> int:
    """The number of a reduction. Errors: ValueError for any other name."""
    if reduction not in tuple(_REDUCTIONS):  # whatever is given, hashable or not
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _REDUCTIONS[reduction]


def legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the old arguments `size_average` and `reduce` mean, with PyTorch's warning."""
    if size_average is None and reduce is None:
        return reduction
    averages = True if size_average is None else size_average
    found = ("mean" if averages else "sum") if reduce is None or reduce else "none"
    messages.warn(f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.")
    return found


def _same_size(input: Any, target: Any) -> tuple[Any, Any]:
    if target.size() != input.size():
        messages.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size."
        )
    expanded = functions.broadcast_tensors([input, target])
    return expanded[0], expanded[1]


def _weighted(losses: Any, weight: Any, reduction: str, mean: Callable[[Any], Any] | None = None) -> Any:
    """Losses by element, weighted and reduced; without `mean` they are divided by the sum of the weights."""
    weighted = losses * weight
    if reduction == "mean":
        return weighted.sum() / weight.sum() if mean is None else mean(weighted)
    if reduction not in _REDUCTIONS:
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    return weighted if reduction == "none" else weighted.sum()


def _check_weight(weight: Any, input: Any) -> None:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")


def mse_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The mean squared difference."""
    reduction = legacy(size_average, reduce, reduction)
    one, other = _same_size(input, target)
    if weight is None:
        return functions.mse_loss(one, other, number_of(reduction))
    _check_weight(weight, input)
    return _weighted((one - other).pow(2), weight, reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The mean absolute difference."""
    reduction = legacy(size_average, reduce, reduction)
    one, other = _same_size(input, target)
    if weight is None:
        return functions.l1_loss(one, other, number_of(reduction))
    _check_weight(weight, input)
    return _weighted((one - other).abs(), weight, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """The squared difference below beta, the absolute one above."""
    reduction = legacy(size_average, reduce, reduction)
    input, target = _same_size(input, target)
    if beta == 0.0:
        return functions.l1_loss(input, target, number_of(reduction))
    return functions.smooth_l1_loss(input, target, number_of(reduction), beta)


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """The squared difference up to delta, growing linearly above."""
    one, other = _same_size(input, target)
    if weight is None:
        return functions.huber_loss(one, other, number_of(reduction), delta)
    _check_weight(weight, input)
    return _weighted(functions.huber_loss(one, other, 0, delta), weight, reduction, Tensor.mean)


def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative log-likelihood of target classes, given logarithms of probabilities."""
    reduction = legacy(size_average, reduce, reduction)
    return functions.nll_loss_nd(input, target, weight, number_of(reduction), ignore_index)


def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """The negative log-likelihood of sequences of labels, summed over all alignments."""
    return functions.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, number_of(reduction), zero_infinity
    )


def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """The cross entropy of scores and target classes or probabilities."""
    reduction = legacy(size_average, reduce, reduction)
    return functions.cross_entropy_loss(
        input, target, weight, number_of(reduction), ignore_index, label_smoothing
    )


def linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, weight: Any = None, reduction: str = "mean",
    ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None,
) -> Any:  # fmt: skip
    """The cross entropy of a linear map's outputs: input (N, in) or (in), linear_weight (classes, …, in); with `options` chunk
    by chunk, where the loss allows it.
    """
    sizes, weights = tuple(input.geometry.sizes), tuple(linear_weight.geometry.sizes)
    if not 1 <= len(sizes) <= 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(sizes)}")
    if len(weights) < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {len(weights)}")
    *batch, features = sizes
    if features != weights[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {weights[-1]}, respectively"
        )
    outputs = weights[:-1]
    if linear_bias is not None and tuple(linear_bias.geometry.sizes) != outputs:
        raise RuntimeError(f"expected linear_bias shape {outputs}, got {tuple(linear_bias.geometry.sizes)}")
    if len(outputs) > 1 and not batch:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {weights} requires batched input, (N, {features}), "
            f"got unbatched input with shape {sizes}"
        )
    scores = (*batch, *outputs)
    if ignore_index is not None and tuple(target.geometry.sizes) == scores:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if options is not None:
        if (
            len(outputs) == 1
            and reduction in _REDUCTIONS
            and label_smoothing == 0
            and target.dtype is dtypes.int64
        ):
            from tensorcli.engine.nn.chunked_loss import chunked_loss

            skipped = -100 if ignore_index is None else ignore_index
            return chunked_loss(
                input, linear_weight, target, linear_bias, weight, reduction, skipped, options
            )
        messages.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, label_smoothing "
            f"== 0, target.dtype == int64, out_features == (). Got reduction={reduction!r}, label_smoothing={label_smoothing}, "
            f"target.dtype={target.dtype}, out_features={outputs[1:]}, tracing=False, linear_bias.shape="
            f"{None if linear_bias is None else outputs}."
        )
    if len(outputs) > 1:
        linear_weight = linear_weight.reshape(prod(outputs), features)
        linear_bias = None if linear_bias is None else linear_bias.reshape(prod(outputs))
    return cross_entropy(
        functions.linear(input, linear_weight, linear_bias).reshape(scores),
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The cross entropy of probabilities and targets between 0 and 1."""
    number = number_of(legacy(size_average, reduce, reduction))
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. "
            "Please ensure they have the same size."
        )
    if weight is not None:
        sizes = _broadcast(tuple(target.size()), weight.size())
        weight = weight.expand(sizes)
    return functions.binary_cross_entropy(input, target, weight, number)


def _broadcast(sizes: tuple[int, ...], given: Any) -> tuple[int, ...]:
    """Sizes broadcast with those of a weight, with the complaint of PyTorch's Python. Errors: RuntimeError."""
    ndim = max(len(sizes), len(given))
    found = [1] * (ndim - len(sizes)) + list(sizes)
    for dim in range(-1, -len(given) - 1, -1):
        if found[dim] == 1:
            found[dim] = given[dim]
        elif given[dim] not in (1, found[dim]):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {given[dim]} at {dim}! Mismatching argument at index 1 had "
                f"{given}; but expected shape should be broadcastable to {messages.numbers(found)}"
            )
    return tuple(found)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:  # fmt: skip
    """The cross entropy of the sigmoid of scores and targets between 0 and 1."""
    number = number_of(legacy(size_average, reduce, reduction))
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return functions.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)


def kl_div(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Any:  # fmt: skip
    """The Kullback-Leibler divergence; "batchmean" is the sum over the batch's size."""
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce, reduction)
    elif reduction == "mean":
        messages.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only "
            "by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
            "'batchmean' in the next major release."
        )
    number = 2 if reduction == "batchmean" else number_of(reduction)
    loss = functions.kl_div(input, target, number, log_target=log_target)
    if reduction == "batchmean" and input.dim() != 0:
        return loss / input.size()[0]
    return loss


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """The negative log-likelihood of counts under a Poisson distribution."""
    reduction = legacy(size_average, reduce, reduction)
    return functions.poisson_nll_loss(input, target, log_input, full, eps, number_of(reduction))


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """The negative log-likelihood of values under normal distributions of the given means and variances."""
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * functions.ones_like(input)
    elif functions.any(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (
            input.ndim == var.ndim
            and sum(b for a, b in zip(input.size(), var.size(), strict=True) if a != b) == 1
        ):
            raise ValueError("var is of incorrect size")
    if reduction not in _REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    with modes.no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (functions.log(var) + (input - target) ** 2 / var)
    if full:
        loss += 0.9189385332046727
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The input where the target is 1, what is missing to the margin where it is -1."""
    return functions.hinge_embedding_loss(
        input, target, margin, number_of(legacy(size_average, reduce, reduction))
    )


def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """The logistic loss for targets of 1 and -1."""
    return functions.soft_margin_loss(input, target, number_of(legacy(size_average, reduce, reduction)))


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """What is missing for one input to rank above the other by the margin."""
    number = number_of(legacy(size_average, reduce, reduction))
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return functions.margin_ranking_loss(input1, input2, target, margin, number)


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Any:  # fmt: skip
    """One minus the cosine where the target is 1, the cosine above the margin where it is -1."""
    number = number_of(legacy(size_average, reduce, reduction))
    return functions.cosine_embedding_loss(input1, input2, target, margin, number)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2, eps: float = 1e-6, swap: bool = False,
    size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """What is missing for the positive to be nearer to the anchor than the negative by the margin."""
    number = number_of(legacy(size_average, reduce, reduction))
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return functions.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, number)


def triplet_margin_with_distance_loss(
    anchor: Any, positive: Any, negative: Any, *, distance_function: Any = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Any:  # fmt: skip
    """triplet_margin_loss with any distance."""
    number_of(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = anchor.ndim, positive.ndim, negative.ndim
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )
    distance = functions.pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = functions.minimum(far, distance(positive, negative))
    loss = functions.clamp_min(margin + near - far, 0)
    return loss.sum() if reduction == "sum" else loss.mean() if reduction == "mean" else loss


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    """What is missing for the target's score to lead all others by the margin."""
    number = number_of(legacy(size_average, reduce, reduction))
    if p != 1 and p != 2:
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return functions.multi_margin_loss(input, target, p, margin, weight, number)


def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """What is missing for each target's score to lead all others by one."""
    return functions.multilabel_margin_loss(input, target, number_of(legacy(size_average, reduce, reduction)))


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """The logistic loss of each class, their mean for each row."""
    reduction = legacy(size_average, reduce, reduction)
    loss = -(target * functions.log_sigmoid(input) + (1 - target) * functions.log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    rows = loss.sum(dim=input.dim() - 1) / input.size(input.dim() - 1)
    if reduction not in _REDUCTIONS:
        raise ValueError(reduction + " is not valid")
    return rows if reduction == "none" else rows.mean() if reduction == "mean" else rows.sum()
