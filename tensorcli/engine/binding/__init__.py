"""Binding: from the arguments of a call to the overload that PyTorch would choose and the values of its schema, or a complaint.

Where the types of the arguments alone decide, `Binder.cache` maps them to the number of the overload and a lambda, compiled for
this shape of call (plan.py), which puts the values in the schema's order. Every other call, and every wrong one, goes the slow
way, which does what PyTorch's argument parser does (parameters.py), with its complaints (messages.py). What a function may be
given is read from schema lines (signatures.py), several of one name in PyTorch's order of trial (trial.py).

Values: numpy's scalars and zero-dimensional tensors arrive as Python's numbers where the schema wants a number, and lists as
tuples. A number that is given for a tensor stays a number. `dtype=float` has become a dtype; a device stays what was given.
`out` and `requires_grad`, which no schema has, follow the schema's values where a call gives one of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tensorcli.engine import overrides
from tensorcli.engine.binding.parameters import (
    INTEGER_LISTS,
    accepts,
    complaints,
    convert,
    defaulted,
    is_integer,
)
from tensorcli.engine.binding.signatures import CONSTANT, SELF, Parameter, Signature
from tensorcli.engine.binding.trial import order, read
from tensorcli.engine.messages import said, warn
from tensorcli.engine.schema import Schema

__all__ = ["Binder", "order", "python_signature"]

Values = tuple[Any, ...]
Bound = tuple[int, Callable[..., Values]]

_PATIENCE = 16  # To compile a lambda costs as much as 30 calls by the slow way.


class Binder:
    """The arguments of one function or method.

    `schemas` are schemas, schema lines, or lines in PyTorch's notation for its hand-written parsers, in any
    order. The first argument of a method is the tensor itself. `asks`: whether classes may answer for their
    instances (overrides.py).
    """

    __slots__ = ("_method", "_misses", "_schemas", "_signatures", "asks", "cache", "name", "tensor_class")

    def __init__(
        self,
        name: str,
        schemas: Sequence[Schema | str],
        *,
        method: bool = False,
        tensor_class: type,
        asks: bool = False,
    ) -> None:
        self.name = name
        self.asks = asks
        self.tensor_class = tensor_class
        self.cache: dict[tuple[Any, ...], Bound] = {}
        self._schemas = schemas
        self._method = method
        self._misses: dict[tuple[Any, ...], int] = {}
        self._signatures: list[Signature] | None = None

    @property
    def signatures(self) -> list[Signature]:
        """The signatures in the order of trial, read when first asked for."""
        found = self._signatures
        if found is None:
            found = read(self._schemas, method=self._method)
            self._signatures = found
        return found

    @property
    def printed(self) -> list[str]:
        """The signatures as PyTorch lists them."""
        return [signature.printed for signature in self.signatures if not signature.hidden]

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, Values]:
        """The number of the overload (its place in `schemas`) and the values of its arguments.

        Errors: TypeError (ValueError, OverflowError, RuntimeError for values that do not fit) in PyTorch's
        words. Raises overrides.Answered where the class of an argument has an answer.
        """
        key = (*map(type, args), *kwargs, *map(type, kwargs.values())) if kwargs else tuple(map(type, args))
        found = self.cache.get(key)
        if found is not None:
            return found[0], found[1](*args, **kwargs)
        signature, values = self._match(args, kwargs)
        if self.asks and overrides.overriding(args, kwargs):
            return signature.place, values
        self._misses[key] = missed = self._misses.get(key, 0) + 1
        if missed == _PATIENCE:
            self._learn(key, len(args), tuple(kwargs))
        return signature.place, values

    def _match(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Signature, Values]:
        if self.asks and overrides.state.enabled and (relevant := overrides.overriding(args, kwargs)):
            raise overrides.Answered(overrides.called(self.name, self._method, relevant, args, kwargs))
        own: Any = None
        if self._method:
            own, args = self._split(args, kwargs)
        found = self.signatures
        tensor = self.tensor_class
        explain = len(found) == 1
        for signature in found:
            given = parse(signature, args, kwargs, tensor, explain)
            if given is not None:
                if signature.deprecated:
                    self._warn(signature)
                return signature, _values(signature, given, own, tensor)
        self._complain(args, kwargs)
        raise AssertionError("a complaint did not come")

    def _split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
        """Take a method's tensor away, with what CPython says before PyTorch's parser gets to speak."""
        if not args:
            complaints().no_self(self.name)
        if not isinstance(args[0], self.tensor_class):
            complaints().foreign_self(self.name, args[0])
        found = self.signatures
        if len(found) == 1 and not found[0].parameters and (len(args) > 1 or kwargs):
            complaints().no_arguments(self.name, len(args) - 1, bool(kwargs))
        return args[0], args[1:]

    def _complain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Explain the one signature that the number of arguments leaves, or list all."""
        found = self.signatures
        count = len(args) + len(kwargs)
        plausible = [s for s in found if s.min_args <= count <= len(s.parameters) and not s.hidden]
        if len(plausible) == 1:
            parse(plausible[0], args, kwargs, self.tensor_class, True)
        complaints().invalid_combination(found[0].name, found, args, kwargs)

    def _warn(self, signature: Signature) -> None:
        # PyTorch warns of the first deprecated overload that anybody calls, whichever it is, and of no other.
        if said.first(_DEPRECATED):
            warn(complaints().deprecated(signature, self.printed))

    def _learn(self, key: tuple[Any, ...], count: int, keywords: tuple[str, ...]) -> None:
        from tensorcli.engine.binding.plan import Shape

        shape = Shape(key, count, keywords, self.tensor_class, self._method)
        bound = shape.decide(self.signatures, len(self._schemas), self._again)
        if bound is not None:
            self.cache[key] = bound

    def _again(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Values:
        return self._match(args, kwargs)[1]


_DEPRECATED: Final = "This overload is deprecated"


def python_signature(name: str, parameters: str) -> Callable[..., Values]:
    """The binder of a function that PyTorch wrote in Python: takes its arguments, returns their values in
    order.

    `parameters` are those of its `def`; a wrong call raises CPython's TypeError about `name` (`norm`,
    `Tensor.norm`).
    """
    names = eval(f"lambda {parameters}: None").__code__.co_varnames
    bound: Any = eval(f"lambda {parameters}: ({', '.join(names)}{',' if names else ''})")
    bound.__name__ = name.rpartition(".")[2]
    bound.__qualname__ = name
    return bound  # type: ignore[no-any-return]


# ---- what PyTorch's parser does with one signature

_ABSENT: Final = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()


def parse(
    signature: Signature, args: tuple[Any, ...], kwargs: dict[str, Any], tensor: type, explain: bool
) -> list[Any] | None:
    """What is given for each parameter (_ABSENT where nothing or None is); None where the call does not fit.

    Errors: with `explain`, PyTorch's complaint instead of None; always for a list of tensors that holds
    something else.
    """
    count = len(args)
    packs = signature.packs_integers and count > 0
    if count > signature.max_positional and not (packs and is_integer(args[0], tensor)):
        return complaints().extra_arguments(signature, count) if explain else None
    found: list[Any] = []
    position = 0
    unused = len(kwargs)
    for place, parameter in enumerate(signature.parameters):
        by_position = position < count
        if by_position:
            if parameter.keyword_only:
                return complaints().extra_arguments(signature, count) if explain else None
            value = args[position]
        else:
            value = _keyword(parameter, kwargs) if unused else _ABSENT
        if value is _ABSENT:
            if not parameter.optional:
                return complaints().missing_arguments(signature, place) if explain else None
            found.append(_ABSENT)
            continue
        if value is None and parameter.allow_none:
            found.append(_ABSENT)
        elif accepts(signature, parameter, value, tensor, place):
            found.append(value)
        elif packs and by_position and is_integer(value, tensor):
            found.append(args)
            position = count
            continue
        elif explain:
            listed = by_position and isinstance(value, (tuple, list)) and parameter.kind in INTEGER_LISTS
            where = position if by_position else None
            complaints().wrong_type(signature, parameter, value, where, value[:1] if listed else None)
        else:
            return None
        if by_position:
            position += 1
        else:
            unused -= 1
    if unused > 0:
        return complaints().unused_keywords(signature, kwargs, count) if explain else None
    return found


def _keyword(parameter: Parameter, kwargs: dict[str, Any]) -> Any:
    value = kwargs.get(parameter.name, _ABSENT)
    if value is _ABSENT:
        for name in parameter.numpy_names:
            if name in kwargs:
                return kwargs[name]
    return value


def _values(signature: Signature, given: list[Any], own: Any, tensor: type) -> Values:
    # From the last to the first, as PyTorch's compiled code does: it shows where two values do not fit.
    converted = [
        _ABSENT if value is _ABSENT else convert(signature, parameter, value, tensor)
        for parameter, value in zip(reversed(signature.parameters), reversed(given))
    ]
    converted.reverse()
    values = []
    for slot, constant in zip(signature.slots, signature.constants):
        value = own if slot == SELF else _ABSENT if slot == CONSTANT else converted[slot]
        values.append(defaulted(constant) if value is _ABSENT else value)
    extras = [converted[place] for place in signature.extras]
    if any(extra is not _ABSENT for extra in extras):
        values += [None if extra is _ABSENT else extra for extra in extras]
    return tuple(values)
