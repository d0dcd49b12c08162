"""Products of matrices and vectors, alone and added to something."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED, float16, from_numpy_dtype, is_reduced
from tensorcli.engine.effects import Laid
from tensorcli.engine.effects.outward import into
from tensorcli.engine.geometry import Geometry, elementwise_strides
from tensorcli.engine.ops import _gemm
from tensorcli.engine.ops._dimensions import existing, is_wide, kind_of, refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import own_geometry, promoted


def scaled(tensor, factor):
    """tensor * factor, and the tensor itself for 1: a formula then has no node for it, as in PyTorch."""
    return tensor if factor == 1 else tensor * factor


def _conjugate(number):
    return number.conjugate() if isinstance(number, complex) else number


def _column_major(sizes, strides):
    return strides[0] == 1 and strides[1] == sizes[0]


def mat1_backward(grad, mat2, sizes, strides, alpha=1):
    """The gradient of a matrix product's left side, column-major when that side was."""
    if _column_major(sizes, strides):
        return scaled(mat2.conj().mm(grad.t()).t(), _conjugate(alpha))
    return scaled(grad.mm(mat2.t().conj()), _conjugate(alpha))


def mat2_backward(grad, mat1, sizes, strides, alpha=1):
    """The gradient of a matrix product's right side, column-major when that side was."""
    if _column_major(sizes, strides):
        return scaled(grad.t().mm(mat1.conj()).t(), _conjugate(alpha))
    return scaled(mat1.t().conj().mm(grad), _conjugate(alpha))


_ELEMENTS = {"int8": "signed char", "int16": "short int", "int64": "long int", "uint8": "unsigned char"}


_ELEMENTS |= {"float32": "float", "float64": "double", "int32": "int"}


_ELEMENTS |= {"complex64": "c10::complex<float>", "complex128": "c10::complex<double>"}


def _element(array):
    return _ELEMENTS.get(array.dtype.name) or from_numpy_dtype(array.dtype).cpp_name


def _product(xp, a, b, alpha=1):
    """a @ b: integers wrap around; an empty inner dimension gives zeros."""
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {_element(a)} != {_element(b)}"
        )
    if a.size and b.size:
        refuse(a, "addmm_impl_cpu_", "b")
    result = _gemm.product(xp, a, b)
    return result if alpha == 1 else result * result.dtype.type(alpha)


def _check_matrices(a, b):
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )


@op(
    "mm(Tensor self, Tensor mat2) -> Tensor",
    stepwise=(float16,),
    self=lambda grad, mat2, self_sizes, self_strides: mat1_backward(grad, mat2, self_sizes, self_strides),
    mat2=lambda grad, self, mat2_sizes, mat2_strides: mat2_backward(grad, self, mat2_sizes, mat2_strides),
)
def mm(xp, self, mat2):
    """Multiply two matrices."""
    if self.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_matrices(self, mat2)
    if self.dtype == mat2.dtype == np.float16:
        return _of_halves(xp, self, mat2)
    return _product(xp, self, mat2)


def _of_halves(xp, a, b, in_one_sum=False):
    if xp is np and not in_one_sum:
        return _gemm.of_halves(a, b)
    return _gemm.product(xp, *widened(a, b)).astype(a.dtype)


def _check_batches(batch1, batch2):
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    expected = [batch1.shape[0], batch1.shape[2]]
    if list(batch2.shape[:2]) != expected:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {messages.numbers(expected)} but got: "
            f"{messages.numbers(batch2.shape[:2])}."
        )


@op(
    "bmm(Tensor self, Tensor mat2) -> Tensor",
    stepwise=(float16,),
    self=lambda grad, mat2: grad.bmm(mat2.transpose(1, 2).conj()),
    mat2=lambda grad, self: self.transpose(1, 2).conj().bmm(grad),
)
def bmm(xp, self, mat2):
    """Multiply two batches of matrices."""
    _check_batches(self, mat2)
    if self.dtype == mat2.dtype == np.float16:
        # PyTorch multiplies small matrices by a loop of its own.
        return _of_halves(xp, self, mat2, self.shape[1] * self.shape[2] * mat2.shape[2] < 400)
    return _batched(xp, self, mat2)


def _batched(xp, a, b, name="bmm"):
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
    """The complaint about two dtypes: of PyTorch's own loop, of MKL, which has the second's, or of a product for each batch."""
    if small:
        return messages.expected_scalar_type(kind_of(a), kind_of(b))
    if b.dtype.kind in "fc" and b.dtype.itemsize >= 4:
        return messages.expected_scalar_type(kind_of(b), kind_of(a))
    return RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_element(a)} != {_element(b)}")


@op(
    "mv(Tensor self, Tensor vec) -> Tensor",
    self=lambda grad, vec: grad.ger(vec.conj()),
    vec=lambda grad, self: self.conj().t().mv(grad),
)
def mv(xp, self, vec):
    """Multiply a matrix and a vector."""
    if not self.ndim:
        raise messages.no_dimensions(0)
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    return _matrix_vector(xp, self, vec, (self.shape[0],), vec)


def _of_result_size(parts, ndims):
    """A check of in-place twins: self has the sizes that the result takes, given as (argument, dimension), or is refused.

    Numbers of dimensions, inner sizes and dtypes that are wrong are left to the kernel's complaints, and a vector that does
    not expand to the result.
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
                _expandable(values[0].geometry, sizes)
            raise RuntimeError(
                f"Bad in-place call: input tensor size {messages.numbers(values[0].geometry.sizes)} and output tensor size "
                f"{messages.numbers(sizes)} should match"
            )

    return check


def _of_outer_size(self, vec1, vec2, *scales):
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


def _matrix_vector(xp, mat, vec, sizes, like):
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


def _same_dtypes(a, b):
    if a.ndim == b.ndim == 1 and a.dtype is not b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {a.dtype.scalar_type} and {b.dtype.scalar_type}"
        )


def _check_dot(a, b):
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


@op(
    "dot(Tensor self, Tensor tensor) -> Tensor",
    check=_same_dtypes,
    self=lambda grad, tensor: grad * tensor.conj(),
    tensor=lambda grad, self: grad * self.conj(),
)
def dot(xp, self, tensor):
    """The sum of the products of two vectors' elements."""
    _check_dot(self, tensor)
    return _gemm.dot(xp, self, tensor)


@op(
    "vdot(Tensor self, Tensor other) -> Tensor",
    check=_same_dtypes,
    self=lambda grad, other: grad.conj() * other,
    other=lambda grad, self: grad * self,
)
def vdot(xp, self, other):
    """The dot product with the first vector conjugated."""
    _check_dot(self, other)
    return xp.vdot(self, other)


# ---- products added to something


def _combined(xp, base, product, beta, alpha):
    """beta * base + alpha * product; a beta of 0 leaves base out, NaN and all."""
    if alpha != 1:
        product = xp.multiply(product, product.dtype.type(alpha))
    if beta == 0:
        return product
    if base.dtype != product.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {kind_of(base)} and {kind_of(product)}"
        )
    return xp.add(base if beta == 1 else xp.multiply(base, base.dtype.type(beta)), product)


def _expandable(shape, sizes):
    """Refuse a geometry that does not expand to these sizes, in expand's words."""
    from tensorcli.engine.ops.expand import expanded_sizes

    expanded_sizes(shape, sizes)


def _check_terms(self, mat1, mat2):
    for name, one in (("self", self), ("mat1", mat1)):
        if one.dtype != mat2.dtype:
            raise RuntimeError(
                f"{name} and mat2 must have the same dtype, but got {kind_of(one)} and {kind_of(mat2)}"
            )


@op(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _of_result_size(((1, 0), (2, 1)), (2, 2))},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    mat1=lambda grad, mat2, mat1_sizes, mat1_strides, alpha: mat1_backward(
        grad, mat2, mat1_sizes, mat1_strides, alpha
    ),
    mat2=lambda grad, mat1, mat2_sizes, mat2_strides, alpha: mat2_backward(
        grad, mat1, mat2_sizes, mat2_strides, alpha
    ),
)
def addmm(xp, self, mat1, mat2, beta, alpha):
    """beta times self plus alpha times the product of two matrices."""
    _check_terms(self, mat1, mat2)
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    if mat2.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    _check_matrices(mat1, mat2)
    _expandable(own_geometry(self), (mat1.shape[0], mat2.shape[1]))
    own = self.dtype
    if not mat1.shape[1] and beta:
        # Without products PyTorch multiplies self by a number of its dtype.
        (wide,) = widened(self)
        scaled = wide if beta == 1 else wide * wide.dtype.type(own.type(beta))
        return xp.broadcast_to(scaled, (mat1.shape[0], mat2.shape[1])).astype(own)
    self, mat1, mat2 = widened(self, mat1, mat2)
    if beta == alpha == 1 and mat1.dtype.kind == "f":
        return _gemm.onto(xp, self, mat1, mat2).astype(own, copy=False)
    return _combined(xp, self, _product(xp, mat1, mat2), beta, alpha).astype(own, copy=False)


@op(
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace={"check": _of_result_size(((1, 0), (1, 1), (2, 2)), (3, 3))},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    batch1=lambda grad, batch2, alpha: scaled(grad.bmm(batch2.transpose(1, 2).conj()), _conjugate(alpha)),
    batch2=lambda grad, batch1, alpha: scaled(batch1.transpose(1, 2).conj().bmm(grad), _conjugate(alpha)),
)
def baddbmm(xp, self, batch1, batch2, beta, alpha):
    """beta times self plus alpha times the products of two batches of matrices."""
    _expandable(own_geometry(self), _sizes((batch1, 0), (batch1, 1), (batch2, 2)))
    _check_batches(batch1, batch2)
    if batch1.dtype != self.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {_element(self)}, batch1: {_element(batch1)}, batch2: "
            f"{_element(batch2)}"
        )
    sizes = (batch1.shape[0], batch1.shape[1], batch2.shape[2])
    if batch2.dtype != self.dtype and not (batch1.shape[2] and prod(sizes)):
        return _without_products(xp, self, sizes, batch2.dtype, beta)
    return _combined(xp, self, _batched(xp, batch1, batch2, "baddbmm"), beta, alpha)


def _without_products(xp, self, sizes, dtype, beta):
    """The summand alone, in the dtype of the second batch, which PyTorch makes the result by. Errors: RuntimeError."""
    if not beta or not prod(sizes):
        return xp.zeros(sizes, dtype)
    kind, factor = dtypes.from_numpy_dtype(dtype), dtypes.of_number(beta)
    if not dtypes.can_cast(factor, kind):
        raise messages.result_cast(factor.scalar_type, kind.scalar_type)
    return effects.cast(xp.broadcast_to(self, sizes), kind) * effects.as_number(beta, kind)


def _sizes(*places):
    """Sizes that PyTorch expands a summand to before it looks at the factors. Errors: IndexError."""
    for array, dim in places:
        existing(dim, array.ndim)
    return tuple(array.shape[dim] for array, dim in places)


def _spread_batch(grad, count):
    return grad.unsqueeze(0).expand((count, *grad.geometry.sizes))


@op(
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace=True,
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    batch1=lambda grad, batch2, batch1_sizes, alpha: scaled(
        _spread_batch(grad, batch1_sizes[0]).bmm(batch2.transpose(1, 2).conj()), _conjugate(alpha)
    ),
    batch2=lambda grad, batch1, batch1_sizes, alpha: scaled(
        batch1.transpose(1, 2).conj().bmm(_spread_batch(grad, batch1_sizes[0])), _conjugate(alpha)
    ),
)
def addbmm(xp, self, batch1, batch2, beta, alpha):
    """beta times self plus alpha times the sum of the products of two batches of matrices."""
    _expandable(own_geometry(self), _sizes((batch1, 1), (batch2, 2)))
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    if len(batch1) != len(batch2):
        raise RuntimeError(
            f"batch1 and batch2 must have same number of batches, got {len(batch1)} and {len(batch2)}"
        )
    if batch1.shape[2] != batch2.shape[1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for bmm ({batch1.shape[1]}x{batch1.shape[2]} and {batch2.shape[1]}x{batch2.shape[2]})"
        )
    _check_terms(self, batch1, batch2)
    products = _batched(xp, *widened(batch1, batch2), "addmm_impl_cpu_")
    if self.dtype == products.dtype:
        return _combined(xp, self, products.sum(axis=0, dtype=batch1.dtype), beta, alpha)
    # PyTorch adds one product after the other to what is there.
    found = xp.broadcast_to(self, products.shape[1:])
    for place, product in enumerate(products):
        scale = beta if place == 0 else 1
        found = _combined(xp, found.astype(np.float32), product, scale, alpha).astype(self.dtype)
    return (
        found
        if len(products)
        else _combined(xp, *widened(found), xp.zeros(found.shape, np.float32), beta, alpha).astype(self.dtype)
    )


@op(
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _of_result_size(((1, 0),), (2, 1))},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    mat=lambda grad, vec, alpha: scaled(grad.ger(vec.conj()), _conjugate(alpha)),
    vec=lambda grad, mat, alpha: scaled(mat.t().conj().mv(grad), _conjugate(alpha)),
)
def addmv(xp, self, mat, vec, beta, alpha):
    """beta times self plus alpha times the product of a matrix and a vector."""
    if self.ndim > 1 or mat.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {self.ndim}, {mat.ndim}, {vec.ndim}")
    if vec.shape[0] == mat.shape[1] and self.size not in (1, mat.shape[0]):
        raise RuntimeError(
            f"size mismatch, got input ({self.size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})"
        )
    if not self.ndim and vec.shape[0] != mat.shape[1]:
        raise messages.no_dimensions(0)
    own = self.dtype
    if mat.dtype == vec.dtype == own and is_reduced(own):
        # PyTorch rounds both numbers and the scaled self, but not the products.
        beta, alpha = (float(own.type(one)) for one in (beta, alpha))
        if beta:
            self = (self.astype(np.float32) * np.float32(beta)).astype(own)
            beta = 1
        self, mat, vec = widened(self, mat, vec)
    product = _matrix_vector(xp, mat, vec, self.shape, self)
    if not mat.shape[0] and beta:
        product = xp.zeros(
            self.shape, self.dtype
        )  # PyTorch gives the scaled self where the matrix has no rows.
    return _combined(xp, self, product, beta, alpha).astype(own, copy=False)


@op(
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _of_outer_size},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    vec1=lambda grad, vec2, alpha: scaled(grad.mv(vec2.conj()), _conjugate(alpha)),
    vec2=lambda grad, vec1, alpha: scaled(grad.t().mv(vec1.conj()), _conjugate(alpha)),
)
def addr(xp, self, vec1, vec2, beta, alpha):
    """beta times self plus alpha times the outer product of two vectors."""
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if vec.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec.ndim}-D")
    _expandable(own_geometry(self), (vec1.size, vec2.size))
    self, vec1, vec2 = promoted(self, vec1, vec2, stepwise=True)
    for name, number in (("beta", beta), ("alpha", alpha)):
        if isinstance(number, bool) and self.dtype.kind != "b":
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
    if self.dtype.kind in "biu":
        for name, number in (("beta", beta), ("alpha", alpha)):
            if isinstance(number, float):
                raise RuntimeError(
                    f"For integral input tensors, argument {name} must not be a floating point number."
                )
    if self.dtype.kind == "b":
        product = xp.multiply.outer(vec1, vec2)
        return self & bool(beta) | product & bool(alpha) if beta else product & bool(alpha)
    weighted = vec1 if alpha == 1 else xp.multiply(vec1, vec1.dtype.type(alpha))
    product = xp.multiply.outer(weighted, vec2)
    answer = _combined(xp, self, product, beta, 1)
    if xp is not np:
        return answer
    # PyTorch adds element by element: a column times a row.
    sizes = product.shape
    column, row = own_geometry(vec1), own_geometry(vec2)
    column = Geometry((*column.sizes, 1), (*column.strides, 1), 0)
    operands = [own_geometry(self).expanded(sizes), column, row]
    return Laid(answer, elementwise_strides(sizes, operands))


@composite("outer(Tensor self, Tensor vec2) -> Tensor", out=True)
def outer(self, vec2):
    """All products of the elements of two vectors, as a matrix."""
    for name, vec in (("self", self), ("vec2", vec2)):
        if vec.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {vec.ndim}-D")
    return self.reshape((self.numel(), 1)) * vec2


@composite("ger(Tensor self, Tensor vec2) -> Tensor", out=True)
def ger(self, vec2):
    """All products of the elements of two vectors, as a matrix."""
    if into.outputs:
        messages.warn(
            "torch.ger is deprecated and will be removed in a future PyTorch release. Use torch.outer instead.",
            once=True,
        )
    return self.outer(vec2)


# ---- products in another dtype, which PyTorch computes on CUDA alone


def _declare_wider(line):
    name = line.partition("(")[0]

    def refused(*values):
        raise NotImplementedError(f"Could not run 'aten::{name}' with arguments from the 'CPU' backend.")

    refused.__doc__ = "The product in another dtype, for which the CPU has no kernel."
    composite(line, variants="function", out=True)(refused)


for _line in (
    "mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor",
    "bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor",
    "addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    "baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) "
    "-> Tensor",
):
    _declare_wider(_line)
