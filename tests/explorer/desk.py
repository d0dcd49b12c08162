"""A folder, and sessions that read and write in it: for the tests of commands that name files."""

from dataclasses import dataclass
from pathlib import Path

from tensorcli.explorer.results import Step
from tensorcli.explorer.session import Session
from tensorcli.repl import exports


@dataclass
class Desk:
    """A folder, and sessions that read and write in it as the prompt does."""

    folder: Path

    def session(self, **options) -> Session:
        session = Session(**options)
        session.files = exports.within(str(self.folder))
        return session

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")


def ran(session: Session, text: str, name: str = "<input>") -> list[Step]:
    return list(session.run(text, name, keep_going=True))


def errors(steps: list[Step]) -> list[str]:
    return [f"{step.error.type}: {step.error.message}" for step in steps if step.error is not None]
