"""What may not have been meant in statements that all ran: `why` shows it where nothing failed.

These are facts and no hazards: a program may well change what a function is given, or draw a dropout under no_grad. They are
told only where nobody can say that anything is wrong.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from tensorcli.explorer.results import Why
from tensorcli.explorer.rewrite import to_the_end
from tensorcli.explorer.trace import traced
from tensorcli.explorer.why.case import looking_back
from tensorcli.explorer.why.prove import WAYS, allowance, numbered, outcome
from tensorcli.explorer.why.surprises import dimensions, layers, memory, modes, rounds, values

if TYPE_CHECKING:
    from tensorcli.explorer.results.why import Verdict
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.session import Session

MOST: Final = 6
"""So many are shown."""
LOOKS: Final = (
    memory.one_object,
    memory.seen_elsewhere,
    layers.one_layer,
    memory.written_behind,
    memory.one_memory,
    memory.left_out,
    modes.in_training,
    modes.statistics,
    rounds.without_return,
    rounds.first_alone,
    dimensions.last_of_the_batch,
    dimensions.in_the_order_of_memory,
    values.counted,
    values.largest_of_all,
    values.no_numbers,
)
"""What is looked for, in this order; where there is more than is shown, the last of it is left out."""


def surprises(session: Session) -> tuple[Why, list[Proposal]] | None:
    """What may not have been meant, and the proposals that the answer numbers; None where there is nothing."""
    with traced(session, list(session.journal)) as trace:
        case = looking_back(session, trace)
        found = sorted(
            islice((each for look in LOOKS for each in look(case)), MOST), key=lambda each: each.event.line
        )
        allowed = allowance(trace)
    if not found:
        return None
    held: list[tuple[Proposal, str, Verdict]] = []
    for proposal in (to_the_end(each) for surprise in found for each in surprise.proposals):
        gave = None if proposal is None else outcome(session, proposal, allowed)
        if proposal is not None and gave is not None:
            held.append((proposal, "", "runs"))
    ways, kept = numbered(islice(held, WAYS))
    title = "no statement has failed. What may not have been meant:"
    return Why(title, None, "", tuple(each.event for each in found), None, (), tuple(ways)), kept
