"""Views that stretch dimensions of size 1 with stride 0: no copies."""

from math import prod

from tensorcli.engine import messages
from tensorcli.engine.declare import composite, view
from tensorcli.engine.effects import Viewed, broadcast_sizes


@view(
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    variants="method",
    self=lambda grad, self_sizes: grad.sum_to_size(self_sizes),
)
def expand(viewed, size, implicit):
    """Stretch dimensions of size 1, with stride 0: no copy."""
    sizes = expanded_sizes(viewed.geometry, size, viewed.dtype.tensor_type)
    return Viewed(viewed.geometry.expanded(sizes), viewed.dtype, viewed.lazy, viewed.nbytes)


def expanded_sizes(geometry, size, kind):
    """The sizes that expanding to `size` gives, -1 meaning unchanged. Errors: RuntimeError with PyTorch's texts."""
    lead = len(size) - geometry.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand({kind}{{{messages.numbers(geometry.sizes)}}}, size={messages.numbers(size)}): the number of sizes "
            f"provided ({len(size)}) must be greater or equal to the number of dimensions in the tensor ({geometry.ndim})"
        )
    sizes = list(size)
    if not geometry.ndim and any(one < 0 for one in sizes) and 0 not in sizes:
        # PyTorch takes the sizes for a scalar as they are, and stumbles over them later.
        raise messages.count_overflow()
    for i in range(len(size) - 1, -1, -1):
        if i < lead:
            if sizes[i] == -1:
                raise RuntimeError(
                    f"The expanded size of the tensor ({sizes[i]}) isn't allowed in a leading, non-existing dimension {i}"
                )
            continue
        own = geometry.sizes[i - lead]
        if sizes[i] == -1:
            sizes[i] = own
        if own != sizes[i] and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({sizes[i]}) must match the existing size ({own}) at non-singleton "
                f"dimension {i}.  Target sizes: {messages.numbers(size)}.  Tensor sizes: {messages.numbers(geometry.sizes)}"
            )
    if any(one < 0 for one in sizes) or prod(sizes) >= 1 << 63:
        # PyTorch finds no fault with them before it counts the elements.
        raise messages.count_overflow()
    return tuple(sizes)


@composite("expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", variants="method")
def expand_as(self, other):
    """Stretch to the sizes of another tensor, with stride 0: no copy."""
    return self.expand(other.geometry.sizes)


@composite("broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)")
def broadcast_to(self, size):
    """Stretch to these sizes, with stride 0: no copy."""
    return self.expand(size)


@composite("broadcast_tensors(Tensor[] tensors) -> Tensor[]")
def broadcast_tensors(tensors):
    """All tensors stretched to their common sizes, with stride 0: no copies."""
    sizes = broadcast_sizes([one.geometry.sizes for one in tensors]) if tensors else ()
    return tuple(one if one.geometry.sizes == sizes else one.expand(sizes) for one in tensors)
