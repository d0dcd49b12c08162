"""`why` and `fix`: the reason for an error, for a missing gradient or for a tensor's state, and the ways out."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli.explorer.commands.arguments import text_around
from tensorcli.explorer.journal import PROMPT, line_of
from tensorcli.explorer.results import Answer, Edit, Fixed, Notice, Why
from tensorcli.explorer.rewrite import edited
from tensorcli.explorer.rewritten import Refused
from tensorcli.explorer.trace import traced
from tensorcli.explorer.trees import differentiates, has_pass, loaded, one_line
from tensorcli.explorer.why.case import Story, looking_back
from tensorcli.explorer.why.prove import allowance, outcome, prove
from tensorcli.explorer.why.tellers import find, tell
from tensorcli.explorer.why.traps import MEASURED, TELLERS, explained
from tensorcli.language.source import read
from tensorcli.language.syntax import Expectation, Invocation, LanguageError, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import HazardRow
    from tensorcli.explorer.rewrite import Proposal
    from tensorcli.explorer.session import Session


HIDDEN: Final = ("TSC-H001", "TSC-H002")
"""A hidden write, and the gradient that it made wrong: one story."""
MORE: Final = 3
"""So many other traps are named."""


class Proposed(NamedTuple):
    """What the last `why` proposed: for which journal, which others, and what it was that they show."""

    base: list[Record]
    proposals: list[Proposal]
    measure: str
    measured: list[str]
    expected: bool = False
    """The journal's last statement did not run yet, and is not to."""


def why(session: Session, invocation: Invocation) -> Answer:
    """The reason of the last error; of `T.grad`, of `T`, where one is named."""
    if session.observation is None:
        return Notice("why needs a session that observes; this one is quiet")
    if invocation.arguments:
        argument = invocation.arguments[0]
        assert isinstance(argument.value, ast.expr)
        return _asked(session, argument.value, argument.span.text(text_around(session, invocation)))
    return latest(session)


def latest(session: Session) -> Answer:
    """About the last thing that asks for a reason: a gradient that was looked at and is None, a statement that
    failed, a hazard, saved tensors that are stale.
    """
    if session.refused is not None:
        return _refused(session, session.refused)
    if session.stopped is not None:
        line = session.stopped.lines[0].strip() if session.stopped.lines else "the last statement"
        return Notice(f"{line} was stopped, and its statement taken back whole: {session.stopped.message}")
    failed = next(
        (each.index for each in reversed(session.journal) if each.outcome and _has_a_reason(each)), 0
    )
    missing = _gradient_shown(session, _is_missing)
    if missing is not None and session.journal[-1].index > failed + 1:
        return _asked(session, missing, ast.unparse(missing))
    hazard = next((row for row in reversed(session.hazards) if TELLERS[row.code]), None)
    if session.stale > max(failed, hazard.index if hazard else 0):
        expected = _expected(session)
        if expected is not None:
            return expected
    if hazard is not None and hazard.index > failed:
        found = _hazard(session, hazard)
        others = _others(session, hazard)
        if isinstance(found, Why) and others:
            return replace(found, notes=(*found.notes, f"check lists more: {', '.join(others)}"))
        return found
    if failed:
        return _failure(session, session.journal[:failed])
    zero = _gradient_shown(session, _is_zero)
    return (
        _expected(session)
        or _warned(session)
        or (None if zero is None else _asked(session, zero, ast.unparse(zero)))
        or _surprises(session)
        or Notice("no statement has failed; `why x` and `why x.grad` ask about a tensor and its gradient")
    )


def _has_a_reason(record: Record) -> bool:
    """Whether what a statement raised can come from what ran before: a command that was given words and numbers says all
    there is to say (`fix 3`, `tour nothing`), and hides no error that stands before it.
    """
    command = record.statement.command
    return command is None or any(
        isinstance(each.value, ast.expr | Statement | Expectation) for each in command.arguments
    )


def _refused(session: Session, found: Refused) -> Answer:
    """About a text of which nothing ran: what it can be written as."""
    from tensorcli.explorer.rewritten import explained

    answer, session.proposed = explained(session, found, latest)
    return answer


def _gradient_shown(
    session: Session, wanted: Callable[[Session, ast.Attribute], bool]
) -> ast.Attribute | None:
    """The first gradient that the last statement showed, alone or in a `print`, and that is as wanted."""
    last = session.journal[-1].statement.tree if session.journal else None
    shown = last.value if isinstance(last, ast.Expr) else None
    printed = isinstance(shown, ast.Call) and isinstance(shown.func, ast.Name) and shown.func.id == "print"
    for node in shown.args if isinstance(shown, ast.Call) and printed else [shown]:
        if isinstance(node, ast.Attribute) and node.attr == "grad" and wanted(session, node):
            return node
    return None


def _is_missing(session: Session, gradient: ast.Attribute) -> bool:
    """Whether it is a tensor's, and None."""
    try:
        value = session.value_of(gradient.value)
    except Exception:  # its parts may be gone
        return False
    return session.engine.kind(value) == "tensor" and session.engine.grad(value) is None


def _is_zero(session: Session, gradient: ast.Attribute) -> bool:
    """Whether it is a tensor's, and 0 throughout."""
    try:
        value = session.value_of(gradient)
    except Exception:
        return False
    elements = session.engine.elements(value) if session.engine.kind(value) == "tensor" else None
    return elements is not None and not elements.any()


def _asked(session: Session, tree: ast.expr, text: str) -> Answer:
    from tensorcli.explorer.why.asked import asked

    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            session.value_of(
                node
            )  # a name that is not bound is an error of the question, with its own advice
    failed = _failed_pass(session, tree)
    told = _failure(session, session.journal[:failed]) if failed else None
    if isinstance(told, Why):
        line = line_of(session.journal[failed - 1], failed)
        return replace(
            told, title=f"{text} is None because the backward pass at line {line} failed. {told.title}"
        )
    answer, proposals, base = asked(session, tree, text)
    measured = [way.measured for way in answer.ways if way.number]
    session.proposed = Proposed(base, proposals, answer.measure, measured) if proposals else None
    return answer


def _failed_pass(session: Session, tree: ast.expr) -> int:
    """The place, from 1, of the backward pass that was to bring a leaf's gradient and failed; 0 where one ran."""
    if not isinstance(tree, ast.Attribute) or tree.attr != "grad" or not _is_missing(session, tree):
        return 0
    look = session.engine.look(session.value_of(tree.value))
    passes = [record for record in session.journal if has_pass(record.statement.tree)]
    if not look.is_leaf or not look.requires_grad or not all(record.outcome for record in passes):
        return 0
    return passes[-1].index if passes else 0


def _others(session: Session, told: HazardRow) -> list[str]:
    """The other traps that were found in a script, by their places: what is told is one. At the prompt each was shown."""
    if told.name == PROMPT:
        return []
    rows = [row for row in session.hazards if (row.code, row.span.line) != (told.code, told.span.line)]
    same = HIDDEN if told.code in HIDDEN else (told.code,)  # one trap in several places is one
    names = [
        f"line {row.span.line} {row.rule} ({row.code})"
        for row in rows
        if TELLERS[row.code] and row.code not in same
    ]
    different = [*dict.fromkeys(names)]
    return [*different[:MORE], "…"] if len(different) > MORE else different


def _hazard(session: Session, row: HazardRow) -> Answer:
    """What PyTorch did not report. A hidden write is told with the backward pass that it will make wrong."""
    from tensorcli.explorer.graphs import root_of

    if row.code not in MEASURED:
        answer, tried = explained(session, row)
        base = list(session.journal[: row.index])
        session.proposed = Proposed(base, tried, "", [way.measured for way in answer.ways])
        return answer
    observation = session.observation
    assert observation is not None
    records = list(session.journal)
    expected = None
    if row.code == "TSC-H001":
        name, _ = root_of(session.engine, observation.index, set(observation.recorder.watch.tainted))
        if name is not None and name.isidentifier():
            expected = _pass_from(session, name)
            records.append(expected)
    with traced(session, records) as trace:
        story: Story = find(TELLERS[row.code])(looking_back(session, trace), row)
    backward = story.right is not None or row.code == "TSC-H005"
    proposals = story.proposals
    if expected is not None:
        proposals = [each for each in proposals if each is not None and each.failing == len(each.records) - 1]
    ways, proved, measure = prove(session, proposals, story.right, backward, allowance(trace))
    session.proposed = Proposed(
        records, proved, measure, [way.measured for way in ways if way.number], expected is not None
    )
    found = Why(
        story.title, row.code, "", tuple(story.events), None, tuple(story.notes), tuple(ways), measure
    )
    return found if expected is None else _not_yet_run(found, expected)


def _expected(session: Session) -> Answer | None:
    """Where saved tensors are stale already: why the backward pass will raise."""
    observation = session.observation
    assert observation is not None
    from tensorcli.explorer.graphs import roots, stale_below

    engine = session.engine
    for entry, root in roots(engine, observation.index):
        name = observation.index.names(entry)[0]
        if not name.isidentifier() or any(
            differentiates(each.statement.tree) and name in loaded(each.statement.tree)
            for each in session.journal
        ):
            continue  # a pass from there ran, and kept the graph: nothing says that another is meant
        if any(stale_below(engine, root)):
            record = _pass_from(session, name)
            found = _failure(session, [*session.journal, record], expected=True)
            if isinstance(found, Why):
                return _not_yet_run(found, record)
    return None


def _warned(session: Session) -> Answer | None:
    """About the last statement that gave a warning: what its operation was given, and what it would take in silence."""
    from tensorcli.explorer.results import Failure

    if not session.warned:
        return None
    records = session.journal[: session.warned]
    with traced(session, records) as trace:
        (*_, warning) = trace.last.step.warnings
        span = warning.span or trace.last.record.statement.span
        error = Failure("statement", warning.category, warning.message, (span,), (), span, warning.name)
        story, known = tell(session, trace, error)
    wanted = [each and replace(each, quiet=True) for each in story.proposals]
    ways, proposals, measure = prove(session, wanted, None, False, allowance(trace))
    session.proposed = Proposed(records, proposals, measure, [way.measured for way in ways if way.number])
    events = [replace(each, role="warned") if each.role == "raised" else each for each in story.events]
    text = f"{warning.category}: {warning.message}".partition("\n")[0]
    code = None if known is None else known.code
    return Why(story.title, code, "", tuple(events), None, (text, *story.notes), tuple(ways), measure)


def _surprises(session: Session) -> Answer | None:
    """What may not have been meant in statements that all ran."""
    from tensorcli.explorer.why.surprises import surprises

    found = surprises(session) if session.journal else None
    if found is None:
        return None
    answer, proposals = found
    session.proposed = (
        Proposed(list(session.journal), proposals, "", [""] * len(proposals)) if proposals else None
    )
    return answer


def _pass_from(session: Session, name: str) -> Record:
    """The statement of a backward pass from a name, below the journal's last."""
    from tensorcli.explorer.journal import Record

    scalar = session.engine.look(session.names[name]).numel == 1
    last = session.journal[-1]
    below = "\n" * last.statement.span.end_line + (
        f"{name}.backward()" if scalar else f"{name}.sum().backward()"
    )
    (statement,) = session.read(below).statements
    return Record(last.index + 1, statement, below, last.name, last.form, "")


def _not_yet_run(found: Why, record: Record) -> Why:
    return replace(
        found, notes=(f"not yet run: this is what {record.statement.source} would meet", *found.notes)
    )


def _failure(session: Session, records: list[Record], expected: bool = False) -> Answer:
    from tensorcli.explorer.why.failed import failed

    found = failed(session, records, expected)
    if found is None:
        return Notice("the statement does not fail when it runs again")
    answer, proposals = found
    measured = [way.measured for way in answer.ways if way.number]
    session.proposed = Proposed(records, proposals, answer.measure, measured, expected) if proposals else None
    return answer


def proposal_of(session: Session, number: int) -> Proposal:
    """Way N of the last `why`. Errors: ValueError where there is none."""
    proposed = session.proposed
    if not isinstance(proposed, Proposed) or not proposed.proposals:
        raise ValueError("there is nothing to fix: ask why first")
    if not 1 <= number <= len(proposed.proposals):
        raise ValueError(f"there is no way {number}; why proposed {len(proposed.proposals)}")
    return proposed.proposals[number - 1]


def rewritten(session: Session, number: int, text: str) -> str:
    """The text of the session's script with way N of the last `why` in it. Errors: ValueError where there is no such
    way, or where its statements cannot be put in the place of lines.
    """
    if isinstance(session.proposed, Refused) and session.proposed.edits:
        refused = session.proposed
        if edits := _of_refused(refused, number):
            return edited(text, edits)
        new = edited(text, refused.edits)
        if read(new).text != (refused.whole or refused.text):
            raise ValueError("the script has prompts or an indent of its own: take them away first")
        return new
    proposal = proposal_of(session, number)
    new = edited(text, proposal.edits)
    wanted = [record.statement.source for record in proposal.records]
    try:
        found = [each.source for each in session.read(new, proposal.records[0].form).statements]
    except LanguageError:
        found = []
    if found[: len(wanted)] != wanted:
        lines = " and ".join(str(edit.line) for edit in proposal.edits)
        raise ValueError(f"line {lines} holds other statements too: way {number} needs a line of its own")
    return new


def _of_refused(found: Refused, number: int) -> tuple[Edit, ...]:
    """The edits of way N of what is said of a refused text as it can be written. Errors: ValueError where there is none."""
    if not 1 <= number <= len(found.ways):
        raise ValueError(f"there is no way {number}; why proposed {len(found.ways)}")
    return found.ways[number - 1]


def fix(session: Session, invocation: Invocation) -> Answer:
    """Make way N of the last `why` the journal. Errors: ValueError where there is none."""
    number = invocation.get("number")
    number = number if isinstance(number, int) else 1
    refused = session.proposed if isinstance(session.proposed, Refused) else session.refused
    if refused is not None:
        if edits := _of_refused(refused, number):
            from tensorcli.explorer.rewritten import refused as as_written

            changed = edited(refused.typed, edits)
            refused = as_written(session, refused.error, changed, refused.name, refused.form)
            assert refused is not None  # `why` proposes only such edits
        return _run_refused(session, refused)
    proposal = proposal_of(session, number)
    proposed: Proposed = session.proposed
    base = proposed.base[:-1] if proposed.expected else proposed.base
    past = session.journal[: len(base)]
    if [each.statement for each in base] != [each.statement for each in past]:
        raise ValueError("the session went another way since: ask why again")
    if outcome(session, proposal) is None:
        raise ValueError("this way out no longer works")
    from tensorcli.explorer.journal import Mended, Travel

    later = session.journal[len(base) :]
    measure, measured = proposed.measure, proposed.measured[number - 1]
    if proposal.shows:
        measure = ""
    past = list(proposal.records)
    if proposed.expected:
        past.pop()
        measure, measured = "", ""
    answer = Fixed(f"fixed: {one_line(proposal.text)}", proposal.edits, measure, measured)
    session.proposed = None
    session.mended = Mended([*past, *later], list(session.journal), list(session.future))
    session.travel = Travel(session.mended.journal, [], lambda: answer)
    return answer


def _run_refused(session: Session, found: Refused) -> Answer:
    """Run a text that was refused, as it can be written: its statements are next."""
    from tensorcli.explorer.files import Sourced
    from tensorcli.explorer.journal import Travel

    if found.slip is not None:
        raise ValueError(f"line {found.slip.span.line} is to be mended first: {found.slip.message}")
    session.proposed = session.refused = None
    program = session.read(found.text, found.form)
    session.sourced = Sourced(program, found.text, found.name, found.form, None)
    answer = Fixed("fixed: the text runs as it can be written", found.edits, "", "")
    session.travel = Travel(list(session.journal), [], lambda: answer)
    return answer
