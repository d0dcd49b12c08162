"""`torch.nn.utils.weight_norm` and `spectral_norm`, the older ones: hooks that set a weight before each forward pass."""

from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.nn import functional
from tensorcli.engine.nn.layers.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tensorcli.engine.nn.module import Module
from tensorcli.engine.nn.parameter import Parameter, UninitializedParameter
from tensorcli.engine.pickles import Pickled


def _refuse_twice(module: Module, kind: type, name: str, told: str) -> None:
    if any(isinstance(hook, kind) and hook.name == name for hook in module._forward_pre_hooks.values()):  # type: ignore[attr-defined]
        raise RuntimeError(f"Cannot register two {told} hooks on the same parameter {name}")


def _refuse_lazy(weight: Any, name: str, told: str) -> None:
    if isinstance(weight, UninitializedParameter):
        raise ValueError(
            f"The module passed to `{name}` can't have uninitialized parameters. Make sure to run the dummy forward before "
            f"applying {told} normalization"
        )


def _remove(module: Module, kind: Any, name: str, told: str) -> Module:
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"{told} of '{name}' not found in {module}")


class WeightNorm(Pickled):
    """Sets a weight from its length (`_g`) and direction (`_v`)."""

    __module__ = "torch.nn.utils.weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Any) -> Any:
        """The weight."""
        length, direction = (getattr(module, f"{self.name}_{letter}") for letter in "gv")
        return functions._weight_norm(direction, length, self.dim)

    @staticmethod
    def apply(module: Any, name: str, dim: int | None) -> "WeightNorm":
        """Split a parameter in two. Errors: RuntimeError for one that is split already."""
        messages.warn(
            "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
        )
        _refuse_twice(module, WeightNorm, name, "weight_norm")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        _refuse_lazy(weight, "WeightNorm", "weight")
        del module._parameters[name]
        length = functions.norm_except_dim(weight, 2, hook.dim)
        module.register_parameter(f"{name}_g", Parameter(length.data))
        module.register_parameter(f"{name}_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Any) -> None:
        """Make the parameter one again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        for letter in "gv":
            del module._parameters[f"{self.name}_{letter}"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train a weight as a length and a direction."""
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight one parameter again. Errors: ValueError where it is."""
    return _remove(module, WeightNorm, name, "weight_norm")


class SpectralNorm(Pickled):
    """Sets a weight to its original over the largest singular value."""

    __module__ = "torch.nn.utils.spectral_norm"

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        self.name = name
        self.dim = dim
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Any) -> Any:
        """The weight with one dimension as rows."""
        if self.dim:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.reshape(weight.size(0), -1)

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Any:
        """The weight; with a step of the power method first."""
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v = functional.normalize(functions.mv(matrix.t(), u), dim=0, eps=self.eps, out=v)
                    u = functional.normalize(functions.mv(matrix, v), dim=0, eps=self.eps, out=u)
                u, v = u.clone(), v.clone()
        return weight / functions.dot(u, functions.mv(matrix, v))

    @staticmethod
    def apply(module: Any, name: str, n_power_iterations: int, dim: int, eps: float) -> "SpectralNorm":
        """Put the hook on a parameter. Errors: RuntimeError for one that has it already, ValueError for None."""
        _refuse_twice(module, SpectralNorm, name, "spectral_norm")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        _refuse_lazy(weight, "SpectralNorm", "spectral")
        with no_grad():
            sizes = hook.reshape_weight_to_matrix(weight).size()
            u, v = (
                functional.normalize(weight.new_empty(size).normal_(0, 1), dim=0, eps=eps) for size in sizes
            )
        delattr(module, name)
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(f"{name}_u", u)
        module.register_buffer(f"{name}_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook

    def remove(self, module: Any) -> None:
        """Make the weight an ordinary parameter again."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for part in ("", "_u", "_v", "_orig"):
            delattr(module, f"{self.name}{part}")
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class _OfState(Pickled):
    __module__ = "torch.nn.utils.spectral_norm"

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn


class SpectralNormStateDictHook(_OfState):
    """Says in the metadata of a state how it was written."""

    __module__ = _OfState.__module__

    def __call__(self, module: Any, state: Any, prefix: str, metadata: dict[str, Any]) -> None:
        versions = metadata.setdefault("spectral_norm", {})
        key = f"{self.fn.name}.version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = _VERSION


class SpectralNormLoadStateDictPreHook(_OfState):
    """Works out the right singular vector, which states of old do not hold but the weight, from the others."""

    __module__ = _OfState.__module__

    def __call__(
        self, state: Any, prefix: str, metadata: dict[str, Any], strict: bool, missing: list[str], *more: Any
    ) -> None:
        name = self.fn.name
        version = metadata.get("spectral_norm", {}).get(f"{name}.version")
        if version is not None and version >= _VERSION:
            return
        key = prefix + name
        if (
            version is None
            and key not in state
            and all(f"{key}_{part}" in state for part in ("orig", "u", "v"))
        ):
            return  # a new state without its metadata
        absent = [each for each in (f"{key}_orig", key, f"{key}_u") if each not in state]
        if absent:
            missing.extend(absent if strict else [])
            return
        with no_grad():
            original, weight, u = state[f"{key}_orig"], state.pop(key), state[f"{key}_u"]
            sigma = (original / weight).mean()
            matrix = self.fn.reshape_weight_to_matrix(original)
            inverse = functions.linalg_pinv(matrix.t().mm(matrix))
            v = functions.linalg_multi_dot([inverse, matrix.t(), u.unsqueeze(1)]).squeeze(1)
            state[f"{key}_v"] = v.mul_(sigma / functions.dot(u, functions.mv(matrix, v)))


_VERSION = 1
"""How states are written: since it is 1, with the right singular vector and without the weight."""


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Keep the spectral norm of a weight at one."""
    if dim is None:
        dim = int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight an ordinary parameter again. Errors: ValueError where it is."""
    _remove(module, SpectralNorm, name, "spectral_norm")
    for key, hook in module._state_dict_hooks.items():
        if isinstance(hook, SpectralNormStateDictHook) and hook.fn.name == name:
            del module._state_dict_hooks[key]
            break
    return module
