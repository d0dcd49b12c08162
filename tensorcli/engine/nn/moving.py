"""What `Module.to` and its like do with a parameter, and how `to`'s arguments are read."""

from collections.abc import Callable
from functools import cache
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.devices import resolve
from tensorcli.engine.nn.parameter import Parameter, is_lazy
from tensorcli.engine.tensor import Tensor, wrapped_number

COMPLEX = (
    "Complex modules are a new feature under active development whose design may change, and some modules might not work "
    "as expected when using complex tensors as parameters or buffers. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex module does not work as expected."
)
_REST = "bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)"


def moved(parameter: Any, fn: Callable[[Any], Any]) -> Any:
    """The parameter after a function: the same object over new data, a new one where it comes from or goes to `meta`."""
    grad = parameter.grad
    with no_grad():
        data = fn(parameter)
    result = _taking(parameter, data)
    if result is not parameter:
        result = Parameter(data, parameter.requires_grad)
    if grad is not None:
        with no_grad():
            data = fn(grad)
        result.grad = _taking(grad, data, lambda: data.requires_grad_(grad.requires_grad))
    return result


def moved_buffer(buffer: Any, fn: Callable[[Any], Any]) -> Any:
    """The buffer after a function; one without sizes stays so."""
    result = fn(buffer)
    if is_lazy(buffer) and not is_lazy(result):
        return type(buffer)(buffer.requires_grad, result.device, result.dtype, buffer.persistent)
    return result


def _taking(tensor: Any, data: Any, otherwise: Callable[[], Any] = lambda: None) -> Any:
    if tensor.is_meta is not data.is_meta:
        return otherwise()
    tensor.data = data
    return tensor


@cache
def _binder() -> Any:
    from tensorcli.engine.binding import Binder

    lines = (
        f"to(Device device=None, ScalarType dtype=None, {_REST}",
        f"to(ScalarType dtype, {_REST}",
        f"to(Tensor tensor, {_REST}",
    )
    return Binder("to", lines, tensor_class=Tensor)


def conversion(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Any], Any]:
    """The function that `to` applies. Errors: TypeError for integer dtypes, and for what no form of `to` takes."""
    place, values = _binder().bind(args, kwargs)
    if place == 0:
        device, dtype, non_blocking, _, layout = values
    else:
        target, non_blocking, _, layout = values
        if place == 2 and not isinstance(target, Tensor):
            target = wrapped_number(target)
        device, dtype = (None, target) if place == 1 else (target.device, target.dtype)
    if "copy" in kwargs or len(args) > len(values) - 2:
        raise RuntimeError(".to() does not accept copy argument")
    if device is not None:
        device = resolve(device)
    if dtype is not None:
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype.is_complex:
            messages.warn(COMPLEX)

    def convert(tensor: Any) -> Any:
        kind = dtype if tensor.is_floating_point() or tensor.is_complex() else None
        shape = {} if layout is None or tensor.dim() not in (4, 5) else {"memory_format": layout}
        try:
            return tensor.to(device, kind, non_blocking, **shape)
        except NotImplementedError as error:
            if str(error) != messages.META_COPY:
                raise
            raise NotImplementedError(
                f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module from meta "
                "to a different device."
            ) from None

    return convert


def module_load(self: Any, other: Any, assign: bool = False) -> Any:
    """What becomes of a parameter or buffer that is loaded from another tensor: its values copied, or the other one itself."""
    return other.detach() if assign else self.copy_(other).detach()


def factory_kwargs(kwargs: Any) -> dict[str, Any]:
    """The options of factories among a module's: those of `factory_kwargs=` and its own. Errors: TypeError for others."""
    if kwargs is None:
        return {}
    names = ("dtype", "device", "memory_format")
    if unknown := kwargs.keys() - {*names, "factory_kwargs"}:
        raise TypeError(f"unexpected kwargs {unknown}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in names:
        if name in kwargs:
            if name in found:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            found[name] = kwargs[name]
    return found
