"""One direction of one layer of an LSTM, as the operator of the library that PyTorch uses for float32 on the CPU."""

from itertools import pairwise

import numpy as np

from tensorcli.engine.autograd.modes import mode as recording
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._composed import derived, direct
from tensorcli.engine.ops._dimensions import kind_of


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


def _backward(grads, inputs, results, hidden_size, reverse, needs):
    if recording.enabled:
        return derived(lambda *given: _composed(reverse, *given), inputs, grads[:3], needs)
    return direct(
        "mkldnn_rnn_layer_backward", *inputs, *results[:3], *grads[:3], reverse, 2, hidden_size, 1, True, True, False, [],
        False, results[3],
    )  # fmt: skip


@op(
    "mkldnn_rnn_layer(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, Tensor weight3, Tensor hx_, "
    "Tensor cx_, bool reverse, int[] batch_sizes, int mode, int hidden_size, int num_layers, bool has_biases, "
    "bool bidirectional, bool batch_first, bool train) -> (Tensor, Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    input__weight0__weight1__weight2__weight3__hx___cx_=lambda grads, cx_, hx_, input, result0, result1, result2, result3, hidden_size, reverse, weight0, weight1, weight2, weight3, needs: (
        _backward(
            grads,
            (input, weight0, weight1, weight2, weight3, hx_, cx_),
            (result0, result1, result2, result3),
            hidden_size,
            reverse,
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
    _check_single((weight0, weight1), (weight2, weight3), (hx_, cx_))
    projected = input @ weight0.T + (weight2 + weight3)
    outputs = xp.empty((*input.shape[:2], hidden_size), input.dtype)
    hidden, cell = hx_, cx_
    for step in _order(len(projected), reverse):
        gates = projected[step] + hidden @ weight1.T
        inward, forget, inner, outward = xp.split(gates, 4, axis=1)
        cell = _sigmoid(xp, forget) * cell + _sigmoid(xp, inward) * xp.tanh(inner)
        hidden = outputs[step] = _sigmoid(xp, outward) * xp.tanh(cell)
    return outputs, hidden.copy(), cell.copy(), xp.empty(0, np.uint8)


def _check_single(weights, biases, states):
    """What goes with an input of float32, as oneDNN refuses the rest. Errors: RuntimeError."""
    for array in (*weights, *biases, *states):
        if array.dtype in (np.int8, np.uint8):
            raise RuntimeError("itensor_view_from_dense expects float, bfloat16 or half tensor input")
        if kind_of(array) not in ("Float", "Half", "BFloat16"):
            raise RuntimeError("get_mkldnn_dtype: unsupported data type")
    if any(array.dtype != np.float32 for array in (*weights, *states)):  # biases of a reduced dtype are taken
        raise RuntimeError(
            "could not create a primitive descriptor for the LSTM forward propagation primitive. Run workload with environment "
            "variable ONEDNN_VERBOSE=all to get additional diagnostic information."
        )


def _sigmoid(xp, values):
    return 1 / (1 + xp.exp(-values))


@op(
    "mkldnn_rnn_layer_backward(Tensor input, Tensor weight1, Tensor weight2, Tensor weight3, Tensor weight4, Tensor hx_, "
    "Tensor cx_tmp, Tensor output, Tensor hy_, Tensor cy_, Tensor? grad_output, Tensor? grad_hy, Tensor? grad_cy, "
    "bool reverse, int mode, int hidden_size, int num_layers, bool has_biases, bool train, bool bidirectional, "
    "int[] batch_sizes, bool batch_first, Tensor workspace) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
)
def mkldnn_rnn_layer_backward(
    xp, input, weight1, weight2, weight3, weight4, hx_, cx_tmp, output, hy_, cy_, grad_output, grad_hy, grad_cy, reverse,
    mode, hidden_size, num_layers, has_biases, train, bidirectional, batch_sizes, batch_first, workspace,
):  # fmt: skip
    """The gradients of the input, of both weights and both biases, and of the first states."""
    order = [*_order(len(input), reverse)]
    before = xp.empty_like(output)
    before[order[0]] = hx_
    for earlier, later in pairwise(order):
        before[later] = output[earlier]
    gates = input @ weight1.T + (weight3 + weight4) + before @ weight2.T
    inward, forget, inner, outward = xp.split(gates, 4, axis=2)
    inward, forget, outward = (_sigmoid(xp, each) for each in (inward, forget, outward))
    inner = xp.tanh(inner)
    cells, cells_before, cell = xp.empty_like(output), xp.empty_like(output), cx_tmp
    for step in order:
        cells_before[step] = cell
        cell = cells[step] = forget[step] * cell + inward[step] * inner[step]
    shown = xp.tanh(cells)
    # What each gate's sum gets for a gradient of one of its cell (of its output, the last one).
    of_cell = xp.concatenate(
        [
            inner * inward * (1 - inward),
            cells_before * forget * (1 - forget),
            inward * (1 - inner * inner),
            shown * outward * (1 - outward),
        ],
        axis=2,
    )
    through = outward * (1 - shown * shown)
    of_hidden = xp.zeros_like(hx_) if grad_hy is None else grad_hy
    carried = xp.zeros_like(cx_tmp) if grad_cy is None else grad_cy
    found = xp.empty_like(gates)
    for step in reversed(order):
        if grad_output is not None:
            of_hidden = of_hidden + grad_output[step]
        carried = carried + of_hidden * through[step]
        found[step] = of_cell[step] * xp.concatenate([carried, carried, carried, of_hidden], axis=1)
        carried = carried * forget[step]
        of_hidden = found[step] @ weight2
    rows = found.reshape(-1, found.shape[2])
    of_bias = rows.sum(axis=0)
    return (
        found @ weight1,
        rows.T @ input.reshape(len(rows), -1),
        rows.T @ before.reshape(len(rows), -1),
        of_bias,
        of_bias.copy(),
        of_hidden,
        carried,
    )
