"""Recurrence: one direction of one layer as the operator of a library that PyTorch uses for float32 on the CPU."""

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.op import op
from tensorcli.engine.ops.nn import derived


def _order(steps, reverse):
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _composed(reverse, input, weight0, weight1, weight2, weight3, hx, cx):
    """The same of tensors and operators, whose gradients are known."""
    projected = functions.linear(input, weight0, weight2 + weight3).unbind(0)
    outputs = [None] * len(projected)
    for step in _order(len(projected), reverse):
        gates = (projected[step] + functions.linear(hx, weight1)).chunk(4, 1)
        inward, forget, outward = (gates[k].sigmoid() for k in (0, 1, 3))
        cx = forget * cx + inward * gates[2].tanh()
        hx = outputs[step] = outward * cx.tanh()
    return functions.stack(outputs), hx, cx


@op(
    "mkldnn_rnn_layer(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, Tensor weight3, Tensor hx_, "
    "Tensor cx_, bool reverse, int[] batch_sizes, int mode, int hidden_size, int num_layers, bool has_biases, "
    "bool bidirectional, bool batch_first, bool train) -> (Tensor, Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    input__weight0__weight1__weight2__weight3__hx___cx_=lambda grads, cx_, hx_, input, result0, result1, result2, reverse, weight0, weight1, weight2, weight3, needs: (
        derived(
            lambda *given: _composed(reverse, *given),
            (input, weight0, weight1, weight2, weight3, hx_, cx_),
            grads[:3],
            needs,
        )
    ),
)
def mkldnn_rnn_layer(
    xp, input, weight0, weight1, weight2, weight3, hx_, cx_, reverse, batch_sizes, mode, hidden_size,
    num_layers, has_biases, bidirectional, batch_first, train,
):  # fmt: skip
    """One direction of one layer of long short-term memory: all outputs, the last states, and nothing to keep.

    input (steps, batch, features), weight0 and weight1 of the input and the hidden state with biases weight2 and weight3.
    """
    projected = input @ weight0.T + (weight2 + weight3)
    outputs = xp.empty((*input.shape[:2], hidden_size), input.dtype)
    hidden, cell = hx_, cx_
    for step in _order(len(projected), reverse):
        gates = projected[step] + hidden @ weight1.T
        inward, forget, inner, outward = xp.split(gates, 4, axis=1)
        cell = _sigmoid(xp, forget) * cell + _sigmoid(xp, inward) * xp.tanh(inner)
        hidden = outputs[step] = _sigmoid(xp, outward) * xp.tanh(cell)
    return outputs, hidden.copy(), cell.copy(), xp.empty(0, np.uint8)


def _sigmoid(xp, values):
    return 1 / (1 + xp.exp(-values))
