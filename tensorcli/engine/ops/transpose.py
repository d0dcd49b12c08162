"""Views with the dimensions in another order: transpose, permute, movedim."""

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, view
from tensorcli.engine.methods.attributes import matrices_transposed
from tensorcli.engine.ops._dimensions import wrap


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
    """The geometry of a matrix with its dimensions swapped; any other is its own. Errors: RuntimeError beyond two."""
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


# ---- x.T and its kind


@composite("adjoint(Tensor(a) self) -> Tensor(a)")
def adjoint(self):
    """The last two dimensions swapped, and the elements conjugated."""
    return matrices_transposed(self, "adjoint()", conjugate=True)
