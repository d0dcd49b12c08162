"""What becomes of a kernel's answer: fresh results, views, writes; versions, aliasing and history.

Each kind of operator has one effect, a function of (operator, values): it reads tensors as arrays, runs the kernel, gives
the answer PyTorch's dtype and strides, and records the node. The schema decides which effect an operator has; a kernel
never sees a Tensor. One file a kind; this module is their public face.
"""

from tensorcli.engine.autograd import accumulate as _accumulate  # noqa: F401 (completes the graph)
from tensorcli.engine.effects.arrays import as_array, broadcast_sizes, check_output_shape, device_of
from tensorcli.engine.effects.calling import compiled, into
from tensorcli.engine.effects.composing import compose, compose_in_place, composed, forward
from tensorcli.engine.effects.elementwise import pointwise, promoted_dtype, recorded
from tensorcli.engine.effects.fresh import Laid, fresh, named, split_extras
from tensorcli.engine.effects.making import create, manufactured
from tensorcli.engine.effects.viewing import Viewed, view
from tensorcli.engine.effects.writing import (
    check_overlap,
    move,
    overlap_of,
    resize,
    restride,
    size_out,
    store,
    store_quietly,
    write,
    write_twin,
)

__all__ = [
    "Laid",
    "Viewed",
    "as_array",
    "broadcast_sizes",
    "check_output_shape",
    "check_overlap",
    "compiled",
    "compose",
    "compose_in_place",
    "composed",
    "create",
    "device_of",
    "forward",
    "fresh",
    "into",
    "manufactured",
    "move",
    "named",
    "overlap_of",
    "pointwise",
    "promoted_dtype",
    "recorded",
    "resize",
    "restride",
    "size_out",
    "split_extras",
    "store",
    "store_quietly",
    "view",
    "write",
    "write_twin",
]
