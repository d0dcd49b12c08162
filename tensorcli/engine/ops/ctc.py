"""Connectionist temporal classification: how likely a sequence of labels is, whatever its alignment.

The forward-backward algorithm of Graves et al., "Connectionist Temporal Classification" (2006), in logarithms and for a
whole batch at once. Between the labels, before and after them stands the blank: position 2 i + 1 is label i.
"""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._dimensions import kind_of, refuse

_WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _check(log_probs, targets, input_lengths, target_lengths, blank):
    """Errors: RuntimeError with PyTorch's texts."""
    if not log_probs.size:
        raise RuntimeError("log_probs tensor must not be empty")
    refuse(log_probs, "ctc_loss_cpu", "buic")
    if log_probs.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {log_probs.ndim}-dimensional tensor for argument #1 'log_probs' {_WHERE}"
        )
    if not 1 <= targets.ndim <= 2:
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets' {_WHERE}"
        )
    steps, batch, labels = log_probs.shape
    if not 0 <= blank < labels:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if len(lengths) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
    for length in target_lengths:
        if length < 0:
            raise RuntimeError(
                f"Expected target_lengths to have value at least 0, but got value {length} {_WHERE}"
            )
    most, total = max(target_lengths), sum(target_lengths)
    if targets.ndim == 1 and targets.shape[0] != total:
        raise RuntimeError(
            f"Expected tensor to have size {total} at dimension 0, but got size {targets.shape[0]} for argument #2 'targets' "
            f"{_WHERE}"
        )
    if targets.ndim == 2 and targets.shape[0] != batch:
        raise RuntimeError(
            f"Expected tensor to have size {batch} at dimension 0, but got size {targets.shape[0]} for argument #2 'targets' "
            f"{_WHERE}"
        )
    if targets.ndim == 2 and targets.shape[1] < most:
        raise RuntimeError(
            f"Expected tensor to have size at least {most} at dimension 1, but got size {targets.shape[1]} for argument #2 "
            f"'targets' {_WHERE}"
        )
    for length in input_lengths:
        if length < 0:
            raise RuntimeError(
                f"Expected input_lengths to have value at least 0, but got value {length} {_WHERE}"
            )
        if length > steps:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {steps}, but got value {length} {_WHERE}"
            )


def _positions(xp, targets, lengths, blank):
    """The labels with blanks around them, one row a sample; blanks beyond a sample's length."""
    batch, most = len(lengths), max(lengths, default=0)
    rows = xp.full((batch, 2 * most + 1), blank, dtype=np.int64)
    start = 0
    for n, length in enumerate(lengths):
        rows[n, 1 : 2 * length : 2] = (
            targets[start : start + length] if targets.ndim == 1 else targets[n, :length]
        )
        start += length
    return rows


def _may_skip(xp, rows, blank):
    """Where the blank before a label may be left out: the label differs from the one before it."""
    skips = xp.zeros(rows.shape, dtype=bool)
    skips[:, 2:] = (rows[:, 2:] != blank) & (rows[:, 2:] != rows[:, :-2])
    return skips


def _at(xp, log_probs, rows):
    """(steps, batch, positions): the probability of each position's label."""
    index = xp.broadcast_to(rows, (log_probs.shape[0], *rows.shape))
    return xp.take_along_axis(log_probs.astype(np.float64), index, 2)


def _shifted(xp, values, by, back=False):
    found = xp.full(values.shape, -np.inf)
    if values.shape[1] > by:
        if back:
            found[:, :-by] = values[:, by:]
        else:
            found[:, by:] = values[:, :-by]
    return found


@op(
    "_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, "
    "bool zero_infinity=False) -> (Tensor, Tensor)",
    out=False,
    variants="function",
    log_probs=lambda grad, log_probs, targets, input_lengths, target_lengths, result0, result1, blank, zero_infinity: (
        functions._ctc_loss_backward(
            grad, log_probs, targets, input_lengths, target_lengths, result0, result1, blank, zero_infinity
        )
    ),
    targets=None,
)
def ctc_loss_forward(xp, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
    """The negative log-likelihood of each sample, and the logarithms of all prefixes' probabilities."""
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    rows = _positions(xp, targets, target_lengths, blank)
    emitted = _at(xp, log_probs, rows)
    skips = _may_skip(xp, rows, blank)
    steps, batch, width = emitted.shape
    prefixes = xp.full((batch, steps, width), -np.inf)
    prefixes[:, 0, :2] = emitted[0, :, :2]
    for t in range(1, steps):
        before = prefixes[:, t - 1]
        found = xp.logaddexp(before, _shifted(xp, before, 1))
        found = xp.logaddexp(found, xp.where(skips, _shifted(xp, before, 2), -np.inf))
        prefixes[:, t] = found + emitted[t]
    losses = xp.empty(batch)
    for n, (length, labels) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        if length == 0:
            losses[n] = np.inf if labels else 0.0
            continue
        last = prefixes[n, length - 1]
        losses[n] = -(xp.logaddexp(last[2 * labels], last[2 * labels - 1]) if labels else last[0])
    return losses.astype(log_probs.dtype), prefixes.astype(log_probs.dtype)


@op(
    "_ctc_loss_backward(Tensor grad, Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, "
    "Tensor neg_log_likelihood, Tensor log_alpha, int blank, bool zero_infinity=False) -> Tensor",
    variants="function",
)
def ctc_loss_backward(
    xp,
    grad,
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    neg_log_likelihood,
    log_alpha,
    blank,
    zero_infinity,
):
    """The gradient of ctc_loss with respect to what the logarithms were a softmax of."""
    rows = _positions(xp, targets, target_lengths, blank)
    emitted = _at(xp, log_probs, rows)
    skips = _may_skip(xp, rows, blank)
    steps, batch, width = emitted.shape
    suffixes = xp.full((batch, steps, width), -np.inf)
    lengths = xp.asarray(input_lengths)
    # Where a path may end: after the last label, or after the blank behind it.
    ends = xp.full((batch, width), -np.inf)
    for n, labels in enumerate(target_lengths):
        ends[n, max(2 * labels - 1, 0) : 2 * labels + 1] = 0.0
    after = xp.full((batch, width), -np.inf)
    for t in range(steps - 1, -1, -1):
        found = xp.logaddexp(after, _shifted(xp, after, 1, back=True))
        skipped = xp.where(skips, after, -np.inf)
        found = xp.logaddexp(found, _shifted(xp, skipped, 2, back=True))
        found = xp.where((lengths == t + 1)[:, None], ends, found)
        suffixes[:, t] = after = xp.where((lengths > t)[:, None], found + emitted[t], -np.inf)
    both = log_alpha.astype(np.float64) + suffixes
    shares = xp.full((batch, steps, log_probs.shape[2]), -np.inf)
    samples = xp.arange(batch)
    for place in range(width):
        labels = rows[:, place]
        shares[samples, :, labels] = xp.logaddexp(shares[samples, :, labels], both[:, :, place])
    wide = log_probs.astype(np.float64)
    loss = neg_log_likelihood.astype(np.float64)[None, :, None]
    result = xp.exp(wide) - xp.exp(shares.transpose(1, 0, 2) + loss - wide)
    result = result * grad.astype(np.float64)[None, :, None]
    silent = xp.arange(steps)[:, None, None] >= lengths[None, :, None]
    if zero_infinity:
        silent = silent | xp.isinf(loss)
    return xp.where(silent, 0.0, result).astype(log_probs.dtype)


def _reduced(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    batched = log_probs.ndim == 3
    spread = log_probs if batched else log_probs.unsqueeze(1)
    losses, _ = functions._ctc_loss(spread, targets, input_lengths, target_lengths, blank, zero_infinity)
    if zero_infinity:
        losses = functions.where(losses == float("inf"), losses.new_zeros(()), losses)
    if reduction == 1:
        lengths = losses.new_tensor(list(target_lengths)).clamp_min(1)
        return (losses / lengths).mean()
    if reduction == 2:
        return losses.sum()
    return losses if batched else losses.squeeze(0)


@composite(
    "ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, "
    "int reduction=Mean, bool zero_infinity=False) -> Tensor",
    variants="function",
)
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """The negative log-likelihood of sequences of labels, summed over all alignments."""
    return _reduced(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


@composite(
    "ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, "
    "int reduction=Mean, bool zero_infinity=False) -> Tensor",
    variants="function",
)
def ctc_loss_of_lengths(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """The negative log-likelihood of sequences of labels whose lengths are tensors."""
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if lengths.is_floating_point() or lengths.is_complex() or kind_of(lengths.array) == "Bool":
            raise RuntimeError(f"{name} must be integral")
    if log_probs.is_meta:
        raise messages.no_meta_kernel("_ctc_loss.Tensor")
    given = [tuple(lengths.reshape((-1,)).tolist()) for lengths in (input_lengths, target_lengths)]
    return _reduced(log_probs, targets, *given, blank, reduction, zero_infinity)
