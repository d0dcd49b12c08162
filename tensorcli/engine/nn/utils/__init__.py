"""`torch.nn.utils`: gradients kept within bounds, parameters as one vector, computed and pruned parameters."""

from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed
from tensorcli.engine.queries import typename
from tensorcli.engine.tensor import Tensor


def _parameters(parameters: Any) -> list[Tensor]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _check_foreach(tensors: list[Tensor], foreach: bool | None) -> None:
    """Errors: RuntimeError for a device that has no functions for many tensors at once, where they are asked for."""
    for kind in {tensor.device.type for tensor in tensors}:
        if foreach and kind not in ("cpu", "cuda"):
            raise RuntimeError(f"foreach=True was passed, but can't use the foreach API on {kind} tensors")


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of several tensors as if they were one vector. Errors: RuntimeError for one that is not finite, if asked."""
    grads, order = _parameters(tensors), float(norm_type)
    if not grads:
        return functions.zeros(())  # type: ignore[no-any-return]
    _check_foreach(grads, foreach)
    alike: dict[Any, list[Tensor]] = {}
    for grad in grads:
        alike.setdefault((grad.device, grad.dtype), []).append(grad)
    with no_grad():
        norms = [functions.linalg_vector_norm(grad, order) for group in alike.values() for grad in group]
        home = grads[0].device
        total = functions.linalg_vector_norm(functions.stack([norm.to(home) for norm in norms]), order)
    if error_if_nonfinite and bool(functions.logical_or(total.isnan(), total.isinf())):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total  # type: ignore[no-any-return]


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients in place so that a total norm of `total_norm` becomes at most `max_norm`."""
    grads, most = _gradients(_parameters(parameters)), float(max_norm)
    if not grads:
        return
    with no_grad():
        scale = functions.clamp(most / (total_norm + 1e-6), max=1.0)
        _check_foreach(grads, foreach)
        for grad in grads:
            grad.mul_(scale.to(grad.device))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients in place to a total norm of at most `max_norm`; the norm they had is returned."""
    found = _parameters(parameters)
    if not found and isinstance(parameters, Generator):
        messages.warn("`parameters` is an empty generator, no gradient clipping will occur.")
    grads = _gradients(found)
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(found, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """`clip_grad_norm_`, by its old name."""
    messages.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        category=FutureWarning,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


_NOTHING_TO_GROUP: Final = (
    "Expected !nested_tensorlist[0].empty() to be true, but got false.  (Could this error message be improved?  If so, please "
    "report an enhancement request to PyTorch.)"
)


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients, in place, to -clip_value … clip_value. Errors: RuntimeError where there is none."""
    limit = float(clip_value)
    with no_grad():
        grads = _gradients(_parameters(parameters))
        if not grads:
            raise RuntimeError(_NOTHING_TO_GROUP)
        _check_foreach(grads, foreach)
        for grad in grads:
            if foreach is False or grad.is_meta:
                grad.clamp_(min=-limit, max=limit)
            else:  # Many at once are clamped on one side, then on the other.
                grad.clamp_(min=-limit).clamp_(max=limit)


def _on_one_device(parameters: Iterable[Tensor]) -> Iterator[Tensor]:
    """The parameters one by one. Errors: TypeError at the first that is not on the device of the first."""
    device = None
    for parameter in parameters:
        here = parameter.device.index if parameter.device.type == "cuda" else None
        if device is not None and device[0] != here:
            raise TypeError("Found two parameters on different devices, this is currently not supported.")
        device = (here,)
        yield parameter


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in a row. Errors: TypeError for parameters on several devices."""
    return functions.cat([each.view(-1) for each in _on_one_device(parameters)])  # type: ignore[no-any-return]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put a vector's elements into the parameters: each then is a view of the vector's memory. Errors: TypeError."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    at = 0
    for parameter in _on_one_device(parameters):
        count = parameter.numel()
        parameter.data = functions.slice(vec, 0, at, at + count).view_as(parameter).data  # type: ignore[attr-defined]
        at += count


_MODULES = ("fusion", "parametrizations", "parametrize", "prune", "rnn", "stateless")
_OWN = (
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
)
_WHERE = _listed(
    {
        "nn.utils.recomputed": "remove_spectral_norm remove_weight_norm spectral_norm weight_norm",
        "nn.utils.fusion": "fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights",
        "nn.utils.whole": "convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format skip_init",
    }
)
__getattr__, __dir__ = _late("nn.utils", _WHERE, _MODULES, _OWN)
