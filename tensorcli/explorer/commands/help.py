"""`help` and `?`: the page of the session, of a command, an operator, a function, a concept, a value.

Nothing is called to find a page, and no name is bound.
"""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.registry import CATEGORIES, COMMANDS, SECOND_NAMES
from tensorcli.explorer.facts import Verbatim, article, said, type_text
from tensorcli.explorer.results import Answer, Help, HelpRow, HelpSection
from tensorcli.language.evaluate import BOUND_MODULES
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.invocations import flag_usage
from tensorcli.language.namespaces import Namespace
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.syntax import Invocation
from tensorcli.language.tokens import KEYWORDS
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS

if TYPE_CHECKING:
    from tensorcli.explorer.results import Explanation
    from tensorcli.explorer.session import Session

CALLS = ast.Call | ast.Await | ast.NamedExpr | ast.Lambda
"""What runs something, or binds a name."""
NODE = re.compile(r"\w*(Backward\d*|AccumulateGrad|CopySlices|CopyBackwards)$")
"""The names of the graph's nodes."""
_SIGNS = (
    "+ add - sub * mul / div // floor_divide % remainder ** pow @ matmul == eq != ne < lt <= le > gt >= ge "
    "& bitwise_and | bitwise_or ^ bitwise_xor ~ bitwise_not << bitwise_left_shift >> bitwise_right_shift"
).split()
OPERATORS = dict(zip(_SIGNS[::2], _SIGNS[1::2]))
"""What Python's signs between tensors stand for."""
ALL = "commands"
"""The topic that lists what each command does."""
MOST_NAMES = 60
"""At most this many names of what a value has are listed."""


def help_page(session: Session, invocation: Invocation) -> Help | Explanation:
    """The page of the session, or of one word. Errors: ValueError where there is none."""
    name = _topic(invocation).removeprefix(":").removesuffix("()")
    if not name:
        return overview()
    if name in COMMANDS:
        return command_page(name)
    if name in (*CATEGORIES, ALL):
        return category_page(name)
    name = OPERATORS.get(name, name)
    if "." in name and isinstance(_member(session, name), Namespace):  # torch.cuda is not a method
        return value_page(session, name, _member(session, name))
    page = session.engine.help(name.removeprefix("torch.").removeprefix("Tensor."))
    if page is not None:
        return _with_concept(page)
    return member_page(session, name) or of_session(session, name) or of_language(session, name)


def _with_concept(page: Help) -> Help:
    """The page of an operator or an attribute, which points to the concept of its name where there is one."""
    from tensorcli.explorer.explain.concepts import concept

    return replace(page, see_also=(f"explain {page.title}", *page.see_also)) if concept(page.title) else page


def of_session(session: Session, name: str) -> Help | Explanation | None:
    """The page of what a name of the session's stands for, or of what it has; None where there is none of that name."""
    from tensorcli.explorer.commands.arguments import STORAGE_ID

    owner, _, attribute = name.rpartition(".")
    if owner and session.engine.kind(_read(session, owner)) == "tensor":
        page = session.engine.help(attribute)
        if page is not None:
            return _with_concept(page)
    value = _read(session, name)
    if callable(value) and hasattr(value, "__name__"):  # a function or a class; a network is called too
        return callable_page(name, value)
    if value is not None or name in session.names:
        return value_page(session, name, value)
    if STORAGE_ID.match(name) and session.allocations.named(name) is not None:
        return Help(name, f"{name} is a storage", see_also=(f"inspect {name}", f"storages {name}"))
    return None


def of_language(session: Session, name: str) -> Help | Explanation:
    """The page of a builtin, a module, a keyword, a concept, a code. Errors: ValueError where a name is none of these."""
    from tensorcli.explorer.explain import CODE, LISTS, code, listed
    from tensorcli.explorer.explain.concepts import CONCEPTS, concept

    if name in BUILTIN_FUNCTIONS:
        return callable_page(name, getattr(builtins, name))
    if name in KEYWORDS:
        return Help(name, f"{name} is a word of Python's, and means here what it means there")
    if name in LISTS:
        return listed(name)
    if CODE.match(name.upper()):
        return code(session, name.upper())
    found = concept("grad_fn" if NODE.match(name) else name)
    if found is not None:
        return found
    value = _member(session, name)
    if value is not None:
        return value_page(session, name, value)
    meant = did_you_mean(near(name, [*COMMANDS, *CONCEPTS, *session.engine.method_names()]))
    raise ValueError(f"there is no help on {name!r}; {meant or 'help lists the commands'}")


def question(session: Session, invocation: Invocation) -> Answer:
    """`?`, `?x` and `x?`: a value is inspected, a word explained. `why?` is asked by alarms, and answered."""
    name = _topic(invocation)
    if name == "why" and name not in session.names and session.source.rstrip().endswith("?"):
        from tensorcli.explorer.commands.why import why

        return why(session, invocation._replace(verb="why", arguments=()))
    value = _read(session, name)
    if session.engine.kind(value) is not None:
        from tensorcli.explorer.commands.inspection import inspection

        return inspection(session, value, name)
    return help_page(session, invocation)


def _topic(invocation: Invocation) -> str:
    """What help is asked on, in quotes or not; `x??`, which notebooks have, asks no more than `x?`."""
    topic = invocation.get("topic")
    return topic.strip().strip("?").strip().strip("\"'") if isinstance(topic, str) else ""


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
    forms = HelpSection(
        "forms",
        (
            HelpRow("t2 = detach t1", "the same as  t2 = t1.detach()"),
            HelpRow("t?", "all about a value; help on a command, a method"),
            HelpRow("help look", "what each of these does; help commands  all of them"),
            HelpRow("help graph", "more about a command: its options, an example"),
            HelpRow(":inspect t", "the command, also where a name inspect is bound"),
        ),
    )
    return Help(
        "tensorcli",
        "Type PyTorch statements, or commands. Results are tracked: every line shows what changed.",
        (*(replace(section, brief=True) for section in map(category_section, CATEGORIES)), forms),
    )


def category_section(category: str) -> HelpSection:
    """The commands of a category, each with what it does."""
    rows = (
        HelpRow(each.short_usage, each.brief)
        for each in COMMANDS.values()
        if each.category == category and each.name not in SECOND_NAMES
    )
    return HelpSection(category, tuple(rows))


def category_page(name: str) -> Help:
    """The page of one category of commands, or of all."""
    chosen = CATEGORIES if name == ALL else (name,)
    others = tuple(f"help {each}" for each in (*CATEGORIES, ALL) if each not in chosen and name != ALL)
    return Help("", "", tuple(map(category_section, chosen)), see_also=others)


def command_page(name: str) -> Help:
    """The page of one command."""
    found = COMMANDS[name]
    rows = [
        HelpRow(found.short_usage, ""),
        *(HelpRow(flag_usage(each), each.about) for each in found.verb.flags),
    ]
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
            *"optim.lr_scheduler. optim.swa_utils. amp. nn.init. nn.utils.rnn. distributions. quasirandom. nn.Module.".split(),
            "optim.Optimizer.",
        )
    ),
)
"""What may be left out before the name of a function, a class or a method."""


def member_page(session: Session, name: str) -> Help | None:
    """The page of a function, a class or a method of a module of the language; None where there is none of that name."""
    found = _member(session, name)
    if not callable(found):
        return None
    elsewhere = isinstance(found, type) or BOUND_MODULES.get(name.partition(".")[0], "torch") != "torch"
    page = None if elsewhere else session.engine.help(name.rpartition(".")[2])
    return page or callable_page(name, found)


def _member(session: Session, name: str) -> Any:
    """What a dotted name stands for in a module of the language, a module among it; the first parts may be left out."""
    module = BOUND_MODULES.get(name, name)
    if module in session.modules and name not in session.names:
        return session.modules[module]
    if name.startswith("F.") and "F" not in session.names:
        name = f"nn.functional.{name.removeprefix('F.')}"
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
        if rest and value is not None:
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
    return Verbatim(default.__name__) if callable(default) and not isinstance(default, type) else default


def value_page(session: Session, name: str, value: Any) -> Help:
    """What a name stands for, and what can be done with it."""
    kind = type_text(value)
    names = [each for each in session.attributes_of(value) if not each.startswith("_")]
    module = isinstance(value, Namespace)
    if not module and name.partition(".")[0] not in session.names:
        return Help(name, f"{name} is {article(kind)}: {session.short_text(value)}")
    has = (
        ", ".join(names)
        if len(names) <= MOST_NAMES
        else f"{name}. and Tab lists the {len(names)} names that it has"
    )
    return Help(
        name,
        f"{name} is {'a module' if module else article(kind)}",
        details=(has,) if names else (),
        see_also=() if module else (f"inspect {name}",),
    )
