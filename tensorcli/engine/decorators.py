"""`functools.wraps` for functions that may have no qualified name."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any


def like(function: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`functools.wraps`, which also takes over the name of a function that has no qualified one."""

    def decorate(inner: Callable[..., Any]) -> Callable[..., Any]:
        name: str = getattr(function, "__qualname__", getattr(function, "__name__", inner.__qualname__))
        made = update_wrapper(inner, function)
        made.__qualname__ = name
        return made

    return decorate
