"""Views: other sizes, strides or offset over the same storage. Geometry in, geometry out."""

from tensorcli.engine import geometry as geometries
from tensorcli.engine import messages
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import PROPERTIES, composite, view
from tensorcli.engine.ops.reduce import wrap


def infer_size(sizes, numel):
    """Sizes with a -1 filled in. Errors: RuntimeError with PyTorch's texts."""
    known = 1
    unknown = None
    for i, size in enumerate(sizes):
        if size == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        elif size < 0:
            raise RuntimeError(f"invalid shape dimension {size}")
        else:
            known *= size
    if known == numel and unknown is None:
        return tuple(sizes)
    if unknown is not None and known and numel % known == 0:
        return (*sizes[:unknown], numel // known, *sizes[unknown + 1 :])
    if unknown is not None and not known and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {messages.numbers(sizes)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    raise RuntimeError(f"shape '{messages.numbers(sizes)}' is invalid for input of size {numel}")


@view(
    "view(Tensor(a) self, SymInt[] size) -> Tensor(a)",
    variants="method",
    self=lambda grad, self_sizes: grad.reshape(self_sizes),
)
def view_(geometry, size):
    """The same elements in other sizes, when strides can express it; never copies."""
    sizes = infer_size(size, geometry.numel)
    strides = geometries.view_strides(geometry, sizes)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return Geometry(sizes, strides, geometry.offset)


@composite("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)")
def reshape(self, shape):
    """The same elements in other sizes: a view when strides can express it, else a copy."""
    sizes = infer_size(shape, self.geometry.numel)
    if geometries.view_strides(self.geometry, sizes) is not None:
        return self.view(sizes)
    return self.clone(memory_format="contiguous_format")._unsafe_view(sizes)


@view("_unsafe_view(Tensor self, SymInt[] size) -> Tensor", tracked=False, self=lambda grad, self_sizes: grad.reshape(self_sizes))
def unsafe_view(geometry, size):
    """A view that autograd treats as a fresh tensor: reshape's copy in its new sizes."""
    return Geometry(tuple(size), geometries.contiguous_strides(tuple(size)), geometry.offset)


@view(
    "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    inplace=True,
    self=lambda grad, dim0, dim1: grad.transpose(dim0, dim1),
)
def transpose(geometry, dim0, dim1):
    """Swap two dimensions of the same storage."""
    return geometry.swapped(wrap(dim0, geometry.ndim), wrap(dim1, geometry.ndim)) if geometry.ndim else geometry


@view("t(Tensor(a) self) -> Tensor(a)", inplace=True, self=lambda grad: grad.t())
def t(geometry):
    """Transpose a matrix; vectors and scalars stay as they are."""
    if geometry.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {geometry.ndim}D")
    return geometry.swapped(0, 1) if geometry.ndim == 2 else geometry


@view("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)",
      self=lambda grad, self_sizes, dim, index: grad.select_backward(self_sizes, dim, index))
def select(geometry, dim, index):
    """One index of a dimension, which disappears."""
    if not geometry.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap(dim, geometry.ndim)
    size = geometry.sizes[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {messages.numbers(geometry.sizes)} at dimension {dim}"
        )
    return geometry.selected(dim, index + size if index < 0 else index)


@view(
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    variants="method",
    self=lambda grad, self_sizes: grad.sum_to_size(self_sizes),
)
def expand(geometry, size, implicit):
    """Stretch dimensions of size 1, with stride 0: no copy."""
    return geometry.expanded(expanded_sizes(geometry, size))


def expanded_sizes(geometry, size):
    """The sizes that expanding to `size` gives, -1 meaning unchanged. Errors: RuntimeError with PyTorch's texts."""
    lead = len(size) - geometry.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{messages.numbers(geometry.sizes)}}}, size={messages.numbers(size)}): the number "
            f"of sizes provided ({len(size)}) must be greater or equal to the number of dimensions in the tensor "
            f"({geometry.ndim})"
        )
    sizes = list(size)
    for i in range(len(size) - 1, -1, -1):
        if i < lead:
            if sizes[i] < 0:
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
    return tuple(sizes)


@view("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", inplace=True, self=lambda grad, dim: grad.squeeze(dim))
def unsqueeze(geometry, dim):
    """Put in a dimension of size 1."""
    return geometry.unsqueezed(wrap(dim, geometry.ndim + 1))


PROPERTIES["T"] = lambda self: self.permute(tuple(range(self.ndim - 1, -1, -1)))
