"""The signatures of one name, in the order in which PyTorch tries them."""

from collections.abc import Sequence
from typing import Final

from tensorcli.engine.binding.signatures import Parameter, Signature, deprecated, from_notation, from_schema
from tensorcli.engine.schema import Schema, parse

_HIDES: Final = frozenset(
    (
        ("Scalar", "Tensor"),
        ("Scalar?", "Tensor?"),
        ("int[]", "int"),
        ("int[]", "int?"),
        ("SymInt[]", "int[]"),
        ("SymInt", "Tensor"),
        ("int", "Tensor"),
    )
)
"""Pairs of types where the first would take what is meant for the second."""


def read(schemas: Sequence[Schema | str], *, method: bool) -> list[Signature]:
    """The signatures of schemas, schema lines or lines in PyTorch's notation, in the order of trial.

    Lines in PyTorch's notation keep the order given. Errors: ValueError for a line that is not a signature, KeyError for a
    type that PyTorch does not have.
    """
    found: list[Signature] = []
    last: list[Signature] = []
    keep_order = len(schemas) == 1
    for i, schema in enumerate(schemas):
        if isinstance(schema, str):
            if ") -> " not in schema:
                found.append(from_notation(schema, i))
                keep_order = True
                continue
            schema = parse(schema)
        found.append(from_schema(schema, i, method=method))
        last += deprecated(schema, i, method=method)
    return [*(found if keep_order else in_order(found)), *last]


def order(schemas: Sequence[Schema]) -> list[Schema]:
    """The schemas of one name in the order in which PyTorch tries them."""
    if len(schemas) == 1:
        return list(schemas)
    ordered = in_order([from_schema(schema, i, method=False) for i, schema in enumerate(schemas)])
    return [schemas[signature.place] for signature in ordered]


def in_order(found: Sequence[Signature]) -> list[Signature]:
    """The signatures of one name in the order in which PyTorch tries them.

    By text first; then one that is more general (Scalar for Tensor, a list for one integer) never before one
    that it would hide.
    """
    found = sorted(found, key=lambda signature: signature.notation)
    types = [[_type_text(p) for p in s.parameters if p.name != "out"] for s in found]
    waiting = {
        i: hidden
        for i, one in enumerate(types)
        if (hidden := {j for j, other in enumerate(types) if _hides(one, other)})
    }
    placed = [i for i in range(len(found)) if i not in waiting]
    for i in placed:  # grows while it is read
        for j in sorted(waiting):
            waiting[j].discard(i)
            if not waiting[j]:
                del waiting[j]
                placed.append(j)
    return [found[i] for i in placed]


def _type_text(parameter: Parameter) -> str:
    source = parameter.source
    assert not isinstance(source, str)  # lines in PyTorch's notation keep their order
    kind = source.type
    return str(kind._replace(alias=None)) if kind.alias else str(kind)


def _hides(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether parameters of the first types would take what is meant for those of the second."""
    return (
        len(one) == len(other)
        and one != other
        and all(a == b or (a, b) in _HIDES or (a == "Tensor[]" and "[]" in b) for a, b in zip(one, other))
    )
