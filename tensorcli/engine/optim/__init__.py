"""`torch.optim`: optimisers whose steps are tensor operations, so that each shows what it wrote."""

from importlib import import_module
from typing import Any

from tensorcli.engine.optim.algorithms import SGD, Adagrad, Adam, AdamW, RMSprop
from tensorcli.engine.optim.optimizer import Optimizer


def __getattr__(name: str) -> Any:
    if name == "lr_scheduler":
        return import_module("tensorcli.engine.optim.lr_scheduler")
    raise AttributeError(f"module 'torch.optim' has no attribute '{name}'")


__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
