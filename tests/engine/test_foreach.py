"""Lists of operators (`torch._foreach_NAME`): nodes and versions of what is written in place."""

from typing import Any

import pytest

from tests.engine.side_by_side import check

BEFORE = "leaf = torch.tensor([1., 2.], requires_grad=True); x = leaf * 2; y = torch.ones(2); "


@pytest.mark.parametrize(
    "statement",
    [
        "torch._foreach_add_([x, y], 2)",
        "torch._foreach_add_([x, y], torch.tensor(2.))",
        "torch._foreach_sub_([x, y], [2, 3.5])",
        "torch._foreach_div_([x, y], 4)",
        "torch._foreach_mul_([x, y], 3)",
        "torch._foreach_mul_([x, y], [y.clone(), x.detach().clone()])",
        "torch._foreach_exp_([x, y])",
    ],
)
def test_what_is_written_in_place_has_the_node_of_its_overload(statement: str) -> None:
    check(BEFORE + statement + "; x.sum().backward(); grad = leaf.grad", _nothing, ("x", "y", "grad"))


@pytest.mark.parametrize(
    "call",
    [
        "pow(2, a)",
        "addcmul(a, b, b, [1, 2])",
        "addcmul(a, b, b, torch.tensor([1., 2.]))",
        "addcmul(a, b, b, torch.tensor(1.))",
        "addcdiv_(a, b, b, 3)",
        "maximum(a, [2, 4])",
        "norm(a, ord=1)",
        "norm(a, 2, torch.float64)",
        "norm([torch.empty(0)], float('inf'))",
        "max(a)",
        "powsum(a)",
        "clone(a)",
        "add(self=a, other=b)",
        "sub_(a, scalar=2)",
        "mul(a, scalars=[1, 2])",
        "add(a, [1])",
        "add(a, b[:1])",
        "add(a, torch.tensor([2.]))",
        "mul_(a, 'a')",
        "add(a, [torch.tensor(1.), 2])",
    ],
)
def test_a_list_is_parsed_by_the_signatures_of_its_operator(call: str) -> None:
    check(f"torch._foreach_{call}", _lists)


def _lists(torch: Any) -> dict[str, Any]:
    return {
        "a": [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])],
        "b": [torch.tensor([2.0, 3.0]), torch.tensor([0.5, 2.0, 1.0])],
    }


def test_nothing_is_written_where_one_of_the_list_must_not_be() -> None:
    refused = (
        "\ntry:\n    torch._foreach_mul_([y, leaf], 2)\nexcept RuntimeError as error:\n    text = str(error)"
    )
    check(BEFORE.replace("; ", "\n") + refused, _nothing, ("y", "leaf", "text"))


def _nothing(torch: Any) -> dict[str, Any]:
    return {}
