"""Session: what a session holds, how it runs texts, and how it goes back.

A session is a function of its journal: the texts of its statements and the seed. `run` checks a whole text before its first
statement, then lazily yields one `Step` for each statement (running.py). It prints nothing and knows no terminal. With
`quiet` nothing is observed: no events, no facts, no ids, at full speed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from tensorcli.explorer import results
from tensorcli.explorer.commands import look_in_silence, only_looks, run_command
from tensorcli.explorer.commands.registry import may_name_files, meant_as_command
from tensorcli.explorer.engines import Engine
from tensorcli.explorer.engines.opening import open_engine
from tensorcli.explorer.failures import (
    ExpectationFailed,
    Leave,
    Told,
    failure,
    language_failure,
)
from tensorcli.explorer.hearing import Hearing
from tensorcli.explorer.identity import Allocations, Identities
from tensorcli.explorer.journal import PROMPT, Mended, Names, Record, Travel, WatchedNames
from tensorcli.explorer.library import Library
from tensorcli.explorer.reach import Bare
from tensorcli.explorer.results import Answer, Step
from tensorcli.explorer.running import Asked, execute, watched
from tensorcli.explorer.verbs import Verbs
from tensorcli.language.evaluate import NOTHING, Evaluator
from tensorcli.language.limits import Limits, spare
from tensorcli.language.parse import parse
from tensorcli.language.syntax import Form, Invocation, LanguageError, Program, Statement, walk
from tensorcli.language.vocabulary import STANDARD_MODULES

if TYPE_CHECKING:
    import ast

    from tensorcli.explorer.changes import Observation
    from tensorcli.explorer.files import Files, Sourced, Sourcing
    from tensorcli.explorer.mentions import Mentions
    from tensorcli.explorer.nested import Nested
    from tensorcli.explorer.predict import Predictor
    from tensorcli.explorer.results import Failure, HazardRow, Inner, Question
    from tensorcli.explorer.rewritten import Refused

VERSION_ERROR = "modified by an inplace operation"


def half_of_free_memory() -> int:
    """Half of the memory that is free now; 2 GiB where the system does not say."""
    import os

    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError, AttributeError):
        return 1 << 31


class Session:
    """One session: names, journal, ids. Several may live in one process, one running at a time.

    `write` receives what `print` prints as it is printed; without it a step carries it. `max_bytes` is the
    largest tensor or array (default: half of the free memory). `quiet` observes nothing; `checking` looks for
    alarms only, and makes no text of a value. `strict` makes a hazard an error. `trace` tells
    of each statement within loops and functions what it changed. `keep_bytes` bounds the bytes
    that are kept of what nodes saved. `shields` gives each node a copy of what it saved before somebody writes
    there, so that no hidden write reaches it.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        max_bytes: int | None = None,
        engine: str = "embedded",
        quiet: bool = False,
        checking: bool = False,
        strict: bool = False,
        trace: bool = False,
        keep_bytes: int | None = None,
        shields: bool = False,
        write: Callable[[str], None] | None = None,
    ) -> None:
        self.engine: Engine = open_engine(engine)
        self.seed = seed
        self.quiet = quiet
        self.checking = checking
        self.strict = strict
        self.trace = trace
        self.keep_bytes = keep_bytes
        self.shields = shields
        self.shadows = 0
        """How often the session ran again for a right gradient."""
        self.max_bytes = half_of_free_memory() if max_bytes is None else max_bytes
        self.rows = 20
        self.limited = max_bytes is not None
        """Whether the largest size was asked for."""
        self.files: Files | None = None
        self.ask: Callable[[Question], str] | None = None
        """Asks whoever types, for `predict`; None where nobody can be asked."""
        self.predictor: Predictor | None = None
        """What `predict` asks about, once it was switched on."""
        self.sourced: Sourced | None = None
        """What the `source` that just ran has read."""
        self.within: Sourcing | None = None
        """The file whose statement runs, or ran last."""
        self.source = ""
        """The statement that runs, or ran last, as typed."""
        self.hearing = Hearing(write)
        self.names = Names() if quiet else WatchedNames()
        self.modules = self.engine.modules(lambda: self.evaluator.guards, lambda: self.seed)
        self.bare = Bare(self.modules["torch"].members)
        self.evaluator = Evaluator(
            self.names,
            self.modules,
            bare=self.bare,
            policy=self.engine.policy(),
            limits=Limits(array_bytes=self.max_bytes),
            command=self._command,
            write=self.hearing.print,
            identity=self._identity,
        )
        self.hearing.addressed = self.evaluator.addresses.without  # type: ignore[method-assign]
        self.library = Library(self)
        self.modules.offered = dict.fromkeys(STANDARD_MODULES, self.library.namespace)
        self.verbs = Verbs(self.engine, self.modules)
        self.future: list[Record] = []
        """The statements that were undone, for `redo`."""
        self.travel: Travel | None = None
        self.refused: Refused | None = None
        """The text that was refused last, where it can be written in another way; until a statement changes something."""
        self.stopped: Failure | None = None
        """What stopped the last statement, which was taken back; until another one does more than look."""
        self.proposed: Any = None
        """What the last `why` proposed, for `fix`."""
        self.mended: Mended | None = None
        """What the last `fix` made of the journal."""
        self.skipped_lines = 0
        """How many lines of the last text were a transcript's old output."""
        self.watched: dict[str, Any] = {}
        """The expressions that `watch` names, and the last text of each."""
        self.begin()

    def begin(self) -> None:
        """The state of a session that has run nothing."""
        self.journal: list[Record] = []
        self.allocations = Allocations()
        self.identities = Identities(reused=True)
        self.observation: Observation | None = None
        if not self.quiet:
            from tensorcli.explorer.changes import Observation

            self.observation = Observation(
                self.engine,
                self.allocations,
                self.names,
                keep_bytes=self.keep_bytes,
                checking=self.checking,
            )
            self.observation.rows = self.rows
            watch = self.observation.recorder.watch
            watch.keeper.shields = self.shields
            self.evaluator.before = self._runs if self.trace else watch.runs
        self.nested: Nested | None = None
        if self.trace and not self.quiet:
            from tensorcli.explorer.nested import Nested

            self.nested = Nested(self)
        self.hazards: list[HazardRow] = []
        """Every hazard so far."""
        self.stale = 0
        """The number of the last statement that made saved tensors stale."""
        self.warned = 0
        """The number of the last statement that gave a warning."""
        self.inner: tuple[Inner, ...] = ()
        self.asked = Asked()
        self.torn = False
        self.forgetting = False
        self.travel = None
        self.text = ""
        self.names.clear()
        self.hearing.known.clear()
        self.evaluator.addresses.forget()
        self.modules.forget()
        self.library.begin()
        self.engine.begin(self.seed, self.max_bytes)

    # ---- running

    def run(
        self, text: str | bytes, name: str = "<input>", form: Form = "tsc", keep_going: bool = False
    ) -> Iterator[Step]:
        """Run a text: one step a statement, as each is asked for.

        The text is parsed and checked whole at once; where it does not pass, the only
        step has the index 0 and a failure of the kind "language". A failing statement ends the run unless
        `keep_going`; an interrupted one and `exit` always do.
        """
        shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
        try:
            program = self.read(text, form)
        except LanguageError as error:
            return iter((Step(0, name, "", error.span, error=self._refuse(error, shown, name, form)),))
        self.skipped_lines = program.skipped_lines
        return self._statements(program, shown, name, form, keep_going, None)

    def _refuse(self, error: LanguageError, text: str, name: str, form: Form) -> Failure:
        """The failure of a text that was refused; `why` is told of the text where it can be written in another way."""
        from tensorcli.explorer.rewritten import refused, told_why

        self.refused = refused(self, error, text, name, form)
        if self.refused is None:
            error = told_why(error, text)
        return language_failure(error, text, name, answered=self.refused is not None)

    def _statements(
        self,
        program: Program,
        text: str,
        name: str,
        form: Form,
        keep_going: bool,
        within: Sourcing | None,
    ) -> Generator[Step, None, bool]:
        """Run the statements of one text, and those of the files that it sources; whether the run goes on."""
        for statement in program.statements:
            step = self._predicted(statement, text, name, form, within)
            sourced, self.sourced = self.sourced, None
            yield step
            if step.result is not None and isinstance(step.result, results.Exit):
                return False
            if step.error is not None and (not keep_going or step.error.kind == "interrupted"):
                return False
            if sourced is not None:
                goes_on = yield from self._statements(*sourced[:4], keep_going, sourced.sourcing)
                if not goes_on:
                    return False
        return True

    def _predicted(
        self, statement: Statement, text: str, name: str, form: Form, within: Sourcing | None
    ) -> Step:
        """Run a statement. Where `predict` is on and it was typed, ask first what it will do."""
        predictor, ask = self.predictor, self.ask
        question = None
        if predictor is not None and ask is not None and within is None:
            question = predictor.question(self, statement, text, form)
        if predictor is None or ask is None or question is None:
            return self.execute(statement, text, name, form, within)
        given = ask(question)
        step = self.execute(statement, text, name, form, within)
        return step._replace(prediction=predictor.judged(question, given))

    def read(self, text: str | bytes, form: Form = "tsc") -> Program:
        """The statements of a text, checked. Errors: LanguageError."""
        program = parse(text, self.verbs if form == "tsc" else {}, self.names, form)
        if form == "tsc" and may_name_files(text):
            from tensorcli.explorer.files import refuse_files

            refuse_files(program, self.files)
        return program

    def again(self, record: Record) -> Step:
        """Run a statement of a journal."""
        return self.execute(record.statement, record.text, record.name, record.form, record.within)

    def execute(
        self,
        statement: Statement,
        text: str,
        name: str = PROMPT,
        form: Form = "tsc",
        within: Sourcing | None = None,
    ) -> Step:
        """Run one statement and say what it did. `text` is what its spans point into, `within` the file that
        `source` is running.
        """
        if self.torn:
            self.replay(self.journal)
            spare.keep()
        return execute(self, statement, text, name, form, within)

    def evaluate(
        self, statement: Statement, text: str, name: str
    ) -> tuple[Any, Answer | None, Failure | None]:
        """The value of a bare expression, a command's answer, and what was raised."""
        value: Any = NOTHING
        result: Answer | None = None
        error: Failure | None = None
        self.engine.trace_calls(self._calls)
        try:
            with self.hearing:
                if self.nested is not None:
                    self.nested.begin(statement.tree)
                    self.engine.listen(self.nested)
                elif self.observation is not None:
                    self.engine.listen(self.observation.recorder)
                value = self.evaluator.execute(statement)
        except Leave as leave:
            result = results.Exit(leave.status)
        except (Exception, KeyboardInterrupt) as raised:
            if isinstance(raised, MemoryError):
                spare.release()
            error = self.failure(raised, statement, text, name)
            if self.observation is not None and VERSION_ERROR in error.message:
                self.observation.failed = self.engine.failed_node(raised)
            if isinstance(raised, ExpectationFailed):
                result = raised.result
            _forget(raised)
        finally:
            if self.observation is not None:
                self.engine.listen(None)
            if self.nested is not None:
                self.inner = self.nested.end()
        if isinstance(value, Answer):
            return NOTHING, value, error
        return value, result, error

    def _calls(self) -> list[str]:
        """The traceback of the running statement."""
        from tensorcli.explorer.calls import script_traceback

        return script_traceback(self.text, self.hearing.name, self.journal)

    def _runs(self, statement: ast.stmt) -> None:
        """Tell both watches and the trace, in a session that traces, that a statement of the script begins."""
        assert self.observation is not None
        assert self.nested is not None
        self.observation.recorder.watch.runs(statement)
        self.nested.observation.recorder.watch.runs(statement)
        self.nested.runs(statement)

    def failure(self, raised: BaseException, statement: Statement, text: str, name: str) -> Failure:
        """What was raised as a failure of the statement, with advice where there is some."""
        if isinstance(raised, Told):
            return raised.failure
        found = failure(
            raised, statement, text, name, self.engine.takes, partial(self._text_of, statement, text)
        )
        if isinstance(raised, KeyboardInterrupt):
            return found
        from dataclasses import replace

        if " at 0x" in found.message:
            found = replace(found, message=self.evaluator.addresses.without(found.message))
        if self.hearing.silent:
            return found  # nobody sees advice
        from tensorcli.language.hints import hint, meant, outside

        advice = outside(raised) or meant(raised, self.evaluator)
        if advice is None and not found.hints:
            commands = meant_as_command(statement.tree) if self.evaluator.bare is self.bare else {}
            advice = hint(raised, self.evaluator, commands)
        return found if advice is None else replace(found, hints=(advice,))

    def _text_of(self, statement: Statement, text: str, node: ast.AST) -> str:
        """The text that a node points into: that of the statement that runs, or of one that defined a function."""
        if any(each is node for each in walk(statement.tree)):
            return text
        return self.text_with(lambda each: each is node, text)

    def text_with(self, found: Callable[[ast.AST], bool], otherwise: str) -> str:
        """The text of the last statement in the journal that has such a node."""
        for record in reversed(self.journal):
            if any(map(found, walk(record.statement.tree))):
                return record.text
        return otherwise

    # ---- taking back

    def replay(self, records: list[Record], future: list[Record] | None = None) -> None:
        """Bring the session to where these statements lead when they run from the beginning, without prints and warnings.

        Errors: KeyboardInterrupt; what was interrupted is run again before the next statement.
        """
        self.begin()
        running = self.within, self.source
        live, self.hearing.live = self.hearing.live, None
        self.hearing.silent = True
        if self.observation is not None:
            self.observation.rows = 0  # nobody sees them
        try:
            for record in records:
                step = self.again(record)
                if step.error is not None and step.error.kind == "interrupted":
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            self.journal, self.torn = list(records), True
            raise
        finally:
            if self.observation is not None:
                self.observation.rows = self.rows
            self.hearing.silent = False
            self.hearing.live = live
            self.within, self.source = running
            self.future = [] if future is None else future

    @contextmanager
    def fork(self, records: list[Record] | None = None) -> Iterator[Session]:
        """Another session in which these statements (those of the journal) ran in silence. What is global in
        the engine is put back at the end.
        """
        with self.engine.aside():
            other = Session(seed=self.seed, max_bytes=self.max_bytes, engine=self.engine.name)
            other.replay(self.journal if records is None else records)
            other.hearing.silent = True
            yield other

    def arrive(self, statement: Statement, index: int, name: str) -> Step:
        """Go where a command of time leads (`undo`, `goto`). Its own statement is no part of the journal."""
        travel = self.travel
        assert travel is not None
        before, future = self.journal, self.future
        answer: Answer | None = None
        error: Failure | None = None
        try:
            self.replay(travel.past, travel.future)
            answer = travel.answer()
        except KeyboardInterrupt as raised:
            error = self.failure(raised, statement, self.text, name)
            self.journal, self.future, self.torn = before, future, True
        changed = watched(self) if error is None else ()
        return Step(
            index, name, statement.source, statement.span, result=answer, error=error, watched=changed
        )

    def reset(self) -> None:
        """Forget everything when the statement that runs ends, as if the session began then."""
        self.forgetting = True

    def configure(self, name: str, value: int) -> None:
        """Change a setting: `rows` or `max_bytes`."""
        if name == "rows":
            self.rows = value
            if self.observation is not None:
                self.observation.rows = value
        else:
            self.max_bytes = value
            self.engine.limit(value)

    # ---- what the evaluator asks for

    def _command(self, invocation: Invocation) -> Any:
        looks = only_looks(invocation.verb)
        if self.hearing.silent and looks:
            return look_in_silence(self, invocation)
        answer = run_command(self, invocation)
        if looks and isinstance(answer, Answer):
            self.asked.within(invocation, answer)
        return answer

    def _identity(self, thing: Any) -> int:
        return self.identities.number(thing)

    # ---- what commands and prompts ask for

    @property
    def functions(self) -> dict[str, Mentions]:
        """What the bodies of the script's functions name."""
        return {} if self.observation is None else self.observation.functions

    def value_of(self, tree: Any, frame: Any = None) -> Any:
        """The value of an argument of a command, or of an expression in a function's frame."""
        return self.evaluator.evaluate(tree, frame)

    def short_text(self, value: Any) -> str:
        """A value that is not a tensor, on one line, with those addresses that the script has seen."""
        from tensorcli.explorer.facts import short_text

        return short_text(self.engine, value, self.evaluator.addresses.as_shown)

    def attributes_of(self, value: Any) -> list[str]:
        """The attributes that a script may read on a value, for completion."""
        from tensorcli.language.namespaces import Namespace

        if isinstance(value, Namespace):
            return list(value.members)
        if self.engine.kind(value) == "tensor":
            return list(self.engine.method_names())
        return self.evaluator.policy.readable(value)


def _forget(raised: BaseException | None) -> None:
    """Let go of the frames of an exception: they hold the values that the statement left behind."""
    seen: set[int] = set()
    while raised is not None and id(raised) not in seen:
        seen.add(id(raised))
        raised.__traceback__ = None
        raised = raised.__context__ or raised.__cause__
