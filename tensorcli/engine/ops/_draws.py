"""What every draw does: numbers of a generator's stream, put into an array in the order of its memory."""

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.devices import drawing
from tensorcli.engine.ops._shared import own_geometry


def stream(generator):
    """The stream of random numbers of a generator, the default one for None."""
    from tensorcli.engine.random import stream_of

    return stream_of(generator)


def floating(dtype):
    """The dtype of a draw that was not asked for one."""
    return dtype or dtypes.default.floating


def into(array, draw):
    """Fill an array in the order of its memory with `draw(n, whether it is contiguous)`."""
    shape = own_geometry(array)
    drawn = draw(shape.numel, shape.contiguous)
    if type(array) is not np.ndarray:
        # A device's array: the numbers are made on the host.
        from tensorcli.engine.backends import of

        drawn = of(drawing.device).from_host(drawn, drawing.device)
    if shape.contiguous:
        array[...] = drawn.reshape(array.shape)
        return
    order = memory_order(shape)
    target = array.transpose(order)
    target[...] = drawn.reshape(target.shape)


def on_host(array):
    """The elements that numbers are drawn by, on the host: every device's numbers are drawn there."""
    if isinstance(array, np.ndarray):
        return array
    from tensorcli.engine.backends import host

    return host(array)


def memory_order(shape):
    """The dimensions from the slowest to the fastest in memory."""
    return sorted(range(shape.ndim), key=lambda d: (-shape.strides[d], d))
