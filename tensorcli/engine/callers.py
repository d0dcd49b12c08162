"""What calls an operator: `torch.NAME`, `Tensor.NAME` and Python's own operators, made of the table when first asked for.

A caller holds all overloads of a name: it binds the arguments (binding/), and runs what the overload's kind does with the
values (effects/).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import tensorcli.engine.op as op_module
import tensorcli.engine.tensor as tensor_module
from tensorcli.engine import effects, overrides
from tensorcli.engine.native import PYTHON_CALLS, PYTHON_PARAMETERS, SPOKEN_OF
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS, PACKETS
from tensorcli.engine.tensor import Tensor


def function_names() -> set[str]:
    """The names of all operators that are functions."""
    return {name for name, overloads in PACKETS.items() if any(each.is_function for each in overloads)}


def function(name: str) -> Callable[..., Any]:
    """`torch.NAME`. Errors: AttributeError when no operator has that function."""
    overloads = [o for o in PACKETS.get(name, ()) if o.is_function]
    if not overloads:
        raise AttributeError(f"module 'torch' has no attribute '{name}'")
    found = _in_python(SPOKEN_OF.get(name, name), _caller(name, overloads, method=False))
    found.__module__ = "tensorcli.engine"  # where pickles find it
    return found


def method(name: str) -> Callable[..., Any]:
    """`Tensor.NAME` as a function of self. Errors: AttributeError when no operator has that method."""
    overloads = [o for o in PACKETS.get(name, ()) if o.is_method]
    if not overloads:
        raise AttributeError(f"'Tensor' object has no attribute '{name}'")
    call = _in_python(f"Tensor.{name}", _caller(name, overloads, method=True))
    call.__qualname__ = f"Tensor.{name}"
    return call


def _in_python(qualified: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The caller of an operator whose function PyTorch wrote in Python: CPython complains of arguments that do not fit it."""
    parameters = PYTHON_PARAMETERS.get(qualified)
    if parameters is None:
        return call
    names = {each.partition("=")[0] for each in parameters.split(", ")}

    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            if not names.issuperset(kwargs):  # NumPy's names among them
                raise TypeError
            return call(*args, **kwargs)
        except TypeError:
            from tensorcli.engine.binding import python_signature

            values = python_signature(qualified, parameters)(*args, **kwargs)
            if inside := PYTHON_CALLS.get(qualified):
                eval(f"lambda functions, {parameters}: {inside}")(functions, *values)
            raise

    called.__name__ = called.__qualname__ = call.__name__
    called.__doc__ = call.__doc__
    return called


def _caller(name: str, overloads: Sequence[Op], method: bool) -> Callable[..., Any]:
    """The callable for all overloads of a name: bind, then what the operator's kind does with the values."""
    if overloads[0].notation:
        return _noted_caller(name, overloads)
    return _caller_parts(name, overloads, method)[0]


def _caller_parts(
    name: str, overloads: Sequence[Op], method: bool
) -> tuple[Callable[..., Any], dict[Any, Any], list[Any]]:
    """A caller's three parts: the callable, the binder's cache (types to overload and lambda), and what runs each overload."""
    from tensorcli.engine import binding

    ordered = binding.order([o.schema for o in overloads])
    by_line = {o.line: o for o in overloads}
    ops = [by_line[str(s)] for s in ordered]
    binder = binding.Binder(name, ordered, method=method, tensor_class=Tensor, asks=True)
    cache, bind = binder.cache, binder.bind
    runs = [o.run for o in ops]
    _made.append((ops, runs))

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if kwargs:
                index, values = bind(args, kwargs)
            else:
                # Types alone decide most calls: one look-up and one compiled lambda, nothing inspected.
                found = cache.get(tuple(map(type, args)))
                if found is None:
                    index, values = bind(args, kwargs)
                else:
                    index, convert = found
                    values = convert(*args)
        except overrides.Answered as answered:
            return answered.answer
        return runs[index](values)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = ops[0].kernel.__doc__
    return call, cache, runs


_made: list[tuple[list[Op], list[Callable[[tuple[Any, ...]], Any]]]] = []
"""The callers that there are: their overloads, and what runs each."""


def surround(op: Op, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `wrap` around what runs an operator from here on, also for callers that exist already."""
    op.run = run = wrap(op.run)
    for ops, runs in _made:
        for place, one in enumerate(ops):
            if one is op:
                runs[place] = run


_around: list[Callable[..., Any]] = []
"""What was put around all operators."""


def surround_all(wrap: Callable[[Op, Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put `wrap(operator, what runs it)` around every operator from here on; once, however often that is asked for."""
    if wrap in _around:
        return
    _around.append(wrap)
    earlier = op_module.surrounding
    op_module.surrounding = wrap if earlier is None else lambda op, run: wrap(op, earlier(op, run))
    for one in dict.values(OPS):
        if "run" in vars(one):
            surround(one, partial(wrap, one))


def binary(name: str) -> Callable[[Tensor, Any], Any]:
    """The method NAME for exactly one argument: what Python's operators call, without packing it twice."""
    cache: dict[Any, Any]
    call, cache, runs = _caller_parts(name, [o for o in PACKETS[name] if o.is_method], method=True)

    def operator(self: Tensor, other: Any) -> Any:
        found = cache.get((self.__class__, other.__class__))
        if found is None:
            return call(self, other)
        index, convert = found
        return runs[index](convert(self, other))

    return operator


class Functions:
    """Operators as attributes, found when first asked for, for formulas and composites, whether users see them or not:
    `functions.where(c, a, b)`, `functions.tanh_backward(grad, result)`."""

    def __getattr__(self, name: str) -> Any:
        overloads = [o for o in PACKETS.get(name, ()) if o.namespace != "aten"]
        if not overloads:
            raise AttributeError(f"no operator is called {name!r}")
        found = _caller(name, overloads, method=False)
        if overloads[0].namespace == "nn":
            found.__module__ = "tensorcli.engine.nn.functional"  # where pickles find it
        setattr(self, name, found)
        return found


functions: Final = Functions()
overrides.functions = functions


def _noted_caller(name: str, overloads: Sequence[Op]) -> Callable[..., Any]:
    """The method for signatures in PyTorch's notation, tried in the order of their declaration."""
    from tensorcli.engine import binding

    bind = binding.Binder(
        name, [o.notation for o in overloads], method=True, tensor_class=Tensor, asks=True
    ).bind

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            index, values = bind(args, kwargs)
        except overrides.Answered as answered:
            return answered.answer
        chosen = overloads[index]
        if chosen.effect is effects.compose:
            return chosen.kernel(args[0], *values)
        return chosen.run((args[0], *values))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = overloads[0].kernel.__doc__
    return call


def _missing_attribute(name: str, instance: Any) -> Any:
    declared = name in vars(Tensor)
    found = not name.startswith("__") and name in PACKETS
    # Looking may have read a chapter that declares a property of this name.
    if declared or name not in vars(Tensor):
        if not found:
            raise AttributeError(
                f"'{type(instance).__name__}' object has no attribute '{name}'"
                if instance is not None
                else f"type object 'Tensor' has no attribute '{name}'"
            )
        setattr(Tensor, name, method(name))
    return getattr(Tensor if instance is None else instance, name)


def _method_names() -> list[str]:
    return [name for name, found in PACKETS.items() if any(o.is_method for o in found)]


tensor_module.missing_attribute = _missing_attribute
tensor_module.method_names = _method_names
