"""More of torch.optim's optimisers, each a step as PyTorch's single-tensor code orders it: those that are asked for less."""

from collections.abc import Iterable
from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.optim.algorithms import check_not_negative, check_rate, count, scalar
from tensorcli.engine.optim.optimizer import Group, Optimizer, State
from tensorcli.engine.tensor import Tensor

LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}


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
        grad = _counted_and_decayed(param, grad, state, group)
        real = _real(param)
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


class Adamax(Optimizer):
    """Adam with the largest gradient in the place of the root of the mean square."""

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
        _check_adaptive(lr, betas, eps, weight_decay)
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
        grad = _counted_and_decayed(param, grad, state, group)
        real = _real(param)
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
        _check_adaptive(lr, betas, eps, weight_decay)
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
        real = _real(param)
        param, grad, mean, square = map(real, (param, grad, state["exp_avg"], state["exp_avg_sq"]))
        grad = _counted_and_decayed(param, grad, state, group, rate)
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
        _check_adaptive(lr, betas, eps, weight_decay)
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
        real = _real(param)
        param, grad, mean, square = map(real, (param, grad, state["exp_avg"], state["exp_avg_sq"]))
        grad = _counted_and_decayed(param, grad, state, group, rate)
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
        real = _real(param)
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
        grad = _counted_and_decayed(param, grad, state, group)
        real = _real(param)
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


# ---- what they share


def _check_adaptive(lr: Any, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
    check_rate(lr)
    check_not_negative(eps, "epsilon value")
    for number, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {number}: {beta}")
    check_not_negative(weight_decay, "weight_decay value")


def _real(param: Tensor) -> Any:
    """What makes two real numbers of each complex one, where the parameter is complex."""
    return functions.view_as_real if param.dtype.is_complex else lambda tensor: tensor


def _counted_and_decayed(param: Tensor, grad: Tensor, state: State, group: Group, rate: Any = None) -> Tensor:
    """Count the step; the gradient with the weight decay, which `rate` lets act on the parameter itself."""
    steps = state["step"]
    steps += 1
    decay = group["weight_decay"]
    if decay == 0:
        return grad
    if rate is not None and group["decoupled_weight_decay"]:
        param.mul_(1 - rate * decay)
        return grad
    found: Tensor = grad.add(param, alpha=decay)
    return found
