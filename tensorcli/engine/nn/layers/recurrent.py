"""Recurrent layers: weights and checks; the walk through the steps is `torch.lstm` and its like (ops/rnn.py)."""

import math
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers.linear import empty
from tensorcli.engine.nn.module import Module
from tensorcli.engine.ops._steps import STEPS


def _casts() -> bool:
    """Whether autocast is on, on any device."""
    from tensorcli.engine.amp.casting import state

    return state.active


class RNNBase(Module):
    """What recurrent layers have in common: weights for each layer and direction."""

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
        if mode not in STEPS:
            raise ValueError("Unrecognized RNN mode: " + mode)
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

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

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
        """Errors: ValueError for another dtype than the weights', but under autocast; RuntimeError for a wrong shape."""
        own = next(self.parameters()).dtype
        if input.dtype is not own and not _casts():
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

    def _called(self, input: Any, states: Any, sizes: Any = None) -> Any:
        """What PyTorch's function of this kind answers: the outputs, and the last states. `sizes`: of a packed sequence."""
        function = getattr(functions, self.mode.lower())
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if sizes is not None:
            return function(input, sizes, states, self._flat_weights, *settings)
        return function(input, states, self._flat_weights, *settings, self.batch_first)

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
        output, *found = self._called(data, states if self.mode == "LSTM" else states[0], batch_sizes)
        if back is not None:
            found = [each.index_select(1, back) for each in found]
        hidden = tuple(found) if self.mode == "LSTM" else found[0]
        return type(sequence)(output, batch_sizes, order, back), hidden


class _OneState(RNNBase):
    """Layers whose hidden state is one tensor."""

    __module__ = "torch.nn.modules.rnn"

    def _forward(self, input: Any, hx: Any) -> Any:
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
        output, hidden = self._called(input, hx)
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

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of all steps, and the last hidden state."""
        return self._forward(input, hx)


class GRU(_OneState):
    """A recurrent layer of gated units."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The outputs of all steps, and the last hidden state."""
        return self._forward(input, hx)


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
        output, h, c = self._called(input, hx)
        return (output, (h, c)) if batched else (output.squeeze(dim), (h.squeeze(1), c.squeeze(1)))
