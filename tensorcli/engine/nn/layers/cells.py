"""Recurrent cells: one step at a time."""

import math
from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers.linear import empty
from tensorcli.engine.nn.module import Module


class RNNCellBase(Module):
    """What cells have in common."""

    __module__ = "torch.nn.modules.rnn"
    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
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
        return input.new_zeros((input.size(0), self.hidden_size))

    def _step(self, operator: str, input: Any, hidden: Any) -> Any:
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        return getattr(functions, operator)(input, hidden, *weights)


class _OneStateCell(RNNCellBase):
    """Cells whose hidden state is one tensor. `_operator`: the one that makes the step."""

    __module__ = "torch.nn.modules.rnn"
    _operator: Any

    def _next(self, input: Any, hx: Any) -> Any:
        """The next hidden state."""
        single = input.dim() == 1
        found = self._input(input)
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead"
            )
        hidden = self._zeros(found) if hx is None else hx.unsqueeze(0) if single else hx
        result = self._step(self._operator, found, hidden)
        return result.squeeze(0) if single else result


class RNNCell(_OneStateCell):
    """One step of a recurrent layer with tanh or relu."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def _operator(self) -> str:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return f"rnn_{self.nonlinearity}_cell"

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next hidden state."""
        return self._next(input, hx)


class GRUCell(_OneStateCell):
    """One step of gated units."""

    __module__ = "torch.nn.modules.rnn"
    _operator = "gru_cell"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The next hidden state."""
        return self._next(input, hx)


class LSTMCell(RNNCellBase):
    """One step of long short-term memory."""

    __module__ = "torch.nn.modules.rnn"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

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
        result = self._step("lstm_cell", found, hx)
        return tuple(each.squeeze(0) for each in result) if single else result
