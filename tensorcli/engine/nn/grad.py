"""`torch.nn.grad`: the gradients of convolutions, as functions."""

from typing import Any

from tensorcli.engine.nn.layers import numbers
from tensorcli.engine.ops._composed import direct


def _of(n: int, which: int, grad_output: Any, input: Any, weight: Any, geometry: Any, groups: int) -> Any:
    stride, padding, dilation = (numbers(each, n) for each in geometry)
    wanted = [number == which for number in range(3)]
    given = (grad_output, input, weight, None, stride, padding, dilation, False, [0], groups, wanted)
    return direct("convolution_backward", *given)[which]


def _named(function: Any, name: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The gradient of a convolution with respect to its {name.partition('_')[2]}, whose sizes are given."
    )
    return function


def _of_input(n: int) -> Any:
    def conv(
        input_size: Any,
        weight: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        unseen = grad_output.new_empty(1).expand(input_size)
        return _of(n, 0, grad_output, unseen, weight, (stride, padding, dilation), groups)

    return _named(conv, f"conv{n}d_input")


def _of_weight(n: int) -> Any:
    def conv(
        input: Any,
        weight_size: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        unseen = grad_output.new_empty(1).expand(weight_size)
        return _of(n, 1, grad_output, input, unseen, (stride, padding, dilation), groups)

    return _named(conv, f"conv{n}d_weight")


conv1d_input, conv2d_input, conv3d_input = (_of_input(n) for n in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_of_weight(n) for n in (1, 2, 3))
