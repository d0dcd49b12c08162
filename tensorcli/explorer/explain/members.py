"""Pages of functions, classes and methods of the language's modules, from what they say of themselves."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.facts import Verbatim, said
from tensorcli.explorer.results import Help
from tensorcli.language.evaluate import BOUND_MODULES
from tensorcli.language.functions import ScriptFunction
from tensorcli.language.namespaces import Namespace

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

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
    found = member(session, name)
    verb = session.verbs.get(name)
    if found is None and verb is not None and verb.kind == "function":  # `array` is np.array
        name = verb.path
        found = member(session, name)
    if not callable(found):
        return None
    elsewhere = isinstance(found, type) or BOUND_MODULES.get(name.partition(".")[0], "torch") != "torch"
    page = None if elsewhere else session.engine.help(name.rpartition(".")[2])
    return page or callable_page(name, found)


def member(session: Session, name: str) -> Any:
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
