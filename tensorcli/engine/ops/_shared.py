"""What the formulas and checks of several chapters use. No operators are declared here."""

from functools import reduce

from tensorcli.engine import dtypes, geometry
from tensorcli.engine.autograd.modes import pushing
from tensorcli.engine.callers import functions
from tensorcli.engine.conversion import cast
from tensorcli.engine.dtypes import BOOL, COMPLEX, FLOATING, INTEGRAL
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor, wrapped_number


def zeros(grad):
    """A gradient of zeros: the function is constant but for its steps."""
    return functions.zeros_like(grad)


def zero(like):
    """Zero as a tensor without dimensions, of the dtype and on the device of another."""
    return functions.zeros((), dtype=like.dtype, device=like.device)


def times(tensor, number):
    """tensor * number as PyTorch's own C++ writes it: the operator of a Scalar, whose node is MulBackward1."""
    return OPS["mul.Scalar"].run((tensor, number))


def quotient(number, tensor):
    """number / tensor as PyTorch's own C++ writes it: one division, where Python's multiplies by the reciprocal."""
    return functions.div(wrapped_number(number), tensor)


def masked_quotient(grad, below, unmoved):
    """grad / below, and zero where nothing moves, as PyTorch writes the gradients of norms."""
    if pushing:
        below = below.masked_fill(unmoved, 1)
    return (grad / below).masked_fill_(unmoved, 0)


def is_true(tensor):
    """What a tensor of one bool says, asked by way of `equal` (is_scalar_tensor_true), which has no kernel on meta."""
    return functions.equal(tensor, tensor.new_ones(()))


def subclass_like(*tensors):
    """Whether PyTorch's formulas leave out what looks at elements (isTensorSubclassLike): one of the tensors is an example of a
    batch, belongs to a running transform, or lies on meta.
    """
    return any(
        one is not None and (one.batch is not None or bool(one.levels) or one.is_meta) for one in tensors
    )


def no_derivative(name):
    """The formula of an operator that PyTorch records and cannot differentiate."""

    def formula(grads):
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return formula


def own_geometry(array):
    """The geometry (offset 0) of an array, in elements."""
    if not array.size and not any(array.strides):
        return geometry.contiguous(array.shape)  # numpy gives no strides to what is empty and its own.
    step = array.dtype.itemsize
    return Geometry(array.shape, tuple(stride // step for stride in array.strides))


def promoted(*arrays, stepwise=False):
    """Arrays in the dtype that PyTorch promotes theirs to, as kernels compute it: of the reduced ones in float32, or `stepwise` in
    themselves. Those of one dtype are left as they are.
    """
    if all(one.dtype == arrays[0].dtype for one in arrays):
        return list(arrays)
    kind = reduce(dtypes.promote_types, (dtypes.from_numpy_dtype(one.dtype) for one in arrays))
    return [cast(one, kind if stepwise else kind.computes_as) for one in arrays]


def category(value):
    """The category of a tensor or a Python number."""
    if isinstance(value, Tensor):
        return value.dtype.category
    return {bool: BOOL, int: INTEGRAL, float: FLOATING}.get(type(value), COMPLEX)


def behind(xp):
    """The backend of the array module that a kernel was given, for what its library does in a way of its own."""
    from tensorcli.engine import backends

    return backends.behind(xp)


def module_of(device):
    """The array module of a device, for formulas and composites that look at elements."""
    from tensorcli.engine import backends

    return backends.of(device).xp


def refuse_sparse(name, argument, what, dtype, sizes):
    """Refuse a gradient that PyTorch makes sparse. Errors: NotImplementedError."""
    raise NotImplementedError(
        f"{name}_backward: with {argument}=True the gradient of {what} ({dtype}, {list(sizes)}) is a sparse tensor, and all "
        f"tensors here are strided; {argument}=False gives the same numbers in a strided one"
    )


def refuse_sparse_rows(name, grad, sizes, scale_grad_by_freq):
    """Refuse the sparse gradient of a table. Errors: NotImplementedError, RuntimeError where PyTorch refuses it too."""
    if scale_grad_by_freq:
        raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    refuse_sparse(name, "sparse", "weight", grad.dtype, sizes)
