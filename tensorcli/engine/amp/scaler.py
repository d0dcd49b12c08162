"""`torch.amp.GradScaler`: the loss times a factor, the gradients divided by it before the step, which is skipped where a
gradient is infinite.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import cuda_devices
from tensorcli.engine.effects import store_quietly
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor


class OptState(Enum):
    """How far an optimiser is in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _Progress:
    """An optimiser in this iteration: how far it is, and by device whether a gradient was not finite (1.0)."""

    __slots__ = ("found", "stage")

    def __init__(self) -> None:
        self.stage = OptState.READY
        self.found: dict[Any, Tensor] = {}


class GradScaler(Pickled):
    """A factor that grows while all gradients are finite and shrinks when one is not. Errors: AssertionError, RuntimeError,
    ValueError for calls out of their order.
    """

    __module__ = "torch.amp.grad_scaler"

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        if device == "cuda" and enabled and not cuda_devices():
            messages.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.")
            enabled = False
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._init_growth_tracker = 0
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._progress: dict[int, _Progress] = {}

    # ---- one iteration

    def scale(self, outputs: Any) -> Any:
        """The outputs, in whatever containers, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            value: Any = outputs
            return value * self._on(value.device)
        if isinstance(outputs, Iterable):
            found = map(self.scale, outputs)
            return type(outputs)(found) if isinstance(outputs, (list, tuple)) else found
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _on(self, device: Any) -> Any:
        """The factor on a device; its tensor is made on the first one that asks."""
        if self._scale is None:
            self._scale = functions.full((), self._init_scale, dtype=dtypes.float32, device=device)
            self._growth_tracker = functions.full(
                (), self._init_growth_tracker, dtype=dtypes.int32, device=device
            )
        return self._scale.to(device=device)

    def _made(self, function: str) -> tuple[Tensor, Tensor]:
        if self._scale is None or self._growth_tracker is None:
            missing = "_scale" if self._scale is None else "_growth_tracker"
            raise AssertionError(
                f"Attempted {function} but {missing} is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale, self._growth_tracker

    def _of(self, optimizer: Any) -> _Progress:
        return self._progress.setdefault(id(optimizer), _Progress())

    def unscale_(self, optimizer: Any) -> None:
        """Divide the optimiser's gradients by the factor, in place."""
        if not self._enabled:
            return
        scale, _ = self._made("unscale_")
        progress = self._of(optimizer)
        if progress.stage is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse: Any = scale.double().reciprocal().float()
        progress.found = {}
        with no_grad():
            for grad in _gradients(optimizer):
                found = progress.found.get(grad.device)
                if found is None:
                    found = functions.full((), 0.0, dtype=dtypes.float32, device=grad.device)
                    progress.found[grad.device] = found
                _unscale(grad, found, inverse.to(grad.device))
        progress.stage = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Let the optimiser step, unless a gradient is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._made("step")
        progress = self._of(optimizer)
        if progress.stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if progress.stage is OptState.READY:
            self.unscale_(optimizer)
        if not progress.found:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        finite = not any(float(one.values) for one in progress.found.values())
        result = optimizer.step(*args, **kwargs) if finite else None
        progress.stage = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Grow or shrink the factor, or set it; the next iteration begins."""
        if not self._enabled:
            return
        scale, tracker = self._made("update")
        if isinstance(new_scale, float):
            scale.fill_(new_scale)
        elif new_scale is not None:
            if new_scale.device.type != self._device or new_scale.numel() != 1 or new_scale.requires_grad:
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False."
                )
            scale.copy_(new_scale)
        else:
            found = [one for progress in self._progress.values() for one in progress.found.values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._grow(scale, tracker, any(one.item() for one in found))
        self._progress = {}

    def _grow(self, scale: Tensor, tracker: Tensor, overflowed: bool) -> None:
        now = np.float32(scale.item())
        if overflowed:
            scale.fill_(float(now * np.float32(self._backoff_factor)))
            tracker.fill_(0)
            return
        steps = int(tracker.item()) + 1
        if steps == self._growth_interval:
            grown = now * np.float32(self._growth_factor)
            if np.isfinite(grown):
                scale.fill_(float(grown))
            steps = 0
        tracker.fill_(steps)

    # ---- settings

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor; 1.0 where nothing is scaled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """What the factor grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the factor grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the factor shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the factor shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps without an infinity the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps the factor grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker.item())

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: numbers instead of tensors. Errors: AssertionError within an iteration."""
        state = dict(vars(self))
        if self._enabled:
            if self._progress:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state |= {
                "_init_scale": self.get_scale(),
                "_init_growth_tracker": self._get_growth_tracker(),
                "_scale": None,
                "_growth_tracker": None,
            }
        return state

    def state_dict(self) -> dict[str, Any]:
        """The settings and the factor; empty where nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over saved settings. Errors: RuntimeError for those of a scaler that scaled nothing."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)


def _gradients(optimizer: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for group in optimizer.param_groups:
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            if grad.dtype is dtypes.float16:
                raise ValueError("Attempting to unscale FP16 gradients.")
            found.append(grad)
    return found


def _unscale(grad: Any, found: Any, inverse: Any) -> None:
    """Multiply a gradient in place, and set `found` to 1 where it was not finite. PyTorch's operator counts no write."""
    finite: Any = functions.isfinite(grad).all()
    if not finite.item():
        found.fill_(1.0)
    scaled: Any = grad * inverse
    if events.observer is not None:
        events.observer.writes(grad, "_amp_foreach_non_finite_check_and_unscale_", (grad, found, inverse))
    store_quietly(grad, scaled.values)
    if events.observer is not None:
        events.observer.wrote(grad, "_amp_foreach_non_finite_check_and_unscale_", (grad, found, inverse))
