"""One step of recurrent layers: what the cells of `torch.nn` call.

The checks stand in PyTorch's order (aten/src/ATen/native/RNN.cpp), which is another one for each kind.
"""

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.ops._steps import STEPS


def _check_input(input, w_ih):
    wanted = w_ih.size(1)
    if input.size(1) != wanted:
        raise RuntimeError(f"input has inconsistent input_size: got {input.size(1)} expected {wanted}")


def _check_hidden(input, hidden, w_hh, number=0):
    size = w_hh.size(1)
    if input.size(0) != hidden.size(0):
        raise RuntimeError(
            f"Input batch size {input.size(0)} doesn't match hidden{number} batch size {hidden.size(0)}"
        )
    if hidden.size(1) != size:
        raise RuntimeError(
            f"hidden{number} has inconsistent hidden_size: got {hidden.size(1)}, expected {size}"
        )


def _check_weights(w_ih, w_hh, gates):
    rows = gates * w_hh.size(1)
    for name, weight in (("ih", w_ih), ("hh", w_hh)):
        if weight.size(0) != rows:
            raise RuntimeError(
                f"weight_{name} first dim must be {gates} * hidden_size = {rows}, but got {weight.size(0)}"
            )


def _next(mode, input, hidden, w_ih, w_hh, b_ih, b_hh):
    return STEPS[mode][0](functions.linear(input, w_ih, b_ih), hidden, w_hh, b_hh, None)


@composite(
    "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
    variants="function",
)
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """The next hidden state of a recurrent layer with tanh: input (batch, features), hx (batch, hidden)."""
    return _plain("RNN_TANH", input, hx, w_ih, w_hh, b_ih, b_hh)


@composite(
    "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
    variants="function",
)
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """The next hidden state of a recurrent layer with relu: input (batch, features), hx (batch, hidden)."""
    return _plain("RNN_RELU", input, hx, w_ih, w_hh, b_ih, b_hh)


def _plain(mode, input, hx, w_ih, w_hh, b_ih, b_hh):
    _check_weights(w_ih, w_hh, 1)
    _check_input(input, w_ih)
    _check_hidden(input, hx, w_hh)
    return _next(mode, input, hx, w_ih, w_hh, b_ih, b_hh)


@composite(
    "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor",
    variants="function",
)
def gru_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """The next hidden state of gated units: input (batch, features), hx (batch, hidden), weights of three gates."""
    _check_input(input, w_ih)
    _check_hidden(input, hx, w_hh)
    _check_weights(w_ih, w_hh, 3)
    return _next("GRU", input, hx, w_ih, w_hh, b_ih, b_hh)


@composite(
    "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)",
    variants="function",
)
def lstm_cell(input, hx, w_ih, w_hh, b_ih, b_hh):
    """The next hidden and cell states of long short-term memory: hx both states, weights of four gates."""
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    _check_input(input, w_ih)
    _check_weights(w_ih, w_hh, 4)
    for number, each in enumerate(hx):
        _check_hidden(input, each, w_hh, number)
    return _next("LSTM", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
