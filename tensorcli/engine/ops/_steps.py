"""One step of each kind of recurrent layer, and one direction of a layer over all its steps."""

from itertools import accumulate
from typing import Any

from tensorcli.engine.callers import functions


def _plain_step(name: str) -> Any:
    def step(projected: Any, hidden: Any, weight: Any, bias: Any, _: Any) -> Any:
        return getattr(functions, name)(functions.linear(hidden, weight, bias).add_(projected))

    return step


def _lstm_step(projected: Any, hidden: Any, weight: Any, bias: Any, shrink: Any) -> Any:
    h, c = hidden
    gates = functions.linear(h, weight, bias).add_(projected).unsafe_chunk(4, 1)
    inward, forget, cell, outward = (
        gates[0].sigmoid_(),
        gates[1].sigmoid_(),
        gates[2].tanh_(),
        gates[3].sigmoid_(),
    )
    c = (forget * c).add_(inward * cell)
    h = outward * c.tanh()
    return (h if shrink is None else h.matmul(shrink.t())), c


def _gru_step(projected: Any, hidden: Any, weight: Any, bias: Any, _: Any) -> Any:
    inward = projected.unsafe_chunk(3, 1)
    own = functions.linear(hidden, weight, bias).unsafe_chunk(3, 1)
    reset = own[0].add_(inward[0]).sigmoid_()
    update = own[1].add_(inward[1]).sigmoid_()
    new = inward[2].add(own[2].mul_(reset)).tanh_()
    return (hidden - new).mul_(update).add_(new)


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""What one direction of one layer has."""
STEPS = {
    "RNN_TANH": (_plain_step("tanh"), 1),
    "RNN_RELU": (_plain_step("relu"), 1),
    "LSTM": (_lstm_step, 4),
    "GRU": (_gru_step, 3),
}
"""The step of each kind, and how many gates it has."""


def run(mode: str, input: Any, hidden: Any, weights: dict[str, Any], backwards: bool) -> tuple[Any, Any]:
    """One direction of one layer: the outputs of all steps, stacked, and the last hidden state."""
    if not input.size(0):
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    step = STEPS[mode][0]
    projected = functions.linear(input, weights["weight_ih"], weights.get("bias_ih")).unbind(0)
    outputs = []
    for one in reversed(projected) if backwards else projected:
        hidden = step(one, hidden, weights["weight_hh"], weights.get("bias_hh"), weights.get("weight_hr"))
        outputs.append(hidden[0] if mode == "LSTM" else hidden)
    return functions.stack(outputs[::-1] if backwards else outputs), hidden


def run_packed(
    mode: str, data: Any, sizes: list[int], hidden: Any, weights: dict[str, Any], backwards: bool
) -> tuple[Any, Any]:
    """One direction of one layer over a packed sequence: the outputs, packed, and each sequence's last state."""
    step = STEPS[mode][0]
    projected = functions.linear(data, weights["weight_ih"], weights.get("bias_ih"))
    starts = [0, *accumulate(sizes)]
    first, outputs, done = hidden, [], []
    active = sizes[-1] if backwards else sizes[0]
    hidden = _part(hidden, 0, active) if backwards else hidden
    for number in reversed(range(len(sizes))) if backwards else range(len(sizes)):
        size = sizes[number]
        if size > active:
            hidden = _joined([hidden, _part(first, active, size)])
        elif size < active:
            done.append(_part(hidden, size, active))
            hidden = _part(hidden, 0, size)
        active = size
        one = projected.narrow(0, starts[number], size)
        hidden = step(one, hidden, weights["weight_hh"], weights.get("bias_hh"), weights.get("weight_hr"))
        outputs.append(hidden[0] if mode == "LSTM" else hidden)
    last = hidden if backwards else _joined([hidden, *reversed(done)])
    return functions.cat(outputs[::-1] if backwards else outputs, 0), last


def _part(hidden: Any, start: int, end: int) -> Any:
    """The states of some of the sequences."""
    if isinstance(hidden, tuple):
        return tuple(_part(one, start, end) for one in hidden)
    return hidden.narrow(0, start, end - start)


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], tuple):
        return tuple(functions.cat(list(each), 0) for each in zip(*parts, strict=True))
    return functions.cat(parts, 0)
