"""Products of vectors and matrices, and what is made of them."""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import from_numpy_dtype
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry, elementwise_strides
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops import numeric
from tensorcli.engine.ops._shared import own_geometry
from tensorcli.engine.ops.reduce import kind_of, refuse, wrap


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
    refuse(a, "addmm_impl_cpu_", "b")
    result = xp.matmul(a, b)
    return result if alpha == 1 else result * result.dtype.type(alpha)


def _check_matrices(a, b):
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )


@op(
    "mm(Tensor self, Tensor mat2) -> Tensor",
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
    return _product(xp, self, mat2)


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
    self=lambda grad, mat2: grad.bmm(mat2.transpose(1, 2).conj()),
    mat2=lambda grad, self: self.transpose(1, 2).conj().bmm(grad),
)
def bmm(xp, self, mat2):
    """Multiply two batches of matrices."""
    _check_batches(self, mat2)
    return _batched(xp, self, mat2)


def _batched(xp, a, b):
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {kind_of(a)} but found {kind_of(b)}")
    refuse(a, "bmm", "b")
    return xp.matmul(a, b)


@op(
    "mv(Tensor self, Tensor vec) -> Tensor",
    self=lambda grad, vec: grad.ger(vec.conj()),
    vec=lambda grad, self: self.conj().t().mv(grad),
)
def mv(xp, self, vec):
    """Multiply a matrix and a vector."""
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    return _matrix_vector(xp, self, vec, (self.shape[0],), vec)


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
    refuse(mat, "addmv_impl_cpu", "b")
    return xp.matmul(mat, vec)


def _same_dtypes(a, b):
    if a.ndim == b.ndim == 1 and a.dtype is not b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {a.dtype.scalar_type} and {b.dtype.scalar_type}"
        )


def _check_dot(a, b, name):
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
    refuse(a, name, "b")


@op(
    "dot(Tensor self, Tensor tensor) -> Tensor",
    check=_same_dtypes,
    self=lambda grad, tensor: grad * tensor.conj(),
    tensor=lambda grad, self: grad * self.conj(),
)
def dot(xp, self, tensor):
    """The sum of the products of two vectors' elements."""
    _check_dot(self, tensor, "dot")
    return xp.dot(self, tensor)


@op(
    "vdot(Tensor self, Tensor other) -> Tensor",
    check=_same_dtypes,
    self=lambda grad, other: grad.conj() * other,
    other=lambda grad, self: grad * self,
)
def vdot(xp, self, other):
    """The dot product with the first vector conjugated."""
    _check_dot(self, other, "vdot")
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


def _expandable(array, sizes):
    """Refuse an array that does not expand to these sizes, in expand's words."""
    from tensorcli.engine.geometry import contiguous
    from tensorcli.engine.ops.shape import expanded_sizes

    expanded_sizes(contiguous(array.shape), sizes)


def _check_terms(self, mat1, mat2):
    for name, one in (("self", self), ("mat1", mat1)):
        if one.dtype != mat2.dtype:
            raise RuntimeError(
                f"{name} and mat2 must have the same dtype, but got {kind_of(one)} and {kind_of(mat2)}"
            )


@op(
    "addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=True,
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
    _expandable(self, (mat1.shape[0], mat2.shape[1]))
    return _combined(xp, self, _product(xp, mat1, mat2), beta, alpha)


@op(
    "baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=True,
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    batch1=lambda grad, batch2, alpha: scaled(grad.bmm(batch2.transpose(1, 2).conj()), _conjugate(alpha)),
    batch2=lambda grad, batch1, alpha: scaled(batch1.transpose(1, 2).conj().bmm(grad), _conjugate(alpha)),
)
def baddbmm(xp, self, batch1, batch2, beta, alpha):
    """beta times self plus alpha times the products of two batches of matrices."""
    # PyTorch expands self to these sizes before it looks at the batches.
    for array, dim in ((batch1, 0), (batch1, 1), (batch2, 2)):
        if not array.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        wrap(dim, array.ndim)
    _check_batches(batch1, batch2)
    _expandable(self, (batch1.shape[0], batch1.shape[1], batch2.shape[2]))
    if batch1.dtype != self.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {_element(self)}, batch1: {_element(batch1)}, batch2: "
            f"{_element(batch2)}"
        )
    return _combined(xp, self, _batched(xp, batch1, batch2), beta, alpha)


def _spread_batch(grad, count):
    return grad.unsqueeze(0).expand((count, *grad.geometry.sizes))


@op(
    "addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
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
    _check_batches(batch1, batch2)
    _expandable(self, (batch1.shape[1], batch2.shape[2]))
    _check_terms(self, batch1, batch2)
    return _combined(xp, self, _batched(xp, batch1, batch2).sum(axis=0, dtype=batch1.dtype), beta, alpha)


@op(
    "addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=True,
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
    product = _matrix_vector(xp, mat, vec, self.shape, self)
    return _combined(xp, self, product, beta, alpha)


@op(
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
    inplace=True,
    self=lambda grad, beta: scaled(grad, _conjugate(beta)),
    vec1=lambda grad, vec2, alpha: scaled(grad.mv(vec2.conj()), _conjugate(alpha)),
    vec2=lambda grad, vec1, alpha: scaled(grad.t().mv(vec1.conj()), _conjugate(alpha)),
)
def addr(xp, self, vec1, vec2, beta, alpha):
    """beta times self plus alpha times the outer product of two vectors."""
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if vec.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec.ndim}-D")
    _expandable(self, (vec1.size, vec2.size))
    product = xp.multiply.outer(vec1, vec2)
    if product.dtype.kind == "b":
        return self & bool(beta) | product & bool(alpha) if beta else product & bool(alpha)
    kind = np.result_type(self.dtype, product.dtype)
    answer = _combined(xp, self.astype(kind), product.astype(kind), beta, alpha)
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
    return self.outer(vec2)


# ---- matmul and linear


@composite("matmul(Tensor self, Tensor other) -> Tensor", out=True)
def matmul(self, other):
    """Multiply vectors, matrices or batches of them, as their dimensions say."""
    dim1, dim2 = self.ndim, other.ndim
    if not dim1 or not dim2:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {dim1}D and {dim2}D"
        )
    if dim1 == 1 and dim2 == 1:
        return self.dot(other)
    if dim1 == 2 and dim2 == 1:
        return self.mv(other)
    if dim1 == 1 and dim2 == 2:
        return self.unsqueeze(0).mm(other).squeeze_(0)
    if dim1 == 2 and dim2 == 2:
        return self.mm(other)
    if _folds(self, other):
        return _folded(self, other)
    return _batched_matmul(self, other)


def _folds(a, b):
    """Whether the larger side becomes one matrix (aten/src/ATen/native/LinearAlgebra.cpp, should_fold)."""
    larger, other = (a, b) if a.ndim >= b.ndim else (b, a)
    if not (larger.ndim >= 3 and other.ndim <= 2):
        return False
    if other.requires_grad:
        return True
    if a.ndim == 2:
        return False
    if not larger.numel():
        return True
    sizes, strides = larger.geometry.sizes, larger.geometry.strides
    return all(strides[i] == strides[i + 1] * sizes[i + 1] for i in range(larger.ndim - 2))


def _folded(a, b):
    turned = a.ndim < b.ndim
    larger, other = (b.mT, a.t() if a.ndim == 2 else a) if turned else (a, b)
    sizes = larger.geometry.sizes
    shape = sizes[:-1]
    rows = 1
    for size in shape:
        rows *= size
    flat = larger.reshape((rows, sizes[-1]))
    if other.ndim == 1:
        return functions._unsafe_view(flat.mv(other), shape)
    result = functions._unsafe_view(flat.mm(other), (*shape, other.size(1)))
    return result.mT.contiguous() if turned else result


def _batched_matmul(a, b):
    sizes1, sizes2 = a.geometry.sizes, b.geometry.sizes
    if a.ndim == 3 and b.ndim == 3 and sizes1[0] != sizes2[0]:
        if sizes1[0] == 1 and a.requires_grad:
            return matmul(a.squeeze(0), b)
        if sizes2[0] == 1 and b.requires_grad:
            return matmul(a, b.squeeze(0))
    n = sizes1[-2] if a.ndim > 1 else 1
    m1 = sizes1[-1]
    m2 = sizes2[-2] if b.ndim > 1 else sizes2[-1]
    p = sizes2[-1] if b.ndim > 1 else 1
    from tensorcli.engine.effects import broadcast_sizes

    batch = broadcast_sizes([sizes1[:-2], sizes2[:-2]])
    count = 1
    for size in batch:
        count *= size
    left = a.expand((*batch, n, m1)).reshape((count, n, m1))
    if b.ndim == 1:
        right = b.expand((*batch, m2)).reshape((count, m2)).unsqueeze(2)
    else:
        right = b.expand((*batch, m2, p)).reshape((count, m2, p))
    shape = (*batch, *((n,) if a.ndim > 1 else ()), *((p,) if b.ndim > 1 else ()))
    product = left.bmm(right)
    return functions._unsafe_view(product.squeeze(-1) if b.ndim == 1 else product, shape)


@composite("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", namespace="nn", out=True)
def linear(input, weight, bias):
    """input times the transposed weight, plus the bias: a layer of a network."""
    if not input.ndim or not weight.ndim:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    if bias is not None and input.ndim == 2:
        return functions.addmm(bias, input, weight.t())
    if bias is not None and input.geometry.contiguous:
        sizes = input.geometry.sizes
        flat = input.reshape((_times(sizes[:-1]), sizes[-1]))
        result = functions.addmm(bias, flat, weight.t())
        return result.view((*sizes[:-1], result.size(1)))
    result = functions.matmul(input, weight.t())
    return result if bias is None else result.add_(bias)


@composite("inner(Tensor self, Tensor other) -> Tensor", out=True)
def inner(self, other):
    """The dot products along the last dimensions."""
    if not self.ndim or not other.ndim:
        return self * other
    if self.size(-1) != other.size(-1):
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{messages.numbers(self.geometry.sizes)} and {messages.numbers(other.geometry.sizes)}"
        )
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    if self.dtype is dtypes.bool_ and self.ndim == other.ndim == 1:
        raise numeric.refuse("dot", None, "Bool")
    return tensordot_dims(self, other, [-1], [-1])


@composite("chain_matmul(Tensor[] matrices) -> Tensor", variants="function", out=True)
def chain_matmul(matrices):
    """The product of several matrices, multiplied in the cheapest order."""
    messages.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters.",
        once=True,
    )
    for matrix in matrices:
        if matrix.ndim != 2:
            raise RuntimeError(
                f"Tensor dimension is {matrix.ndim}, expected 2 instead. Tensor shape: "
                f"{messages.numbers(matrix.geometry.sizes)}"
            )
    return matrices[0] if len(matrices) == 1 else functions.linalg_multi_dot(list(matrices))


@op(
    "trace(Tensor self) -> Tensor", out=False, self=lambda grad, self_sizes: _trace_backward(grad, self_sizes)
)
def trace(xp, self):
    """The sum of the diagonal of a matrix."""
    refuse(self, "trace", "b" if self.dtype.itemsize == 1 else "bu")
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return xp.trace(self).astype(np.int64 if self.dtype.kind in "iu" else self.dtype)


def _trace_backward(grad, sizes):
    filled = grad.new_zeros((sizes[0] * sizes[1],))
    diagonal = functions.arange(0, min(sizes) * (sizes[1] + 1), sizes[1] + 1, device=grad.device)
    return filled.index_fill(0, diagonal, grad).view(sizes)


@composite("kron(Tensor self, Tensor other) -> Tensor", out=True)
def kron(self, other):
    """The Kronecker product: other times each element of self, as blocks."""
    ndim = max(self.ndim, other.ndim)
    left = (1,) * (ndim - self.ndim) + self.geometry.sizes
    right = (1,) * (ndim - other.ndim) + other.geometry.sizes
    spread = [size for one in left for size in (one, 1)]
    inner = [size for one in right for size in (1, one)]
    product = self.reshape(spread) * other.reshape(inner)
    return functions._unsafe_view(product, [a * b for a, b in zip(left, right, strict=True)])


# ---- contractions named by dimensions or letters


@composite(
    "tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor",
    variants="function",
    out=True,
)
def tensordot_dims(self, other, dims_self, dims_other):
    """Multiply and add up over pairs of dimensions."""
    if len(dims_self) != len(dims_other):
        raise RuntimeError(
            f"both dimension lists should have same length, but got {len(dims_self)} and {len(dims_other)}"
        )
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    named = zip(dims_self, dims_other, strict=True)
    dims_self = [wrap(d, self.ndim) for d in dims_self]
    dims_other = [wrap(d, other.ndim) for d in dims_other]
    size = 1
    for d1, d2, (name1, name2) in zip(dims_self, dims_other, named, strict=True):
        s1, s2 = self.size(d1), other.size(d2)
        if s2 == 1:
            self = self.sum(d1, True, dtype=self.dtype)
        elif s1 == 1:
            other = other.sum(d2, True, dtype=other.dtype)
        elif s1 != s2:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {s1} in dim {name1} and second has size {s2} "
                f"in dim {name2}"
            )
        else:
            size *= s1
    free1 = [d for d in range(self.ndim) if d not in dims_self]
    free2 = [d for d in range(other.ndim) if d not in dims_other]
    rows = [self.size(d) for d in free1]
    columns = [other.size(d) for d in free2]
    left = self.permute([*free1, *dims_self]).reshape((_times(rows), size))
    right = other.permute([*dims_other, *free2]).reshape((size, _times(columns)))
    return left.mm(right).reshape([*rows, *columns])


def _times(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def _pair(left, right, dims):
    """The product of two operands of equal rank, added up over `dims`, which stay with size 1
    (aten/src/ATen/native/Linear.cpp, sumproduct_pair)."""
    if not dims:
        return left * right
    both, only_left, only_right = [], [], []
    summed = 1
    for d in range(left.ndim):
        in_left, in_right = left.size(d) != 1, right.size(d) != 1
        if d in dims:
            if in_left and in_right:
                summed *= left.size(d)
            elif in_left:
                left = left.sum(d, True)
            elif in_right:
                right = right.sum(d, True)
        elif in_left and in_right:
            both.append(d)
        else:
            (only_left if in_left else only_right).append(d)
    sizes = (
        [left.size(d) for d in (*both, *only_left)] + [1] * len(dims) + [right.size(d) for d in only_right]
    )
    back = [0] * left.ndim
    for i, d in enumerate((*both, *only_left, *dims, *only_right)):
        back[d] = i
    count = _times([left.size(d) for d in both])
    rows = _times([left.size(d) for d in only_left])
    columns = _times([right.size(d) for d in only_right])
    left = left.permute([*both, *only_left, *dims, *only_right]).reshape((count, rows, summed))
    right = right.permute([*both, *dims, *only_right, *only_left]).reshape((count, summed, columns))
    return left.bmm(right).view(sizes).permute(back)


def _subscripts(equation, operands):
    """The labels of each operand and of the result; Ellipsis stands for the dimensions that have no letter."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    for label in text.replace("->", "").replace(",", "").replace("...", ""):
        if not (label.isascii() and label.isalpha()):
            raise RuntimeError(f"einsum(): invalid subscript given at index {equation.index(label)} in the equation string, "
                               "subscripts must be in [a-zA-Z]")  # fmt: skip
    if len(terms) < len(operands):
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > len(operands):
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    labels = [_labels(term) for term in terms]
    for i, (term, operand) in enumerate(zip(labels, operands, strict=True)):
        named = sum(1 for label in term if label is not Ellipsis)
        rule = None
        if Ellipsis in term and named > operand.ndim:
            rule, after = "is more than the number of dimensions", ""
        elif Ellipsis not in term and named != operand.ndim:
            rule, after = "does not match the number of dimensions", " and no ellipsis was given"
        if rule is not None:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) {rule} ({operand.ndim}) for operand "
                f"{i}{after}"
            )
    return labels, (_labels(right) if arrow else None)


def _labels(term):
    found = []
    at = 0
    while at < len(term):
        if term.startswith("...", at):
            found.append(Ellipsis)
            at += 3
        else:
            found.append(term[at])
            at += 1
    return found


@composite("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", variants="function")
def einsum(equation, tensors, path):
    """Multiply and add up over the dimensions that an equation names: `ij,jk->ik` is a matrix product."""
    return contract(equation, list(tensors))


def contract(equation, operands):
    """The contraction that an equation names (aten/src/ATen/native/Linear.cpp, einsum): operands from left to right, in pairs."""
    labels, output = _subscripts(equation, operands)
    hidden = max(
        (o.ndim - len(t) + 1 for t, o in zip(labels, operands, strict=True) if Ellipsis in t), default=0
    )
    counts = {}
    for term in labels:
        for label in term:
            if label is not Ellipsis:
                counts[label] = counts.get(label, 0) + 1
    if output is None:
        once = sorted(label for label, times in counts.items() if times == 1)
        output = ([Ellipsis] if hidden or any(Ellipsis in t for t in labels) else []) + once
    else:
        for i, label in enumerate(output):
            if label is not Ellipsis and label in output[:i]:
                raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
            if label is not Ellipsis and label not in counts:
                raise RuntimeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any input operand"
                )
    order = []
    for label in output:
        order.extend([(Ellipsis, i) for i in range(hidden)] if label is Ellipsis else [label])
    kept = len(order)
    if hidden and Ellipsis not in output:
        order.extend((Ellipsis, i) for i in range(hidden))
    order.extend(sorted(label for label in counts if label not in order))
    position = {label: i for i, label in enumerate(order)}
    aligned = [
        _aligned(o, t, i, hidden, position, len(order))
        for i, (t, o) in enumerate(zip(labels, operands, strict=True))
    ]
    missing = [hidden - o.ndim + len(t) - 1 for t, o in zip(labels, operands, strict=True)]
    _check_sizes(aligned, order, labels, missing)
    remaining = [sum(1 for o in aligned if o.size(d) != 1) for d in range(len(order))]
    stack = list(aligned)
    while len(stack) > 1:
        a, b = stack.pop(0), stack.pop(0)
        now, of_a, of_b = [], [], []
        for d in range(kept, len(order)):
            if a.size(d) != 1 and b.size(d) != 1:
                remaining[d] -= 1
                if remaining[d] == 1:
                    now.append(d)
                    remaining[d] = 0
            elif remaining[d] == 1 and (a.size(d) != 1 or b.size(d) != 1):
                (of_a if a.size(d) != 1 else of_b).append(d)
                remaining[d] = 0
        a = a.sum(of_a, True) if of_a else a
        b = b.sum(of_b, True) if of_b else b
        stack.insert(0, _pair(a, b, now))
    result = stack[0]
    if len(order) == kept:
        return result
    if len(operands) > 1:
        return result.view(result.geometry.sizes[:kept])
    return result.sum(list(range(kept, len(order))))


def _check_sizes(operands, order, labels, hidden):
    seen = [1] * len(order)
    for i, operand in enumerate(operands):
        for d, size in enumerate(operand.geometry.sizes):
            if size != 1 and seen[d] not in (1, size):
                if isinstance(order[d], tuple):
                    # Counted among the operand's own dimensions, before which the ellipsis stands for broadcast ones.
                    place = labels[i].index(Ellipsis) + order[d][1] - hidden[i]
                    raise RuntimeError(
                        f"einsum(): dimension {place} covered by ellipsis in operand {i}has size {size} which does not "
                        f"broadcast with previously seen ellipsis with size {seen[d]} for the respective dimension"
                    )
                raise RuntimeError(
                    f"einsum(): subscript {order[d]} has size {size} for operand {i} which does not broadcast with previously "
                    f"seen size {seen[d]}"
                )
            if size != 1:
                seen[d] = size


def _aligned(operand, term, number, hidden, position, rank):
    """The operand with one dimension for each label of the whole contraction, size 1 where it has none."""
    places = []
    dim = 0
    covered = operand.ndim - sum(1 for label in term if label is not Ellipsis)
    for label in term:
        if label is Ellipsis:
            for i in range(covered):
                places.append(position[Ellipsis, hidden - covered + i])
                dim += 1
        elif position[label] in places:
            earlier = places.index(position[label])
            if operand.size(dim) != operand.size(earlier):
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes don't match, "
                    f"{operand.size(dim)} != {operand.size(earlier)}"
                )
            operand = operand.diagonal(0, earlier, dim).movedim(-1, earlier)
        else:
            places.append(position[label])
            dim += 1
    order = [-1] * rank
    for own, place in enumerate(places):
        order[place] = own
    own = len(places)
    for place in range(rank):
        if order[place] == -1:
            operand = operand.unsqueeze(own)
            order[place] = own
            own += 1
    return operand.permute(order)


# ---- three factors


def _trilinear_backward(grad, i1, i2, i3, expand1, expand2, expand3, sumdim, needs):
    """The same product with the gradient in the place of a factor (aten/src/ATen/native/Linear.cpp)."""
    product = functions._trilinear
    return (
        product(grad, i2, i3, sumdim, expand2, expand3, expand1) if needs[0] else None,
        product(i1, grad, i3, expand1, sumdim, expand3, expand2) if needs[1] else None,
        product(i1, i2, grad, expand1, expand2, sumdim, expand3) if needs[2] else None,
    )


@op(
    "_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, "
    "int unroll_dim=1) -> Tensor",
    variants="function",
    out=False,
    i1__i2__i3=lambda grad, i1, i2, i3, expand1, expand2, expand3, sumdim, needs: _trilinear_backward(
        grad, i1, i2, i3, expand1, expand2, expand3, sumdim, needs
    ),
)
def trilinear(xp, i1, i2, i3, expand1, expand2, expand3, sumdim, unroll_dim):
    """The product of three tensors with new dimensions, summed over some."""
    total = i1.ndim + len(expand1)
    terms = []
    for array, new in ((i1, expand1), (i2, expand2), (i3, expand3)):
        terms += [array, [d for d in range(total) if d not in new]]
    kept = [d for d in range(total) if d not in sumdim]
    held = {d for labels in terms[1::2] for d in labels}
    result = xp.einsum(*terms, [d for d in kept if d in held])
    for d in kept:
        if d not in held:
            result = xp.expand_dims(result, kept.index(d))
    return result


@composite(
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", variants="function"
)
def bilinear(input1, input2, weight, bias):
    """For each output the product of two inputs through a matrix of weights, plus bias."""
    first, second = input1.geometry.sizes, input2.geometry.sizes
    if len(first) != len(second):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(first)} and {len(second)}")
    for d, (a, b) in enumerate(zip(first[:-1], second[:-1], strict=True)):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {a} and {b}")
    for number, size in enumerate((first[-1], second[-1]), 1):
        if size != weight.size(number):
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {size} but expected {weight.size(number)}"
            )
    if input1.dtype is not input2.dtype or input1.dtype is not weight.dtype:
        kinds = [one.dtype.cpp_name for one in (input1, input2, weight)]
        raise RuntimeError(
            f"All tensors must have the same dtype, got input1: {kinds[0]}, input2: {kinds[1]}, weight: {kinds[2]}"
        )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected {weight.size(0)}"
        )
    rows1, rows2 = input1.reshape((-1, first[-1])), input2.reshape((-1, second[-1]))
    found = functions._trilinear(rows1, weight, rows2, [1, 3], [0], [1, 2], [2, 3])
    result = found.reshape((*first[:-1], weight.size(0)))
    return result if bias is None else result + bias
