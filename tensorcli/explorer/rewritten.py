"""A text that the language refused for its classes or its imports: how it can be rewritten, and what it does then."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from tensorcli import engine
from tensorcli.explorer.journal import PROMPT
from tensorcli.explorer.results import Answer, Edit, Way, Why
from tensorcli.explorer.rewrite import edited
from tensorcli.explorer.typed import Typed
from tensorcli.language import python
from tensorcli.language.rewriting.classes import HEAD, Replaced, as_blocks, in_the_way, without_classes
from tensorcli.language.rewriting.generators import as_lists
from tensorcli.language.rewriting.imports import needed_import, without_imports
from tensorcli.language.rewriting.makers import uncalled_init
from tensorcli.language.rewriting.places import is_text
from tensorcli.language.rewriting.properties import with_methods
from tensorcli.language.rewriting.sizes import with_lengths
from tensorcli.language.rewriting.star_imports import with_names
from tensorcli.language.source import read
from tensorcli.language.syntax import Form, LanguageError
from tensorcli.language.vocabulary import CLASS_REFUSED, STAR_REFUSED

if TYPE_CHECKING:
    from tensorcli.explorer.results import HazardRow
    from tensorcli.explorer.session import Session

ENDED: Final = "runs to its end"
LATE: Final = "runs for more than"
TYPED: Final = "<text>"
_STANDS: Final = {
    "function": "its functions",
    "error": "an exception",
    "value": "what it holds",
    "list": "the list that it gives",
}
"""What replaces a class, where it is not a single function."""
_SENTENCE: Final = re.compile(r"(?<=[.!?]) |\n")
"""Where the first sentence of a message ends: the answer tells the rest."""
SECONDS = 10.0
"""So long may a text take that is tried."""


class Refused(NamedTuple):
    """A text that was refused, as it could be."""

    error: LanguageError
    name: str
    form: Form
    text: str
    edits: tuple[Edit, ...]
    classes: tuple[Replaced, ...]
    """What replaces its classes."""
    slip: LanguageError | None = None
    """Behind them the text is not Python: what is to be mended in any case."""
    whole: str = ""
    """Where there is a slip the changed text with it; `text` ends before it then."""
    typed: str = ""
    """The text as it was typed."""
    ways: tuple[tuple[Edit, ...], ...] = ((),)
    """What `why` proposed, from 1, as edits of the text as it was typed, before it is rewritten: none to only rewrite it."""


def refused(
    session: Session, error: LanguageError, text: str | bytes, name: str, form: Form
) -> Refused | None:
    """The text with functions in place of its classes, with names in place of the stars of its imports, and without imports
    that a script cannot have; None where it cannot be written in this way.
    """
    try:
        typed = read(text).text
        lines = typed.split("\n")
        slip = _slip(session, typed, form)
        if slip is not None and slip.span == error.span:
            return None
        upto = lines if slip is None else _before(lines, slip.span.line)
        named = with_names(python.module("\n".join(upto)), upto, _offers(session))
        if named is None:
            return None
        plain, methods = _as_methods(_at_their_lines(upto, named))
        imports = without_imports(python.module("\n".join(plain)), plain)
        if imports is None:
            return None
        plain = _at_their_lines(plain, imports)
        tree = python.module("\n".join(plain))
        classes = without_classes(tree, plain)
        lists = [
            Replaced(node.lineno, node.end_lineno or node.lineno, text, "list")
            for node, text in as_lists(tree, plain)
        ]
        if classes is None or not (classes or imports or named or lists or slip):
            return None
        changed = [*classes, *lists]
        changed += _beside([*named, *imports], changed)
        changed = sorted((*changed, *_beside(methods, changed)))
        if any(one.last >= other.first for one, other in pairwise(changed)):
            return None
        edits = tuple(
            Edit(each.first, "\n".join(lines[each.first - 1 : each.last]), each.text) for each in changed
        )
        new = edited("\n".join(upto), edits)
        session.read(new, form)
    except (LanguageError, *python.REFUSALS):
        return None
    whole = edited(typed, edits) if slip is not None else ""
    return Refused(error, name, form, new, edits, (*classes, *lists), slip, whole, typed)


def told_why(error: LanguageError, text: str) -> LanguageError:
    """The refusal of a text for its classes, which cannot be written as functions, with what stands in the way of that."""
    if error.message != CLASS_REFUSED:
        return error
    try:
        lines, _ = _as_methods(read(text).text.split("\n"))
        tree = python.module("\n".join(lines))
        found = in_the_way(tree, lines) or needed_import(tree)
    except (LanguageError, *python.REFUSALS):
        return error
    if not found:
        return error
    hint = f"{error.hint}; what keeps why from writing it so is {found}"
    return LanguageError(error.message, error.span, hint)


def _as_methods(lines: list[str]) -> tuple[list[str], list[Replaced]]:
    """A text whose properties are methods, and the lengths of its objects, and the lines that change so."""
    found = {each.first: each for each in with_methods(python.module("\n".join(lines)), lines, _kinds())}
    new = _at_their_lines(lines, [*found.values()])
    found.update((each.first, each) for each in with_lengths(python.module("\n".join(new)), new))
    return _at_their_lines(lines, [*found.values()]), [*found.values()]


def _offers(session: Session) -> Callable[[str, str], bool]:
    """Whether a script can import a name from a module."""

    def offers(module: str, name: str) -> bool:
        try:
            session.evaluator.imported(module, name)
        except (ImportError, AttributeError, LanguageError):
            return False
        return True

    return offers


def _kinds() -> tuple[type, ...]:
    """What has attributes in a text besides the objects of its own classes."""
    return engine.Tensor, engine.nn.Module, engine.optim.Optimizer, str, list, dict, set, float


def _at_their_lines(lines: list[str], changed: list[Replaced]) -> list[str]:
    """A text with what stands in the place of some of its lines, where each other line keeps its number."""
    new = list(lines)
    for each in changed:
        text = each.text.split("\n")
        new[each.first - 1 : each.last] = text + [""] * (each.last - each.first + 1 - len(text))
    return new


def _beside(changed: list[Replaced], others: list[Replaced]) -> list[Replaced]:
    """What is changed outside of other changes, which were made of the text so changed."""
    return [each for each in changed if not any(one.first <= each.first <= one.last for one in others)]


def _slip(session: Session, text: str, form: Form) -> LanguageError | None:
    """What is not Python in a text that was refused for a class before that; None where all of it is. A class is read as a
    block of another kind, for what is said of the first is that there are none.
    """
    try:
        python.module(text)
    except python.REFUSALS:
        try:
            session.read(as_blocks(text), form)
        except LanguageError as slip:
            return _of_a_class(slip, text)
    return None


_OF_A_BLOCK: Final = re.compile(r"after 'if' at line (\d+)")


def _of_a_class(slip: LanguageError, text: str) -> LanguageError:
    """What is said of the block that stood in the place of a class, said of the class."""
    found = _OF_A_BLOCK.search(slip.message)
    if found is None or HEAD.match(text.split("\n")[int(found[1]) - 1]) is None:
        return slip
    return LanguageError(slip.message.replace("'if'", "'class'"), slip.span, slip.hint)


def _before(lines: list[str], number: int) -> list[str]:
    """The lines of the whole statements before a line."""
    for last in range(number - 1, 0, -1):
        if lines[last][:1].strip():
            try:
                python.module("\n".join(lines[:last]))
            except python.REFUSALS:
                continue
            return lines[:last]
    return []


def explained(session: Session, found: Refused, why: Callable[[Session], Answer]) -> tuple[Why, Refused]:
    """What can be written instead, how far it runs, which is tried on a fork, and why no further, which `why` says of the fork;
    with the ways out of that.
    """
    slip = found.slip
    notes: list[str] = []
    if slip is not None:
        mended = f"line {slip.span.line} is no Python: {slip.message}"
        if not found.edits:
            note = f"{found.error.message}, either: why shows what can stand in its place when the line is mended"
            return Why(f"{mended}.", None, "", (), None, (note,)), found
        notes.append(f"{mended}; mend that line as well")
    notes += _notes(found)
    with session.fork() as other:
        outcome = _outcome(other, found)
        then = None if outcome.startswith(LATE) else _then(other, found, why)
    if slip is not None and outcome == ENDED:
        outcome = f"runs as far as line {slip.span.line}"
    told, out = then or (None, [])
    begun = list(_begun(found))
    ways = (replace(each, number=number) for number, each in enumerate((_way(found), *begun), len(out) + 1))
    answer = Why(
        _title(found), notes=tuple(notes), ways=tuple(ways), outcome=f"so written it {outcome}", then=told
    )
    return answer, found._replace(ways=(*out, (), *(each.edits for each in begun)))


def _way(found: Refused) -> Way:
    """What replaces each class and import, line by line."""
    places = {each.first: each.kind for each in found.classes}
    parts = []
    for edit in found.edits:
        first = edit.before.partition("\n")[0].strip().rstrip(":")
        if edit.line in places:
            what = _STANDS.get(places[edit.line], "a function")
            parts.append(f"line {edit.line}:  {what} in the place of {first}\n{edit.after}\n")
        else:
            parts.append(f"line {edit.line}:  {edit.after.strip() or 'nothing'} in the place of {first}")
    return Way(1, "\n".join(parts).rstrip("\n"), "", "", "runs", found.edits)


def _begun(found: Refused) -> Iterator[Way]:
    """The call that each class lacks which does not call the constructor of its base."""
    lacking = [each.lacks for each in found.classes if each.lacks]
    for node in ast.walk(python.module(found.typed)) if lacking and found.slip is None else ():
        if not isinstance(node, ast.ClassDef) or node.name not in lacking:
            continue
        makers = (each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__")
        for each in makers:
            uncalled = uncalled_init(each)
            if uncalled is not None:
                source = f"{ast.unparse(uncalled)}()"
                line = found.typed.split("\n")[uncalled.lineno - 1]
                edit = Edit(uncalled.lineno, line, line.replace(ast.unparse(uncalled), source))
                text = f"line {uncalled.lineno}:  {source}"
            else:
                source = "super().__init__()"
                first = next((one for one in each.body if not is_text(one)), each.body[-1])
                edit = Edit(first.lineno, "", " " * first.col_offset + source)
                text = f"before line {first.lineno}:  {source}"
            yield Way(None, text, f"{node.name} is a module from here on", "", "runs", (edit,))


def _title(found: Refused) -> str:
    """Why the text was refused, and in a word what can stand there instead."""
    message = found.error.message
    kinds = {each.kind for each in found.classes}
    if not kinds and message == STAR_REFUSED:
        return f"{message}; the text can name what it uses."
    if not kinds:
        return f"{message.partition(':')[0]}; the text does without."
    if kinds == {"function"}:
        return f"{message}; type() makes it of its functions."
    if kinds == {"error"}:
        return f"{message}; type() makes one of exceptions."
    if kinds == {"value"}:
        return f"{message}; a value can hold what it holds."
    if kinds == {"list"}:
        return f"{message}; a list can hold all that the function gives."
    return f"{message}; a function can make what it makes."


def _notes(found: Refused) -> Iterator[str]:
    """What is otherwise in a text so written."""
    kinds = {each.kind for each in found.classes} - {"list"}
    if kinds and kinds not in ({"function"}, {"error"}, {"value"}):
        yield (
            "the rest of the text stays as it is: a call makes the module, parameters keep their names, a deep copy has "
            "methods of its own; only a print names it after its base"
        )
    if "value" in kinds:
        yield "a named tuple, an enumeration or a class of constants becomes a value, which prints as what it is"
    if any(each.kind == "list" for each in found.classes):
        yield "a function that yields becomes one that gives a list of all that, before the first of it is used"
    if "items" in kinds:
        yield "a dataset becomes the list of its items, which are made once"
    if "plain" in kinds:
        yield "an object of a plain class becomes a module, or a namespace, that holds its attributes"
    for each in unbegun(found):
        yield f"{each}; the function makes the module first"


def unbegun(found: Refused) -> Iterator[str]:
    """What PyTorch raises where a class does not call the constructor of its base, which no function in its place does."""
    for each in found.classes:
        if each.lacks:
            yield (
                f"{each.lacks} does not call super().__init__(): PyTorch raises AttributeError at its first layer or "
                "parameter, or where it is called"
            )


def _outcome(other: Session, found: Refused) -> str:
    other.evaluator.until = monotonic() + SECONDS
    # A text has lines, where the prompt counts statements.
    name = TYPED if found.name == PROMPT else found.name
    for step in other.run(found.text, name, found.form):
        if step.error is None:
            continue
        if step.error.kind == "interrupted":
            if other.evaluator.late:
                return f"{LATE} {SECONDS:.0f} s"
            raise KeyboardInterrupt
        line = Typed(found.typed, found.edits, found.whole or found.text).line(step.error.spans[0].line)
        source = step.error.lines[0].strip()
        source += " …" * source.endswith((",", "(", "[", "{"))
        message = _SENTENCE.split(step.error.message, maxsplit=1)[0]
        raised = f"{step.error.type}: {message}" if message else step.error.type
        return f"runs up to line {line}, {source}, which raises {raised}"
    return ENDED


def hazards(session: Session, found: Refused) -> tuple[list[HazardRow], str]:
    """The hazards of a refused text as it can be written, by the lines as they were typed, and how far it runs so."""
    with session.fork() as other:
        known = len(other.hazards)
        outcome = _outcome(other, found)
        rows = other.hazards[known:]
    typed = Typed(found.typed, found.edits, found.whole or found.text)
    return [typed.row(row) for row in rows], outcome


def _then(
    other: Session, found: Refused, why: Callable[[Session], Answer]
) -> tuple[Why, list[tuple[Edit, ...]]] | None:
    """What `why` says where the text has run so, by the lines as they were typed; None where it has nothing to say."""
    answer = why(other)
    if not isinstance(answer, Why):
        return None
    typed = Typed(found.typed, found.edits, found.whole or found.text)

    def holds(edits: tuple[Edit, ...]) -> bool:
        """Whether the typed text, so changed, can be written without what was refused as well."""
        return refused(other, found.error, edited(found.typed, edits), found.name, found.form) is not None

    return typed.told(answer, holds)
