"""Adam and what was made of it: steps by running means of the gradient, scaled by those of its size.

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


def _check(lr: Any, betas: tuple[Any, Any], eps: float, weight_decay: float) -> None:
    check_rate(lr)
    check_not_negative(eps, "epsilon value")
    for number, beta in enumerate((betas[0], betas[1])):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {number}: {beta}")
    check_not_negative(weight_decay, "weight_decay value")


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
        _check(lr, betas, eps, weight_decay)
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
        check_fused(fused, differentiable, foreach)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["exp_avg"] = functions.zeros_like(param)
        state["exp_avg_sq"] = functions.zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate, eps = scalar(group["lr"]), group["eps"]
        grad = counted_and_decayed(param, grad, state, group, rate)
        steps = state["step"]
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


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the root mean square."""

    __module__ = "torch.optim.adamax"
    later: ClassVar = LATER
    numbers: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach,
            "maximize": maximize, "differentiable": differentiable, "capturable": capturable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["exp_avg"] = functions.zeros_like(param)
        state["exp_inf"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        grad = counted_and_decayed(param, grad, state, group)
        real = parts_of(param)
        param, grad, mean, largest = map(real, (param, grad, state["exp_avg"], state["exp_inf"]))
        mean.lerp_(grad, 1 - beta1)
        sizes = largest.mul_(beta2), grad.abs().add_(group["eps"])
        if group["differentiable"]:
            both = functions.cat([sizes[0].unsqueeze(0), sizes[1].unsqueeze_(0)], 0)
            largest.copy_(functions.amax(both, 0, keepdim=False))
        else:
            functions.maximum(*sizes, out=largest)
        rate = scalar(group["lr"]) / (1 - beta1 ** state["step"].item())
        param.addcdiv_(mean, largest, value=-rate)


class NAdam(Optimizer):
    """Adam with Nesterov's look ahead."""

    __module__ = "torch.optim.nadam"
    later: ClassVar = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }
    numbers: ClassVar = ("step", "mu_product")
    captured = "params, mu_products and state_steps"
    captured_foreach = "params, mu_products, and state_steps"

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        check_not_negative(momentum_decay, "momentum_decay value")
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
            "capturable": capturable, "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["mu_product"] = count(1, param, group)
        state["exp_avg"] = functions.zeros_like(param)
        state["exp_avg_sq"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate, decay = scalar(group["lr"]), group["momentum_decay"]
        real = parts_of(param)
        param, grad, mean, square = map(real, (param, grad, state["exp_avg"], state["exp_avg_sq"]))
        grad = counted_and_decayed(param, grad, state, group, rate)
        step = state["step"].item()
        now, after = (beta1 * (1.0 - 0.5 * 0.96 ** ((step + one) * decay)) for one in (0, 1))
        product = state["mu_product"]
        product *= now
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**step).sqrt()
        if group["differentiable"]:
            root = root.add(group["eps"])
            param.addcdiv_(grad * (-rate * (1.0 - now) / (1.0 - product)), root)
            param.addcdiv_(mean * (-rate * after / (1.0 - product * after)), root)
            return
        so_far = product.item()
        root.add_(group["eps"])
        param.addcdiv_(grad, root, value=-rate * (1.0 - now) / (1.0 - so_far))
        param.addcdiv_(mean, root, value=(-rate * after) / (1.0 - so_far * after))


class RAdam(Optimizer):
    """Adam that waits with its scaling until the mean square is known well enough."""

    __module__ = "torch.optim.radam"
    later: ClassVar = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    numbers: ClassVar = ("step",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
            "foreach": foreach, "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }  # fmt: skip
        super().__init__(params, defaults)

    def prepare(self, param: Tensor, state: State, group: Group) -> None:
        state["step"] = count(0, param, group)
        state["exp_avg"] = functions.zeros_like(param)
        state["exp_avg_sq"] = functions.zeros_like(param)

    def update(self, param: Tensor, grad: Tensor, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        rate = scalar(group["lr"])
        real = parts_of(param)
        param, grad, mean, square = map(real, (param, grad, state["exp_avg"], state["exp_avg_sq"]))
        grad = counted_and_decayed(param, grad, state, group, rate)
        step = state["step"].item()
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = 1 - beta2**step
        corrected = mean / (1 - beta1**step)
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        if length <= 5.0:
            param.add_(corrected * rate, alpha=-1.0)
            return
        root = square.sqrt()
        root = root.add(group["eps"]) if group["differentiable"] else root.add_(group["eps"])
        rectified = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
        param.add_(corrected * rate * (correction**0.5 / root) * rectified, alpha=-1.0)
