"""From an exception to a Failure: where in the script it was raised, of what kind it is, and what we add to PyTorch's words."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tensorcli.explorer import results
from tensorcli.language.limits import LimitError
from tensorcli.language.locate import failed_call, locate_nodes
from tensorcli.language.syntax import CommandCall, Invocation, LanguageError, Span, Statement, span_of

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Outcome
    from tensorcli.explorer.engines import Taken
    from tensorcli.explorer.files import Sourcing
    from tensorcli.explorer.journal import Record
    from tensorcli.explorer.results import Expectation, Failure, FailureKind, HazardRow


class ExpectationFailed(AssertionError):  # noqa: N818 (what a reader sees as the error's type)
    """What `expect` asked for is not so."""

    def __init__(self, result: Expectation) -> None:
        super().__init__(
            f"expected {result.text}; {result.found}" if result.found else f"expected {result.text}"
        )
        self.result = result


class Told(Exception):  # noqa: N818 (it carries what there is to say)
    """Something failed in a text of its own; the failure says where in that."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Leave(BaseException):
    """`exit`: passes every handler of the script."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


NO_CUDA = (
    r"not compiled with CUDA|CUDA enabled|without ATen_cuda|accelerator device when none|pin_memory=True"
)
CUDA_HINT = (
    "--simulate-cuda simulates devices with numpy; pip install 'tensorcli[cuda]' installs CuPy for a GPU"
)
LISTED = 3
"""So many of the storages that a failing statement wrote are named."""
_QUOTED = r"(?<=')[^']+(?=')|\b\d+\b"
"""What a complaint quotes: a text in quotes, a number."""
_KEYWORD = r"unexpected keyword argument|invalid combination of arguments"


def language_failure(error: LanguageError, text: str, name: str, answered: bool = False) -> Failure:
    """A text that does not parse, or uses what the language refuses; whether `why` knows it in another form."""
    return results.Failure(
        "language",
        "SyntaxError",
        error.message,
        (error.span,),
        (line_at(text, error.span),),
        None,
        name,
        () if error.hint is None else (error.hint,),
        answered=answered,
    )


def line_at(text: str, span: Span) -> str:
    """The line of the text on which a span begins."""
    lines = text.split("\n")
    return lines[span.line - 1].rstrip("\r") if 0 < span.line <= len(lines) else ""


def kind_of(error: BaseException, nodes: list[ast.AST]) -> FailureKind:
    """Whose failure an exception is."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, ExpectationFailed):
        return "expectation"
    if isinstance(error, AssertionError) and nodes and isinstance(nodes[0], ast.Assert):
        return "expectation"
    if isinstance(error, MemoryError) and not (nodes and isinstance(nodes[0], ast.Raise)):
        return "limit"
    if isinstance(error, AssertionError | TypeError | RuntimeError) and re.search(NO_CUDA, str(error)):
        return "unavailable"
    return "statement"


def failure(
    error: BaseException,
    statement: Statement,
    text: str,
    name: str,
    takes: Callable[[Any], Iterable[Iterable[Taken]]],
    text_of: Callable[[ast.AST], str],
) -> Failure:
    """The failure of a statement. `takes`: the parameters of a function in each of its signatures; `text_of`: the text
    that a node points into, for a function may stand in an earlier one.
    """
    nodes = locate_nodes(error)
    places = dict.fromkeys((span_of(node), text_of(node)) for node in nodes) or [(statement.span, text)]
    spans = tuple(span for span, _ in places)
    sources = tuple(line_at(typed, span) for span, typed in places)
    if nodes and isinstance(nodes[0], CommandCall):
        spans = (argument_at_fault(nodes[0].invocation, message(error), text) or spans[0], *spans[1:])
    kind = kind_of(error, nodes)
    hints = [CUDA_HINT] if kind == "unavailable" else []
    if isinstance(error, TypeError) and re.search(_KEYWORD, str(error)):
        hints = _keyword(error, takes)
    from tensorcli.explorer.errors import known_error

    known = known_error(type_name(error), message(error))
    said = message(error)
    return results.Failure(
        kind,
        type_name(error),
        "there is no more memory for this process" if kind == "limit" and not said else said,
        spans,
        sources,
        statement.span,
        name,
        tuple(hints),
        None if known is None else known.code,
    )


def argument_at_fault(invocation: Invocation, said: str, text: str) -> Span | None:
    """Where a command stands that complains of what it was given: the argument that the complaint quotes, else the only
    one; None where that cannot be told.
    """
    given = [each for each in invocation.arguments if isinstance(each.value, ast.expr | str | int)]
    for word in re.findall(_QUOTED, said):
        whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        for span in (each.span for each in given if each.span.line == each.span.end_line):
            if found := whole.search(span.text(text)):
                first = span.column
                return span._replace(column=first + found.start(), end_column=first + found.end())
    return given[0].span if len(given) == 1 == len(invocation.arguments) else None


def type_name(error: BaseException) -> str:
    """The class as Python's traceback names it."""
    kind = type(error)
    if isinstance(error, LimitError):
        return "MemoryError"
    module = kind.__module__
    if module in ("builtins", "__main__") or module.startswith("tensorcli."):
        return kind.__name__ if not isinstance(error, AttributeError) else "AttributeError"
    return f"{module}.{kind.__qualname__}"


def message(error: BaseException) -> str:
    """The text as Python's traceback shows it."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return str(error)


def _keyword(error: TypeError, takes: Callable[[Any], Iterable[Iterable[Taken]]]) -> list[str]:
    call = failed_call(error)
    if call is None:
        return []
    function, given = call
    known = {each.name for signature in takes(function) for each in signature}
    unknown = next((each for each in given if each not in known), None)
    if unknown is None:
        return []
    from tensorcli.explorer.why.parameters import close

    near = close(unknown, known.difference(given))[:1]
    return [f"did you mean {near[0]}=?"] if near else []


def hazard_failure(row: HazardRow, record: Record) -> Failure:
    """A hazard as an error."""
    return results.Failure(
        "hazard",
        "Hazard",
        row.text,
        (row.span,),
        (line_at(record.text, row.span),),
        record.statement.span,
        record.name,
        (row.hint,) if row.hint not in ("", "why") else (),  # that `why` tells it is said with the code
        row.code,
    )


def with_places(error: Failure, within: Sourcing | None) -> Failure:
    """Which files sourced the one that failed, as hints."""
    from dataclasses import replace

    places = []
    while within is not None:
        if within.place:
            places.append(f"sourced at {within.place}")
        within = within.outer
    return replace(error, hints=(*error.hints, *places)) if places else error


def taken_back(error: Failure) -> Failure:
    """That nothing is left of a statement that was stopped, as a hint."""
    from dataclasses import replace

    return replace(error, hints=(*error.hints, "the statement was taken back: nothing was changed"))


def with_effects(error: Failure, outcome: Outcome, statement: Statement) -> Failure:
    """What a failing statement left behind, as a hint. A block or a function may have bound names, or filled lists, before."""
    from dataclasses import replace

    written = sorted(
        {each.storage for each in outcome.writes if each.storage}, key=lambda each: (len(each), each)
    )
    more = f" and {len(written) - LISTED} more" if len(written) > LISTED + 1 else ""
    listed = ", ".join(written[:LISTED] if more else written)
    verb = "was" if len(written) == 1 else "were"
    kept = [f"{listed}{more} {verb} written before the error"] if written else []
    if not outcome.changes:
        at = error.spans[0].line if error.spans else statement.span.line
        inside = hasattr(statement.tree, "body") or not statement.span.line <= at <= statement.span.end_line
        kept = ["no tensor was changed" if inside else "nothing was changed"]
    return replace(error, hints=(*error.hints, *kept))
