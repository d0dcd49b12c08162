"""Views of all elements in other sizes or another dtype: view, reshape, flatten, squeeze. Geometry in, geometry out."""

from math import prod

from tensorcli.engine import formats, messages
from tensorcli.engine import geometry as geometries
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, view
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.ops._dimensions import distinct, wrap
from tensorcli.engine.ops._shared import subclass_like
from tensorcli.engine.tensor import CONJ

# ---- sizes


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


@view(
    "view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", variants="method", tracked=False, self=None
)
def view_dtype(viewed, dtype):
    """The same bytes read as another dtype; a wider or narrower one changes the last size."""
    own, shape = viewed.dtype, viewed.geometry
    if viewed.lazy:
        kind = "conjugate view tensors" if viewed.lazy & CONJ else "tensors with negative bit set"
        raise RuntimeError(
            f"torch.Tensor.view is not supported for {kind} when converting to a different dtype."
        )
    if dtype is own:
        return viewed
    if dtype.itemsize == own.itemsize:
        return Viewed(shape, dtype, 0, viewed.nbytes)
    what = f"to view {own.scalar_type} as {dtype.scalar_type} (different element sizes)"
    if not shape.sizes:
        raise RuntimeError(f"self.dim() cannot be 0 {what}")
    ratio = dtype.itemsize // own.itemsize
    if ratio and shape.sizes[-1] % ratio:
        raise RuntimeError(f"self.size(-1) must be divisible by {ratio} {what}, but got {shape.sizes[-1]}")
    if ratio and shape.offset % ratio:
        raise RuntimeError(
            f"self.storage_offset() must be divisible by {ratio} {what}, but got {shape.offset}"
        )
    if shape.strides[-1] != 1:
        raise RuntimeError(f"self.stride(-1) must be 1 {what}, but got {shape.strides[-1]}")
    if dtype.itemsize < own.itemsize:
        ratio = own.itemsize // dtype.itemsize
        strides = (*[stride * ratio for stride in shape.strides[:-1]], 1)
        return Viewed(
            Geometry((*shape.sizes[:-1], shape.sizes[-1] * ratio), strides, shape.offset * ratio),
            dtype,
            0,
            viewed.nbytes,
        )
    for dim, stride in enumerate(shape.strides[:-1]):
        if stride % ratio:
            raise RuntimeError(f"self.stride({dim}) must be divisible by {ratio} {what}, but got {stride}")
    strides = (*[stride // ratio for stride in shape.strides[:-1]], 1)
    return Viewed(
        Geometry((*shape.sizes[:-1], shape.sizes[-1] // ratio), strides, shape.offset // ratio),
        dtype,
        0,
        viewed.nbytes,
    )


@composite("view_as(Tensor(a) self, Tensor other) -> Tensor(a)", variants="method")
def view_as(self, other):
    """The same elements in the sizes of another tensor; never copies."""
    return self.view(other.geometry.sizes)


@composite("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)")
def reshape(self, shape):
    """The same elements in other sizes: a view when strides can express it, else a copy."""
    try:
        sizes = infer_size(shape, self.geometry.numel)
    except RuntimeError:
        if self.batch is not None and self.geometry.contiguous:
            return self.view(shape)  # which complains of the sizes of all examples
        raise
    strides = geometries.view_strides(self.geometry, sizes)
    if strides is not None:
        if self.geometry.contiguous or subclass_like(self):
            return self.view(sizes)
        return functions._reshape_alias(self, sizes, strides)
    return functions._unsafe_view(self.clone(memory_format=formats.contiguous_format), sizes)


@view(
    "_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)",
    namespace="internal",
    self=lambda grad, self_sizes: grad.reshape(self_sizes),
)
def reshape_alias(geometry, size, stride):
    """The view that reshape makes of what is not row-major."""
    return Geometry(tuple(size), tuple(stride), geometry.offset)


@composite("reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", variants="method")
def reshape_as(self, other):
    """The same elements in the sizes of another tensor: a view when strides can express it, else a copy."""
    return self.reshape(other.geometry.sizes)


@view(
    "_unsafe_view(Tensor self, SymInt[] size) -> Tensor",
    namespace="internal",
    tracked=False,
    self=lambda grad, self_sizes: grad.reshape(self_sizes),
)
def unsafe_view(geometry, size):
    """A view that autograd treats as a fresh tensor: reshape's copy in its new sizes."""
    return view_(geometry, size)


@composite("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)")
def flatten(self, start_dim, end_dim):
    """Several dimensions in a row made one; the tensor itself when there is nothing to do."""
    sizes = self.geometry.sizes
    start, end = wrap(start_dim, len(sizes)), wrap(end_dim, len(sizes))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not sizes:
        return self.reshape((1,))
    if start == end:
        return self
    return self.reshape((*sizes[:start], prod(sizes[start : end + 1]), *sizes[end + 1 :]))


@composite("unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)")
def unflatten(self, dim, sizes):
    """One dimension split into several."""
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    dim = wrap(dim, len(self.geometry.sizes))
    if not self.geometry.sizes:
        raise RuntimeError(f"unflatten got an unexpected error:\n{messages.no_dimensions(dim)}")
    own = self.geometry.sizes
    try:
        inferred = infer_size(sizes, own[dim])
    except RuntimeError as error:
        if "shape '" in str(error):
            raise RuntimeError(
                f"unflatten: Provided sizes {messages.numbers(sizes)} don't multiply up to the size of dim {dim} "
                f"({own[dim]}) in the input tensor"
            ) from None
        raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
    return self.view((*own[:dim], *inferred, *own[dim + 1 :]))


@composite("ravel(Tensor(a) self) -> Tensor(a)")
def ravel(self):
    """All elements as one dimension: a view of the tensor when it is contiguous, else of a copy."""
    return self.contiguous().view((-1,))


# ---- dimensions of size 1


def _unsqueezed(grad, sizes, dims):
    """Put the dimensions of size 1 back that a squeeze of `dims` took out."""
    for dim in sorted({wrap(dim, len(sizes)) for dim in dims}):
        if sizes and sizes[dim] == 1:
            grad = grad.unsqueeze(dim)
    return grad


@view(
    "squeeze(Tensor(a) self) -> Tensor(a)",
    inplace={"node": 3},
    self=lambda grad, self_sizes: _unsqueezed(grad, self_sizes, range(len(self_sizes))),
)
def squeeze(geometry):
    """Take out all dimensions of size 1."""
    return geometry.squeezed(range(geometry.ndim))


@view(
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
    inplace={"node": 4},
    node=1,
    self=lambda grad, self_sizes, dim: _unsqueezed(grad, self_sizes, (dim,)),
)
def squeeze_dim(geometry, dim):
    """Take out one dimension, if its size is 1."""
    return geometry.squeezed((wrap(dim, geometry.ndim),))


@view(
    "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
    inplace={"node": 5},
    node=2,
    self=lambda grad, self_sizes, dim: _unsqueezed(grad, self_sizes, dim),
)
def squeeze_dims(geometry, dim):
    """Take out some dimensions, where their size is 1."""
    return geometry.squeezed(distinct(dim, geometry.ndim))


@view(
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
    inplace={"node": 1},
    self=lambda grad, dim: grad.squeeze(dim),
)
def unsqueeze(geometry, dim):
    """Put in a dimension of size 1."""
    return geometry.unsqueezed(wrap(dim, geometry.ndim + 1))


def _at_least(name, raise_dimensions):
    """atleast_1d and its kind: for one tensor, and for several."""

    @composite(f"{name}(Tensor self) -> Tensor", variants="function")
    def one(self):
        return raise_dimensions(self)

    @composite(f"{name}.Sequence(Tensor[] tensors) -> Tensor[]")
    def several(tensors):
        return tuple(raise_dimensions(tensor) for tensor in tensors)

    one.__doc__ = several.__doc__ = raise_dimensions.__doc__


def at_least_1d(self):
    """The tensor with one dimension at least."""
    return self if self.geometry.sizes else self.reshape((1,))


def at_least_2d(self):
    """The tensor with two dimensions at least."""
    ndim = len(self.geometry.sizes)
    return self.reshape((1, 1)) if not ndim else self.unsqueeze(0) if ndim == 1 else self


def at_least_3d(self):
    """The tensor with three dimensions at least."""
    ndim = len(self.geometry.sizes)
    if not ndim:
        return self.reshape((1, 1, 1))
    if ndim == 1:
        return self.unsqueeze(0).unsqueeze(-1)
    return self.unsqueeze(-1) if ndim == 2 else self


_at_least("atleast_1d", at_least_1d)
_at_least("atleast_2d", at_least_2d)
_at_least("atleast_3d", at_least_3d)


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
            raise RuntimeError(
                f"invalid shape dimension {size} at index {i} of shape {messages.numbers(sizes)}"
            )
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
