"""Products of matrices and vectors as arrays: the numbers as PyTorch's kernels make them, and what these refuse, in its words.

No operators are declared here.
"""

from math import prod

import numpy as np

from tensorcli.engine import conversion, dtypes, messages
from tensorcli.engine.dtypes import from_numpy_dtype
from tensorcli.engine.ops import _gemm
from tensorcli.engine.ops._dimensions import existing, is_wide, kind_of, refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.tensor import Tensor

_ELEMENTS = {
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint8": "unsigned char",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}
"""What PyTorch's complaints call the dtypes: by their types of C++."""


def product(xp, a, b, alpha=1):
    """a @ b: times alpha; integers wrap around, and an empty inner dimension gives zeros. Errors: RuntimeError, NotImplementedError."""
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {element(a)} != {element(b)}"
        )
    if a.size and b.size:
        refuse(a, "addmm_impl_cpu_", "b")
    result = _gemm.product(xp, a, b)
    return result if alpha == 1 else result * result.dtype.type(alpha)


def of_halves(xp, a, b, in_one_sum=False):
    """a @ b of float16; `in_one_sum`: with one running sum for each element, as PyTorch's loop over small batches has it."""
    if xp is np and not in_one_sum:
        return _gemm.of_halves(a, b)
    return _gemm.product(xp, *widened(a, b)).astype(a.dtype)


def batched(xp, a, b, name="bmm"):
    """The products of two batches of matrices; `name` is the kernel that complaints name. Errors: RuntimeError, NotImplementedError."""
    work = a.shape[1] * a.shape[2] * b.shape[2]
    by_another = work >= 400 and a.dtype != b.dtype
    if work and len(a) and (a.dtype.kind == "b" or is_wide(a)) and not by_another:
        # PyTorch multiplies small matrices by a loop of its own.
        raise messages.not_implemented(name if work < 400 else "addmm_impl_cpu_", kind_of(a))
    if a.dtype != b.dtype:
        if name == "bmm" and not (work and len(a)):
            # The result has the dtype of the second batch, and nothing else is looked at.
            return xp.zeros((*a.shape[:2], b.shape[2]), b.dtype)
        raise _other_dtypes(a, b, work < 400)
    return _gemm.product(xp, a, b)


def _other_dtypes(a, b, small):
    """The complaint about two dtypes: that of PyTorch's loop over small matrices, of MKL, or of a product for each batch."""
    if small:
        return messages.expected_scalar_type(kind_of(a), kind_of(b))
    if b.dtype.kind in "fc" and b.dtype.itemsize >= 4:
        return messages.expected_scalar_type(kind_of(b), kind_of(a))
    return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {element(a)} != {element(b)}")


def matrix_vector(xp, mat, vec, sizes, like):
    """mat @ vec, where the result has `sizes` and is made like the array `like`. Errors: RuntimeError."""
    if mat.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({sizes[0] if sizes else 1}), mat ({mat.shape[0]}x{mat.shape[1]}), vec "
            f"({vec.shape[0]})"
        )
    if mat.dtype != vec.dtype or mat.dtype != like.dtype:
        kinds = ", ".join((kind_of(like), kind_of(mat)))
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {kinds}, and {kind_of(vec)}"
        )
    if mat.size:
        refuse(mat, "addmv_impl_cpu", "b")
    return _gemm.vector(xp, mat, vec)


def combined(xp, base, product, beta, alpha):
    """beta * base + alpha * product; where beta is 0, base does not count, not even its NaN. Errors: RuntimeError."""
    if alpha != 1:
        product = xp.multiply(product, product.dtype.type(alpha))
    if beta == 0:
        return product
    if base.dtype != product.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {kind_of(base)} and {kind_of(product)}"
        )
    return xp.add(base if beta == 1 else xp.multiply(base, base.dtype.type(beta)), product)


def without_products(xp, self, sizes, dtype, beta):
    """beta * self alone, where there is nothing to multiply: in the dtype of the second batch, as in PyTorch. Errors: RuntimeError."""
    if not beta or not prod(sizes):
        return xp.zeros(sizes, dtype)
    kind, factor = dtypes.from_numpy_dtype(dtype), dtypes.of_number(beta)
    if not dtypes.can_cast(factor, kind):
        raise messages.result_cast(factor.scalar_type, kind.scalar_type)
    return conversion.cast(xp.broadcast_to(self, sizes), kind) * conversion.as_number(beta, kind)


# ---- what arrays are refused for


def element(array):
    """The type of an array's elements, as complaints name it."""
    return _ELEMENTS.get(array.dtype.name) or from_numpy_dtype(array.dtype).cpp_name


def check_matrices(a, b):
    """Refuse matrices whose inner sizes differ. Errors: RuntimeError."""
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )


def check_batches(batch1, batch2):
    """Refuse what is not a pair of batches that can be multiplied. Errors: RuntimeError."""
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    expected = [batch1.shape[0], batch1.shape[2]]
    if list(batch2.shape[:2]) != expected:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {messages.numbers(expected)} but got: "
            f"{messages.numbers(batch2.shape[:2])}."
        )


def check_dot(a, b):
    """Refuse what is not a pair of vectors of one length and dtype. Errors: RuntimeError."""
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {kind_of(a)} and {kind_of(b)}"
        )
    if a.size != b.size:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of elements, "
            f"but got {a.size} and {b.size} elements respectively"
        )
    refuse(a, "dot", "b")


def check_terms(self, mat1, mat2):
    """Refuse a summand or factors of several dtypes. Errors: RuntimeError."""
    for name, one in (("self", self), ("mat1", mat1)):
        if one.dtype != mat2.dtype:
            raise RuntimeError(
                f"{name} and mat2 must have the same dtype, but got {kind_of(one)} and {kind_of(mat2)}"
            )


def expandable(operand, sizes):
    """Refuse a tensor, or an array, that does not expand to these sizes, in the words of `expand`. Errors: RuntimeError."""
    from tensorcli.engine.ops.expand import expanded_sizes

    if isinstance(operand, Tensor):
        expanded_sizes(operand.geometry, sizes, messages.tensor_type(operand))
    else:
        expanded_sizes(own_geometry(operand), sizes, from_numpy_dtype(operand.dtype).tensor_type)


def sizes_to_expand_to(*places):
    """The sizes that a summand is expanded to, each given as (array, dimension). PyTorch reads them before it checks the factors.
    Errors: IndexError.
    """
    for array, dim in places:
        existing(dim, array.ndim)
    return tuple(array.shape[dim] for array, dim in places)


# ---- checks of the values as they were passed, before the kernel gets arrays


def same_dtypes(a, b):
    """The check of dot and vdot: two vectors have one dtype. Errors: RuntimeError."""
    if a.ndim == b.ndim == 1 and a.dtype is not b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {a.dtype.scalar_type} and {b.dtype.scalar_type}"
        )


def of_result_size(parts, ndims):
    """The check of an in-place twin: self must have the sizes of the result. Errors: RuntimeError.

    `parts` says for each dimension of the result which argument and which of its dimensions gives the size; `ndims` are the
    numbers of dimensions of the two factors. What else may be wrong (other numbers of dimensions, inner sizes, dtypes, a
    vector that does not expand) is left to the kernel, which complains of it later.
    """

    def check(*values):
        first, second = (one.geometry.sizes for one in values[1:3])
        if (
            (values[0].ndim > len(parts) and ndims != (2, 2))
            or (len(first), len(second)) != ndims
            or first[-1] != second[max(len(second) - 2, 0)]
            or (ndims != (3, 3) and any(one.dtype is not values[0].dtype for one in values[1:3]))
        ):
            return
        sizes = tuple(values[i].geometry.sizes[d] for i, d in parts)
        if ndims == (2, 1) and values[0].geometry.sizes not in ((), (1,), sizes):
            return
        if values[0].geometry.sizes != sizes:
            if ndims == (3, 3):
                expandable(values[0], sizes)
            raise RuntimeError(
                f"Bad in-place call: input tensor size {messages.numbers(values[0].geometry.sizes)} and output tensor size "
                f"{messages.numbers(sizes)} should match"
            )

    return check


def of_outer_size(self, vec1, vec2, *scales):
    """The check of addr's in-place twin: self has the sizes of the outer product. Errors: RuntimeError."""
    sizes = self.geometry.sizes
    if vec1.ndim != 1 or vec2.ndim != 1:
        return
    if len(sizes) != 2:
        raise RuntimeError(f"2D tensor expected, got {len(sizes)}D tensor for input")
    if sizes != (vec1.size(0), vec2.size(0)):
        raise RuntimeError(
            f"size mismatch, input: {messages.numbers(sizes)}, v1: {messages.numbers(vec1.geometry.sizes)}, v2: "
            f"{messages.numbers(vec2.geometry.sizes)}"
        )
