"""Activations, softmax and dropout."""

from functools import partial
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers import layer
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.parameter import Parameter

activation = partial(layer, place="activation")


def _checked_hardtanh(module: Any) -> None:
    for name in ("min", "max"):
        old = getattr(module, f"{name}_value")
        delattr(module, f"{name}_value")
        if old is not None:
            messages.warn(
                f"keyword argument `{name}_value` is deprecated and renamed to `{name}_val`", FutureWarning
            )
            setattr(module, f"{name}_val", old)
    if module.max_val <= module.min_val:
        raise AssertionError(f"max_val ({module.max_val}) must be greater than min_val ({module.min_val})")


ReLU = activation("ReLU(inplace=False)", "relu", "inplace?")
SiLU = activation("SiLU(inplace=False)", "silu", "inplace?")
Mish = activation("Mish(inplace=False)", "mish", "inplace?")
SELU = activation("SELU(inplace=False)", "selu", "inplace?")
Hardsigmoid = activation("Hardsigmoid(inplace=False)", "hardsigmoid")
Hardswish = activation("Hardswish(inplace=False)", "hardswish")
ELU = activation("ELU(alpha=1.0, inplace=False)", "elu", "alpha inplace?")
CELU = activation("CELU(alpha=1.0, inplace=False)", "celu", "alpha inplace?")
LeakyReLU = activation(
    "LeakyReLU(negative_slope=1e-2, inplace=False)", "leaky_relu", "negative_slope inplace?"
)
Threshold = activation("Threshold(threshold, value, inplace=False)", "threshold", "threshold value inplace?")
GLU = activation("GLU(dim=-1)", "glu", "dim")
GELU = activation("GELU(approximate='none')", "gelu", "approximate!")
Hardshrink = activation("Hardshrink(lambd=0.5)", "hardshrink", ":lambd")
Softshrink = activation("Softshrink(lambd=0.5)", "softshrink", ":lambd")
Softplus = activation("Softplus(beta=1.0, threshold=20.0)", "softplus", "beta threshold")
Sigmoid = activation("Sigmoid()", lambda self, input: functions.sigmoid(input), like=F.sigmoid)
Tanh = activation("Tanh()", lambda self, input: functions.tanh(input), like=F.tanh)
LogSigmoid = activation("LogSigmoid()", "logsigmoid")
Softsign = activation("Softsign()", "softsign")
Tanhshrink = activation("Tanhshrink()", "tanhshrink")
RReLU = activation(
    f"RReLU(lower={1.0 / 8}, upper={1.0 / 3}, inplace=False)",
    lambda self, input: F.rrelu(input, self.lower, self.upper, self.training, self.inplace),
    "lower upper inplace?",
    like=F.rrelu,
)
Hardtanh = activation(
    "Hardtanh(min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None)",
    lambda self, input: F.hardtanh(input, self.min_val, self.max_val, self.inplace),
    "min_val max_val inplace?",
    prepare=_checked_hardtanh,
    like=F.hardtanh,
)


def _six(module: Any) -> None:
    module.min_val, module.max_val = 0.0, 6.0


ReLU6 = activation("ReLU6(inplace=False)", "", "inplace?", base=Hardtanh, prepare=_six, like=F.relu6)

Softmin = activation("Softmin(dim=None)", "softmin", "dim")
Softmax = activation("Softmax(dim=None)", "softmax", "dim")
LogSoftmax = activation("LogSoftmax(dim=None)", "log_softmax", "dim")


def _softmax2d(self: Any, input: Any) -> Any:
    if input.dim() not in (3, 4):
        raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
    return F.softmax(input, -3)


Softmax2d = activation("Softmax2d()", _softmax2d, like=F.softmax)


class PReLU(Module):
    """Negative elements scaled by a trained slope."""

    __module__ = "torch.nn.modules.activation"

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(functions.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Put the slopes back to where they began."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        """The input where it is positive, scaled where it is not."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """How many slopes there are."""
        return f"num_parameters={self.num_parameters}"


# ---- dropout


def _checked_probability(module: Any) -> None:
    if module.p < 0 or module.p > 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {module.p}")


_DropoutNd = layer(
    "_DropoutNd(p=0.5, inplace=False)",
    "",
    "p inplace",
    place="dropout",
    prepare=_checked_probability,
)


def _dropout(name: str, functional: str, inplace: bool = True) -> Any:
    def forward(self: Any, input: Any) -> Any:
        where = (self.inplace,) if inplace else ()
        return getattr(F, functional)(input, self.p, self.training, *where)

    return layer(f"{name}()", forward, place="dropout", base=_DropoutNd, like=getattr(F, functional))


Dropout = _dropout("Dropout", "dropout")
Dropout1d = _dropout("Dropout1d", "dropout1d")
Dropout2d = _dropout("Dropout2d", "dropout2d")
Dropout3d = _dropout("Dropout3d", "dropout3d")
AlphaDropout = _dropout("AlphaDropout", "alpha_dropout", inplace=False)
FeatureAlphaDropout = _dropout("FeatureAlphaDropout", "feature_alpha_dropout", inplace=False)
