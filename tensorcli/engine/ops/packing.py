"""Sequences of several lengths as one: packed step by step, and their gradient."""

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._dimensions import wrap

UNSORTED = (
    "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
    "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need "
    "ONNX exportability."
)


def _check(input, lengths, batch):
    if input.size == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if len(lengths) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={batch})"
        )
    if lengths[-1] <= 0:  # the shortest, unless they are not sorted
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (lengths[1:] > lengths[:-1]).any():
        raise RuntimeError(UNSORTED)


@op(
    "_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)",
    out=False,
    variants="function",
    input=lambda grad, input_sizes, result1, batch_first: functions._pack_padded_sequence_backward(
        grad, input_sizes, result1, batch_first
    ),
    lengths=None,
)
def pack_padded_sequence(xp, input, lengths, batch_first):
    """The steps of padded sequences, longest first, without the padding; how many sequences each step has."""
    wrap(1, input.ndim)  # the batch
    padded = xp.swapaxes(input, 0, 1) if batch_first else input
    _check(input, lengths, padded.shape[1])
    sizes = (lengths > xp.arange(int(lengths[0]))[:, None]).sum(1)
    steps = [padded[step, :size] for step, size in enumerate(sizes.tolist()) if step < len(padded)]
    return xp.concatenate(steps), sizes


@op(
    "_pack_padded_sequence_backward(Tensor grad, SymInt[] input_size, Tensor batch_sizes, bool batch_first) -> Tensor",
    variants="function",
    grad=None,
    batch_sizes=None,
)
def pack_padded_sequence_backward(xp, grad, input_size, batch_sizes, batch_first):
    """The gradient of what was packed, with zeros where it was padded."""
    found = xp.zeros(tuple(input_size), dtype=grad.dtype)
    steps = xp.swapaxes(found, 0, 1) if batch_first else found
    start = 0
    for step, size in zip(steps, batch_sizes.tolist(), strict=False):
        step[:size] = grad[start : start + size]
        start += size
    return found
