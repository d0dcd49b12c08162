"""Commands about the session itself: help, settings, seeds, devices."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.registry import CATEGORIES, COMMANDS
from tensorcli.explorer.results import Answer, Devices, Field, Help, HelpRow, HelpSection, Notice, Settings
from tensorcli.language.namespaces import Namespace
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


def help_page(session: Session, invocation: Invocation) -> Help:
    """The page of the session, or of one word."""
    topic = invocation.get("topic")
    if not isinstance(topic, str) or not topic.strip():
        return overview()
    name = topic.strip().removeprefix(":").removesuffix("()")
    if name in COMMANDS:
        return command_page(name)
    page = session.engine.help(name.removeprefix("torch.").removeprefix("Tensor."))
    if page is not None:
        return page
    found = _member(session, name)
    if found is not None:
        page = None if isinstance(found, type) else session.engine.help(name.rpartition(".")[2])
        return page or callable_page(name, found)
    if name in session.names:
        return value_page(session, name, session.names[name])
    from tensorcli.language.near import near

    close = near(name, [*COMMANDS, *session.engine.method_names()])
    return Help(name, f"there is no help on {name}", see_also=tuple(close) or ("help",))


def question(session: Session, invocation: Invocation) -> Answer:
    """`?`, `?x` and `x?`: a value is inspected, a word explained."""
    topic = invocation.get("topic")
    if isinstance(topic, str):
        name = topic.strip()
        if name in session.names and session.engine.kind(session.names[name]) is not None:
            from tensorcli.explorer.commands.inspection import inspection

            return inspection(session, session.names[name], name)
    return help_page(session, invocation)


def overview() -> Help:
    """The page of the session: every command by category, then the two forms."""
    sections = [
        HelpSection(
            category,
            tuple(
                HelpRow(each.usage, each.summary)
                for each in COMMANDS.values()
                if each.category == category and each.name != "?"
            ),
        )
        for category in CATEGORIES
    ]
    forms = HelpSection(
        "forms",
        (
            HelpRow("t2 = detach t1", "the same as  t2 = t1.detach()"),
            HelpRow("t?", "help on a value, a command or a method"),
            HelpRow(":inspect t", "the command, also where a name inspect is bound"),
        ),
    )
    return Help(
        "tensorcli",
        "Type PyTorch statements, or commands. Results are tracked: every line shows what changed.",
        (*(section for section in sections if section.rows), forms),
    )


def command_page(name: str) -> Help:
    """The page of one command."""
    found = COMMANDS[name]
    rows = [HelpRow(found.usage, found.summary)]
    if found.example:
        rows.append(HelpRow(found.example, "an example"))
    others = tuple(
        each.name for each in COMMANDS.values() if each.category == found.category and each.name != name
    )
    return Help(name, found.summary, (HelpSection(found.category, tuple(rows)),), see_also=others[:6])


def _member(session: Session, name: str) -> Any:
    """What a dotted name stands for in a module of the language; the first parts may be left out."""
    for prefix in ("", "torch.", "torch.nn.", "torch.optim."):
        first, *rest = (prefix + name).split(".")
        value = session.names.get(first, session.modules.get(first))
        for part in rest:
            value = value.members.get(part) if isinstance(value, Namespace) else None
        if rest and callable(value):
            return value
    return None


def callable_page(name: str, value: Any) -> Help:
    """What a class or a function of a module says about itself: its first paragraph, its parameters."""
    import inspect

    try:
        given = inspect.signature(value)
    except (TypeError, ValueError):
        parameters = "(...)"
    else:
        plain = [each.replace(annotation=inspect.Parameter.empty) for each in given.parameters.values()]
        parameters = str(inspect.Signature(plain))
    paragraph = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    kind = "a class" if isinstance(value, type) else "a function"
    return Help(name, paragraph or f"{kind} of {value.__module__}", details=(value.__name__ + parameters,))


def value_page(session: Session, name: str, value: Any) -> Help:
    """What a name stands for, and what can be done with it."""
    kind = type(value).__name__
    names = tuple(session.attributes_of(value)[:40])
    return Help(
        name,
        f"{name} is a {kind}",
        details=(", ".join(names),) if names else (),
        see_also=(f"inspect {name}",),
    )


def seed(session: Session, invocation: Invocation) -> Notice:
    """Both generators begin at this seed."""
    number = invocation.get("number")
    assert isinstance(number, int)
    session.engine.seed(number)
    session.modules["numpy"].members["random"].members["seed"](number % 2**32)
    return Notice(f"torch and numpy are seeded with {number}")


SETTINGS = {
    "rows": (1, "rows of the table of changes before the rest folds into a count"),
    "max_bytes": (1024, "the largest tensor or array, in bytes"),
}


def change_setting(session: Session, invocation: Invocation) -> Settings:
    """Show the settings, after changing the one that is named. Errors: ValueError."""
    name, tree = invocation.get("name"), invocation.get("value")
    if isinstance(name, str):
        name = name.strip().replace("-", "_")
        if name not in SETTINGS:
            raise ValueError(f"there is no setting {name}; the settings are {', '.join(SETTINGS)}")
        if isinstance(tree, ast.expr):
            value = session.value_of(tree)
            least = SETTINGS[name][0]
            if type(value) is not int or value < least:
                raise ValueError(f"{name} is a whole number from {least} on")
            session.configure(name, value)
    return Settings(
        (
            Field("rows", session.rows, SETTINGS["rows"][1]),
            Field("max_bytes", session.max_bytes, SETTINGS["max_bytes"][1]),
            Field("seed", session.seed, "where both generators begin (--seed)"),
            Field("engine", session.engine.name, "what runs the statements (--engine)"),
        )
    )


def reset(session: Session, invocation: Invocation) -> Notice:
    """The session begins anew when this statement ends."""
    session.reset()
    return Notice("the session begins anew")


def device(session: Session, invocation: Invocation) -> Devices:
    """What each device is, and whether it is there."""
    return Devices(tuple(Field(name, there, text) for name, there, text in session.engine.devices()))
