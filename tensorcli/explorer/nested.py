"""What each statement within loops and functions changed, for `--trace`.

The table of a top-level statement sums up what happened inside it; here every simple statement that runs in a
block or a function has an Observation of its own around it. A statement that calls a script function is
suspended while that runs, so that no write is put down to the wrong line. It gives no ids: what has none when
the top-level statement begins is shown as a temporary.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.changes import Observation
from tensorcli.explorer.mentions import mentions
from tensorcli.explorer.results import Inner
from tensorcli.language.syntax import span_of

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

MOST = 1000
"""At most this many statements are kept of one top-level statement; the rest are counted."""
SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Return, ast.Assert)


class Layers(Mapping[str, Any]):
    """The names of a function over those of the session."""

    def __init__(self, local: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        self.local, self.names = local, names

    def __getitem__(self, name: str) -> Any:
        return self.local[name] if name in self.local else self.names[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*self.local, *self.names})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Running:
    """A statement that began and has not ended."""

    def __init__(
        self, node: ast.stmt, depth: int, local: Mapping[str, Any], names: Mapping[str, Any]
    ) -> None:
        self.node = node
        self.depth = depth
        self.local = local
        """The names of its function, or those of the session."""
        self.names: Mapping[str, Any] = names if local is names else Layers(local, names)
        self.suspended = False
        """Whether a function that it calls is running."""
        self.mentioned = mentions(node, {})


class Nested:
    """The inner statements of one session's statements; also what the engine tells in place of a Recorder."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.observation = Observation(session.engine, session.allocations, session.names, gives_ids=False)
        self.top: ast.stmt | None = None
        self.open: list[Running] = []
        self.inner: list[Inner] = []
        self.more = 0
        self.clock = 0

    # ---- the session's side

    def begin(self, top: ast.stmt) -> None:
        """A top-level statement begins: every name of the session is known, and every gradient."""
        self.top, self.open, self.inner, self.more = top, [], [], 0
        self.observation.rows = self.session.rows
        index = self.observation.index
        self._tick()
        for name in [each for each in index.roots if each not in self.session.names]:
            index.unbind(name)
        for name, value in self.session.names.items():
            index.bind(name, value)
        for entry in list(index.entries.values()):
            index.see_grad(entry)

    def end(self) -> tuple[Inner, ...]:
        """The top-level statement ended."""
        self._return_to(-1)
        return tuple(self.inner)

    def runs(self, node: ast.stmt) -> None:
        """A statement begins."""
        depth, names = self.session.evaluator.depth, self.session.names
        local = getattr(sys._getframe(2).f_locals.get("frame"), "names", names)
        self._return_to(depth)
        if self.open and self.open[-1].depth == depth:
            self._end_one(local)
        if node is self.top or not isinstance(node, SIMPLE):
            return
        if self.open and not self.open[-1].suspended:
            self._finish(self.open[-1])
            self.open[-1].suspended = True
        self.open.append(Running(node, depth, local, names))
        self._start(self.open[-1])

    # ---- what the engine tells

    def _return_to(self, depth: int) -> None:
        """The functions that were called below this depth have returned."""
        while self.open and self.open[-1].depth > depth:
            self._end_one(None)
            if self.open and self.open[-1].depth <= depth:
                self.open[-1].suspended = False
                self._start(self.open[-1])

    def __getattr__(self, name: str) -> Any:
        first = self.session.observation
        assert first is not None
        tell, tell_inner = getattr(first.recorder, name), getattr(self.observation.recorder, name)

        def both(*arguments: Any) -> None:
            tell(*arguments)
            self._return_to(self.session.evaluator.depth)
            if self.open:
                tell_inner(*arguments)

        return both

    # ---- one statement

    def _end_one(self, local: Mapping[str, Any] | None) -> None:
        """The innermost statement ended, and its function too unless what runs next has the same names."""
        ended = self.open.pop()
        self._finish(ended)
        if ended.local is not local and ended.local is not self.session.names:
            index = self.observation.index
            for name in ended.local:
                if name in self.session.names:
                    index.bind(name, self.session.names[name])
                else:
                    index.unbind(name)

    def _tick(self) -> int:
        self.clock += 1
        self.observation.index.begin(self.clock)
        return self.clock

    def _start(self, running: Running) -> None:
        """Look at what a statement names, before it runs or goes on."""
        index, found = self.observation.index, running.mentioned
        self._tick()
        for name in (*found.loaded, *found.stored):
            known = running.local if name in found.stored else running.names
            if name in known:
                index.bind(name, known[name])
            else:
                index.unbind(name)
        self.observation.before(found, self._tick(), running.node.lineno)

    def _finish(self, running: Running) -> None:
        """What a statement changed, now that it ended or calls a function."""
        if running.suspended:
            return
        outcome = self.observation.after(
            running.names, running.mentioned.stored, running.mentioned, "", running.node.lineno
        )
        if not outcome.changes and not outcome.alarms:
            return
        if len(self.inner) >= MOST:
            self.more += 1
            return
        span = span_of(running.node)
        self.inner.append(
            Inner(
                span,
                running.depth,
                " ".join(span.text(self.session.text).split()),
                outcome.changes,
                outcome.more,
                outcome.alarms,
            )
        )
