"""What each optimiser does with a parameter, its gradient and its state: torch.optim's steps, one by one.

The order of operations is that of PyTorch's single-tensor code, so that numbers, version counters and, with
`differentiable=True`, graphs agree with it.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.optim.optimizer import Group, Optimizer, State, count_dtype
from tensorcli.engine.tensor import Tensor


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where it is asked for."""

    __module__ = "torch.optim.sgd"
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
        check_rate(lr)
        check_not_negative(momentum, "momentum value")
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused,
        }  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)
        _check_fused(fused, differentiable, foreach)

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


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square."""

    __module__ = "torch.optim.adam"
    later: ClassVar = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }
    numbers: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_rate(lr)
        check_not_negative(eps, "epsilon value")
        for number, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {number}: {beta}")
        check_not_negative(weight_decay, "weight_decay value")
        if not (all(type(b) is float for b in betas) or all(isinstance(b, Tensor) for b in betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        for number, beta in enumerate(betas):
            if isinstance(beta, Tensor) and foreach and not capturable:
                raise ValueError(
                    f"betas[{number}] as a Tensor is not supported for capturable=False and foreach=True"
                )
            if isinstance(beta, Tensor) and beta.numel() != 1:
                raise ValueError(f"Tensor betas[{number}] must be 1-element")
        defaults = {
            "lr": lr, "betas": tuple(map(scalar, betas)), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults)
        _check_fused(fused, differentiable, foreach)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["exp_avg"] = functions.zeros_like(param)
        state["exp_avg_sq"] = functions.zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate, decay, eps = scalar(group["lr"]), group["weight_decay"], group["eps"]
        steps = state["step"]
        steps += 1
        if decay != 0:
            if group["decoupled_weight_decay"]:
                param.mul_(1 - rate * decay)
            else:
                grad = grad.add(param, alpha=decay)
        mean, square, largest = state["exp_avg"], state["exp_avg_sq"], state.get("max_exp_avg_sq")
        if param.dtype.is_complex:
            param, grad, mean, square = map(functions.view_as_real, (param, grad, mean, square))
            largest = None if largest is None else functions.view_as_real(largest)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if group["capturable"] or group["differentiable"]:
            self._differentiable(param, mean, square, largest, steps, rate, group)
            return
        count = steps.item()
        size = rate / (1 - beta1**count)
        root = (1 - beta2**count) ** 0.5
        if largest is not None:
            functions.maximum(largest, square, out=largest)
            square = largest
        param.addcdiv_(mean, (square.sqrt() / root).add_(eps), value=-size)

    @staticmethod
    def _differentiable(
        param: Tensor,
        mean: Tensor,
        square: Tensor,
        largest: Tensor | None,
        steps: Tensor,
        rate: Any,
        group: Group,
    ) -> None:
        beta1, beta2 = group["betas"]
        size = (rate / (1 - beta1**steps)).neg()
        root = (1 - beta2**steps).sqrt()
        if largest is not None:
            largest.copy_(functions.maximum(largest.clone(), square))
            square = largest
        denominator = (square.sqrt() / (root * size)).add_(group["eps"] / size)
        param.addcdiv_(mean.clone() if group["differentiable"] else mean, denominator)


class AdamW(Adam):
    """Adam whose weight decay acts on the parameter itself, not on its gradient."""

    __module__ = "torch.optim.adamw"

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


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
        steps = state["step"]
        steps += 1
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        real = functions.view_as_real if param.dtype.is_complex else lambda tensor: tensor
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
        _check_fused(fused, differentiable, foreach)
        for group in self.param_groups:
            for param in group["params"]:
                self.prepare(param, self.state[param], group)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        start = group["initial_accumulator_value"]
        state["step"] = count(0, param, group)
        state["sum"] = functions.full_like(param, complex(start, start) if param.dtype.is_complex else start)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        steps = state["step"]
        steps += 1
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        rate = scalar(group["lr"]) / (1 + (steps.item() - 1) * group["lr_decay"])
        real = functions.view_as_real if param.dtype.is_complex else lambda tensor: tensor
        param, grad, total = real(param), real(grad), real(state["sum"])
        total.addcmul_(grad, grad, value=1)
        root = total.sqrt() + group["eps"] if group["differentiable"] else total.sqrt().add_(group["eps"])
        param.addcdiv_(grad, root, value=-rate)


# ---- what they share


def check_rate(lr: Any) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_not_negative(lr, "learning rate")


def check_not_negative(value: Any, what: str) -> None:
    if not value >= 0.0:
        raise ValueError(f"Invalid {what}: {value}")


def _check_fused(fused: bool | None, differentiable: bool, foreach: bool | None) -> None:
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar(value: Any) -> Any:
    """A setting as it was given; a tensor of one element as a zero-dimensional one."""
    return value.squeeze() if isinstance(value, Tensor) and value.ndim else value


def count(start: float, param: Tensor, group: Group | None = None) -> Tensor:
    """A number to count on: on the parameter's device, or only where a group's device counts, and else where new tensors are."""
    on_device = group is None or group.get("capturable") or group.get("fused")
    made: Tensor = functions.full((), start, dtype=count_dtype(), device=param.device if on_device else None)
    return made
