"""Python signatures: what PyTorch's argument parser makes of a schema line.

A Python signature differs from its schema line: a function's `self` is called `input`, a method leaves it out, a factory takes
dtype, layout, device, pin_memory and requires_grad, and some operators take `out`. The parsers that PyTorch wrote by hand have
no schema line and are given in PyTorch's own notation:
`"to(Tensor tensor, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None)"`.

This module knows neither tensors nor values, only what may be given and how it is written in messages.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from tensorcli.engine.binding import facts
from tensorcli.engine.schema import REQUIRED, Argument, Schema, Type

SELF, CONSTANT = -1, -2
"""What a value comes from where that is not a parameter: the method's tensor, the default of the schema."""

PRINTED: Final = {
    "Tensor": "Tensor",
    "TensorList": "tuple of Tensors",
    "Scalar": "Number",
    "ScalarList": "tuple of Scalars",
    "int64_t": "int",
    "SymInt": "int",
    "IntArrayRef": "tuple of ints",
    "SymIntArrayRef": "tuple of ints",
    "double": "float",
    "ArrayRef<double>": "tuple of floats",
    "complex": "complex",
    "bool": "bool",
    "str": "str",
    "ScalarType": "torch.dtype",
    "Layout": "torch.layout",
    "MemoryFormat": "torch.memory_format",
    "Device": "torch.device",
    "Generator": "torch.Generator",
    "Storage": "torch.Storage",
    "Stream": "Stream",
    "QScheme": "torch.qscheme",
    "PyObject*": "object",
}
"""The kinds of parameters, in PyTorch's notation, and the words for them in messages."""


class Parameter(NamedTuple):
    """One parameter of a Python signature. `optional`: it has a default, which `default` holds as a value.

    `source` is the schema's argument, or the text of a parser written by hand.
    """

    kind: str
    name: str
    source: Argument | str
    size: int
    optional: bool
    allow_none: bool
    keyword_only: bool
    default: Any
    numpy_names: tuple[str, ...]

    @property
    def default_text(self) -> str:
        """The default as PyTorch writes it; empty where there is none."""
        source = self.source
        return source.partition("=")[2] if isinstance(source, str) else _default_text(source)

    @property
    def notation(self) -> str:
        """`Scalar alpha=1`, in PyTorch's notation."""
        source = self.source
        if isinstance(source, str):
            return source
        text = f"{_notation(source.type)} {self.name}"
        return f"{text}={self.default_text}" if self.optional else text

    @property
    def printed(self) -> str:
        """`Number alpha = 1`, as lists of signatures have it."""
        text = f"{PRINTED[self.kind]} {self.name}"
        return f"{text} = {self.default_text}" if self.optional else text


class Signature(NamedTuple):
    """One signature of a function or method.

    `place` is its schema's among those given. `slots` says for each value that the binder returns where it
    comes from: the number of a parameter, SELF or CONSTANT; `constants` what it is when nothing is given;
    `extras` are the parameters that follow when one of them is given (`out`, `requires_grad`).
    `packs_integers`: whether `view(2, 3)` stands for `view((2, 3))`.
    """

    name: str
    parameters: tuple[Parameter, ...]
    place: int
    slots: tuple[int, ...]
    constants: tuple[Any, ...]
    extras: tuple[int, ...]
    min_args: int
    max_positional: int
    packs_integers: bool
    numbers_as_tensors: bool
    deprecated: bool = False
    hidden: bool = False

    @property
    def printed(self) -> str:
        """`(Tensor input, Tensor other, *, Number alpha = 1)`, as PyTorch lists it."""
        return self._joined([parameter.printed for parameter in self.parameters])

    @property
    def notation(self) -> str:
        """`add(Tensor input, Tensor other, *, Scalar alpha=1)`: PyTorch's notation."""
        listed = self._joined([parameter.notation for parameter in self.parameters])
        return f"{self.name}{listed}{'|deprecated' if self.deprecated else ''}"

    def _joined(self, parts: list[str]) -> str:
        if self.max_positional < len(parts):
            parts.insert(self.max_positional, "*")
        return f"({', '.join(parts)})"


# ---- from schema to signature

_OPTIONS: Final = tuple(
    Argument(Type(base, optional=True), name, default, str(default), keyword_only=True)
    for name, base, default in (
        ("dtype", "ScalarType", None),
        ("layout", "Layout", None),
        ("device", "Device", None),
        ("pin_memory", "bool", False),
        ("requires_grad", "bool", False),
    )
)
_OPTION_NAMES: Final = ("dtype", "layout", "device", "pin_memory")


def from_schema(schema: Schema, index: int, *, method: bool) -> Signature:
    """The Python signature of a schema (of the one that returns new tensors, not of its `out` overload)."""
    arguments = list(schema.arguments)
    if method:
        arguments = [argument for argument in arguments if argument.name != "self"]
    factory = _is_factory(schema)
    if factory:
        arguments = [a for a in arguments if not (a.keyword_only and a.name in _OPTION_NAMES)]
    if not method and schema.has_out:
        arguments.append(_out(schema))
    if factory:
        arguments += _OPTIONS
    return _signature(schema, index, arguments, method=method)


def deprecated(schema: Schema, index: int, *, method: bool) -> list[Signature]:
    """The old orders of arguments that PyTorch still takes for the operator of this schema."""
    found = []
    for text in facts.deprecated(schema.base):
        by_name = {argument.name: argument for argument in schema.arguments}
        required = {argument.name for argument in schema.arguments if argument.default is REQUIRED}
        names = [part.rpartition(" ")[2] for part in text.split(", ")]
        if not required <= set(names) <= set(by_name):
            continue
        arguments = [
            by_name[name]._replace(default=REQUIRED, default_text="", keyword_only=False)
            for name in names
            if not (method and name == "self")
        ]
        if not method and schema.has_out:
            arguments.append(_out(schema))
        found.append(
            _signature(schema, index, arguments, method=method)._replace(deprecated=True, hidden=True)
        )
    return found


def _is_factory(schema: Schema) -> bool:
    names = [argument.name for argument in schema.arguments if argument.keyword_only]
    if "pin_memory" in names:
        return all(name in names for name in _OPTION_NAMES)
    if any(argument.type.base == "Tensor" for argument in schema.arguments):
        return False
    return any(result.type.base == "Tensor" for result in schema.returns)


def _out(schema: Schema) -> Argument:
    returns = schema.returns
    if len(returns) == 1:
        kind = returns[0].type._replace(alias=None)
    else:
        kind = Type("Tensor", is_list=True, size=len(returns))
    return Argument(kind, "out", None, "None", keyword_only=True)


def _signature(schema: Schema, index: int, arguments: Sequence[Argument], *, method: bool) -> Signature:
    positional = [argument for argument in arguments if not argument.keyword_only]
    ordered = [*positional, *(argument for argument in arguments if argument.keyword_only)]
    parameters = tuple([_parameter(argument, method) for argument in ordered])
    places = {argument.name: i for i, argument in enumerate(ordered)}
    slots, constants = [], []
    for argument in schema.arguments:
        name, default = argument.name, argument.default
        slots.append(SELF if method and name == "self" else places.pop(name, CONSTANT))
        constants.append(None if default is REQUIRED else _default(argument))
    extras = tuple([places[name] for name in ("out", "requires_grad") if name in places])
    return _counted(schema.base, parameters, index, tuple(slots), tuple(constants), extras, len(positional))


def _counted(
    name: str,
    parameters: tuple[Parameter, ...],
    index: int,
    slots: tuple[int, ...],
    constants: tuple[Any, ...],
    extras: tuple[int, ...],
    positional: int,
) -> Signature:
    return Signature(
        name,
        parameters,
        index,
        slots,
        constants,
        extras,
        sum([not parameter.optional for parameter in parameters]),
        positional,
        positional == 1 and parameters[0].kind in ("IntArrayRef", "SymIntArrayRef"),
        name in facts.NUMBERS_AS_TENSORS,
    )


_NOTATION: Final = {"int": "int64_t", "float": "double", "str": "c10::string_view"}
_LISTS: Final = {
    "int": "IntArrayRef",
    "SymInt": "SymIntArrayRef",
    "Tensor": "TensorList",
    "Scalar": "ScalarList",
    "float": "ArrayRef<double>",
}
_OPTIONAL_TENSORS: Final = "c10::List<::std::optional<Tensor>>"
_SAME_KIND: Final = {
    **dict.fromkeys(("c10::string_view", "::std::string_view", "std::string_view", "std::string"), "str"),
    _OPTIONAL_TENSORS: "TensorList",
    "DeviceIndex": "int64_t",
}
_DEFAULTS: Final = {
    "[]": "None",
    "Mean": "at::Reduction::Mean",
    "contiguous_format": "c10::MemoryFormat::Contiguous",
}


def _parameter(argument: Argument, method: bool) -> Parameter:
    kind = argument.type
    name = argument.name
    if name == "self" and not method and kind.base == "Tensor" and not (kind.optional or kind.is_list):
        name = "input"
    if kind.is_list:
        base = _LISTS.get(kind.base) or f"ArrayRef<{kind.base}>"
    else:
        base = _NOTATION.get(kind.base, kind.base)
    optional = argument.default is not REQUIRED
    return Parameter(
        _SAME_KIND.get(base, base),
        name,
        argument,
        (kind.size or 0) if kind.is_list else 0,
        optional,
        kind.optional or argument.default_text in ("None", "[]"),
        argument.keyword_only,
        _default(argument) if optional else None,
        facts.NUMPY_NAMES.get(name, ()),
    )


@cache
def _notation(kind: Type) -> str:
    if not kind.is_list:
        text = _NOTATION.get(kind.base, kind.base)
    elif kind.base == "Tensor" and kind.optional_element:
        text = _OPTIONAL_TENSORS
    else:
        text = _LISTS.get(kind.base, f"ArrayRef<{kind.base}>")
        if kind.size is not None:
            text = f"{text}[{kind.size}]"
    return f"{text}?" if kind.optional else text


def _default(argument: Argument) -> Any:
    default, kind = argument.default, argument.type
    if argument.default_text == "Mean":
        return 0  # PyTorch's parser takes the name of a number for none: the functions of torch do not reduce
    if isinstance(default, int):
        if kind.base == "float":
            return float(default)
        if kind.is_list and kind.size is not None:
            return (default,) * kind.size
    return default


def _default_text(argument: Argument) -> str:
    text = argument.default_text
    if text in _DEFAULTS:
        return _DEFAULTS[text]
    if argument.type.is_list and text.startswith("["):
        return f"{{{text[1:-1]}}}"
    if argument.type.base == "str" and text != "None":
        return f'"{text[1:-1]}"'
    for number in (int, float):
        try:
            return str(number(text))
        except ValueError:
            pass
    return text


# ---- from PyTorch's notation


def from_notation(text: str, index: int) -> Signature:
    """The signature of a line in PyTorch's notation. Errors: ValueError for a line that is not a signature, KeyError for a
    type that PyTorch does not have.
    """
    name, parenthesis, rest = text.partition("(")
    inside, closed, flag = rest.rpartition(")")
    if not parenthesis or not closed:
        raise ValueError(f"not a signature: {text!r}")
    parts = inside.split(", ") if inside else []
    positional = parts.index("*") if "*" in parts else len(parts)
    parameters = tuple(
        _noted_parameter(part, i > positional) for i, part in enumerate(parts) if i != positional
    )
    slots = tuple(range(len(parameters)))
    constants = tuple(parameter.default for parameter in parameters)
    found = _counted(name, parameters, index, slots, constants, (), positional)
    return found._replace(deprecated=flag == "|deprecated", hidden=flag in ("|deprecated", "|hidden"))


def _noted_parameter(text: str, keyword_only: bool) -> Parameter:
    notation, _, rest = text.partition(" ")
    name, equals, default = rest.partition("=")
    base, bracket, size = notation.replace("?", "").partition("[")
    kind = _SAME_KIND.get(base, base)
    if kind not in PRINTED:
        raise KeyError(base)
    length = int(size[:-1]) if bracket else 0
    return Parameter(
        kind,
        name,
        text,
        length,
        bool(equals),
        "?" in notation or default == "None",
        keyword_only,
        _noted_default(default, length) if equals else None,
        facts.NUMPY_NAMES.get(name, ()),
    )


_CONSTANTS: Final = {"None": None, "True": True, "true": True, "False": False, "false": False}


def _noted_default(text: str, size: int) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text.startswith("{"):
        return tuple(int(part) for part in text[1:-1].split(","))
    if text[:1] in "\"'":
        return text[1:-1]
    for number in (int, float):
        try:
            found = number(text)
        except ValueError:
            continue
        return (found,) * size if size else found
    return text
