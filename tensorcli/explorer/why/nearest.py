"""Arguments that an operation does not take as they are: two in the other order, what its message asks for, the nearest number
that it takes, rows that others have not. Each is tried.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.why.case import Case
from tensorcli.explorer.why.operands import behind, operands

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

FAR: Final = 64
"""So far below and above a number others are tried."""
PERCENT: Final = 100
ADVICE: Final = re.compile(r"\b[a-z_]+=(?:True|False)\b")


def in_other_order(case: Case) -> Iterator[Proposal | None]:
    """The failing call with two of its arguments in the other order."""
    call = case.expression()
    for one, other in combinations(call.args, 2) if isinstance(call, ast.Call) else ():
        if case.runs((one, other), (other, one)):
            changes = [(one, case.text_of(other)), (other, case.text_of(one))]
            yield case.changed([*changes], f"{case.text_of(other)} before {case.text_of(one)}")


def advised(case: Case) -> Iterator[Proposal | None]:
    """The failing call with the argument that its message names: `enforce_sorted=False`."""
    call = case.expression()
    if not isinstance(call, ast.Call):
        return
    given = {each.arg for each in call.keywords}
    for argument in dict.fromkeys(ADVICE.findall(case.failure.message)):
        text = with_argument(case.text_of(call), argument)
        if argument.partition("=")[0] not in given and case.runs((call, ast.parse(text, mode="eval").body)):
            yield case.changed([(call, text)], "as the message says")


def nearest(case: Case) -> Iterator[Proposal | None]:
    """The failing call with another number in the place of one that is written there: a share for a percentage, else the next
    one below and above that is taken.
    """
    call = case.expression()
    if not isinstance(call, ast.Call):
        return
    for node in (*call.args, *(each.value for each in call.keywords)):
        number = case.value(node)
        if (
            not isinstance(node, ast.Constant)
            or isinstance(number, bool)
            or not isinstance(number, int | float)
        ):
            continue
        share = number / PERCENT
        if 1 < number <= PERCENT and case.runs((node, ast.Constant(share))):
            yield case.changed([(node, repr(share))], "a share of 1, not percent")
            continue
        for direction, words in ((-1, "below"), (1, "above")):
            if isinstance(number, int):
                others = (number + direction * step for step in range(1, FAR + 1))
                taken = next((each for each in others if case.runs((node, ast.Constant(each)))), None)
                if taken is not None:
                    yield case.changed(
                        [(node, str(taken))], f"the next number {words} {number} that is taken"
                    )


def as_many(case: Case) -> Iterator[Proposal | None]:
    """The failing call with each operand as long as the shortest, where it takes them so."""
    found = [each for each in operands(case) if each.look.sizes]
    least = min((each.look.sizes[0] for each in found), default=0)
    longer = [each for each in found if each.look.sizes[0] > least]
    if not longer or not math.prod(each.look.sizes[0] for each in found):
        return
    texts = [(each.node, behind(each.node, each.text, f"[:{least}]")) for each in longer]
    if case.runs(*((node, ast.parse(text, mode="eval").body) for node, text in texts)):
        names = " and ".join(each.text for each in longer)
        yield case.changed([*texts], f"the first {least} of {names}, if those belong together")
