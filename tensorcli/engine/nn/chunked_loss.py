"""A linear map and its cross entropy, a few rows of the batch at a time: what `linear_cross_entropy(options=…)` computes.

The scores of one chunk are dropped before those of the next are made. For a single loss the gradients are computed along with
it and kept; the backward pass only scales them. For a loss of each row the backward pass computes the scores again. Reduced
dtypes compute in their own dtype or in `acc_dtype`, as the policy says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.function import Function
from tensorcli.engine.autograd.modes import forward, mode
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions

_POLICIES = ("auto", "accurate", "balanced", "compact")
_WIDE_ENOUGH = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


@dataclass(slots=True, frozen=True)
class LinearCrossEntropyOptions:
    """How large the chunks are, and what they are computed in; "auto" and None are settled by the call.

    Errors: ValueError for a size that is not positive, and for an unknown method, policy or dtype.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    __module__ = "torch.nn.modules.linear_cross_entropy_options"

    def __post_init__(self) -> None:
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if self.chunking_method not in (None, "auto"):
            name, divided, factor = self.chunking_method.partition(":")
            factor = factor if divided else "1"
            if name != "aspect_ratio" or not factor.isdigit() or int(factor) < 1:
                raise ValueError(f"invalid chunking_method: {self.chunking_method!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype is not None and self.acc_dtype not in _WIDE_ENOUGH:
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got "
                f"{self.acc_dtype!r}. Pass acc_dtype=None to let the op pick automatically."
            )


def settled(options: Any, count: int, features: int, classes: int, dtype: Any) -> LinearCrossEntropyOptions:
    """Options (whatever has their fields) with nothing left open, for a batch of `count` rows.

    Errors: ValueError where size and method disagree.
    """
    size, method = options.batch_chunk_size, options.chunking_method
    automatic = options.acc_policy == "auto"
    policy = ("accurate" if dtype.reduced else "compact") if automatic else options.acc_policy
    if method == "auto":
        method = None if size is not None else "aspect_ratio" if dtype.reduced else "aspect_ratio:2"
    rows = count if size is None else min(size, count)
    if method is not None:
        aim = -(-count // -(-classes // features))
        rows = min((1 << (aim - 1).bit_length()) // int(method.partition(":")[2] or 1), count)
        if size is not None and size != rows:
            raise ValueError(
                f"batch_chunk_size (={size}) and chunking_method ('{method}') give different chunk sizes ({size} vs "
                f"{rows}); pass only one."
            )
    adding = options.acc_dtype or (dtypes.float32 if automatic and dtype.reduced else dtype)
    return LinearCrossEntropyOptions(options.allow_retain_graph, max(1, rows), method, policy, adding)


class _Work(NamedTuple):
    """What all chunks share: the inputs, -(weight of each row) as it counts in the loss, and how to compute."""

    input: Any
    linear_weight: Any
    target: Any
    bias: Any
    shares: Any
    options: LinearCrossEntropyOptions

    @property
    def scores_dtype(self) -> Any:
        """The dtype of the scores: that of the sums, but for float16 that saves memory."""
        own = self.input.dtype
        return (
            own if own is dtypes.float16 and self.options.acc_policy != "accurate" else self.options.acc_dtype
        )


def _prepared(
    input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, settings: Any, upstream: Any
) -> _Work:
    reduction, ignore_index, options = settings
    own, adding = input.dtype, options.acc_dtype
    if own is not adding and not (own.reduced and adding is dtypes.float32):
        raise RuntimeError(
            "linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got "
            f"{adding} acc_dtype and {own} inputs."
        )
    ignored = target == ignore_index
    if not 0 <= ignore_index < linear_weight.size(0):
        target = functions.where(ignored, 0, target)
    if weight is None:
        shares = (~ignored).to(adding)
    else:
        shares = functions.where(ignored, 0, weight.index_select(0, target).to(adding))
    if reduction == "mean":
        total = shares.sum()
        shares.div_(functions.where(total == 0, float("nan"), -total))
    elif reduction == "sum" or upstream is not None:
        shares.neg_()
    if upstream is not None:
        shares.mul_(upstream.to(adding))
    work = _Work(input, linear_weight, target, bias, shares, options)
    kind = work.scores_dtype
    return work._replace(linear_weight=linear_weight.to(kind), bias=None if bias is None else bias.to(kind))


def _chunks(work: _Work) -> Any:
    """Each chunk's rows, with their targets, shares and scores less the largest."""
    size = work.options.batch_chunk_size or 1
    for start in range(0, work.input.size(0), size):
        rows = slice(start, start + size)
        scores = functions.mm(work.input[rows].to(work.scores_dtype), work.linear_weight.t())
        if work.bias is not None:
            scores.add_(work.bias)
        scores.sub_(scores.amax(1, True))
        yield work.input[rows], work.target[rows], work.shares[rows], scores


def _of_target(scores: Any, target: Any, kind: Any) -> Any:
    return scores.gather(1, target.unsqueeze(1)).squeeze(1).to(kind)


def _losses(work: _Work) -> Any:
    """The loss of each row."""
    adding, found = work.options.acc_dtype, []
    for input, target, shares, scores in _chunks(work):
        right = _of_target(scores, target, adding)
        found.append(scores.exp_().sum(1, dtype=adding).log_().sub_(right).mul_(shares).to(input.dtype))
    return functions.cat(found) if found else work.input.new_empty((0,))


def _with_gradients(
    work: _Work, needs: tuple[bool, bool, bool] = (False, False, False)
) -> tuple[Any, list[Any]]:
    """The loss, and its gradients for input, linear weight and bias as far as they are needed."""
    own, adding, kind = work.input.dtype, work.options.acc_dtype, work.scores_dtype
    sizes = work.linear_weight.geometry.sizes
    loss = functions.zeros((), dtype=own if own is dtypes.bfloat16 else adding, device=work.input.device)
    loss = roomy(loss, work.input, work.linear_weight, work.shares)
    of_input: list[Any] = []
    of_weight, of_bias = (
        functions.zeros(each, dtype=own, device=work.input.device) if needed else None
        for each, needed in ((sizes, needs[1]), (sizes[:1], needs[2]))
    )
    for input, target, shares, scores in _chunks(work):
        loss.add_(shares.dot(_of_target(scores, target, adding)))
        total = scores.exp_().sum(1, dtype=adding)
        scores.mul_((shares / total).to(kind).unsqueeze(1))
        loss.sub_(shares.dot(total.log_()))
        if of_bias is not None:
            part = (
                of_bias if own is adding else functions.zeros(sizes[:1], dtype=adding, device=of_bias.device)
            )
            part.sub_(scores.sum(0, dtype=adding)).index_add_(0, target, shares)
            of_bias = part if own is adding else of_bias.add_(part.to(own))
        if needs[0]:
            chosen = work.linear_weight.index_select(0, target) * shares.to(kind).unsqueeze(1)
            of_input.append(functions.addmm(chosen, scores, work.linear_weight, alpha=-1).to(own))
        if of_weight is not None:
            _add_to_weight(of_weight, input, target, shares, scores, work)
    rows = functions.cat(of_input) if of_input else functions.zeros_like(work.input) if needs[0] else None
    return loss.to(own), [rows, of_weight, of_bias]


def _add_to_weight(of_weight: Any, input: Any, target: Any, shares: Any, scores: Any, work: _Work) -> None:
    """A chunk's part of the gradient for the linear weight: collected in `acc_dtype` first unless memory is to be saved."""
    wide = input.to(work.options.acc_dtype)
    weighted = wide * shares.unsqueeze(1)
    if work.options.acc_policy == "compact" and scores.dtype is of_weight.dtype:
        of_weight.addmm_(scores.t(), input, alpha=-1)
        of_weight.index_add_(0, target, weighted.to(of_weight.dtype))
    else:
        part = functions.mm(scores.to(wide.dtype).t(), wide)
        of_weight.sub_(part.index_add_(0, target, weighted, alpha=-1))


class _Reduced(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, settings: Any
    ) -> Any:
        needs = ctx.needs_input_grad
        work = _prepared(input, linear_weight, target, bias, weight, settings, None)
        loss, ctx.kept = _with_gradients(work, (needs[0], needs[1], needs[3]))
        ctx.again = settings[2].allow_retain_graph
        return _loss(work, loss, settings[0])

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if ctx.kept is None:
            raise RuntimeError(
                "linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not supported."
            )
        of_input, of_weight, of_bias = (
            each if each is None else each * grad if ctx.again else each.mul_(grad) for each in ctx.kept
        )
        ctx.kept = ctx.kept if ctx.again else None
        return of_input, of_weight, None, of_bias, None, None


class _OfRows(Function):
    @staticmethod
    def forward(
        ctx: Any, input: Any, linear_weight: Any, target: Any, bias: Any, weight: Any, settings: Any
    ) -> Any:
        ctx.save_for_backward(
            *(
                None if each is None else each.detach()
                for each in (input, linear_weight, target, bias, weight)
            )
        )
        ctx.settings = settings
        return _losses(_prepared(input, linear_weight, target, bias, weight, settings, None))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        needs = ctx.needs_input_grad
        input, linear_weight, target, bias, weight = ctx.saved_tensors
        work = _prepared(input, linear_weight, target, bias, weight, ctx.settings, grad)
        _, (of_input, of_weight, of_bias) = _with_gradients(work, (needs[0], needs[1], needs[3]))
        return of_input, of_weight, None, of_bias, None, None


_NAME = "GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked"
_REDUCED: Any = type(f"{_NAME}_default", (_Reduced,), {})
_OF_ROWS: Any = type(f"{_NAME}_no_reduction_default", (_OfRows,), {})
"""PyTorch names the nodes of an operator that is registered from Python after it."""


def chunked_loss(
    input: Any,
    linear_weight: Any,
    target: Any,
    bias: Any,
    weight: Any,
    reduction: str,
    ignore_index: int,
    options: Any,
) -> Any:
    """The loss of input (N, in) or (in) and targets (N) or (), chunk by chunk."""
    batched = input.ndim == 2
    if not batched:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    classes, features = linear_weight.geometry.sizes
    settings = (reduction, ignore_index, settled(options, input.size(0), features, classes, input.dtype))
    given = (input, linear_weight, target, bias, weight, settings)
    if mode.enabled and any(one is not None and one.requires_grad for one in (input, linear_weight, bias)):
        found = (_OF_ROWS if reduction == "none" else _REDUCED).apply(*given)
    else:
        with _without_tangents():
            work = _prepared(*given, None)
            found = _losses(work) if reduction == "none" else _loss(work, _with_gradients(work)[0], reduction)
    return found if batched else found.squeeze(0)


@contextmanager
def _without_tangents() -> Iterator[None]:
    """PyTorch registers nothing that pushes tangents through: they end here."""
    levels, forward[:] = forward[:], []
    try:
        yield
    finally:
        forward[:] = levels


def _loss(work: _Work, loss: Any, reduction: str) -> Any:
    return loss.fill_(float("nan")) if reduction == "mean" and not work.input.size(0) else loss
