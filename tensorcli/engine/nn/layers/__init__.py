"""The modules of `torch.nn`, one file for each chapter. Most are one line of a table, which `layer` reads.

layer("ELU(alpha=1.0, inplace=False)", "elu", "alpha inplace?") gives the constructor, whose arguments become attributes of
their names; the function of `torch.nn.functional` that forward calls with them; and what the repr shows of them.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine.binding import python_signature
from tensorcli.engine.nn import functional
from tensorcli.engine.nn.module import Module

_OLD_REDUCTION = ("size_average", "reduce")
"""Parameters of losses that say a reduction in an old way."""
_BUFFERS = ("weight", "pos_weight")
"""Parameters of losses that are tensors."""


def layer(
    signature: str,
    calls: str | Callable[..., Any] = "",
    shows: str = "",
    *,
    takes: str = "input",
    place: str,
    base: type = Module,
    prepare: Callable[[Any], None] | None = None,
    like: Any = None,
    passes: str = "",
) -> Any:
    """A class of modules from its constructor's signature.

    `calls`: the name of a functional, which gets `takes` and every attribute; or forward itself.
    `shows`: attributes in the repr: `name=value` (`name`), with the value's own repr (`name!`), the value alone (`:name`),
    `name=True` where it is so (`name?`).
    `prepare`: called with the new module, to check its attributes and to normalise them.
    `like`: whose docstring is the class's too.
    `passes`: attributes that the base makes, and the functional gets, where the class has no constructor of its own.
    """
    name, _, parameters = signature[:-1].partition("(")
    space: dict[str, Any] = {"__module__": f"torch.nn.modules.{place}", "__qualname__": name}
    bind = python_signature(f"{name}.__init__", f"self, {parameters}" if parameters else "self")
    names = (*bind.__code__.co_varnames[1:], *passes.split())
    if parameters or prepare:
        space["__init__"] = _constructor(bind, names, prepare)
    if isinstance(calls, str) and calls:
        like = getattr(functional, calls)
        # What PyTorch wrote in C++ is given its arguments by position, gelu's apart, which is a keyword alone.
        placed = calls in functional.BUILT_IN and calls != "gelu"
        calls = _forward(like, python_signature(f"{name}.forward", f"self, {takes}"), names, placed)
    if like is not None:
        space["__doc__"] = like.__doc__
    if calls:
        calls.__name__, calls.__qualname__ = "forward", f"{name}.forward"  # type: ignore[union-attr]
        space["forward"] = calls
    if shows:
        space["extra_repr"] = _repr_of(shows)
    return type(name, (base,), space)


def _constructor(bind: Any, names: tuple[str, ...], prepare: Any) -> Any:
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(names, bind(self, *args, **kwargs)[1:], strict=True))
        Module.__init__(self)
        if "size_average" in given:
            from tensorcli.engine.nn.losses import legacy

            averages, reduces = (given.pop(name) for name in _OLD_REDUCTION)
            given["reduction"] = legacy(averages, reduces, given["reduction"])
        for name, value in given.items():
            if name in _BUFFERS:
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        if prepare is not None:
            prepare(self)

    construct.__name__, construct.__qualname__ = "__init__", bind.__qualname__
    construct.__wrapped__ = bind  # type: ignore[attr-defined] # its parameters, for whoever asks
    return construct


def _forward(function: Any, bind: Any, names: tuple[str, ...], placed: bool) -> Any:
    kept = [name for name in names if name not in _OLD_REDUCTION]
    count = len(bind.__code__.co_varnames) - 1

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = bind(self, *args, **kwargs)[1:]
        return function(*args, **{name: getattr(self, name) for name in kept})

    def forward_placed(self: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = bind(self, *args, **kwargs)[1:]
        return function(*args, *[getattr(self, name) for name in kept])

    return forward_placed if placed else forward


def _repr_of(shows: str) -> Callable[[Any], str]:
    tokens = shows.split()

    def extra_repr(self: Any) -> str:
        found = []
        for token in tokens:
            name = token.strip(":?!")
            value = getattr(self, name)
            if token[0] == ":":
                found.append(str(value))
            elif token[-1] != "?":
                found.append(f"{name}={value!r}" if token[-1] == "!" else f"{name}={value}")
            elif value:
                found.append(f"{name}=True")
        return ", ".join(found)

    return extra_repr


def numbers(value: Any, count: int) -> tuple[Any, ...]:
    """One number for each dimension."""
    return tuple(value) if hasattr(value, "__iter__") else (value,) * count


def normalised(count: int, *names: str) -> Callable[[Any], None]:
    """A `prepare` that makes `count` numbers of each of these attributes."""

    def prepare(module: Any) -> None:
        for name in names:
            setattr(module, name, numbers(getattr(module, name), count))

    return prepare
