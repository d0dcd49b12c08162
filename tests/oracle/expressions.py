"""Tables of expressions: what each one's result is for autograd, and what its node keeps."""

from types import ModuleType
from typing import Any


def names(torch: ModuleType, leaves: bool) -> dict[str, Any]:
    """The names that the expressions use: leaves that require grad, or non-leaves made of them."""
    x = torch.tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)
    y = torch.tensor([[0.5, 0.6], [0.7, 0.8]], requires_grad=True)
    found: dict[str, Any] = {
        "torch": torch,
        "F": torch.nn.functional,
        "x": x if leaves else x.clone(),
        "y": y if leaves else y.clone(),
        "v": torch.tensor([1.0, 2.0], requires_grad=True),
        "v2": torch.tensor([3.0, 4.0], requires_grad=True),
        "b3": torch.ones(2, 2, 2, requires_grad=True),
        "b4": torch.ones(1, 1, 2, 2, requires_grad=True),
        "c": torch.tensor([[True, False], [False, True]]),
        "i": torch.tensor([0, 1]),
        "ii": torch.tensor([[0, 1], [1, 0]]),
    }
    return found


def describe(torch: ModuleType, expression: str) -> list[Any]:
    """[grad_fn's name, its class name, requires_grad, is_leaf, is_view, shares storage with x | "same object"]."""
    in_place = expression.endswith("(x non-leaf)")
    scope = names(torch, leaves=not in_place)
    result = eval(expression.removesuffix(" (x non-leaf)"), scope)
    x = scope["x"]
    node = result.grad_fn
    shares: Any = result.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    if result is x:
        shares = "same object"
    return [
        None if node is None else node.name(),
        None if node is None else type(node).__name__,
        result.requires_grad,
        result.is_leaf,
        result._is_view(),
        shares,
    ]


WRITTEN = ("x", "y", "output", "i", "c", "ii")


def keeps(torch: ModuleType, expression: str) -> dict[str, str]:
    """For each tensor of the expression that is written to before backward: "ok" or the error's first words; and what a
    second backward does."""
    found: dict[str, str] = {}
    for target in WRITTEN:
        scope = names(torch, leaves=False)
        output = eval(expression, scope)
        if target != "output" and not _uses(expression, target):
            continue
        written = output if target == "output" else scope[target]
        loss = output.sum() if target != "output" else None
        try:
            with torch.no_grad():
                written.zero_()
            (output.sum() if loss is None else loss).backward()
            found[target] = "ok"
        except (RuntimeError, IndexError) as error:
            found[target] = str(error)[:60]
    scope = names(torch, leaves=False)
    output = eval(expression, scope)
    output.sum().backward()
    try:
        output.sum().backward()
        found["second"] = "ok"
    except RuntimeError as error:
        found["second"] = str(error)[:60]
    return found


def _uses(expression: str, name: str) -> bool:
    import re

    return bool(re.search(rf"(?<![\w.]){name}(?!\w)", expression))
