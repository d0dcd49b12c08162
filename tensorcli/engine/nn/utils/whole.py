"""What is done with whole modules: made without drawing their parameters, laid out in another memory format."""

from inspect import signature
from typing import Any

from tensorcli.engine.nn.layers import conv
from tensorcli.engine.nn.module import Module


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters are not drawn: their values are whatever the memory holds.

    Errors: RuntimeError for a class that is not a module, or takes no device.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, **kwargs, device="meta").to_empty(device=device)


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Lay out the weights of all two-dimensional convolutions of a module in a memory format."""
    return _laid_out(module, (conv.Conv2d, conv.ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Lay out the weights of all three-dimensional convolutions of a module in a memory format."""
    return _laid_out(module, (conv.Conv3d, conv.ConvTranspose3d), memory_format)


def _laid_out(module: Any, kinds: tuple[Any, ...], memory_format: Any) -> Any:
    for each in module.modules():
        if isinstance(each, kinds):
            data = each.weight.detach().clone(memory_format=memory_format)
            each.weight.data = data.resize_(data.size(), memory_format=memory_format)
    return module
