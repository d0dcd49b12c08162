"""Recurrent layers over whole sequences: what the modules of `torch.nn` call.

They are composed of the steps that PyTorch's composed ones are made of. On the CPU PyTorch gives each direction of each layer of
an LSTM of float32 to one operator, `mkldnn_rnn_layer`, but for packed sequences and projections. The checks stand in PyTorch's
order (aten/src/ATen/native/RNN.cpp).
"""

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite
from tensorcli.engine.ops._steps import NAMES, run, run_packed

_WEIGHTS = "Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"
_INPUT = f"{_WEIGHTS}, bool batch_first"


@composite(
    f"lstm.input(Tensor input, Tensor[] hx, {_INPUT}) -> (Tensor, Tensor, Tensor)", variants="function"
)
def lstm_input(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first):
    """Long short-term memory over a sequence: the outputs of all steps, and the last hidden and cell states.

    hx: both states, (layers x directions, batch, features); params: of each layer and direction weight_ih, weight_hh, bias_ih,
    bias_hh, and weight_hr where outputs are projected.
    """
    hidden, cell = _two(hx)
    projected = hidden.size(2) != cell.size(2)
    directions = 2 if bidirectional else 1
    settings = ("LSTM", has_biases, num_layers, dropout, train, directions)
    if _is_fused(input, (*hx, *params), projected):
        _refuse_mapped("lstm.input", input, hx, params)
        turned = (input.transpose(0, 1) if batch_first else input).contiguous()
        turned.size(2)  # which refuses an input without a dimension for the batch
        rows = _rows(params, 4 if has_biases else 2, num_layers * directions)

        def layer(one, place):
            state = hidden.select(0, place), cell.select(0, place)
            return _fused(one, state, rows[place], place % directions == 1, settings, batch_first)

        output, last = _through(turned, layer, *settings[2:])
    else:
        output, last = _over_steps(input, hx, params, projected, batch_first, settings)
    output = output.transpose(0, 1) if batch_first else output
    return output, *(functions.stack([each[i] for each in last]) for i in range(2))


@composite(
    f"lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, {_WEIGHTS}) -> (Tensor, Tensor, Tensor)",
    variants="function",
)
def lstm_data(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional):
    """Long short-term memory over a packed sequence: the outputs, packed, and each sequence's last states."""
    hidden, cell = _two(hx)
    settings = ("LSTM", has_biases, num_layers, dropout, train, 2 if bidirectional else 1)
    output, last = _over_packed(data, batch_sizes, hx, params, hidden.size(2) != cell.size(2), settings)
    return output, *(functions.stack([each[i] for each in last]) for i in range(2))


def _one_state(name, doc):
    """A layer whose hidden state is one tensor: over a sequence, and over a packed one."""

    def over_input(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first):
        settings = (name.upper(), has_biases, num_layers, dropout, train, 2 if bidirectional else 1)
        output, last = _over_steps(input, (hx,), params, False, batch_first, settings)
        # Of an LSTM PyTorch turns a view, of the others the output itself.
        return output.transpose_(0, 1) if batch_first else output, functions.stack(last)

    def over_data(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional):
        settings = (name.upper(), has_biases, num_layers, dropout, train, 2 if bidirectional else 1)
        output, last = _over_packed(data, batch_sizes, (hx,), params, False, settings)
        return output, functions.stack(last)

    over_input.__doc__ = f"{doc} over a sequence: the outputs of all steps, and the last hidden state."
    over_data.__doc__ = f"{doc} over a packed sequence: the outputs, packed, and each sequence's last state."
    answer = "(Tensor, Tensor)"
    composite(f"{name}.input(Tensor input, Tensor hx, {_INPUT}) -> {answer}", variants="function")(over_input)
    composite(
        f"{name}.data(Tensor data, Tensor batch_sizes, Tensor hx, {_WEIGHTS}) -> {answer}",
        variants="function",
    )(over_data)


_one_state("gru", "A layer of gated units")
_one_state("rnn_tanh", "A recurrent layer with tanh")
_one_state("rnn_relu", "A recurrent layer with relu")


def _two(hx):
    if len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")
    return hx


def _is_fused(input, others, projected):
    """Whether PyTorch gives each direction of each layer to one operator."""
    if (
        input.dtype is not dtypes.float32
        or not input.numel()
        or not all(one.is_cpu for one in (input, *others))
    ):
        return False
    if projected:
        messages.warn(
            "LSTM with projections is not supported with oneDNN. Using default implementation.", once=True
        )
    return not projected


def _rows(params, width, count):
    """The weights of each direction of each layer, as the library's interface reads them. Errors: RuntimeError."""
    size = len(params)
    if size % width:
        raise RuntimeError(f"MatrixRef: ArrayRef size {size} not divisible by stride {width}")
    if size < width * count:
        raise RuntimeError(f"ArrayRef: invalid slice, N = {size}; M = {width}; size = {size}")
    return [params[width * i : width * (i + 1)] for i in range(count)]


def _fused(input, state, weights, backwards, settings, batch_first):
    """One direction of one layer in one operator."""
    _, has_biases, num_layers, _, train, directions = settings
    biases = weights[2:] or [functions.zeros(weights[0].size(0), device=input.device) for _ in range(2)]
    output, h, c, _ = functions.mkldnn_rnn_layer(
        input, *weights[:2], *biases, *state, backwards, [], 2, state[0].size(-1), num_layers, has_biases, directions == 2,
        batch_first, train,
    )  # fmt: skip
    return output, (h, c)


def _over_steps(input, hx, params, projected, batch_first, settings):
    """Through all layers, step by step. Errors: RuntimeError for tensors of different devices, and for wrong numbers of them."""
    mode = settings[0]
    for name, given in (("hidden", hx), ("parameter", params)):
        for one in given:
            if one.device != input.device:
                raise RuntimeError(
                    f"Input and {name} tensors are not at the same device, found input tensor at {input.device} and {name} "
                    f"tensor at {one.device}"
                )
    _refuse_mapped(f"{mode.lower()}.input", input, hx, params)
    turned = input.transpose(0, 1) if batch_first else input
    return _stacked(turned, hx, params, projected, settings, lambda *given: run(mode, *given))


def _over_packed(data, batch_sizes, hx, params, projected, settings):
    """The same of a packed sequence."""
    mode = settings[0]
    _refuse_mapped(f"{mode.lower()}.data", data, hx, params)

    def walk(one, *given):
        if batch_sizes.dtype is not dtypes.int64:
            raise RuntimeError(f"expected scalar type Long but found {batch_sizes.dtype.scalar_type}")
        return run_packed(mode, one, batch_sizes.tolist(), *given)

    return _stacked(data, hx, params, projected, settings, walk)


def _stacked(input, hx, params, projected, settings, walk):
    """Layer upon layer, each direction by `walk`: the last one's outputs, and the last state of each layer and direction."""
    _, has_biases, num_layers, dropout, train, directions = settings
    names = NAMES[: 4 if has_biases else 2] + NAMES[4:] * projected
    if len(params) % len(names):
        raise RuntimeError("got an incorrect number of RNN parameters")
    rows = [
        dict(zip(names, params[at : at + len(names)], strict=True))
        for at in range(0, len(params), len(names))
    ]
    unbound = [each.unbind(0) for each in hx]
    states = list(zip(*unbound, strict=False)) if len(hx) == 2 else unbound[0]
    for given in (states, rows):
        if len(given) % directions:
            raise RuntimeError("Odd number of params or hiddens given to a bidirectional RNN")
    for what, given in (("hidden states", states), ("weights", rows)):
        if len(given) != num_layers * directions:
            raise RuntimeError(f"Expected more {what} in stacked_rnn")

    def layer(one, place):
        return walk(one, states[place], rows[place], place % directions == 1)

    return _through(input, layer, num_layers, dropout, train, directions)


def _through(input, layer, num_layers, dropout, train, directions):
    last = []
    for number in range(num_layers):
        found = []
        for direction in range(directions):
            output, final = layer(input, number * directions + direction)
            found.append(output)
            last.append(final)
        input = found[0] if directions == 1 else functions.cat(found, found[0].dim() - 1)
        if dropout and train and number < num_layers - 1:
            input = functions.dropout(input, dropout, True)
    return input, last


def _refuse_mapped(operator, input, hx, params):
    """Errors: RuntimeError for tensors that a vmap maps, where PyTorch has neither a rule nor runs example by example."""
    if any(one.batch is not None and one.batch.dim is not None for one in (input, *hx, *params)):
        raise RuntimeError(
            f"Batching rule not implemented for aten::{operator}. We could not generate a fallback."
        )
