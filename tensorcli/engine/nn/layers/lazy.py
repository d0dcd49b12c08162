"""Modules whose number of inputs is found at their first call: until then parameters have no sizes.

A lazy module is an ordinary one with a forward pre-hook that looks at the input, gives the parameters their sizes, draws
them, and turns the module into the ordinary class.
"""

from types import FunctionType
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.nn.layers import conv, norm
from tensorcli.engine.nn.layers.linear import Linear
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy


class LazyModuleMixin(Module):
    """What a module inherits from, before its ordinary class, to look at its first input before it has parameters."""

    __module__ = "torch.nn.modules.lazy"
    cls_to_become: type | None = None
    """The ordinary class, if it is another one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch()

    def _watch(self) -> None:
        self._load_hook = self.register_load_state_dict_pre_hook(_lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(_infer_parameters, with_kwargs=True)

    def has_uninitialized_params(self) -> bool:
        """Whether there is a parameter or buffer without sizes."""
        return any(is_lazy(one) for one in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters the sizes that the arguments of the call ask for. Errors: NotImplementedError unless a
        subclass says how."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")


class _Lazy(LazyModuleMixin):
    """What PyTorch's lazy modules have in common. `inward`: the attribute that says how many inputs there are; 0 means
    unknown."""

    inward: str
    weight: Any
    bias: Any

    def _await(self, bias: bool, device: Any, dtype: Any, weight: bool = True) -> None:
        """Leave weight and bias without sizes until the first call, or until a state is loaded."""
        if weight:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)
        self._watch()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, once there are any."""
        if not self.has_uninitialized_params() and getattr(self, self.inward) != 0:
            super().reset_parameters()  # type: ignore[misc] # of the module that it becomes

    def initialize_parameters(self, input: Any) -> None:
        """Give the parameters the sizes that the input asks for, and draw them."""
        if not self.has_uninitialized_params():
            return
        with no_grad():
            setattr(self, self.inward, self._inputs_of(input))
            for name, sizes in self._sizes().items():
                found = getattr(self, name)
                if found is not None:
                    found.materialize(sizes)
            self.reset_parameters()

    def _inputs_of(self, input: Any) -> int:
        return int(input.shape[1])

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        raise NotImplementedError


def _infer_parameters(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
    for name in ("_initialize_hook", "_load_hook"):
        getattr(module, name).remove()
        delattr(module, name)
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become


def _lazy_load_hook(module: Any, state: dict[str, Any], prefix: str, *more: Any) -> None:
    """What is loaded says the sizes of what waits for them."""
    for name, found in (*module._parameters.items(), *module._buffers.items()):
        given = state.get(prefix + name)
        if is_lazy(found) and given is not None and not is_lazy(given):
            with no_grad():
                found.materialize(given.shape)


class LazyLinear(_Lazy, Linear):
    """A `Linear` whose number of input features is found at the first call."""

    __module__ = "torch.nn.modules.linear"
    cls_to_become = Linear
    inward = "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        Linear.__init__(self, 0, 0, False, device, dtype)
        self.out_features = out_features
        self._await(bias, device, dtype)

    def initialize_parameters(self, input: Any) -> None:
        """Give the parameters the sizes that the input asks for, unless a state gave them, and draw them."""
        super().initialize_parameters(input)
        if self.in_features == 0:
            given, known = input.shape[-1], self.weight.shape[-1]
            if given != known:
                raise AssertionError(
                    f"The in_features inferred from input: {given} is not equal to in_features from self.weight: {known}"
                )
            self.in_features = given

    def _inputs_of(self, input: Any) -> int:
        return int(input.shape[-1])

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.out_features, self.in_features), "bias": (self.out_features,)}


class _LazyConv(_Lazy):
    inward = "in_channels"

    def initialize_parameters(self, input: Any, *args: Any, **kwargs: Any) -> None:
        """Give the parameters the sizes that the input asks for, and draw them. `output_size` asks for none."""
        super().initialize_parameters(input)

    def _inputs_of(self, input: Any) -> int:
        n = self.n
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but got input of size: "
                f"{input.shape}"
            )
        found = int(input.shape[1] if input.dim() == n + 2 else input.shape[0])
        if found % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        return found

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        inward, outward, groups = self.in_channels, self.out_channels, self.groups
        pair = (inward, outward // groups) if self.transposed else (outward, inward // groups)
        return {"weight": (*pair, *self.kernel_size), "bias": (outward,)}


class _LazyForward(_LazyConv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        more = (stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self.cls_to_become.__init__(self, 0, 0, kernel_size, *more)  # type: ignore[misc]
        self.out_channels = out_channels
        self._await(bias, device, dtype)


class _LazyTransposed(_LazyConv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        more = (stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype)
        self.cls_to_become.__init__(self, 0, 0, kernel_size, *more)  # type: ignore[misc]
        self.out_channels = out_channels
        self._await(bias, device, dtype)


class _LazyNormBase(_Lazy):
    inward = "num_features"

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        self.cls_to_become.__init__(self, 0, eps, momentum, False, False, device, dtype, bias=False)  # type: ignore[misc]
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._await(affine and bias, device, dtype, affine)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = functions.zeros((), dtype=dtypes.int64, device=device)

    def _sizes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (self.num_features,))


def _lazy(mixin: type, base: Any) -> Any:
    name = f"Lazy{base.__name__}"
    space = {"__module__": base.__module__, "__qualname__": name, "cls_to_become": base}
    space["__doc__"] = f"A `{base.__name__}` whose number of inputs is found at the first call."
    if issubclass(mixin, _LazyConv):  # whose constructors PyTorch has written out for each class
        given: Any = mixin.__init__
        space["__init__"] = own = FunctionType(
            given.__code__, given.__globals__, "__init__", given.__defaults__
        )
        own.__qualname__ = f"{name}.__init__"
    return type(name, (mixin, base), space)


LazyConv1d, LazyConv2d, LazyConv3d = (
    _lazy(_LazyForward, base) for base in (conv.Conv1d, conv.Conv2d, conv.Conv3d)
)
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    _lazy(_LazyTransposed, base)
    for base in (conv.ConvTranspose1d, conv.ConvTranspose2d, conv.ConvTranspose3d)
)
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    _lazy(_LazyNormBase, base) for base in (norm.BatchNorm1d, norm.BatchNorm2d, norm.BatchNorm3d)
)
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (
    _lazy(_LazyNormBase, base) for base in (norm.InstanceNorm1d, norm.InstanceNorm2d, norm.InstanceNorm3d)
)
