"""Recurrent layers and cells, composed of the steps that PyTorch's composed ones are made of.

On the CPU PyTorch gives each direction of each layer of an LSTM of float32 to one operator, `mkldnn_rnn_layer`, but for
packed sequences and projections.
"""

import math
from itertools import accumulate
from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers.linear import empty
from tensorcli.engine.nn.module import Module

# ---- one step: from the projected input, the hidden state, and its weights


def _plain_step(name: str) -> Any:
    def step(projected: Any, hidden: Any, weight: Any, bias: Any, _: Any) -> Any:
        return getattr(functions, name)(F.linear(hidden, weight, bias).add_(projected))

    return step


def _lstm_step(projected: Any, hidden: Any, weight: Any, bias: Any, shrink: Any) -> Any:
    h, c = hidden
    gates = F.linear(h, weight, bias).add_(projected).unsafe_chunk(4, 1)
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
    own = F.linear(hidden, weight, bias).unsafe_chunk(3, 1)
    reset = own[0].add_(inward[0]).sigmoid_()
    update = own[1].add_(inward[1]).sigmoid_()
    new = inward[2].add(own[2].mul_(reset)).tanh_()
    return (hidden - new).mul_(update).add_(new)


STEPS = {
    "RNN_TANH": (_plain_step("tanh"), 1),
    "RNN_RELU": (_plain_step("relu"), 1),
    "LSTM": (_lstm_step, 4),
    "GRU": (_gru_step, 3),
}
"""The step of each kind, and how many gates it has."""


def _run(mode: str, input: Any, hidden: Any, weights: dict[str, Any], backwards: bool) -> tuple[Any, Any]:
    """One direction of one layer: the outputs of all steps, stacked, and the last hidden state."""
    step = STEPS[mode][0]
    projected = F.linear(input, weights["weight_ih"], weights.get("bias_ih")).unbind(0)
    outputs = []
    for one in reversed(projected) if backwards else projected:
        hidden = step(one, hidden, weights["weight_hh"], weights.get("bias_hh"), weights.get("weight_hr"))
        outputs.append(hidden[0] if mode == "LSTM" else hidden)
    return functions.stack(outputs[::-1] if backwards else outputs), hidden


def _run_packed(
    mode: str, data: Any, sizes: list[int], hidden: Any, weights: dict[str, Any], backwards: bool
) -> tuple[Any, Any]:
    """One direction of one layer over a packed sequence: the outputs, packed, and each sequence's last state."""
    step = STEPS[mode][0]
    projected = F.linear(data, weights["weight_ih"], weights.get("bias_ih"))
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


class RNNBase(Module):
    """What recurrent layers have in common: weights for each layer and direction, and the walk through them."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check(dropout)
        gates = STEPS[mode][1] * hidden_size
        outward = proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for direction in ("", "_reverse") if bidirectional else ("",):
                inward = input_size if layer == 0 else outward * (2 if bidirectional else 1)
                sizes: dict[str, Any] = {"weight_ih": (gates, inward), "weight_hh": (gates, outward)}
                if bias:
                    sizes |= {"bias_ih": gates, "bias_hh": gates}
                if proj_size:
                    sizes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{direction}" for name in sizes]
                for name, size in zip(names, sizes.values(), strict=True):
                    setattr(self, name, empty(size, device=device, dtype=dtype))
                self._all_weights.append(names)
        self.reset_parameters()

    def _check(self, dropout: Any) -> None:
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and self.num_layers == 1:
            messages.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={self.num_layers}"
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
            if kind is int and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Only cuDNN wants its weights in one piece: here nothing is to be done."""

    @property
    def all_weights(self) -> list[list[Any]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the usual ones."""
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        shown = [
            f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value
        ]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *shown])

    # ---- what PyTorch's checks are called

    def check_input(self, input: Any, batch_sizes: Any = None) -> None:
        """Errors: ValueError for another dtype than the weights', RuntimeError for a wrong shape."""
        own = next(self.parameters()).dtype
        if input.dtype is not own:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({own}). Convert input: input.to({own}), or "
                f"convert model: model.to({input.dtype})"
            )
        expected = 3 if batch_sizes is None else 2
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, input: Any, size: int, batch: int | None = None) -> tuple[int, int, int]:
        if batch is None:
            batch = input.size(0) if self.batch_first else input.size(1)
        return self.num_layers * (2 if self.bidirectional else 1), batch, size

    def _check_hidden(self, hidden: Any, expected: tuple[int, int, int], what: str = "hidden") -> None:
        if hidden.size() != expected:
            raise RuntimeError(f"Expected {what} size {expected}, got {list(hidden.size())}")

    # ---- the walk

    def _walk(self, input: Any, hidden: list[Any], sizes: list[int] | None = None) -> tuple[Any, list[Any]]:
        """Through all layers: the last one's outputs, and the last hidden state of each layer and direction. `sizes`: of
        the steps of a packed sequence.
        """
        directions = 2 if self.bidirectional else 1
        fused = sizes is None and self._is_fused(input)
        last = []
        turned = self.batch_first and sizes is None
        input = input.transpose(0, 1) if turned else input
        input = input.contiguous() if fused else input
        for layer in range(self.num_layers):
            found = []
            for direction in range(directions):
                place = layer * directions + direction
                weights = {name.partition("_l")[0]: getattr(self, name) for name in self._all_weights[place]}
                if fused:
                    output, final = self._fused(input, hidden[place], weights, direction == 1)
                elif sizes is None:
                    output, final = _run(self.mode, input, hidden[place], weights, direction == 1)
                else:
                    output, final = _run_packed(
                        self.mode, input, sizes, hidden[place], weights, direction == 1
                    )
                found.append(output)
                last.append(final)
            input = found[0] if directions == 1 else functions.cat(found, found[0].dim() - 1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                input = functions.dropout(input, self.dropout, True)
        if turned:
            # Of an LSTM PyTorch turns a view, of the others the output itself.
            input = input.transpose(0, 1) if self.mode == "LSTM" else input.transpose_(0, 1)
        return input, last

    def _is_fused(self, input: Any) -> bool:
        """Whether PyTorch gives the whole sequence to one operator."""
        if self.mode != "LSTM" or input.dtype is not dtypes.float32 or not input.numel() or not input.is_cpu:
            return False
        if self.proj_size:
            messages.warn(
                "LSTM with projections is not supported with oneDNN. Using default implementation.", once=True
            )
        return not self.proj_size

    def _fused(self, input: Any, state: Any, weights: dict[str, Any], backwards: bool) -> tuple[Any, Any]:
        """One direction of one layer in one operator."""
        biases = [
            weights[name] if self.bias else functions.zeros(4 * self.hidden_size)
            for name in ("bias_ih", "bias_hh")
        ]
        output, h, c, _ = functions.mkldnn_rnn_layer(
            input, weights["weight_ih"], weights["weight_hh"], *biases, *state, backwards, [], 2, self.hidden_size,
            self.num_layers, self.bias, self.bidirectional, self.batch_first, self.training,
        )  # fmt: skip
        return output, (h, c)

    def _packed(self, sequence: Any, hx: Any) -> Any:
        """A packed sequence through all layers: one like it, and the last states in the order of the sequences."""
        data, batch_sizes, order, back = sequence
        sizes = batch_sizes.tolist()
        widths = [self.proj_size or self.hidden_size, self.hidden_size][: 2 if self.mode == "LSTM" else 1]
        expected = [self._state_size(data, width, sizes[0]) for width in widths]
        if hx is None:
            states = [functions.zeros(size, dtype=data.dtype, device=data.device) for size in expected]
        else:
            states = list(hx) if self.mode == "LSTM" else [hx]
            if order is not None:
                states = [each.index_select(1, order) for each in states]
        if self.mode != "LSTM":  # whose packed input PyTorch leaves to the steps to complain of
            self.check_input(data, batch_sizes)
            self._check_hidden(states[0], expected[0])
        rows = [each.unbind(0) for each in states]
        starts = list(zip(*rows, strict=True)) if self.mode == "LSTM" else list(rows[0])
        output, last = self._walk(data, starts, sizes)
        if self.mode == "LSTM":
            found = [functions.stack([each[i] for each in last]) for i in range(2)]
        else:
            found = [functions.stack(last)]
        if back is not None:
            found = [each.index_select(1, back) for each in found]
        hidden = tuple(found) if self.mode == "LSTM" else found[0]
        return type(sequence)(output, batch_sizes, order, back), hidden


class _OneState(RNNBase):
    """Layers whose hidden state is one tensor."""

    __module__ = "torch.nn.modules.rnn"

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of all steps, and the last hidden state."""
        if _is_packed(input):
            return self._packed(input, hx)
        name = type(self).__name__
        if input.dim() not in (2, 3):
            plain = " tensor" if name == "RNN" else ""
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{plain} instead")
        batched = input.dim() == 3
        if hx is not None and hx.dim() != input.dim():
            how = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {how} input, hx should also be {input.dim()}-D but got {hx.dim()}-D tensor"
            )
        dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(dim)
            hx = None if hx is None else hx.unsqueeze(1)
        expected = self._state_size(input, self.hidden_size)
        if hx is None:
            hx = functions.zeros(expected, dtype=input.dtype, device=input.device)
        self.check_input(input)
        self._check_hidden(hx, expected)
        output, last = self._walk(input, list(hx.unbind(0)))
        hidden = functions.stack(last)
        return (output, hidden) if batched else (output.squeeze(dim), hidden.squeeze(1))


class RNN(_OneState):
    """A recurrent layer with tanh or relu."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        nonlinearity = args[3] if len(args) > 3 else kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args[:3], *args[4:], **kwargs)
        self.nonlinearity = nonlinearity


class GRU(_OneState):
    """A recurrent layer of gated units."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


def _is_packed(input: Any) -> bool:
    if not isinstance(input, tuple):
        return False
    from tensorcli.engine.nn.utils.rnn import PackedSequence

    return isinstance(input, PackedSequence)


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class LSTM(RNNBase):
    """A recurrent layer of long short-term memory."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of all steps, and the last hidden and cell states."""
        if _is_packed(input):
            return self._packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(dim)
        sizes = [
            self._state_size(input, size) for size in (self.proj_size or self.hidden_size, self.hidden_size)
        ]
        if hx is None:
            hx = tuple(functions.zeros(size, dtype=input.dtype, device=input.device) for size in sizes)
        else:
            wanted = 3 if batched else 2
            if hx[0].dim() != wanted or hx[1].dim() != wanted:
                how = "batched 3-D" if batched else "unbatched 2-D"
                raise RuntimeError(
                    f"For {how} input, hx and cx should also be {wanted}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) "
                    "tensors"
                )
            if not batched:
                hx = (hx[0].unsqueeze(1), hx[1].unsqueeze(1))
        self.check_input(input)
        for i in range(2):
            self._check_hidden(hx[i], sizes[i], f"hidden[{i}]")
        if self._is_fused(input):
            states = [(hx[0][i], hx[1][i]) for i in range(sizes[0][0])]
        else:
            states = list(zip(hx[0].unbind(0), hx[1].unbind(0), strict=True))
        output, last = self._walk(input, states)
        h, c = (functions.stack([each[i] for each in last]) for i in range(2))
        return (output, (h, c)) if batched else (output.squeeze(dim), (h.squeeze(1), c.squeeze(1)))


# ---- cells


class RNNCellBase(Module):
    """What cells have in common. `mode`: whose step it is."""

    __module__ = "torch.nn.modules.rnn"
    mode: str
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any

    def _make(self, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any) -> None:
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = STEPS[self.mode][1] * hidden_size
        for name, size in (("weight_ih", input_size), ("weight_hh", hidden_size)):
            setattr(self, name, empty((gates, size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, empty(gates, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes, and the settings that are not the usual ones."""
        shown = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            shown.append(f"bias={self.bias}")
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        if nonlinearity != "tanh":
            shown.append(f"nonlinearity={nonlinearity}")
        return ", ".join(shown)

    def _input(self, input: Any) -> Any:
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        return input if input.dim() == 2 else input.unsqueeze(0)

    def _zeros(self, input: Any) -> Any:
        return functions.zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)

    def _step(self, input: Any, hidden: Any) -> Any:
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        return STEPS[self.mode][0](projected, hidden, self.weight_hh, self.bias_hh, None)


class _OneStateCell(RNNCellBase):
    """Cells whose hidden state is one tensor."""

    __module__ = "torch.nn.modules.rnn"

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next hidden state."""
        single = input.dim() == 1
        found = self._input(input)
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead"
            )
        hidden = self._zeros(found) if hx is None else hx.unsqueeze(0) if single else hx
        result = self._step(found, hidden)
        return result.squeeze(0) if single else result


class RNNCell(_OneStateCell):
    """One step of a recurrent layer with tanh or relu."""

    __module__ = "torch.nn.modules.rnn"
    mode = "RNN_TANH"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def _step(self, input: Any, hidden: Any) -> Any:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        projected = F.linear(input, self.weight_ih, self.bias_ih)
        step = STEPS[f"RNN_{self.nonlinearity.upper()}"][0]
        return step(projected, hidden, self.weight_hh, self.bias_hh, None)


class GRUCell(_OneStateCell):
    """One step of gated units."""

    __module__ = "torch.nn.modules.rnn"
    mode = "GRU"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self._make(input_size, hidden_size, bias, device, dtype)


class LSTMCell(RNNCellBase):
    """One step of long short-term memory."""

    __module__ = "torch.nn.modules.rnn"
    mode = "LSTM"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self._make(input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next hidden and cell states."""
        single = input.dim() == 1
        found = self._input(input)
        if hx is None:
            zeros = self._zeros(found)
            hx = (zeros, zeros)
        else:
            for i, each in enumerate(hx):
                if each.dim() not in (1, 2):
                    raise ValueError(f"LSTMCell: Expected hx[{i}] to be 1D or 2D, got {each.dim()}D instead")
            hx = tuple(each.unsqueeze(0) for each in hx) if single else hx
        result = self._step(found, hx)
        return tuple(each.squeeze(0) for each in result) if single else result
