"""Forward-mode differentiation: tangents against differences of values, and what a level leaves behind."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import tensorcli.engine as T
import tensorcli.engine.autograd.forward_ad as forward_ad
from tensorcli.engine import messages
from tensorcli.engine.autograd.jacobians import GradcheckError

F = T.nn.functional
X = T.tensor([[0.3, -1.2, 0.7], [1.5, 0.2, -0.4]], dtype=T.float64)
TANGENT = T.tensor([[0.5, 1.0, -2.0], [0.1, -0.3, 0.8]], dtype=T.float64)
STEP = 1e-6
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "element-wise": lambda x: (x * x + x.sin()) / (2 + x.cos()),
    "powers": lambda x: 2**x + (x * x) ** 1.5,
    "reductions": lambda x: x.sum(0) * x.mean() + x.std(1).prod(),
    "views": lambda x: x.t()[1:].reshape(-1)[::2] * x.view(6).unfold(0, 4, 1)[:, 0].sum(),
    "lists": lambda x: T.cat([x, T.stack([x[0], x[1] * 2])]).cumsum(0),
    "indices": lambda x: x[[0, 1, 1], [2, 0, 0]] + x.gather(1, T.tensor([[0, 2, 1]])),
    "logarithms": lambda x: x.logcumsumexp(1) + x.logsumexp(0) + x.log_softmax(1),
    "matrices": lambda x: T.linalg.inv(x @ x.t() + T.eye(2, dtype=T.float64)) @ x,
    "decompositions": lambda x: T.linalg.eigvalsh(x @ x.t()) + T.linalg.svdvals(x),
    "networks": lambda x: F.layer_norm(F.gelu(x), (3,)) + F.celu(x),
    "losses": lambda x: F.cross_entropy(x, T.tensor([0, 2])) + F.huber_loss(x, X + 1),
    "windows": lambda x: F.conv1d(x[None], T.ones(1, 2, 2, dtype=T.float64)) + F.max_pool1d(x, 2).sum(),
    "writes": lambda x: T.zeros(3, dtype=T.float64).index_add_(0, T.tensor([0, 2]), x[:, 1]).mul_(x[0]),
    "complex numbers": lambda x: T.view_as_real(T.complex(x, x * x).exp()) + T.fft.fft(x).abs().sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_tangent_is_the_difference_that_a_small_step_makes(name: str) -> None:
    function = FUNCTIONS[name]
    with forward_ad.dual_level():
        primal, tangent = forward_ad.unpack_dual(function(forward_ad.make_dual(X, TANGENT)))
    difference = (function(X + STEP * TANGENT) - function(X - STEP * TANGENT)) / (2 * STEP)
    assert primal.equal(function(X))
    assert tangent.allclose(difference, atol=1e-7)
    assert tangent.allclose(T.func.jvp(function, (X,), (TANGENT,))[1])


def test_a_derivative_that_has_none_itself_pushes_tangents() -> None:
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(F.hardsigmoid(forward_ad.make_dual(X, TANGENT))).tangent
    assert found is not None
    assert found.allclose(TANGENT / 6)


def test_a_tangent_lies_in_memory_as_its_tensor_does() -> None:
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(X.t(), TANGENT.t().contiguous())
        tangent = forward_ad.unpack_dual(dual).tangent
        assert tangent is not None
        assert tangent.stride() == (1, 3)
        part = forward_ad.unpack_dual(dual[0]).tangent
        assert part is not None
        assert part.data_ptr() == tangent.data_ptr()


def test_what_was_dual_has_no_tangent_in_the_next_level() -> None:
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(X, TANGENT)
        row = dual[0] * 1
    with forward_ad.dual_level():
        assert forward_ad.unpack_dual(dual).tangent is None
        assert forward_ad.unpack_dual(row).tangent is None
        assert forward_ad.unpack_dual(dual * 2).tangent is None


def test_a_level_ends_where_its_body_raises() -> None:
    with pytest.raises(ZeroDivisionError), forward_ad.dual_level():
        _ = 1 / 0
    assert forward_ad.enter_dual_level() == 0
    forward_ad.exit_dual_level()


def test_a_tangent_that_comes_in_is_not_the_one_that_goes_out() -> None:
    given = TANGENT.clone()
    with forward_ad.dual_level():
        copy = forward_ad.make_dual(X, given).clone()
        copy.mul_(2)
    assert given.equal(TANGENT)
    assert repr(given) == repr(TANGENT)


def test_a_batch_and_a_level_are_both_heeded() -> None:
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(X, TANGENT)
        assert T.vmap(lambda row: row * 2)(X).equal(X * 2)
        assert forward_ad.unpack_dual(dual * dual).tangent.allclose(2 * X * TANGENT)


def test_nothing_is_paid_before_the_first_level() -> None:
    program = (
        "import sys, tensorcli.engine as T, tensorcli.engine.op as op\n"
        "T.ones(2, requires_grad=True).exp().sum().backward()\n"
        "import tensorcli.engine.autograd.forward_ad\n"
        "assert op.surrounding is None\n"
        "assert 'tensorcli.engine.autograd.dual' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Tripled(T.autograd.Function):
    """A square whose backward is right and whose jvp is not."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * grad

    @staticmethod
    def jvp(ctx: Any, tangent: Any) -> Any:
        return 3 * ctx.saved_tensors[0] * tangent


@pytest.mark.filterwarnings("ignore")  # numpy warns of complex quotients, which the engine filters
def test_gradcheck_finds_a_wrong_jvp_where_it_is_asked_to() -> None:
    leaf = X.clone().requires_grad_()
    assert T.autograd.gradcheck(Tripled.apply, leaf)
    assert T.autograd.gradcheck(T.sin, leaf, check_forward_ad=True)
    assert T.autograd.gradcheck(
        lambda x: x * x.conj(), (leaf + 1j).detach().requires_grad_(), check_forward_ad=True
    )
    with pytest.raises(GradcheckError, match=r"^Jacobian computed with forward mode mismatch"):
        T.autograd.gradcheck(Tripled.apply, leaf, check_forward_ad=True)


def test_the_tangents_of_jvp_stay_plain() -> None:
    given = TANGENT.clone()
    _, found = T.func.jvp(lambda x: x.clone(), (X,), (given,))
    assert repr(given) == repr(found) == repr(TANGENT)
    found.mul_(2)
    assert given.equal(TANGENT)


def test_a_level_inside_of_a_level_is_refused() -> None:
    with forward_ad.dual_level(), pytest.raises(RuntimeError, match="Nested forward mode AD"):
        T.func.jvp(lambda x: x * 2, (X,), (TANGENT,))


def test_a_result_has_a_tangent_in_memory_of_its_own() -> None:
    with forward_ad.dual_level():
        given = T.ones(2)
        dual = forward_ad.make_dual(T.ones(2), given)
        for result in (dual + 1, dual.clone(), dual.reshape(1, 2) * 1, T.zeros(2).copy_(dual)):
            result.mul_(5)
        assert given.tolist() == [1.0, 1.0]


def test_a_copy_has_a_tangent_of_its_own_sizes_and_dtype() -> None:
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(T.ones(2), T.tensor([3.0, 4.0]))
        tangent = forward_ad.unpack_dual(T.zeros(2, 2, dtype=T.float64).copy_(dual)).tangent
    assert tangent.dtype is T.float64
    assert tangent.tolist() == [[3.0, 4.0], [3.0, 4.0]]


def test_all_elements_of_the_tangent_of_a_triangle_count() -> None:
    triangle, sides = T.tensor([[2.0, 1.0], [5.0, 4.0]]), T.tensor([[1.0], [2.0]])
    small = T.tensor([[0.1, 0.2], [0.3, 0.4]])
    messages.said.once.clear()
    with pytest.warns(UserWarning, match="triangular_solve is deprecated"):
        value, tangent = T.func.jvp(
            lambda b, a: T.triangular_solve(b, a)[0], (sides, triangle), (sides * 0, small)
        )
    assert value.tolist() == [[0.25], [0.5]]
    assert tangent.allclose(triangle.triu().inverse() @ -(small @ value))


def test_a_tangent_is_recorded_in_time_that_grows_with_the_operators() -> None:
    """Not with their squares: what a tangent leads to outside is not looked at again for each operator."""
    weights = T.ones(2, requires_grad=True)

    def steps(count: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for _ in range(count):
                x = (x * weights).sin()
            return x

        return run

    visits = [visited_nodes(steps(count)) for count in (20, 40)]
    assert visits[1] < 3 * visits[0]


def visited_nodes(function: Callable[[Any], Any]) -> int:
    from tensorcli.engine.func import levels

    seen = 0
    real = levels.reach

    def counting(*args: Any) -> Any:
        nonlocal seen
        found = real(*args)
        seen += len(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "reach", counting)
        T.func.jvp(function, (T.ones(2),), (T.ones(2),))
    return seen
