"""Methods that PyTorch wrote in C, declared by what they take: complaints about arguments are its parser's and CPython's."""

from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from typing import Any

from tensorcli.engine.tensor import Tensor


def parsed(*lines: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of self and values the method with these signatures, in PyTorch's notation."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        bound: list[Any] = []

        def method(*args: Any, **kwargs: Any) -> Any:
            if not bound:
                from tensorcli.engine.binding import Binder

                bound.append(Binder(function.__name__, lines, method=True, tensor_class=Tensor).bind)
            return function(args[0], *bound[0](args, kwargs)[1])

        method.__name__ = method.__qualname__ = function.__name__
        method.__doc__ = function.__doc__
        return method

    return declare


def bare(name: str, answer: Callable[[Tensor], Any]) -> Any:
    """A method without parameters. Errors: TypeError in CPython's words for PyTorch's C methods."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            from tensorcli.engine.binding.messages import no_arguments

            no_arguments(name, len(args), bool(kwargs))
        return answer(self)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = answer.__doc__
    return method


def takes_self_alone(function: Any) -> bool:
    """Whether a function has no parameter but the tensor itself."""
    code = function.__code__
    return (
        code.co_argcount == 1
        and not code.co_kwonlyargcount
        and not code.co_flags & (CO_VARARGS | CO_VARKEYWORDS)
    )
