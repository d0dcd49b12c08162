"""Commands about the session itself: help, settings, seeds, devices."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.registry import CATEGORIES, COMMANDS, SECOND_NAMES
from tensorcli.explorer.facts import article, said
from tensorcli.explorer.results import (
    Answer,
    Devices,
    Field,
    Help,
    HelpRow,
    HelpSection,
    Notice,
    Settings,
    size_of,
)
from tensorcli.language.evaluate import BOUND_MODULES
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.namespaces import Namespace
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.syntax import Invocation
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

if TYPE_CHECKING:
    from tensorcli.explorer.results import Explanation
    from tensorcli.explorer.session import Session

CALLS = ast.Call | ast.Await | ast.NamedExpr | ast.Lambda
"""What runs something, or binds a name."""


def help_page(session: Session, invocation: Invocation) -> Help | Explanation:
    """The page of the session, or of one word."""
    name = _topic(invocation).removeprefix(":").removesuffix("()")
    if not name:
        return overview()
    if name in COMMANDS:
        return command_page(name)
    page = session.engine.help(name.removeprefix("torch.").removeprefix("Tensor."))
    if page is not None:
        return page
    page = member_page(session, name)
    if page is not None:
        return page
    owner, _, attribute = name.rpartition(".")
    if owner and session.engine.kind(_read(session, owner)) == "tensor":
        page = session.engine.help(attribute)
        if page is not None:
            return page
    value = _read(session, name)
    if callable(value) and hasattr(value, "__name__"):  # a function or a class; a network is called too
        return callable_page(name, value)
    if value is not None or name in session.names:
        return value_page(session, name, value)
    if name in BUILTIN_FUNCTIONS:
        return callable_page(name, getattr(builtins, name))
    from tensorcli.explorer.explain.concepts import CONCEPTS, concept

    close = near(name, [*COMMANDS, *CONCEPTS, *session.engine.method_names()])
    nothing = Help(name, f"there is no help on {name}", see_also=tuple(close) or ("help",))
    return concept(name) or nothing


def question(session: Session, invocation: Invocation) -> Answer:
    """`?`, `?x` and `x?`: a value is inspected, a word explained."""
    name = _topic(invocation)
    value = _read(session, name)
    if session.engine.kind(value) is not None:
        from tensorcli.explorer.commands.inspection import inspection

        return inspection(session, value, name)
    return help_page(session, invocation)


def _topic(invocation: Invocation) -> str:
    """What help is asked on; `x??`, which notebooks have, asks no more than `x?`."""
    topic = invocation.get("topic")
    return topic.strip().strip("?").strip() if isinstance(topic, str) else ""


def _read(session: Session, text: str) -> Any:
    """The value of names, attributes and items; None where a text is anything else, or has no value. Nothing is called."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    parts = list(ast.walk(tree))
    root = next((node.id for node in parts if isinstance(node, ast.Name)), None)
    if root not in session.names or any(isinstance(node, CALLS) for node in parts):
        return None
    try:
        return session.value_of(tree)
    except Exception:  # an attribute or an item that is not there
        return None


def overview() -> Help:
    """The page of the session: every command by category, then the two forms."""
    sections = [
        HelpSection(
            category,
            tuple(
                HelpRow(each.short_usage, each.brief)
                for each in COMMANDS.values()
                if each.category == category and each.name not in SECOND_NAMES
            ),
        )
        for category in CATEGORIES
    ]
    forms = HelpSection(
        "forms",
        (
            HelpRow("t2 = detach t1", "the same as  t2 = t1.detach()"),
            HelpRow("t?", "all about a value; help on a command, a method"),
            HelpRow("help graph", "more about a command: its options, an example"),
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


ABOVE = (
    "",
    *(
        f"torch.{name}"
        for name in (
            "",
            *"nn. optim. nn.functional. func. autograd. autograd.functional. nn.utils. utils.data. utils.checkpoint.".split(),
            *"optim.lr_scheduler. amp. nn.Module. optim.Optimizer.".split(),
        )
    ),
)
"""What may be left out before the name of a function, a class or a method."""


def member_page(session: Session, name: str) -> Help | None:
    """The page of a function, a class or a method of a module of the language; None where there is none of that name."""
    found = _member(session, name)
    if found is None:
        return None
    elsewhere = isinstance(found, type) or BOUND_MODULES.get(name.partition(".")[0], "torch") != "torch"
    page = None if elsewhere else session.engine.help(name.rpartition(".")[2])
    return page or callable_page(name, found)


def _member(session: Session, name: str) -> Any:
    """What a dotted name stands for in a module of the language; the first parts may be left out."""
    for prefix in ABOVE:
        first, *rest = (prefix + name).split(".")
        value = session.names.get(first, session.modules.get(BOUND_MODULES.get(first, first)))
        for part in rest:
            if isinstance(value, Namespace):
                value = value.members.get(part)
            elif isinstance(value, type) and session.evaluator.policy.allows(value, part):
                value = getattr(value, part, None)
            else:
                value = None
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
        plain = [
            each.replace(annotation=inspect.Parameter.empty, default=_shown(each.default))
            for place, each in enumerate(given.parameters.values())
            if place or each.name != "self"
        ]
        parameters = str(inspect.Signature(plain))
    if isinstance(value, ScriptFunction):
        otherwise = "a function of this session"
    else:
        otherwise = f"{'a class' if isinstance(value, type) else 'a function'} of {value.__module__}"
    paragraph = said(value)
    return Help(name, paragraph or otherwise, details=(value.__name__ + parameters,))


def _shown(default: Any) -> Any:
    """A default as a page shows it: a function by its name."""
    return Word(default.__name__) if callable(default) and not isinstance(default, type) else default


class Word:
    """What stands in a page as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def value_page(session: Session, name: str, value: Any) -> Help:
    """What a name stands for, and what can be done with it."""
    kind = type(value).__name__
    names = tuple(each for each in session.attributes_of(value) if not each.startswith("_"))
    return Help(
        name,
        f"{name} is {article(kind)}",
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


FIXED = {
    "seed": "a session's seed is given with --seed when it begins; seed N seeds the generators now",
    "engine": "a session's engine is given with --engine when it begins",
}
"""What is shown with the settings and cannot be changed, and where it is said."""


def change_setting(session: Session, invocation: Invocation) -> Settings:
    """Show the settings, or the one that is named, after it was changed. Errors: ValueError."""
    name, value = invocation.get("name"), invocation.get("value")
    if isinstance(name, str):
        name, _, rest = name.strip().replace("-", "_").partition("=")
        value = rest or (value.removeprefix("=").strip() if isinstance(value, str) else None)
        if name not in (*SETTINGS, *FIXED):
            meant = did_you_mean(near(name, SETTINGS, 1)) or f"the settings are {', '.join(SETTINGS)}"
            raise ValueError(f"there is no setting {name!r}; {meant}")
        if isinstance(value, str) and name in FIXED:
            raise ValueError(FIXED[name])
        if isinstance(value, str):
            session.configure(name, setting(name, value))
    rows = (
        Field("rows", session.rows, SETTINGS["rows"][1]),
        Field("max_bytes", session.max_bytes, SETTINGS["max_bytes"][1]),
        Field("seed", session.seed, "where both generators begin (--seed)"),
        Field("engine", session.engine.name, "what runs the statements (--engine)"),
    )
    return Settings(tuple(each for each in rows if not isinstance(name, str) or each.key == name))


def setting(name: str, text: str) -> int:
    """What a setting is to be: a whole number, or a size. Errors: ValueError."""
    least = SETTINGS[name][0]
    try:
        value = size_of(text) if name == "max_bytes" else int(text)
    except ValueError:
        value = least - 1
    if value < least:
        unit = ", or a size (512M, 2G)" if name == "max_bytes" else ""
        raise ValueError(f"{name} is a whole number from {least} on{unit}, not {text!r}")
    return value


def reset(session: Session, invocation: Invocation) -> Notice:
    """The session begins anew when this statement ends."""
    session.reset()
    return Notice("the session begins anew")


def device(session: Session, invocation: Invocation) -> Devices:
    """What each device is, and whether it is there."""
    return Devices(tuple(Field(name, there, text) for name, there, text in session.engine.devices()))
