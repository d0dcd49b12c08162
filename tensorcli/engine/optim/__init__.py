"""`torch.optim`: optimisers whose steps are tensor operations, so that each shows what it wrote."""

from importlib import import_module
from typing import Any

from tensorcli.engine.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from tensorcli.engine.optim.optimizer import Optimizer

_FURTHER = {
    **dict.fromkeys("ASGD Adadelta Adamax NAdam RAdam Rprop".split(), "further"),
    **dict.fromkeys(("Adafactor", "Muon"), "matrices"),
    "LBFGS": "lbfgs",
}
"""The optimisers that are imported when they are first asked for."""


_MODULES = ("lr_scheduler", "swa_utils")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"tensorcli.engine.optim.{name}")
    if name in _FURTHER:
        return getattr(import_module(f"tensorcli.engine.optim.{_FURTHER[name]}"), name)
    raise AttributeError(f"module 'torch.optim' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted((*__all__, *_FURTHER, *_MODULES))


__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
