"""Sessions for the tests of commands: a text run in a new one, a folder that sessions read and write in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorcli.explorer.results import Step
from tensorcli.explorer.session import Session
from tensorcli.repl import exports

SCENE = """w = tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
d = y.detach()
loss = (y * w).sum()
d.mul_(10)
"""
"""A write through a detached alias of what was saved for backward."""


@dataclass
class Desk:
    """A folder, and sessions that read and write in it as the prompt does."""

    folder: Path

    def session(self, kind: type[Session] = Session, **options) -> Session:
        session = kind(**options)
        session.files = exports.within(str(self.folder))
        return session

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


def ran(session: Session, text: str, name: str = "<input>") -> list[Step]:
    return list(session.run(text, name, keep_going=True))


def run(text: str, **options: Any) -> tuple[Session, list[Step]]:
    """A new session, and the steps of a text in it."""
    session = Session(**options)
    return session, ran(session, text, "demo.tsc")


def errors(steps: list[Step]) -> list[str]:
    return [f"{step.error.type}: {step.error.message}" for step in steps if step.error is not None]
