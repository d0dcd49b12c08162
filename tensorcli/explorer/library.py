"""The standard library of a session: what the language has of it, `warnings`, which the session hears, and `pickle`.

Made when a script imports something of it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.hearing import quiet_engine

if TYPE_CHECKING:
    from tensorcli.explorer.hearing import Filter, Hearing
    from tensorcli.explorer.session import Session
    from tensorcli.language.library.standard import Standard
    from tensorcli.language.namespaces import Namespace


class Library:
    """Makes the modules of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.standard: Standard | None = None

    def namespace(self, name: str) -> Namespace:
        """A module by its name."""
        if name == "warnings":
            return self._warnings()
        if name == "pickle":
            from tensorcli.explorer.pickling import Pickling

            return Pickling().namespace()
        if self.standard is None:
            from tensorcli.language.library import standard

            session = self.session
            session.evaluator.policy.types.update(standard.ATTRIBUTES)
            self.standard = standard.Standard(lambda: session.evaluator, lambda: session.seed)
        return self.standard.namespace(name)

    def begin(self) -> None:
        """The session begins anew."""
        self.session.hearing.filters.clear()
        if self.standard is not None:
            self.standard.begin()

    def _warnings(self) -> Namespace:
        from tensorcli.language.builtin_objects import Builtin
        from tensorcli.language.namespaces import Namespace

        hearing = self.session.hearing

        def filterwarnings(
            action: str, message: str = "", category: Any = Warning, module: str = "", lineno: int = 0,
            append: bool = False,
        ) -> None:  # fmt: skip
            made: Filter = {
                "action": action,
                "message": message,
                "category": category,
                "module": module,
                "lineno": lineno,
            }
            warnings.filterwarnings(**made, append=append)
            quiet_engine()
            hearing.filters.insert(0 if append else len(hearing.filters), made)

        def simplefilter(action: str, category: Any = Warning, lineno: int = 0, append: bool = False) -> None:
            filterwarnings(action, "", category, "", lineno, append)

        def resetwarnings() -> None:
            hearing.filters.clear()
            warnings.simplefilter("always")
            quiet_engine()

        def warn(message: Any, category: Any = None, stacklevel: int = 1, source: Any = None) -> None:
            if isinstance(message, Warning):
                category = type(message)
            warnings.warn(message, category or UserWarning, stacklevel=2)

        def catch_warnings(*, record: bool = False, action: str | None = None, **options: Any) -> Catching:
            return Catching(hearing, record, action, options)

        self.session.evaluator.policy.types.update(
            {Warned: frozenset({"message", "category", "lineno", "filename"}), Catching: frozenset()}
        )
        functions = (filterwarnings, simplefilter, resetwarnings, warn, catch_warnings)
        return Namespace("warnings", {each.__name__: Builtin(each.__name__, each) for each in functions})


class Warned:
    """A warning that a script recorded."""

    __slots__ = ("category", "filename", "lineno", "message")

    def __init__(self, message: Any, category: type[Warning], filename: str, lineno: int) -> None:
        self.message = message
        self.category = category
        self.filename = filename
        self.lineno = lineno

    def __str__(self) -> str:
        return (
            f"{{message : {self.message!r}, category : {self.category.__name__!r}, "
            f"filename : {self.filename!r}, lineno : {self.lineno}, line : None}}"
        )


Warned.__name__ = "WarningMessage"


class Catching:
    """`with warnings.catch_warnings(record=True) as caught`: filters are put back at the end, and warnings recorded."""

    __slots__ = ("action", "caught", "filters", "hearing", "options", "record")

    def __init__(self, hearing: Hearing, record: bool, action: str | None, options: dict[str, Any]) -> None:
        self.hearing = hearing
        self.record = record
        self.action = action
        self.options = options
        self.caught: warnings.catch_warnings[Any] = warnings.catch_warnings()
        self.filters: list[Filter] = []

    def __enter__(self) -> list[Warned] | None:
        self.filters = list(self.hearing.filters)
        self.caught.__enter__()
        if self.action is not None:
            warnings.simplefilter(self.action, **self.options)  # type: ignore[arg-type] # Python's to complain about
            quiet_engine()
        if not self.record:
            return None
        recorded: list[Warned] = []

        def heard(message: Any, category: type[Warning], *place: Any) -> None:
            from tensorcli.language.locate import current_node

            line = getattr(current_node(), "lineno", 0)
            recorded.append(Warned(message, category, self.hearing.name, line))

        warnings.showwarning = heard  # type: ignore[assignment] # takes them by place
        return recorded

    def __exit__(self, *error: Any) -> None:
        self.caught.__exit__(*error)
        self.hearing.filters[:] = self.filters


Catching.__name__ = "catch_warnings"
