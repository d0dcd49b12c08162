"""What PyTorch says of arguments that fit no signature, word for word.

PyTorch has two dialects for functions written in C++: where only one signature can be meant, it says what is wrong with the
call; where several can, it lists them all. (Functions written in Python speak CPython's own, see `binding.python_signature`.)
This module knows values only by their type's name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from tensorcli.engine.binding.signatures import PRINTED, Parameter, Signature
from tensorcli.engine.native import type_name

OVERFLOW: Final = "Overflow when unpacking long long"
NEGATIVE_DEVICE: Final = "Device index must not be negative"
NOT_INTEGRAL: Final = (
    "Expected scalar.isIntegral( false) to be true, but got false.  (Could this error message be improved?  "
    "If so, please report an enhancement request to PyTorch.)"
)
NOT_SYMBOLIC: Final = (
    'scalar.isIntegral( false) INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/torch/csrc/utils/'
    'pybind.cpp":27, please report a bug to PyTorch. '
)
NOT_DOUBLE: Final = "value cannot be converted to type double without overflow"


# ---- one signature


def extra_arguments(signature: Signature, count: int) -> NoReturn:
    """More positional arguments than places. PyTorch counts required keywords in the smaller number."""
    most, least = signature.max_positional, signature.min_args
    if least != most:
        raise TypeError(
            f"{signature.name}() takes from {least} to {most} positional arguments but {count} were given"
        )
    raise TypeError(
        f"{signature.name}() takes {most} positional argument{'' if most == 1 else 's'} but {count} "
        f"{'was' if count == 1 else 'were'} given"
    )


def missing_arguments(signature: Signature, start: int) -> NoReturn:
    """Required arguments that are not there. PyTorch has singular and plural the wrong way round."""
    missing = [f'"{p.name}"' for p in signature.parameters[start:] if not p.optional]
    raise TypeError(
        f"{signature.name}() missing {len(missing)} required positional argument"
        f"{'s' if len(missing) == 1 else ''}: {', '.join(missing)}"
    )


def wrong_type(
    signature: Signature, parameter: Parameter, value: Any, position: int | None, element: Any
) -> NoReturn:
    """An argument of the wrong type. `position`: None for a keyword; `element`: a wrong list's first one."""
    wanted = PRINTED[parameter.kind]
    if position is None:
        raise TypeError(
            f"{signature.name}(): argument '{parameter.name}' must be {wanted}, not {type_name(type(value))}"
        )
    where = f"{signature.name}(): argument '{parameter.name}' (position {position + 1}) must be {wanted}"
    if element is None:
        raise TypeError(f"{where}, not {type_name(type(value))}")
    raise TypeError(f"{where}, but found element of type {type_name(type(element[0]))} at pos 0")


def unused_keywords(signature: Signature, keywords: Iterable[str], count: int) -> NoReturn:
    """A keyword that the signature does not have, or that names an argument given by position (`count` of them)."""
    names = [parameter.name for parameter in signature.parameters]
    for keyword in keywords:
        if keyword not in names:
            raise TypeError(f"{signature.name}() got an unexpected keyword argument '{keyword}'")
        if names.index(keyword) < count:
            raise TypeError(f"{signature.name}() got multiple values for argument '{keyword}'")
    raise TypeError("invalid keyword arguments")


def not_a_tensor(element: Any, place: int, argument: int) -> NoReturn:
    """A list of tensors that holds something else."""
    raise TypeError(
        f"expected Tensor as element {place} in argument {argument}, but got {type_name(type(element))}"
    )


def not_an_integer(
    signature: Signature, parameter: Parameter, element: Any, place: int, error: str = ""
) -> NoReturn:
    """A list of integers whose element number `place` is not an integer, or does not fit (`error` says so)."""
    reason = error or f"type must be {PRINTED[parameter.kind]},but got {type_name(type(element))}"
    raise TypeError(
        f"{signature.name}(): argument '{parameter.name}' failed to unpack the object at pos {place + 1} "
        f'with error "{reason}"'
    )


def not_a_float(signature: Signature, parameter: Parameter, element: Any, place: int) -> NoReturn:
    """A list of numbers whose element number `place` is not a number."""
    raise TypeError(
        f"{signature.name}(): argument '{parameter.name}' must be {PRINTED[parameter.kind]}, but found "
        f"element of type {type_name(type(element))} at pos {place + 1}"
    )


def not_a_list(parameter: Parameter) -> NoReturn:
    """An object that counts as an integer without being one, where one integer may stand for a list."""
    line = 573 if parameter.kind == "SymIntArrayRef" else 658
    raise RuntimeError(
        'PyList_Check(arg) INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/torch/csrc/utils/'
        f'python_arg_parser.h":{line}, please report a bug to PyTorch. expected tuple or list'
    )


# ---- methods as CPython sees them


def no_arguments(name: str, count: int, keywords: bool) -> NoReturn:
    """A method without parameters that was given some."""
    given = "no keyword arguments" if keywords else f"no arguments ({count} given)"
    raise TypeError(f"TensorBase.{name}() takes {given}")


def no_self(name: str) -> NoReturn:
    """A method that was called on the class, with nothing to work on."""
    raise TypeError(f"unbound method TensorBase.{name}() needs an argument")


def foreign_self(name: str, value: Any) -> NoReturn:
    """A method that was called on the class, for something that is not a tensor."""
    raise TypeError(
        f"descriptor '{name}' for 'torch._C.TensorBase' objects doesn't apply to a "
        f"'{type_name(type(value))}' object"
    )


# ---- several signatures


def invalid_combination(
    name: str, signatures: Sequence[Signature], values: Sequence[Any], keywords: Mapping[str, Any]
) -> NoReturn:
    """Arguments that fit none of the signatures: what was given, and what is wrong with each of them."""
    given = {keyword: keywords[keyword] for keyword in in_map_order(keywords)}
    listed = [s.printed for s in signatures if not s.hidden]
    head = f"{name}() received an invalid combination of arguments - "
    if len(listed) == 1:
        option = _options(listed[0])
        unmatched = _unmatched(option, given)
        if unmatched:
            raise TypeError(f"{head}got unrecognized keyword arguments: {', '.join(unmatched)}")
        counts = len(values) + len(given) == len(option)
        got = _marked(option, values, given) if counts else _plain(values, given)
        raise TypeError(f"{head}got {got}, but expected {listed[0]}")
    lines = [f"{head}got {_plain(values, given)}, but expected one of:\n"]
    for text in listed:
        lines.append(f" * {text}\n")
        option = _options(text)
        if len(values) + len(given) == len(option):
            unmatched = _unmatched(option, given)
            lines.append(
                f"      didn't match because some of the keywords were incorrect: {', '.join(unmatched)}\n"
                if unmatched
                else "      didn't match because some of the arguments have invalid types: "
                f"{_marked(option, values, given)}\n"
            )
    raise TypeError("".join(lines))


def _options(text: str) -> list[tuple[str, str]]:
    # PyTorch reads its own list back: all up to the last blank is the type, so that `*` counts as an argument
    # and `bool keepdim = False` is one of type "bool keepdim =" and name "False".
    found = []
    for part in text[1:-1].split(", "):
        kind, _, name = part.rpartition(" ")
        found.append((kind or name, name))
    return found


_MATCHES: Final = {"float": ("float", "int", "long"), "int": ("int", "long")}


def _marked(option: Sequence[tuple[str, str]], values: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    def mark(kind: str, value: Any, prefix: str = "") -> str:
        text = prefix + described(value)
        return text if type_name(type(value)) in _MATCHES.get(kind, (kind,)) else f"!{text}!"

    parts = [mark(kind, value) for (kind, _), value in zip(option, values)]
    parts += [mark(kind, keywords[name], f"{name}=") for kind, name in option[len(values) :]]
    return _joined(parts, values)


def described(value: Any) -> str:
    """The type of an argument, and of what is in it, as PyTorch's list of candidates has it."""
    name = type_name(type(value))
    if not isinstance(value, (tuple, list)):
        return name
    inside = ", ".join(type_name(type(element)) for element in value)
    if isinstance(value, list):
        return f"{name} of [{inside}]"
    return f"{name} of ({inside}{',' if len(value) == 1 else ''})"


def _plain(values: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    parts = [type_name(type(value)) for value in values]
    parts += [f"{keyword}={type_name(type(value))}" for keyword, value in keywords.items()]
    return _joined(parts, values)


def _joined(parts: list[str], values: Sequence[Any]) -> str:
    # The last comma is removed only where there are positional arguments.
    text = "".join(f"{part}, " for part in parts)
    return f"({text[:-2] if values else text})"


def _unmatched(option: Sequence[tuple[str, str]], keywords: Mapping[str, Any]) -> list[str]:
    names = {name for _, name in option[max(len(option) - len(keywords), 0) :]}
    return [keyword for keyword in keywords if keyword not in names]


# ---- the order of keywords

_MULTIPLIER: Final = 0xC6A4A7935BD1E995
_SEED: Final = 0xC70F6907
_MASK: Final = 2**64 - 1
_BUCKETS: Final = (13, 29, 59, 127, 257, 541)


def in_map_order(keywords: Iterable[str]) -> list[str]:
    """The keywords in the order in which PyTorch names them: that of C++'s unordered map (GCC's library) they
    went through.

    A key goes to the front of its bucket, and a bucket that was empty to the front of all.
    """
    ordered: list[str] = []
    sizes = iter(_BUCKETS)
    size = next(sizes)
    for keyword in keywords:
        if len(ordered) == size:
            size = next(sizes)
            ordered = _inserted(ordered, [], _bucket(size))
        ordered = _inserted([keyword], ordered, _bucket(size))
    return ordered


def _bucket(size: int) -> Callable[[str], int]:
    return lambda keyword: _murmur(keyword.encode()) % size


def _inserted(keywords: list[str], ordered: list[str], bucket: Callable[[str], int]) -> list[str]:
    for keyword in keywords:
        place = next((i for i, other in enumerate(ordered) if bucket(other) == bucket(keyword)), 0)
        ordered = [*ordered[:place], keyword, *ordered[place:]]
    return ordered


def _murmur(data: bytes) -> int:
    # MurmurHash64A (Austin Appleby, public domain), with the seed of GCC's std::hash.
    def mixed(value: int) -> int:
        return value ^ (value >> 47)

    found = _SEED ^ (len(data) * _MULTIPLIER & _MASK)
    whole = len(data) & ~7
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little")
        found ^= mixed(word * _MULTIPLIER & _MASK) * _MULTIPLIER & _MASK
        found = found * _MULTIPLIER & _MASK
    if len(data) > whole:
        found ^= int.from_bytes(data[whole:], "little")
        found = found * _MULTIPLIER & _MASK
    return mixed(mixed(found) * _MULTIPLIER & _MASK)


# ---- deprecated signatures


def deprecated(signature: Signature, listed: Sequence[str]) -> str:
    """The warning for an old order of arguments."""
    name = signature.name
    return "\n\t".join(
        (
            f"This overload of {name} is deprecated:",
            f"{name}{signature.printed}\nConsider using one of the following signatures instead:",
            *(f"{name}{text}" for text in listed),
        )
    )
