"""`torch.optim.swa_utils`: a model whose parameters are running means of another's, and the schedule that goes with it.

The mean is of equal weights (stochastic weight averaging) or exponential (EMA), or a function's.
"""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from tensorcli.engine import foreach
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import int64
from tensorcli.engine.nn.layers.norm import _BatchNorm
from tensorcli.engine.nn.module import Module
from tensorcli.engine.optim.lr_scheduler import LRScheduler, each_group
from tensorcli.engine.optim.optimizer import Optimizer
from tensorcli.engine.tensor import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


# ---- how a mean goes on


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function `(mean, value, count)` that gives the next exponential mean. Errors: ValueError for a decay beyond 0 to 1."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function `(mean, value, count)` that gives the next mean of equal weights."""

    @no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """As `get_ema_avg_fn`, for lists, in place."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: Any, current_param_list: Any, _: Any) -> None:
        if _is_inexact(ema_param_list[0]):
            foreach.function("_foreach_lerp_")(ema_param_list, current_param_list, 1 - decay)
            return
        for mean, value in zip(ema_param_list, current_param_list, strict=True):
            mean.copy_(mean * decay + value * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """As `get_swa_avg_fn`, for lists, in place."""

    @no_grad()
    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        if _is_inexact(averaged_param_list[0]):
            foreach.function("_foreach_lerp_")(
                averaged_param_list, current_param_list, 1 / (num_averaged + 1)
            )
            return
        steps = foreach.function("_foreach_sub")(current_param_list, averaged_param_list)
        if isinstance(num_averaged, Tensor):
            counts = [num_averaged + 1] * len(averaged_param_list)
            foreach.function("_foreach_addcdiv_")(averaged_param_list, steps, counts)
        else:
            foreach.function("_foreach_add_")(averaged_param_list, steps, alpha=1.0 / (num_averaged + 1))

    return swa_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _is_inexact(tensor: Tensor) -> bool:
    return tensor.dtype.is_floating_point or tensor.dtype.is_complex


# ---- the model


class AveragedModel(Module):
    """A copy of a model whose parameters (and buffers, if asked) are means of what `update_parameters` was given."""

    __module__ = "torch.optim.swa_utils"

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[..., Any] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", functions.zeros((), dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged copy gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take a model's present parameters into the means; the first ones are copied."""
        mine: Iterable[Tensor] = self.parameters()
        theirs: Iterable[Tensor] = model.parameters()
        if self.use_buffers:
            mine = chain(self.module.parameters(), self.module.buffers())
            theirs = chain(model.parameters(), model.buffers())
        first = bool(self.n_averaged == 0)
        means, values = [], []
        for mean, given in zip(mine, theirs):
            value = given.detach().to(mean.device)
            means.append(mean.detach())
            values.append(value)
            if first:
                mean.detach().copy_(value)
        if not first:
            self._go_on(means, values)
        if not self.use_buffers:
            for mean, given in zip(self.module.buffers(), model.buffers(), strict=True):
                mean.detach().copy_(given.detach().to(mean.device))
        self.n_averaged += 1

    def _go_on(self, means: list[Tensor], values: list[Tensor]) -> None:
        if self.multi_avg_fn is None:
            next_of = self.avg_fn or get_swa_avg_fn()
            for mean, value in zip(means, values, strict=True):
                mean.copy_(next_of(mean, value, self.n_averaged.to(mean.device)))
            return
        groups: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
        for mean, value in zip(means, values, strict=True):
            group = groups.setdefault((mean.device, mean.dtype), ([], []))
            group[0].append(mean)
            group[1].append(value)
        for (device, _), (some, others) in groups.items():
            self.multi_avg_fn(some, others, self.n_averaged.to(device))


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch norms anew, in one pass over the data: batches, or tuples that begin
    with one."""
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


# ---- the schedule


class SWALR(LRScheduler):
    """From the present rate to `swa_lr` over `anneal_epochs`, on a line or along a cosine; then it stays there."""

    __module__ = "torch.optim.swa_utils"

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = each_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """How much of the way is gone after a part of the time."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Any]:
        self._warn_outside()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = (
            self.anneal_func(max(0, min(1, at / max(1, self.anneal_epochs)))) for at in (step - 1, step)
        )
        found = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            found.append(goal * now + start * (1 - now))
        return found
