"""A linear layer and the cross entropy of what it gives, as one module."""

from math import prod
from typing import Any

from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn.layers.linear import Linear
from tensorcli.engine.nn.layers.losses import _WeightedLoss


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of a linear layer's output: (N, in_features) and (N,) give a number, or (N,).

    Errors: RuntimeError for a weight of another size than (num_classes,), and for a smoothing outside 0 … 1.
    """

    __module__ = "torch.nn.modules.loss"

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        if weight is not None and weight.shape != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outward = num_classes * prod(out_features)
        self.linear = Linear(in_features, outward, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Any, target: Any) -> Any:
        """The cross entropy of the layer's output for `input`, with `target`."""
        bias = self.linear.bias
        outward = (self.num_classes, *self.out_features)
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape((*outward, self.linear.in_features)),
            target,
            linear_bias=None if bias is None else bias.reshape(outward),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """The sizes and the settings."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
