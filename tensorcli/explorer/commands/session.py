"""Commands about the session itself: settings, seeds, devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorcli.explorer.results import Devices, Field, Notice, Settings, size_of
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.syntax import Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session


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
