"""Products of matrices and vectors, alone and added to something."""

from math import prod

import numpy as np

from tensorcli.engine import effects, messages
from tensorcli.engine.declare import composite, op
from tensorcli.engine.devices import META
from tensorcli.engine.dtypes import REDUCED, float16, is_reduced
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry, elementwise_strides
from tensorcli.engine.ops import _gemm, _products
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import own_geometry, promoted
from tensorcli.engine.tensor import CONJ


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
    _products.check_matrices(self, mat2)
    if self.dtype == mat2.dtype == np.float16:
        return _products.of_halves(xp, self, mat2)
    return _products.product(xp, self, mat2)


@op(
    "bmm(Tensor self, Tensor mat2) -> Tensor",
    stepwise=(float16,),
    self=lambda grad, mat2: grad.bmm(mat2.transpose(1, 2).conj()),
    mat2=lambda grad, self: self.transpose(1, 2).conj().bmm(grad),
)
def bmm(xp, self, mat2):
    """Multiply two batches of matrices."""
    _products.check_batches(self, mat2)
    if self.dtype == mat2.dtype == np.float16:
        # PyTorch multiplies small matrices by a loop of its own.
        return _products.of_halves(xp, self, mat2, self.shape[1] * self.shape[2] * mat2.shape[2] < 400)
    return _products.batched(xp, self, mat2)


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
    return _products.matrix_vector(xp, self, vec, (self.shape[0],), vec)


def _lazy_conjugate(of):
    """The effect of a product that PyTorch computes without conjugation where `of` its factors says so, to conjugate the
    result lazily."""

    def effect(declared, values):
        result = effects.fresh(declared, values)
        if result.dtype.is_complex and result.device is not META and of(*values):
            array = result.array
            np.conjugate(array, out=array)
            result.lazy = CONJ
        return result

    return effect


@op(
    "dot(Tensor self, Tensor tensor) -> Tensor",
    check=_products.same_dtypes,
    effect=_lazy_conjugate(lambda self, tensor: self.is_conj() and tensor.is_conj()),
    self=lambda grad, tensor: grad * tensor.conj(),
    tensor=lambda grad, self: grad * self.conj(),
)
def dot(xp, self, tensor):
    """The sum of the products of two vectors' elements."""
    _products.check_dot(self, tensor)
    return _gemm.dot(xp, self, tensor)


@op(
    "vdot(Tensor self, Tensor other) -> Tensor",
    check=_products.same_dtypes,
    effect=_lazy_conjugate(lambda self, other: other.is_conj() and not self.is_conj()),
    self=lambda grad, other: grad.conj() * other,
    other=lambda grad, self: grad * self,
)
def vdot(xp, self, other):
    """The dot product with the first vector conjugated."""
    _products.check_dot(self, other)
    return xp.vdot(self, other)


# ---- products added to something


@op(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _products.of_result_size(((1, 0), (2, 1)), (2, 2))},
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
    _products.check_terms(self, mat1, mat2)
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    if mat2.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    _products.check_matrices(mat1, mat2)
    _products.expandable(self, (mat1.shape[0], mat2.shape[1]))
    own = self.dtype
    if not mat1.shape[1] and beta:
        # Without products PyTorch multiplies self by a number of its dtype.
        (wide,) = widened(self)
        scaled = wide if beta == 1 else wide * wide.dtype.type(own.type(beta))
        return xp.broadcast_to(scaled, (mat1.shape[0], mat2.shape[1])).astype(own)
    self, mat1, mat2 = widened(self, mat1, mat2)
    if beta == alpha == 1 and mat1.dtype.kind == "f":
        return _gemm.onto(xp, self, mat1, mat2).astype(own, copy=False)
    return _products.combined(xp, self, _products.product(xp, mat1, mat2), beta, alpha).astype(
        own, copy=False
    )


@op(
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace={"check": _products.of_result_size(((1, 0), (1, 1), (2, 2)), (3, 3))},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    batch1=lambda grad, batch2, alpha: scaled(grad.bmm(batch2.transpose(1, 2).conj()), _conjugate(alpha)),
    batch2=lambda grad, batch1, alpha: scaled(batch1.transpose(1, 2).conj().bmm(grad), _conjugate(alpha)),
)
def baddbmm(xp, self, batch1, batch2, beta, alpha):
    """beta times self plus alpha times the products of two batches of matrices."""
    _products.expandable(self, _products.sizes_to_expand_to((batch1, 0), (batch1, 1), (batch2, 2)))
    _products.check_batches(batch1, batch2)
    if batch1.dtype != self.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {_products.element(self)}, batch1: {_products.element(batch1)}, batch2: "
            f"{_products.element(batch2)}"
        )
    sizes = (batch1.shape[0], batch1.shape[1], batch2.shape[2])
    if batch2.dtype != self.dtype and not (batch1.shape[2] and prod(sizes)):
        return _products.without_products(xp, self, sizes, batch2.dtype, beta)
    return _products.combined(xp, self, _products.batched(xp, batch1, batch2, "baddbmm"), beta, alpha)


@op(
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace=True,
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    batch1=lambda grad, batch2, batch1_argsize_0, batch1_argsize_1, batch2_argsize_2, alpha: scaled(
        grad.unsqueeze(0)
        .expand((batch1_argsize_0, batch1_argsize_1, batch2_argsize_2))
        .bmm(batch2.transpose(1, 2).conj()),
        _conjugate(alpha),
    ),
    batch2=lambda grad, batch1, batch1_argsize_0, batch1_argsize_1, batch2_argsize_2, alpha: scaled(
        batch1.transpose(1, 2)
        .conj()
        .bmm(grad.unsqueeze(0).expand((batch1_argsize_0, batch1_argsize_1, batch2_argsize_2))),
        _conjugate(alpha),
    ),
)
def addbmm(xp, self, batch1, batch2, beta, alpha):
    """beta times self plus alpha times the sum of the products of two batches of matrices."""
    _products.expandable(self, _products.sizes_to_expand_to((batch1, 1), (batch2, 2)))
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
    _products.check_terms(self, batch1, batch2)
    products = _products.batched(xp, *widened(batch1, batch2), "addmm_impl_cpu_")
    if self.dtype == products.dtype:
        return _products.combined(xp, self, products.sum(axis=0, dtype=batch1.dtype), beta, alpha)
    # PyTorch adds one product after the other to what is there.
    found = xp.broadcast_to(self, products.shape[1:])
    for place, product in enumerate(products):
        scale = beta if place == 0 else 1
        found = _products.combined(xp, found.astype(np.float32), product, scale, alpha).astype(self.dtype)
    return (
        found
        if len(products)
        else _products.combined(xp, *widened(found), xp.zeros(found.shape, np.float32), beta, alpha).astype(
            self.dtype
        )
    )


@op(
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _products.of_result_size(((1, 0),), (2, 1))},
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
    product = _products.matrix_vector(xp, mat, vec, self.shape, self)
    if not mat.shape[0] and beta:
        # PyTorch gives the scaled self where the matrix has no rows.
        product = xp.zeros(self.shape, self.dtype)
    return _products.combined(xp, self, product, beta, alpha).astype(own, copy=False)


@op(
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    stepwise=REDUCED,
    inplace={"check": _products.of_outer_size},
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    vec1=lambda grad, vec2, alpha: scaled(grad.mv(vec2.conj()), _conjugate(alpha)),
    vec2=lambda grad, vec1, alpha: scaled(grad.t().mv(vec1.conj()), _conjugate(alpha)),
)
def addr(xp, self, vec1, vec2, beta, alpha):
    """beta times self plus alpha times the outer product of two vectors."""
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if vec.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec.ndim}-D")
    _products.expandable(self, (vec1.size, vec2.size))
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
        answer = self & bool(beta) | product & bool(alpha) if beta else product & bool(alpha)
    else:
        weighted = vec1 if alpha == 1 else xp.multiply(vec1, vec1.dtype.type(alpha))
        product = xp.multiply.outer(weighted, vec2)
        answer = _products.combined(xp, self, product, beta, 1)
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
    if effects.into.outputs:
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
