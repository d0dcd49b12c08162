"""Integer tensors that name a position, a row or a class that is not there: which one, what there is, and what makes room."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.engines.members import is_module
from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import atom, called_name, calls_in
from tensorcli.explorer.why.called import given, module_name, whole_numbers
from tensorcli.explorer.why.case import Case, Story
from tensorcli.explorer.why.operands import Operand, operands

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

INTEGERS: Final = ("int64", "int32", "int16", "int8", "uint8")

_DIMENSION = re.compile(r"index -?\d+ is out of bounds for dimension (\d+) with size (\d+)")
_TABLE = re.compile(r"Embedding(?:Bag)?\((\d+), ")


class Room(NamedTuple):
    """What the elements of an integer tensor count: whose they are, how many there are, and what one is called."""

    owner: str
    size: int
    one: str
    many: str


def positions(case: Case) -> Story:
    """An integer tensor that holds a position, a class or a word that is not there."""
    found = operands(case)
    story = given(case, values=lambda look: look.dtype in INTEGERS)
    counting = [each for each in found if each.look.dtype in INTEGERS and each.look.numel]
    for each in counting:
        room = _room(case, each, found)
        elements = case.engine.elements(each.value)
        outside = [] if room is None else elements[(elements < 0) | (elements >= room.size)].tolist()
        if room is None or not outside:
            continue
        there = f"{room.size} {room.one if room.size == 1 else room.many}"
        if room.size:
            there += f", 0 to {room.size - 1}" if room.size > 1 else ", 0"
        story.title = f"{each.text} holds {outside[0]}, and {room.owner} has {there}."
        if room.one == "class":
            story.proposals.extend(_other_classes(case, each, room.size, set(outside)))
    for each in counting:
        story.proposals.extend(_more(case, each))
    return story


def _room(case: Case, holder: Operand, found: list[Operand]) -> Room | None:
    """What an integer tensor counts; None where that cannot be said."""
    message = case.failure.message
    others = [each for each in found if each is not holder]
    dimension = _DIMENSION.search(message)
    if dimension is not None:
        number, size = map(int, dimension.groups())
        owners = [
            each for each in others if len(each.look.sizes) > number and each.look.sizes[number] == size
        ]
        return Room(
            f"dimension {number}{f' of {owners[0].text}' if owners else ''}", size, "position", "positions"
        )
    if "Target" in message:
        scores = next((each for each in others if each.look.sizes and each.look.dtype not in INTEGERS), None)
        if scores is None:
            return None
        sizes = scores.look.sizes
        return Room(f"{scores.text} {sizes}", sizes[min(1, len(sizes) - 1)], "class", "classes")
    failed = case.trace.session.module
    table = None if failed is None else _TABLE.match(failed.text)
    node = case.expression()
    if failed is not None and table is not None and isinstance(node, ast.Call):
        path = "" if case.value(node.func) is failed.module else failed.path
        return Room(f"{case.text_of(node.func)}{path}", int(table[1]), "row", "rows")
    if not isinstance(node, ast.Call):
        return None
    if called_name(node) == "embedding" and others and others[0].look.sizes:
        return Room(others[0].text, others[0].look.sizes[0], "row", "rows")
    numbers = [value for each in _arguments(node) if type(value := case.value(each)) is int]
    if called_name(node) == "one_hot" and numbers:
        return Room("this one_hot", numbers[0], "class", "classes")
    if (called_name(node) or "").startswith("index_") and numbers and others:
        sizes = others[0].look.sizes
        if -len(sizes) <= numbers[0] < len(sizes):
            owner = f"dimension {numbers[0]} of {others[0].text}"
            return Room(owner, sizes[numbers[0]], "position", "positions")
    return None


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args
    for keyword in call.keywords:
        yield keyword.value


def _other_classes(case: Case, target: Operand, count: int, outside: set[int]) -> Iterator[Proposal | None]:
    """Classes that were counted from 1, and a number that stands for none."""
    elements = case.engine.elements(target.value)
    if outside == {count} and elements.min() == 1:
        text = atom(target.node, target.text)
        yield case.changed([(target.node, f"{text} - 1")], "classes are counted from 0")
    call = case.expression()
    if (
        isinstance(call, ast.Call)
        and called_name(call) in ("cross_entropy", "nll_loss")
        and len(outside) == 1
    ):
        (left_out,) = outside
        if left_out < 0 and not any(each.arg == "ignore_index" for each in call.keywords):
            new = with_argument(case.text_of(call), f"ignore_index={left_out}")
            yield case.changed([(call, new)], f"where the target is {left_out} nothing counts")


def _more(case: Case, found: Operand) -> Iterator[Proposal | None]:
    """A number in the failing statement, or in the one that made the module, that leaves room for the greatest element."""
    greatest = int(case.engine.elements(found.value).max())
    note = f"room for {greatest}"
    for name in dict.fromkeys(filter(None, (module_name(case), *_modules(case)))):
        bound = case.bound_at(name)
        if bound is not None:
            for node in _smaller(case.journal.tree(bound), greatest):
                yield case.journal.changed(bound, [(node, str(greatest + 1))], note)
    for node in _smaller(case.expression(), greatest):
        yield case.changed([(node, str(greatest + 1))], note)
    failed = case.trace.session.module
    table = None if failed is None else _TABLE.match(failed.text)
    if table is not None and greatest >= int(table[1]):
        yield from _longer(case, greatest + 1 - int(table[1]), note)


def _longer(case: Case, lacking: int, note: str) -> Iterator[Proposal | None]:
    """`nn.Embedding(vocab_size + 1, 8)`, where a name says how many rows the table has that failed."""
    for at in range(case.at):
        for call in calls_in(case.journal.tree(at), "Embedding", "EmbeddingBag"):
            rows = call.args[0] if call.args else None
            if rows is not None and not isinstance(rows, ast.Constant):
                text = atom(rows, case.journal.source(at, rows))
                yield case.journal.changed(at, [(rows, f"{text} + {lacking}")], note)


def _modules(case: Case) -> Iterator[str]:
    """The names of the modules that gave what a failing statement uses: in it, or where its names were bound."""
    trees = [case.inner]
    for node in ast.walk(case.inner):
        at = case.bound_at(node.id) if isinstance(node, ast.Name) else None
        if at is not None and at < case.at:
            trees.append(case.journal.tree(at))
    for tree in trees:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and is_module(case.value(node.func))
            ):
                yield node.func.id


def _smaller(tree: ast.AST, most: int) -> Iterator[ast.expr]:
    return (node for node, number in whole_numbers(tree) if 0 < number <= most)
