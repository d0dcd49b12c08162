"""Optimisers that look at a parameter as a matrix: Adafactor keeps the means of its rows and columns, Muon turns its steps
into nearly orthogonal ones.
"""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.optim.optimizer import Group, Optimizer, State
from tensorcli.engine.optim.shared import count, scalar
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Tensor


def _check(fits: bool, message: str) -> None:
    if not fits:
        raise ValueError(message)


def _check_least(least: float, value: Any, message: str) -> None:
    _check(least <= value, message)  # in this order, which an error tells


def _check_rate(lr: Any) -> None:
    _check(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
    _check_least(0.0, lr, f"Learning rate should be >= 0 but is: {lr}")


class Adafactor(Optimizer):
    """Steps scaled by the size of the parameter and by factored means of the squared gradient."""

    __module__ = "torch.optim._adafactor"
    later: ClassVar = {"foreach": None}
    numbers: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        _check_rate(lr)
        _check(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        _check_least(0.0, 0.0 if eps[0] is None else eps[0], f"epsilon1 should be >= 0 but is: {eps[0]}")
        _check_least(0.0, eps[1], f"epsilon2 should be >= 0 but is: {eps[1]}")
        _check_least(1.0, d, f"Clipping threshold d should be >= 1 but is: {d}")
        _check_least(0.0, weight_decay, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay,
            "foreach": foreach, "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        if param.dtype.is_complex:
            raise RuntimeError("Adafactor does not support complex parameters")
        grad = param.grad
        assert grad is not None
        state["step"] = count(0, param, group)
        if grad.ndim > 1:
            *lead, rows, columns = grad.shape
            state["row_var"] = grad.new_zeros((*lead, rows, 1))
            state["col_var"] = grad.new_zeros((*lead, 1, columns))
        else:
            state["variance"] = functions.zeros_like(grad)

    def update(self, param: Tensor, grad: Any, state: State, group: Group) -> None:
        lr, (least, smallest) = scalar(group["lr"]), group["eps"]
        if least is None:
            least = finfo(param.dtype).eps
        state["step"] += 1
        step = state["step"].item()
        fresh = step ** group["beta2_decay"]
        size = max(smallest, param.norm(2).item() / param.numel() ** 0.5) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        if grad.ndim > 1:
            for name, dim in (("row_var", -1), ("col_var", -2)):
                mean = functions.norm(grad, dim=dim, keepdim=True).square_().div_(grad.size(dim))
                state[name].lerp_(mean, fresh)
            found = state["row_var"] @ state["col_var"]
            found.div_(state["row_var"].mean(dim=-2, keepdim=True).clamp_(min=least))
        else:
            state["variance"].lerp_(grad * grad, fresh)
            found = state["variance"].clone()
        change = found.clamp_(min=least * least).rsqrt_()
        change.mul_(grad)
        clipped = max(1.0, change.norm(2).item() / (change.numel() ** 0.5 * group["d"]))
        param.add_(change, alpha=-size / clipped)


class Muon(Optimizer):
    """Momentum whose steps are made nearly orthogonal; for matrices only."""

    __module__ = "torch.optim._muon"

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        _check_rate(lr)
        _check_least(0.0, momentum, f"momentum should be >= 0 but is: {momentum}")
        _check_least(0.0, weight_decay, f"weight decay should be >= 0 but is: {weight_decay}")
        _check(
            adjust_lr_fn in (None, "original", "match_rms_adamw"),
            f"Adjust learning rate function {adjust_lr_fn} is not supported",
        )
        defaults = {
            "lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
            "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn,
        }  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                _check(
                    p.ndim == 2,
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}",
                )

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        if param.dtype.is_complex:
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = functions.zeros_like(param.grad)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        lr, momentum = scalar(group["lr"]), group["momentum"]
        buffer = state["momentum_buffer"]
        buffer.lerp_(grad, 1 - momentum)
        change = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        change = _orthogonal(change, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1, rows / columns))
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(change, alpha=-lr * ratio)


def _orthogonal(grad: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """A matrix with the same singular vectors whose singular values are near 1, by steps of Newton and Schulz."""
    _check(steps < 100, "Number of steps must be less than 100 for computational efficiency")
    _check(len(coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = grad.size(0) > grad.size(1)
    found = grad.bfloat16()
    if tall:
        found = found.T
    found.div_(found.norm().clamp(min=eps))
    for _ in range(steps):
        gram = found @ found.T
        gram = functions.addmm(gram, gram, gram, beta=b, alpha=c)
        found = functions.addmm(found, gram, found, beta=a)
    return found.T if tall else found  # type: ignore[no-any-return]
