"""`torch.return_types`: the named tuples that operators with several outputs return.

In PyTorch they are C struct sequences: tuples whose fields are attributes too, printed one field a line, made from one
sequence. This module is told the names and fields, and knows no operators.
"""

import builtins
from functools import cache
from operator import itemgetter
from typing import Any, Final

from tensorcli.engine.native import Native
from tensorcli.engine.table import PACKETS

_NOTHING: Final[dict[str, Any]] = {}


class ReturnType(Native, tuple[Any, ...]):
    """The base of all of them. Errors: TypeError unless made from one sequence with an item for each field; a dictionary of what
    more a C struct sequence may hold, which these do not, may follow, as it does in pickles.
    """

    __slots__ = ()

    fields: tuple[str, ...] = ()
    n_fields = n_sequence_fields = 0
    n_unnamed_fields = 0

    def __new__(cls, sequence: Any, dict: Any = _NOTHING) -> "ReturnType":
        if not hasattr(sequence, "__iter__"):
            raise TypeError("constructor requires a sequence")
        if not isinstance(dict, builtins.dict):
            raise TypeError(f"torch.return_types.{cls.__name__}() takes a dict as second arg, if any")
        items = tuple(sequence)
        if len(items) != cls.n_fields:
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {cls.n_fields}-sequence ({len(items)}-sequence given)"
            )
        return tuple.__new__(cls, items)

    def __repr__(self) -> str:
        lines = ",\n".join(f"{name}={item!r}" for name, item in zip(self.fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{lines})"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return _again, (type(self).__name__, self.fields, tuple(self))


@cache
def return_type(name: str, fields: tuple[str, ...]) -> type[ReturnType]:
    """The class of the operator's results: `torch.return_types.max` with `.values` and `.indices`."""
    attributes: dict[str, Any] = {
        field: property(itemgetter(i), doc=f"Field number {i}") for i, field in enumerate(fields)
    }
    count = len(fields)
    attributes |= {
        "__slots__": (),
        "__module__": "torch.return_types",
        "__match_args__": fields,
        "fields": fields,
    }
    attributes |= {"n_fields": count, "n_sequence_fields": count}
    return type(name, (ReturnType,), attributes)


def _again(name: str, fields: tuple[str, ...], items: tuple[Any, ...]) -> ReturnType:
    return return_type(name, fields)(items)


def __getattr__(name: str) -> Any:
    """`torch.return_types.max`: the class for the operator of that name."""
    for found in PACKETS.get(name, ()):
        if len(found.returns) > 1 and found.schema.returns[0].name:
            return return_type(name, found.returns)
    raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
