"""Tours: the demos of the package, each run in a session of its own, with its comments."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from tensorcli.explorer.results import Tour, TourStep
from tensorcli.language.nearness import did_you_mean, near

if TYPE_CHECKING:
    from tensorcli.explorer.session import Session

FIRST = "tour"


def names() -> tuple[str, ...]:
    """The tours that there are, the general one first."""
    found = [each.name.removesuffix(".tsc") for each in _folder().iterdir() if each.name.endswith(".tsc")]
    return tuple(sorted(found, key=lambda name: (name != FIRST, name.lower())))


def subject(name: str) -> str:
    """What a tour is about: its first sentence, without its name."""
    comments = _comments(_text(name).partition("\n\n")[0].split("\n"))
    about = " ".join(comments.split())
    return about.partition(": ")[2] or about


def _text(name: str) -> str:
    return (_folder() / f"{name}.tsc").read_text("utf-8")


def _folder() -> resources.abc.Traversable:
    return resources.files("tensorcli") / "demos"


def tour(session: Session, name: str) -> Tour:
    """Run a tour; the session that asks is untouched. Errors: ValueError where there is none of that name."""
    known = {each.lower(): each for each in names()}
    wanted = name.lower().removesuffix("()").removesuffix(".tsc").removeprefix("torch.").removeprefix("np.")
    if wanted not in known:
        meant = did_you_mean(near(wanted, known, 1))
        raise ValueError(f"there is no tour {name!r}; {meant or 'the tours are ' + ', '.join(names())}")
    found = known[wanted]
    text = _text(found)
    lines = text.split("\n")
    steps = []
    with session.engine.aside():
        from tensorcli.explorer.session import Session as Fresh

        other = Fresh(seed=session.seed, max_bytes=session.max_bytes, engine=session.engine.name)
        before = 0
        for step in other.run(text, f"{found}.tsc", "tsc", keep_going=True):
            at = before if step.span is None else step.span.line - 1
            steps.append(TourStep(_comments(lines[before:at]), step))
            before = at + 1 if step.span is None else step.span.end_line
    return Tour(found, tuple(steps), tuple(each for each in names() if each != found))


def _comments(lines: list[str]) -> str:
    """The comment lines among these, without their signs."""
    return "\n".join(line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))
