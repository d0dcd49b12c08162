"""Gradient descent whose steps are divided, element by element, by the size of the gradients so far.

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


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squared gradients so far."""

    __module__ = "torch.optim.adagrad"
    later: ClassVar = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}
    numbers: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_not_negative(lr_decay, "lr_decay value")
        check_not_negative(weight_decay, "weight_decay value")
        check_not_negative(initial_accumulator_value, "initial_accumulator_value value")
        check_not_negative(eps, "epsilon value")
        defaults = {
            "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable, "fused": fused,
        }  # fmt: skip
        super().__init__(params, defaults)
        check_fused(fused, differentiable, foreach)
        for group in self.param_groups:
            for param in group["params"]:
                self.prepare(param, self.state[param], group)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        start = group["initial_accumulator_value"]
        state["step"] = count(0, param, group)
        state["sum"] = functions.full_like(param, complex(start, start) if param.dtype.is_complex else start)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        grad = counted_and_decayed(param, grad, state, group)
        rate = scalar(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        real = parts_of(param)
        param, grad, total = real(param), real(grad), real(state["sum"])
        total.addcmul_(grad, grad, value=1)
        root = total.sqrt() + group["eps"] if group["differentiable"] else total.sqrt().add_(group["eps"])
        param.addcdiv_(grad, root, value=-rate)


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of the squared gradient."""

    __module__ = "torch.optim.rmsprop"
    later: ClassVar = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
    numbers: ClassVar = ("step",)
    capturing_foreach = Optimizer.capturing

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps, "epsilon value")
        check_not_negative(momentum, "momentum value")
        check_not_negative(weight_decay, "weight_decay value")
        check_not_negative(alpha, "alpha value")
        defaults = {
            "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
            "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["square_avg"] = functions.zeros_like(param)
        if group["momentum"] > 0:
            state["momentum_buffer"] = functions.zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        alpha, momentum, rate = group["alpha"], group["momentum"], scalar(group["lr"])
        grad = counted_and_decayed(param, grad, state, group)
        real = parts_of(param)
        param, grad, square = real(param), real(grad), real(state["square_avg"])
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = real(state["grad_avg"])
            mean.lerp_(grad, 1 - alpha)
            root = square.addcmul(mean, mean, value=-1).sqrt_()
        else:
            root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        if momentum > 0:
            buffer = real(state["momentum_buffer"])
            buffer.mul_(momentum).addcdiv_(grad, root)
            param.add_(buffer, alpha=-rate)
        else:
            param.addcdiv_(grad, root, value=-rate)


class Adadelta(Optimizer):
    """Steps in the units of the parameter: the root mean square of past steps over that of past gradients."""

    __module__ = "torch.optim.adadelta"
    later: ClassVar = LATER
    numbers: ClassVar = ("step",)
    capturing = Optimizer.capturing_foreach

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(eps, "epsilon value")
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["square_avg"] = functions.zeros_like(param)
        state["acc_delta"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        rho, eps = group["rho"], group["eps"]
        grad = counted_and_decayed(param, grad, state, group)
        real = parts_of(param)
        grad, square, past = real(grad), real(state["square_avg"]), real(state["acc_delta"])
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        root = square.add(eps).sqrt_()
        delta = past.add(eps).sqrt_()
        if group["differentiable"]:
            delta = delta.clone()
        delta.div_(root).mul_(grad)
        past.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        if param.dtype.is_complex:
            delta = functions.view_as_complex(delta)
        param.add_(delta, alpha=-scalar(group["lr"]))
