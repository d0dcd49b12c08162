"""Views of all elements: other sizes or another order of dimensions over the same storage. Geometry in, geometry out."""

from math import prod

from tensorcli.engine import formats, messages
from tensorcli.engine import geometry as geometries
from tensorcli.engine.callers import PROPERTIES, functions
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import composite, view
from tensorcli.engine.ops._dimensions import wrap
from tensorcli.engine.tensor import CONJ, ReadOnly, Tensor

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
    if dtype is own:
        return viewed
    if viewed.lazy:
        kind = "conjugate view tensors" if viewed.lazy & CONJ else "tensors with negative bit set"
        raise RuntimeError(
            f"torch.Tensor.view is not supported for {kind} when converting to a different dtype."
        )
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
    sizes = infer_size(shape, self.geometry.numel)
    strides = geometries.view_strides(self.geometry, sizes)
    if strides is not None:
        return (
            self.view(sizes) if self.geometry.contiguous else functions._reshape_alias(self, sizes, strides)
        )
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
        raise RuntimeError(
            f"unflatten got an unexpected error:\nDimension specified as {dim} but tensor has no dimensions"
        )
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


# ---- the order of dimensions


@view(
    "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    inplace={"name": "transpose_", "node": 1},
    self=lambda grad, dim0, dim1: grad.transpose(dim0, dim1),
)
def transpose(geometry, dim0, dim1):
    """Swap two dimensions of the same storage."""
    dim0, dim1 = wrap(dim0, geometry.ndim), wrap(dim1, geometry.ndim)
    return geometry.swapped(dim0, dim1) if geometry.ndim else geometry


def _swaps(name, first, second):
    """The other names of transpose and transpose_."""

    @composite(f"{name}(Tensor(a) self, int {first}, int {second}) -> Tensor(a)")
    def swapped(self, dim0, dim1):
        """Swap two dimensions of the same storage."""
        return self.transpose(dim0, dim1)

    @composite(f"{name}_(Tensor(a!) self, int {first}, int {second}) -> Tensor(a!)", variants="method")
    def swapped_in_place(self, dim0, dim1):
        """Swap two dimensions of this tensor itself."""
        return self.transpose_(dim0, dim1)


_swaps("swapaxes", "axis0", "axis1")
_swaps("swapdims", "dim0", "dim1")


@view(
    "t(Tensor(a) self) -> Tensor(a)",
    inplace={"node": 1, "kernel": lambda geometry: transposed(geometry, "t_")},
    self=lambda grad: grad.t(),
)
def t(geometry):
    """Transpose a matrix; vectors and scalars stay as they are."""
    return transposed(geometry, "t")


def transposed(geometry, name):
    if geometry.ndim > 2:
        raise RuntimeError(f"{name}() expects a tensor with <= 2 dimensions, but self is {geometry.ndim}D")
    return geometry.swapped(0, 1) if geometry.ndim == 2 else geometry


@view(
    "permute(Tensor(a) self, int[] dims) -> Tensor(a)", self=lambda grad, dims: grad.permute(_inverse(dims))
)
def permute(geometry, dims):
    """The dimensions in another order."""
    if len(dims) != geometry.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {geometry.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [wrap(dim, geometry.ndim) for dim in dims]
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return geometry.permuted(order)


def _inverse(dims):
    order = [0] * len(dims)
    for place, dim in enumerate(dims):
        order[dim % len(dims)] = place
    return tuple(order)


def _moves(name):
    """movedim and its other name, in both overloads."""

    @composite(f"{name}.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
    def moved(self, source, destination):
        """Some dimensions moved to other places; the rest keep their order."""
        return _permuted(self, _moved_order(len(self.geometry.sizes), source, destination))

    @composite(f"{name}.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
    def moved_one(self, source, destination):
        """One dimension moved to another place; the rest keep their order."""
        return _permuted(self, _moved_order(len(self.geometry.sizes), (source,), (destination,)))


def _permuted(tensor, order):
    return tensor.permute(order) if order else functions.alias(tensor)


def _moved_order(ndim, source, destination):
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({messages.numbers(source)} dims) should contain the "
            f"same number of dims as destination ({messages.numbers(destination)} dims)"
        )
    taken = [wrap(dim, ndim) for dim in source]
    places = [wrap(dim, ndim) for dim in destination]
    for name, given, dims in (("source", source, taken), ("destination", destination, places)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({messages.numbers(given)})")
    order = [dim for dim in range(ndim) if dim not in taken]
    for place, dim in sorted(zip(places, taken, strict=True)):
        order.insert(place, dim)
    return tuple(order) if ndim else ()


_moves("movedim")
_moves("moveaxis")


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
    dims = [wrap(one, geometry.ndim) for one in dim]
    for one in dims:
        if dims.count(one) > 1:
            raise RuntimeError(f"dim {one} appears multiple times in the list of dims")
    return geometry.squeezed(dims)


@view(
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)",
    inplace={"node": 1},
    self=lambda grad, dim: grad.squeeze(dim),
)
def unsqueeze(geometry, dim):
    """Put in a dimension of size 1."""
    return geometry.unsqueezed(wrap(dim, geometry.ndim + 1))


# ---- stretching


@view(
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
    variants="method",
    self=lambda grad, self_sizes: grad.sum_to_size(self_sizes),
)
def expand(viewed, size, implicit):
    """Stretch dimensions of size 1, with stride 0: no copy."""
    sizes = expanded_sizes(viewed.geometry, size, viewed.dtype.tensor_type)
    return Viewed(viewed.geometry.expanded(sizes), viewed.dtype, viewed.lazy, viewed.nbytes)


def expanded_sizes(geometry, size, kind="torch.FloatTensor"):
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
        raise RuntimeError("numel: integer multiplication overflow")
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
    if any(one < 0 for one in sizes):
        # PyTorch finds no fault with them before it counts the elements.
        raise RuntimeError("numel: integer multiplication overflow")
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
    from tensorcli.engine.effects import broadcast_sizes

    sizes = broadcast_sizes([one.geometry.sizes for one in tensors]) if tensors else ()
    return tuple(one if one.geometry.sizes == sizes else one.expand(sizes) for one in tensors)


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


# ---- x.T and its kind


def _reversed(self):
    """All dimensions in reverse order."""
    ndim = len(self.geometry.sizes)
    if not ndim:
        _deprecated_on_scalars("T", " This function is the identity in these cases.")
    elif ndim != 2:
        messages.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw "
            "an error in a future release. Consider `x.mT` to transpose batches of matrices or "
            "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.",
            once=True,
        )
    return self.permute(tuple(range(ndim - 1, -1, -1)))


def _deprecated_on_scalars(name, advice):
    messages.warn(f"Tensor.{name} is deprecated on 0-D tensors.{advice}", once=True)


def _transposed(self, name="mT", conjugate=False):
    ndim = len(self.geometry.sizes)
    if ndim == 1:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
        )
    if not ndim:
        prefix = "" if name == "adjoint()" else "Tensor."
        advice = (
            " Consider using x.conj()." if conjugate else " This function is the identity in these cases."
        )
        messages.warn(f"{prefix}{name} is deprecated on 0-D tensors.{advice}", once=True)
        return self.conj() if conjugate else self
    found = self.transpose(-2, -1)
    return found.conj() if conjugate and self.dtype.is_complex else found


def _hermitian(self):
    ndim = len(self.geometry.sizes)
    if not ndim:
        _deprecated_on_scalars("H", " Consider using x.conj().")
        return self.conj()
    if ndim != 2:
        batches = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{batches}"
        )
    return _transposed(self, "mH", conjugate=True)


@composite("adjoint(Tensor(a) self) -> Tensor(a)")
def adjoint(self):
    """The last two dimensions swapped, and the elements conjugated."""
    return _transposed(self, "adjoint()", conjugate=True)


PROPERTIES["T"] = _reversed
PROPERTIES["mT"] = _transposed
PROPERTIES["mH"] = lambda self: _transposed(self, "mH", conjugate=True)
PROPERTIES["H"] = _hermitian
for _name, _found in PROPERTIES.items():
    setattr(Tensor, _name, ReadOnly(_found))


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
