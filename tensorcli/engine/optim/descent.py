"""Gradient descent: with momentum, with an average of the parameters, or by the signs alone.

The order of operations is that of PyTorch's single-tensor code, so that numbers, version counters and, with
`differentiable=True`, graphs agree with it.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.optim.optimizer import Group, Optimizer, State
from tensorcli.engine.optim.shared import (
    LATER,
    check_fused,
    check_not_negative,
    check_rate,
    count,
    counted_and_decayed,
    parts_of,
    scalar,
)
from tensorcli.engine.tensor import Tensor


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where it is asked for."""

    __module__ = "torch.optim.sgd"
    refuses_many = False
    later: ClassVar = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr, or_nan=True)
        check_not_negative(momentum, "momentum value", or_nan=True)
        check_not_negative(weight_decay, "weight_decay value", or_nan=True)
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        }  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)
        check_fused(fused, differentiable, foreach)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        momentum = group["momentum"]
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        rate = scalar(group["lr"])
        if isinstance(rate, Tensor) and rate.requires_grad:
            param.addcmul_(grad, rate, value=-1)
        else:
            param.add_(grad, alpha=-rate)


class ASGD(Optimizer):
    """Gradient descent that keeps the average of the parameter's values."""

    __module__ = "torch.optim.asgd"
    later: ClassVar = LATER
    numbers: ClassVar = ("step", "eta", "mu")
    captured = "params, mus, etas, and state_steps"

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param)
        state["eta"] = count(scalar(group["lr"]), param)
        state["mu"] = count(1, param)
        state["ax"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        grad = counted_and_decayed(param, grad, state, group)
        real = parts_of(param)
        rate, lambd = scalar(group["lr"]), group["lambd"]
        param, grad, average = map(real, (param, grad, state["ax"]))
        eta, mu, step = state["eta"], state["mu"], state["step"].item()
        if group["foreach"]:
            param.addcmul_(grad.add(param, alpha=lambd), eta, value=-1)
        else:
            size = eta.item()
            param.mul_(1 - lambd * size)
            param.add_(grad, alpha=-size)
        if group["foreach"] or mu.item() != 1:
            average.add_(param.sub(average).mul_(mu))
        else:
            average.copy_(param)
        eta.copy_(functions.full((), rate / ((1 + lambd * rate * step) ** group["alpha"])))
        mu.copy_(functions.full((), 1 / max(1, step - group["t0"])))


class Rprop(Optimizer):
    """Steps that go by the sign of the gradient alone, longer while it stays the same."""

    __module__ = "torch.optim.rprop"
    later: ClassVar = LATER
    numbers: ClassVar = ("step",)
    capturing_foreach = Optimizer.capturing

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        rate = scalar(group["lr"])
        state["step"] = count(0, param, group)
        state["prev"] = functions.zeros_like(param)
        first = complex(rate, rate) if param.dtype.is_complex else rate
        state["step_size"] = functions.full_like(param.grad, first)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        shorter, longer = group["etas"]
        steps = state["step"]
        steps += 1
        real = parts_of(param)
        param, grad, before, size = map(real, (param, grad, state["prev"], state["step_size"]))
        sign = grad.mul(before.clone() if group["differentiable"] else before).sign()
        sign[sign.gt(0)] = longer
        sign[sign.lt(0)] = shorter
        sign[sign.eq(0)] = 1
        size.mul_(sign).clamp_(*group["step_sizes"])
        # Over many tensors at once the gradient is kept first, and worked on where it is kept.
        grad = before.copy_(grad) if group["foreach"] else grad.clone()
        grad[sign.eq(shorter)] = 0
        param.addcmul_(grad.sign(), size, value=-1)
        if grad is not before:
            before.copy_(grad)
