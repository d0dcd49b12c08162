"""Commands about the session's past: history, undo, redo, goto, diff, dry. Each runs the journal again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.registry import only_shows
from tensorcli.explorer.journal import Mended, Travel, line_of
from tensorcli.explorer.results import Difference, Dry, History, HistoryRow, Notice, Travelled, plural
from tensorcli.explorer.snapshot import difference, snapshot
from tensorcli.language.syntax import Invocation, Statement

if TYPE_CHECKING:
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import Answer
    from tensorcli.explorer.session import Session


def history(session: Session, invocation: Invocation) -> History:
    """Every statement of the journal, then those that `redo` would run."""
    rows = [
        HistoryRow(number, line_of(record, number), record.statement.source, record.outcome)
        for number, record in enumerate(session.journal, 1)
    ]
    rows.extend(
        HistoryRow(number, line_of(record, number), record.statement.source, "undone")
        for number, record in enumerate(session.future, len(session.journal) + 1)
    )
    return History(tuple(rows))


def undo(session: Session, invocation: Invocation) -> Answer:
    """Go back before the last statement that does more than look, or before the last N of them. What one `source`
    ran is one of them, and so is a `fix`.
    """
    count = _count(invocation)
    mended = session.mended
    if count == 1 and mended is not None and not mended.undone and _stands(mended, session.journal):
        return _turn_back(session, mended, "took back the fix")
    keep = len(session.journal)
    undone: list[int] = []
    for first, last in reversed(_typed(session.journal)):
        if len(undone) == count:
            break
        keep = first
        if any(map(_counts, session.journal[first:last])):
            undone.append(first)
    if not undone:
        return Notice("there is nothing to undo")
    return _go(session, keep, f"undid {_named(session, sorted(undone), session.journal)}")


def redo(session: Session, invocation: Invocation) -> Answer:
    """Run the next statement that was undone again, or the next N. A `fix` that was taken back is one."""
    count = _count(invocation)
    mended = session.mended
    if count == 1 and mended is not None and mended.undone and _stands(mended, session.journal):
        return _turn_back(session, mended, "did the fix again")
    done: list[int] = []
    taken = 0
    for first, last in _typed(session.future):
        if any(map(_counts, session.future[first:last])):
            if len(done) == count:
                break
            done.append(len(session.journal) + first)
        taken = last
    if not done:
        return Notice("there is nothing to redo")
    text = f"did again {_named(session, done, session.journal + session.future)}"
    return _go(session, len(session.journal) + taken, text)


def _typed(records: list[Record]) -> list[tuple[int, int]]:
    """Where what was typed as one begins and ends: a statement, or a `source` with all that it ran."""
    starts = [at for at, record in enumerate(records) if at == 0 or record.within is None]
    return list(zip(starts, [*starts[1:], len(records)]))


def goto(session: Session, invocation: Invocation) -> Answer:
    """Go to where the first N statements lead. Errors: IndexError."""
    number = _number(session, invocation, "step")
    timeline = session.journal + session.future
    what = "the beginning" if number == 0 else f"the end of {_named(session, [number - 1], timeline)}"
    return _go(session, number, f"at {what}")


def diff(session: Session, invocation: Invocation) -> Difference:
    """What is different after two statements. Errors: IndexError."""
    left, right = _number(session, invocation, "left"), _number(session, invocation, "right")
    low, high = sorted((left, right))
    timeline = session.journal + session.future
    with session.fork(timeline[:low]) as other:
        first = snapshot(other)
        for record in timeline[low:high]:
            other.again(record)
        second = snapshot(other)
    rows = difference(session.engine, *((first, second) if left <= right else (second, first)))
    return Difference(left, right, rows)


def dry(session: Session, invocation: Invocation) -> Dry:
    """What a statement would do, run on a fork of the session."""
    statement = invocation.get("statement")
    assert isinstance(statement, Statement)
    with session.fork() as other:
        other.hearing.silent = False
        other.configure("rows", session.rows)
        other.files = None if session.files is None else session.files.unwritten()
        return Dry(other.execute(statement, session.text, session.hearing.name))


def _counts(record: Record) -> bool:
    return not only_shows(record.statement)


def _named(session: Session, numbers: list[int], timeline: list[Record]) -> str:
    """`line 6: d.mul_(10)`, or how many statements."""
    if len(numbers) != 1:
        return plural(len(numbers), "statement")
    record = timeline[numbers[0]]
    first, _, rest = record.statement.source.partition("\n")
    return f"line {line_of(record, numbers[0] + 1)}: {first}" + (" …" if rest else "")


def _stands(mended: Mended, journal: list[Record]) -> bool:
    """Whether the journal is what a fix made of it, and was only looked at since."""
    made = mended.journal
    same = len(made) <= len(journal) and all(a.statement is b.statement for a, b in zip(made, journal))
    return same and not any(map(_counts, journal[len(made) :]))


def _turn_back(session: Session, mended: Mended, text: str) -> Notice:
    """Go to what there was before a `fix`, or before one was taken back; the next one leads here."""
    session.mended = Mended(mended.past, list(session.journal), list(session.future), not mended.undone)
    return _travel(session, mended.past, mended.future, text)


def _go(session: Session, keep: int, text: str) -> Notice:
    timeline = session.journal + session.future
    return _travel(session, timeline[:keep], timeline[keep:], text)


def _travel(session: Session, past: list[Record], future: list[Record], text: str) -> Notice:
    before = snapshot(session) if session.observation is not None else {}

    def arrived() -> Travelled:
        rows = (
            difference(session.engine, before, snapshot(session)) if session.observation is not None else ()
        )
        return Travelled(text, rows, len(past), len(past) + len(future))

    session.travel = Travel(past, future, arrived)
    return Notice(text)


def _count(invocation: Invocation) -> int:
    count = invocation.get("count")
    return max(count, 1) if isinstance(count, int) else 1


def _number(session: Session, invocation: Invocation, name: str) -> int:
    number: Any = invocation.get(name)
    most = len(session.journal) + len(session.future)
    if not 0 <= number <= most:
        ran = f"they are numbered from 1 to {most} (history)" if most else "none has run"
        raise IndexError(f"there is no statement {number}: {ran}")
    return int(number)
