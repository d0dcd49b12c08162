"""Products and decompositions of matrices: PyTorch's values, strides, nodes, gradients and complaints."""

import numpy as np
import pytest

import tensorcli.engine as torch
from tests.engine.live import compare, error

DRAW = np.random.default_rng(7)
A, B, C = (DRAW.standard_normal(s).astype(np.float64) for s in ((3, 4), (4, 2), (2, 3, 4)))
SQUARE = DRAW.standard_normal((3, 3)) + 3 * np.eye(3)
POSITIVE = SQUARE @ SQUARE.T
LARGE = DRAW.standard_normal((20, 20)) + 20 * np.eye(20)


@pytest.mark.parametrize(
    "expression",
    [
        "x @ y", "z @ y", "z.bmm(z.mT)", "x.mv(y[:, 0])", "y[:, 0].dot(y[:, 1])", "x.t().contiguous().t() @ y",
        "torch.addmm(x[:, :2], x, y, beta=2, alpha=3)", "torch.outer(x[0], y[0])", "torch.einsum('ij,jk->ik', x, y)",
        "torch.einsum('bij,jk->bk', z, y)", "torch.einsum('ij->j', x)", "torch.tensordot(z, y, 1)",
        "torch.tensordot(x, z, dims=([0, 1], [1, 2]))", "F.linear(x, y.t(), y[0])", "F.linear(z, y.t(), y[0])",
        "F.linear(z, y.t())", "x.inner(z)", "torch.kron(x, y)", "torch.trace(x)", "torch.linalg.multi_dot([x, y, y.t(), y])",
        "torch.baddbmm(z[:, :, :3], z, z.mT)", "torch.addr(x, x[:, 0], x[0])", "z.mT.matmul(x)",
    ],
)  # fmt: skip
def test_products_agree_with_pytorch(expression: str) -> None:
    compare(expression, A, B, C)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.linalg.inv(x)", "x.det()", "torch.linalg.slogdet(x)", "torch.linalg.solve(x, y)",
        "torch.linalg.solve(x, y, left=False)", "torch.linalg.cholesky(y)", "torch.linalg.qr(x)", "torch.linalg.eigvalsh(y)",
        "torch.linalg.svdvals(x)", "torch.linalg.lu(x)", "torch.linalg.pinv(x)", "torch.linalg.matrix_norm(x)",
        "torch.linalg.matrix_norm(x, 2)", "torch.linalg.matrix_norm(x, 1)", "torch.linalg.matrix_norm(x, 'nuc')",
        "torch.linalg.cond(x)", "torch.linalg.matrix_exp(x)", "torch.linalg.matrix_power(x, 3)",
        "torch.linalg.solve_triangular(x, y, upper=True)", "torch.linalg.cross(x, y)", "torch.linalg.vecdot(x, y)",
        "torch.linalg.householder_product(x, y[0])", "torch.cholesky_inverse(y)", "torch.cholesky_solve(x, y)",
    ],
)  # fmt: skip
def test_decompositions_agree_with_pytorch(expression: str) -> None:
    compare(expression, SQUARE, POSITIVE, tolerance=1e-7)


@pytest.mark.parametrize(
    "expression",
    [
        "torch.linalg.solve(x, y)", "torch.linalg.solve(x, y[:2], left=False)", "torch.linalg.solve(x, y[0])",
        "torch.linalg.lu_solve(*torch.linalg.lu_factor(x), y)", "torch.linalg.solve(torch.stack([x, y]), x)",
        "torch.linalg.lu_solve(*torch.linalg.lu_factor(x), y, adjoint=True)", "torch.linalg.solve(x, y[:, :0])",
    ],
)  # fmt: skip
def test_systems_too_large_for_the_steps_of_small_ones_agree_with_pytorch(expression: str) -> None:
    compare(expression, LARGE, LARGE.T, tolerance=1e-7)


@pytest.mark.parametrize(
    "expression",
    [
        "x.mm(x)", "x @ x", "x.mv(x)", "x.dot(x)", "x[0].dot(x[0, :2])", "x.bmm(x)", "x.double() @ x.t()",
        "torch.einsum('ij', x, x)", "torch.einsum('i1k->i', x)", "torch.outer(x, x)", "torch.linalg.inv(x)",
        "torch.linalg.inv(x[:, :2] * 0)", "torch.linalg.solve(x[:, :2] * 0, x)", "torch.linalg.cholesky(-x[:, :2] - 1)",
        "torch.linalg.norm(x, 3)", "torch.linalg.qr(x, mode='x')", "torch.tensordot(x, x, -1)", "F.linear(x, x[:, :2])",
        "torch.linalg.matrix_norm(x, 'fro', (-1, 1))", "x.flip([0, 1, 1, 0])", "x.flip([0, 0, 9])", "x.squeeze((0, 1, 1, 0))",
        "torch.linalg.lu_solve(x[:, :2], torch.tensor([0, 2]).int(), x)",
        "torch.linalg.lu_solve(x[:, :2], torch.tensor([1, 3]).int(), x)",
        "torch.linalg.ldl_solve(x[:, :2], torch.tensor([1, 0]).int(), x)",
        "torch.linalg.ldl_solve(x[:, :2], torch.tensor([1, -3]).int(), x)",
    ],
)  # fmt: skip
def test_refusals_have_the_words_of_pytorch(expression: str) -> None:
    error(expression, np.ones((2, 3), np.float32))


def test_second_derivatives_of_a_product_are_exact() -> None:
    x = torch.ones(2, 2).requires_grad_()
    y = (x @ x).sum()
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.tolist() == [[4.0, 4.0], [4.0, 4.0]]
