"""`explain WHAT`: a code, a concept, an operator, or an expression on the session's own values.

What an expression does is found out by running it in a fork of the session and by arithmetic on what is
there; nothing is said that was not measured or worked out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Explanation, Section
from tensorcli.language.nearness import did_you_mean, near

if TYPE_CHECKING:
    from tensorcli.explorer.errors import Known
    from tensorcli.explorer.results import Dry, Help
    from tensorcli.explorer.session import Session

CODE = re.compile(r"TSC-[A-Z]\d+$")
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+(\(\))?$")
"""A name within modules or classes: `nn.Linear`, `torch.nn.Module.train`."""
LEGACY = re.compile(r"(torch\.)?(Float|Double|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)?Tensor(\(\))?$")
"""The legacy constructors: their names differ from those of functions in a capital only."""


_TRAPS = "A hazard is a trap that PyTorch does not report: the program runs, and the numbers are not what was meant."
_ERRORS = (
    "These errors and warnings of PyTorch are known: why tells what led to each, and tries what leads out."
)
_IDEAS = "What PyTorch's tensors are made of, and what becomes of them."
LISTS = {
    "hazard": _TRAPS,
    "hazards": _TRAPS,
    "error": _ERRORS,
    "errors": _ERRORS,
    "concept": _IDEAS,
    "concepts": _IDEAS,
}
"""What has a page with all there are."""


def explain(session: Session, what: str) -> Explanation | Dry:
    """The explanation of a text. Errors: ValueError where there is nothing of that name; SyntaxError for an
    expression that does not parse.
    """
    text = what.strip().removesuffix("?").strip()
    if CODE.match(text.upper()):
        return code(session, text.upper())
    from tensorcli.explorer.explain.concepts import CONCEPTS, OTHER_NAMES, concept

    name = "legacy constructor" if LEGACY.match(text) else text
    if text in LISTS and text not in session.names:
        return listed(text)
    found = None if text in session.names else concept(name)
    if found is not None:
        return found
    short = text.removeprefix("torch.").removeprefix("Tensor.").removesuffix("()")
    if short.isidentifier() and short not in session.names:
        page = operator(session, short) or member(session, short)
        if page is not None:
            return page
        raise ValueError(f"there is nothing to explain under {text!r}{suggestion(session, text)}")
    if DOTTED.match(text) and text.partition(".")[0] not in session.names:
        page = member(session, text.removesuffix("()"))
        if page is not None:
            return page
    from tensorcli.explorer.explain.expression import explain_expression

    try:
        return explain_expression(session, text)
    except SyntaxError:
        if meant := did_you_mean(near(text.lower(), [*CONCEPTS, *OTHER_NAMES], 1)):
            raise ValueError(f"there is nothing to explain under {text!r}; {meant}") from None
        raise


def code(session: Session, name: str) -> Explanation:
    """An error or a hazard by its code."""
    from tensorcli.explorer.errors import ERRORS
    from tensorcli.explorer.hazards.catalogue import HAZARDS

    name = f"{name[:5]}{name[5:]:0>3}"  # TSC-E31 is meant for TSC-E031
    hazard = HAZARDS.get(name)
    if hazard is not None:
        see = (hazard.hint,) if hazard.hint else ()
        return Explanation(
            name,
            f"{hazard.name}: {hazard.summary}",
            (
                Section("why", text=(hazard.explanation,)),
                Section("it looks like this", rows=tuple((each,) for each in hazard.example.split("\n"))),
                Section("write instead", rows=tuple((each,) for each in hazard.instead.split("\n"))),
            ),
            see_also=(*see, "check"),
        )
    error = next((each for each in ERRORS if each.code == name), None)
    if error is not None:
        return error_page(session, error)
    raise ValueError(f"there is no code {name}; `explain errors` and `explain hazards` list them")


def listed(name: str) -> Explanation:
    """All hazards, all errors that are known, or all concepts."""
    from tensorcli.explorer.errors import ERRORS
    from tensorcli.explorer.explain.concepts import CONCEPTS
    from tensorcli.explorer.hazards.catalogue import HAZARDS

    more = "explain CODE tells more of each"

    rows: tuple[tuple[str, ...], ...]
    if name.startswith("hazard"):
        rows = tuple((each.code, each.name, each.summary) for each in HAZARDS.values())
        see: tuple[str, ...] = ("check", "explain TSC-H001", "explain errors")
    elif name.startswith("concept"):
        more = "explain CONCEPT tells more of each"
        rows = tuple((each, concept.verdict) for each, concept in CONCEPTS.items())
        see = ("tour", "explain errors", "explain hazards")
    else:
        rows = tuple(sorted((each.code, each.key.replace("_", " "), each.sentence) for each in ERRORS))
        see = ("why", "explain TSC-E031", "explain hazards")
    return Explanation(name, LISTS[name], (Section(more, rows),), see_also=see)


def error_page(session: Session, error: Known) -> Explanation:
    """An error: a program that raises it, what it says there, and the ways out, found by running it."""
    from tensorcli.explorer.results import WarningText, Why
    from tensorcli.explorer.rewrite import source_in
    from tensorcli.explorer.trees import one_line

    with session.engine.aside():
        other = type(session)(engine=session.engine.name)
        *_, failed, answered = other.run(f"{error.example}\nwhy", keep_going=True)
    assert isinstance(answered.result, Why)
    said = failed.error or failed.warnings[-1]
    kind = said.category if isinstance(said, WarningText) else said.type
    first = said.message.partition("\n")[0]
    ways = tuple((one_line(source_in(each.text)), each.note) for each in answered.result.ways if each.number)
    title = answered.result.title
    words = [each.removeprefix("^") for each in error.words.split("|")]
    return Explanation(
        error.code,
        error.sentence,
        (
            Section("it looks like this", rows=tuple((each,) for each in error.example.split("\n"))),
            Section("PyTorch says", rows=((f"{kind}: {first}",),)),
            *([Section("why", text=(title,))] if title != error.sentence else []),
            *([Section("ways out", rows=ways)] if ways else []),
            Section("known by", rows=tuple((each,) for each in words)),
        ),
        see_also=("why   (after the statement that failed)",),
    )


def operator(session: Session, name: str) -> Explanation | None:
    """An operator from its declaration; None where there is none of that name."""
    page = session.engine.help(name)
    if page is None:
        return None
    sections = _sections(page, "schema")
    sections[len(page.sections) : len(page.sections)] = _measured(session, name)
    verb = session.engine.verb(name)
    if verb is not None:
        asked = f"t.{name}" if verb.kind == "attribute" else f"{verb.path or f't.{name}'}(…)"
        sections.append(
            Section(
                "on your own tensors",
                text=(f"explain {asked} runs it in a fork and says what it would do here",),
            )
        )
    see = (*_compared(name), *(f"explain {each}" for each in page.see_also if each))
    return Explanation(
        page.title,
        page.summary,
        tuple(each for each in sections if each.rows or each.text),
        see_also=see[:6],
    )


def _measured(session: Session, name: str) -> list[Section]:
    """What `compare` measures of one form, where it knows it, and tells of what such a value is."""
    from tensorcli.explorer.comparison import FORMS, compare

    if name not in FORMS:
        return []
    table = compare(session, [name])
    notes = (f"[{number}] {note}" for number, note in enumerate(table.notes, 1))
    rows = ((row.question.strip(), row.cells[0]) for row in table.rows)
    return [
        Section(
            f"measured: y = w.exp() of a leaf w; r = {table.expressions[0]}",
            tuple(row for row in rows if row[1] != "-"),
            text=tuple(notes),
        )
    ]


def _compared(name: str) -> tuple[str, ...]:
    """What to read next of a form: the table that compares it, and the concepts whose page compares it too."""
    from tensorcli.explorer.comparison import FORMS
    from tensorcli.explorer.explain.concepts import CONCEPTS

    if name not in FORMS:
        return ()
    concepts = (
        each
        for each, concept in CONCEPTS.items()
        if any(line.startswith("compare ") and name in line.split() for line in concept.see_also)
    )
    return (
        f"compare {name} {'detach' if name == 'clone' else 'clone'}",
        *(f"explain {each}" for each in concepts),
    )


def member(session: Session, name: str) -> Explanation | None:
    """A function, a class or a method of a module; None where there is none of that name."""
    from tensorcli.explorer.explain.members import member_page

    page = member_page(session, name)
    if page is None:
        return None
    sections = [*_sections(page, "called as"), *_measured(session, name)]
    return Explanation(page.title, page.summary, tuple(sections), see_also=(*_compared(name), *page.see_also))


def _sections(page: Help, details: str) -> list[Section]:
    """What a page of help says, with a title for its details."""
    found = [
        Section(each.title, tuple((row.usage, row.description) for row in each.rows))
        for each in page.sections
    ]
    if page.details:
        found.append(Section(details, tuple((each,) for each in page.details)))
    return found


def suggestion(session: Session, text: str) -> str:
    """`; did you mean …?`, among concepts, operators and commands."""
    from tensorcli.explorer.explain.concepts import CONCEPTS

    meant = did_you_mean(near(text.lower(), [*CONCEPTS, *LISTS, *session.engine.method_names()]))
    return f"; {meant or 'try an operator, an expression, or what `explain concepts` lists'}"
