"""One statement of a session, from before it runs to its Step: what it did, and what the journal records of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.registry import only_shows, paths_of
from tensorcli.explorer.failures import hazard_failure, taken_back, with_effects, with_places
from tensorcli.explorer.journal import Record, place_of
from tensorcli.explorer.results import Step
from tensorcli.language.evaluate import NOTHING
from tensorcli.language.syntax import Form, Invocation, Statement

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Outcome
    from tensorcli.explorer.files import Sourcing
    from tensorcli.explorer.results import Answer, Failure, Value, Watched
    from tensorcli.explorer.session import Session

NO_NAMES: Mapping[str, Any] = {}
MOST_ANSWERS = 20
"""At most this many answers of commands within one statement are shown."""


class Asked:
    """What commands within a block or a function of the statement that runs have answered: it shows them."""

    def __init__(self, alone: Invocation | None = None) -> None:
        self.alone = alone
        """The command that the statement is itself, whose answer is its result."""
        self.answers: list[Answer] = []
        self.more = 0

    def within(self, invocation: Invocation, answer: Answer) -> None:
        """A command has answered."""
        if invocation is self.alone:
            return
        if len(self.answers) < MOST_ANSWERS:
            self.answers.append(answer)
        else:
            self.more += 1


def execute(
    session: Session, statement: Statement, text: str, name: str, form: Form, within: Sourcing | None
) -> Step:
    """Run the statement and say what it did; `Session.execute` says what the arguments are."""
    session.evaluator.bare = session.bare if form == "tsc" else NO_NAMES
    session.hearing.begin(name)
    session.text = text
    session.within, session.source = within, statement.source
    session.asked = Asked(statement.command)
    index = len(session.journal) + 1
    place = place_of(statement, name, within, index)
    observation = session.observation
    session.names.touched = {}
    mentioned = None
    if observation is not None:
        observation.recorder.watch.reads(text, shows=form != "py")
        mentioned = observation.begin(statement, index, place)
    value, result, error = session.evaluate(statement, text, name)
    if error is not None and _leaves_nothing(session, statement, error):
        if session.torn and observation is not None:
            error = taken_back(error)
        places = with_places(error, within)
        return Step(index, name, statement.source, statement.span, session.hearing.output, error=places)
    shown: Value | None = None
    if value is not NOTHING and value is not None and not session.quiet and not session.checking:
        shown, error = _value(session, value, statement, text, name)
    value = None
    if session.travel is not None:
        return session.arrive(statement, index, name)
    outcome: Outcome | None = None
    if observation is not None and mentioned is not None:
        outcome = observation.end(statement.tree, mentioned, statement.source, place)
    if error is not None and not session.checking:  # a session that checks hears of no change
        effects = outcome if outcome and (outcome.changes or not only_shows(statement)) else None
        error = error if effects is None else with_effects(error, effects, statement)
    if error is not None:
        error = with_places(error, within)
    record = Record(index, statement, text, name, form, "" if error is None else error.type, within)
    if outcome is not None:
        outcome = _hazards(session, outcome, record)
    _put_on_record(session, record)
    span, source, hearing = statement.span, statement.source, session.hearing
    if session.strict and error is None and session.hazards and session.hazards[-1].index == index:
        error = hazard_failure(next(each for each in session.hazards if each.index == index), record)
    said, warnings = hearing.output, tuple(hearing.warnings)
    if warnings:
        session.warned = index
    if outcome is None:
        return Step(index, name, source, span, said, None, result, warnings=warnings, error=error)
    return Step(
        index, name, source, span, said, shown, result, outcome.changes, outcome.more, outcome.writes, outcome.alarms,
        warnings, error,
        watched=watched(session),
        inner=session.inner,
        answers=tuple(session.asked.answers),
        more_answers=session.asked.more,
        more_inner=0 if session.nested is None else session.nested.more,
    )  # fmt: skip


def watched(session: Session) -> tuple[Watched, ...]:
    """What `watch` follows and the statement changed."""
    if not session.watched or session.hearing.silent:
        return ()
    from tensorcli.explorer.watching import changed

    return tuple(changed(session))


def _leaves_nothing(session: Session, statement: Statement, error: Failure) -> bool:
    """Whether a failed statement is no part of the journal: it was interrupted or met a limit of ours, or it is a command whose
    file could not be read or written (what files there are is not a function of a journal). What it may have done is undone: the
    journal runs again before the next statement.
    """
    if error.kind in ("interrupted", "limit"):
        session.torn, session.stopped = True, error
        return True
    command = statement.command
    if command is None or not paths_of(command.verb):
        return False
    from tensorcli.explorer.files import names_file, runs_something

    if not names_file(command):
        return False
    session.torn = any(runs_something(each.value) for each in command.arguments)
    return True


def _put_on_record(session: Session, record: Record) -> None:
    """The journal goes on: a statement that does something ends what could be redone, and what `why` was still to tell of texts
    and statements that are on no record. `reset` begins anew.
    """
    session.journal.append(record)
    silent = session.hearing.silent
    if (session.future or session.refused or session.stopped) and not only_shows(record.statement):
        session.future, session.refused = [], None
        session.stopped = session.stopped if silent else None
    if session.forgetting:
        session.begin()
        if not silent:
            session.watched.clear()


def _hazards(session: Session, outcome: Outcome, record: Record) -> Outcome:
    """The outcome with the wrong gradients of the statement, its hazards being put on record."""
    observation = session.observation
    assert observation is not None
    watch = observation.recorder.watch
    if (watch.tainted or watch.poisoned) and not session.hearing.silent:
        from tensorcli.explorer.hazards.shadow import wrong_gradients

        wrong = wrong_gradients(session, record)
        if wrong:
            from dataclasses import replace

            outcome = replace(outcome, alarms=(*outcome.alarms, *wrong))
    for alarm in outcome.alarms:
        if alarm.kind == "stale":
            session.stale = record.index
        if alarm.kind != "stale" and alarm not in observation.expected:
            from tensorcli.explorer.hazards.report import hazard_row

            session.hazards.append(hazard_row(alarm, record))
    return outcome


def _value(
    session: Session, value: Any, statement: Statement, text: str, name: str
) -> tuple[Value | None, Failure | None]:
    """The repr of a bare expression, read without effect on tensors."""
    from tensorcli.explorer.facts import Verbatim, describe, text_of, type_text
    from tensorcli.explorer.results import Value

    try:
        with session.hearing:
            session.evaluator.guards.measure(value)
            written = text_of(session.engine, value)
            if not isinstance(value, str):
                written = session.evaluator.represent(Verbatim(written))
    except Exception as raised:
        return None, session.failure(raised, statement, text, name)
    facts = None
    if session.engine.kind(value) in ("tensor", "ndarray"):
        facts = describe(session.engine, session.allocations, value)
    return Value(written, type_text(value), facts), None
