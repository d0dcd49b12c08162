"""Normalisation over the batch, each instance, the last dimensions, or groups of channels."""

from typing import Any

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional as F  # noqa: N812 (everybody's name for it)
from tensorcli.engine.nn import init
from tensorcli.engine.nn.layers.linear import empty
from tensorcli.engine.nn.module import Module


class _Affine(Module):
    """Values that are scaled and shifted by a trained weight and bias, or by neither."""

    weight: Any
    bias: Any

    def _make_affine(self, sizes: Any, affine: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(name, empty(sizes, device=device, dtype=dtype) if wanted else None)

    def reset_parameters(self) -> None:
        """Scale by one, shift by zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_Affine):
    """Normalisation of channels, with running statistics if they are to be tracked."""

    __module__ = "torch.nn.modules.batchnorm"
    _version = 2
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def _prepare(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make_affine(num_features, affine, bias, device, dtype)
        mean = variance = count = None
        if track_running_stats:
            mean = functions.zeros(num_features, device=device, dtype=dtype)
            variance = functions.ones(num_features, device=device, dtype=dtype)
            count = functions.zeros((), dtype=dtypes.int64, device=device)
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what was seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Forget what was seen and learnt."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        """The number of channels and the settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *more: Any
    ) -> None:
        key = f"{prefix}num_batches_tracked"
        if local_metadata.get("version", 1) < 2 and self.track_running_stats and key not in state_dict:
            count = self.num_batches_tracked
            state_dict[key] = (
                functions.zeros((), dtype=dtypes.int64) if count is None or count.is_meta else count
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)


def _check(input: Any, dims: tuple[int, ...]) -> None:
    if input.dim() not in dims:
        raise ValueError(f"expected {' or '.join(f'{n}D' for n in dims)} input (got {input.dim()}D input)")


class _BatchNorm(_NormBase):
    """Normalisation over the batch. `dims`: how many dimensions the input may have."""

    __module__ = "torch.nn.modules.batchnorm"
    dims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._prepare(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _check_input_dim(self, input: Any) -> None:
        if not self.dims:
            raise NotImplementedError
        _check(input, self.dims)

    def forward(self, input: Any) -> Any:
        """Each channel to mean 0 and variance 1 over the batch (training), or by the running statistics."""
        self._check_input_dim(input)
        factor = self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if factor is None:
                factor = 1.0 / float(self.num_batches_tracked)
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            self.training or (self.running_mean is None and self.running_var is None),
            0.0 if factor is None else factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L)."""

    __module__ = "torch.nn.modules.batchnorm"
    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W)."""

    __module__ = "torch.nn.modules.batchnorm"
    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W)."""

    __module__ = "torch.nn.modules.batchnorm"
    dims = (5,)


class _InstanceNorm(_NormBase):
    """Normalisation of each instance by itself. `n`: how many dimensions an instance has beside its channels."""

    __module__ = "torch.nn.modules.instancenorm"
    n: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self._prepare(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Any) -> Any:
        """Each channel of each instance to mean 0 and variance 1."""
        single = self.n + 1
        _check(input, (single, single + 1))
        dim = input.dim() - single
        if input.size(dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                    f"{input.size(dim)}."
                )
            messages.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing in "
                "num_features, which is not used because affine=False"
            )
        return self._normalised(input) if dim else self._normalised(input.unsqueeze(0)).squeeze(0)

    def _normalised(self, input: Any) -> Any:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *more: Any
    ) -> None:
        if "version" not in local_metadata and not self.track_running_stats:
            keys = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            if keys:
                name = type(self).__name__
                listed = " and ".join(f'"{key}"' for key in keys)
                more[-1].append(
                    f"Unexpected running stats buffer(s) {listed} for {name} with track_running_stats=False. If state_dict "
                    "is a checkpoint saved before 0.4.0, this may be expected because "
                    f"{name} does not track running stats by default since 0.4.0. Please remove these keys from state_dict. "
                    "If the running stats are actually needed, instead set track_running_stats=True in "
                    f"{name} to enable them. See the documentation of {name} for details."
                )
                for key in keys:
                    del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (C, L) or (N, C, L)."""

    __module__ = "torch.nn.modules.instancenorm"
    n = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (C, H, W) or (N, C, H, W)."""

    __module__ = "torch.nn.modules.instancenorm"
    n = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of (C, D, H, W) or (N, C, D, H, W)."""

    __module__ = "torch.nn.modules.instancenorm"
    n = 3


def _shape(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(_Affine):
    """Normalisation over the last dimensions."""

    __module__ = "torch.nn.modules.normalization"

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_affine(self.normalized_shape, elementwise_affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """The last dimensions to mean 0 and variance 1."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The shape and the settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(_Affine):
    """Normalisation over groups of channels."""

    __module__ = "torch.nn.modules.normalization"

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make_affine(num_channels, affine, bias, device, dtype)
        self.reset_parameters()

    def forward(self, input: Any) -> Any:
        """Each group of channels to mean 0 and variance 1."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The groups, the channels and the settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """The last dimensions divided by their root mean square."""

    __module__ = "torch.nn.modules.normalization"

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = empty(self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale by one."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x: Any) -> Any:
        """The last dimensions to a mean square of 1."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The shape and the settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
