"""Splits: views of several parts of a tensor at once."""

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import transforms
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, view
from tensorcli.engine.ops._dimensions import wrap


def _split_backward(grads, split_sizes, dim, sizes):
    """The parts' gradients joined; zeros for a part that nobody used."""
    some = next(grad for grad in grads if grad is not None)
    dim = wrap(dim, len(sizes))
    parts = [
        some.new_zeros((*sizes[:dim], length, *sizes[dim + 1 :])) if grad is None else grad
        for grad, length in zip(grads, split_sizes, strict=True)
    ]
    return functions.cat(parts, dim)


def _split_sizes(split_size, size):
    """The lengths of the parts: all equal but the last."""
    if not split_size:
        return [0]
    count = max((size + split_size - 1) // split_size, 1)
    return [split_size] * (count - 1) + [size - split_size * (count - 1)]


def _parts(shape, dim, lengths):
    found = []
    start = 0
    for length in lengths:
        found.append(shape.sliced(dim, start, length))
        start += length
    return found


def _split(shape, split_size, dim):
    if not shape.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    dim = wrap(dim, shape.ndim)
    size = shape.sizes[dim]
    if not split_size and size:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}"
        )
    return _parts(shape, dim, _split_sizes(split_size, size))


def _split_with_sizes(shape, split_sizes, dim):
    if not shape.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    named, dim = dim, wrap(dim, shape.ndim)
    if any(length < 0 for length in split_sizes):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={messages.numbers(split_sizes)}"
        )
    if sum(split_sizes) != shape.sizes[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {shape.sizes[dim]} (input tensor's size at dimension "
            f"{named}), but got split_sizes={messages.numbers(split_sizes)}"
        )
    return _parts(shape, dim, split_sizes)


@view(
    "split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
    self=lambda grads, self_sizes, split_size, dim: _split_backward(
        grads, _split_sizes(split_size, self_sizes[dim]), dim, self_sizes
    ),
)
def split(geometry, split_size, dim):
    """Parts of equal length along a dimension; the last may be shorter."""
    return _split(geometry, split_size, dim)


@composite("split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]")
def split_sizes(self, split_size, dim):
    """Parts of the given lengths along a dimension."""
    return self.split_with_sizes(split_size, dim)


@view(
    "split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
    self=lambda grads, self_sizes, split_sizes, dim: _split_backward(grads, split_sizes, dim, self_sizes),
)
def split_with_sizes(geometry, split_sizes, dim):
    """Parts of the given lengths along a dimension."""
    return _split_with_sizes(geometry, split_sizes, dim)


@view(
    "unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
    tracked=False,
    self=lambda grads, self_sizes, split_size, dim: _split_backward(
        grads, _split_sizes(split_size, self_sizes[dim]), dim, self_sizes
    ),
)
def unsafe_split(geometry, split_size, dim):
    """Parts of equal length that autograd treats as fresh tensors: only for tensors that are not written."""
    return _split(geometry, split_size, dim)


@view(
    "unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
    tracked=False,
    self=lambda grads, self_sizes, split_sizes, dim: _split_backward(grads, split_sizes, dim, self_sizes),
)
def unsafe_split_with_sizes(geometry, split_sizes, dim):
    """Parts of the given lengths that autograd treats as fresh tensors: only for tensors that are not written."""
    return _split_with_sizes(geometry, split_sizes, dim)


def _chunked(self, chunks, dim, split_into, split_by):
    sizes = self.geometry.sizes
    if not sizes:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = sizes[wrap(dim, len(sizes))]
    split_size = (size + chunks - 1) // chunks
    # Of nothing there are as many parts as were asked for.
    return split_by((0,) * chunks, dim) if not split_size and not size else split_into(split_size, dim)


@composite("chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]")
def chunk(self, chunks, dim):
    """At most a given number of parts of equal length along a dimension."""
    return _chunked(self, chunks, dim, self.split, self.split_with_sizes)


@composite("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]")
def unsafe_chunk(self, chunks, dim):
    """At most a given number of parts, which autograd treats as fresh tensors: only for tensors that are not written."""
    return _chunked(self, chunks, dim, self.unsafe_split, self.unsafe_split_with_sizes)


@composite("tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]")
def tensor_split(self, sections, dim):
    """A number of parts along a dimension, as equal as can be; the first ones are longer by one."""
    _check_splittable(self)
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    dim = wrap(dim, len(self.geometry.sizes))
    least, longer = divmod(self.geometry.sizes[dim], sections)
    found = []
    start = 0
    for i in range(sections):
        end = start + least + (i < longer)
        found.append(functions.slice(self, dim, start, end, 1))
        start = end
    return tuple(found)


@composite("tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]")
def tensor_split_at(self, indices, dim):
    """The parts between the given indices of a dimension."""
    _check_splittable(self)
    dim = wrap(dim, len(self.geometry.sizes))
    starts, ends = (0, *indices), (*indices, self.geometry.sizes[dim])
    return tuple(functions.slice(self, dim, start, end, 1) for start, end in zip(starts, ends, strict=True))


@composite(
    "tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) "
    "-> Tensor(a)[]"
)
def tensor_split_by(self, tensor_indices_or_sections, dim):
    """The parts between indices, or a number of parts, given as a tensor of integers."""
    _check_splittable(self)
    given = tensor_indices_or_sections
    if given.device.type != "cpu":
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to be on cpu, but it's on {given.device}"
        )
    if given.dtype is not dtypes.int64:
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {given.dtype.scalar_type}"
        )
    if len(given.geometry.sizes) > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got "
            f"a tensor with {given.ndim} dims"
        )
    if not given.geometry.sizes:
        return tensor_split(self, given.item(), dim)
    if any(not each.batched for each in transforms):
        raise RuntimeError(
            messages.WRAPPED_POINTER
        )  # PyTorch reads the elements in the transform's own wrapper.
    return tensor_split_at(self, tuple(given.tolist()), dim)


def _check_splittable(self):
    if not self.geometry.sizes:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )


def _splits(name, ndim, dimension):
    """hsplit and its kind, in both overloads."""

    def along(self):
        have = len(self.geometry.sizes)
        if have < ndim:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {ndim} dimension, but got a tensor with {have} dimensions!"
            )
        return 0 if name == "hsplit" and have == 1 else dimension

    @composite(f"{name}.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]")
    def by_count(self, sections):
        dim = along(self)
        size = self.geometry.sizes[dim]
        if not sections or size % sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {size} is not "
                f"divisible by the split_size {sections}!"
            )
        return tensor_split(self, sections, dim)

    @composite(f"{name}.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]")
    def at_indices(self, indices):
        return tensor_split_at(self, indices, along(self))

    by_count.__doc__ = f"A number of equal parts along dimension {dimension}."
    at_indices.__doc__ = f"The parts between the given indices of dimension {dimension}."


_splits("hsplit", 1, 1)
_splits("vsplit", 2, 0)
_splits("dsplit", 3, 2)


def _unbind_backward(grads, dim):
    some = next(grad for grad in grads if grad is not None)
    zeros = None
    parts = []
    for grad in grads:
        if grad is None:
            zeros = some.new_zeros(some.geometry.sizes) if zeros is None else zeros
        parts.append(zeros if grad is None else grad)
    return functions.stack(parts, dim)


@view("unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", self=_unbind_backward)
def unbind(geometry, dim):
    """All indices of a dimension, one tensor each."""
    if not geometry.ndim:
        wrap(dim, 0)
        raise messages.no_dimensions(0)
    dim = wrap(dim, geometry.ndim)
    return [geometry.selected(dim, index) for index in range(geometry.sizes[dim])]
