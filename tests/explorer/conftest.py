"""Sessions for the tests: run a text, get its steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tensorcli.explorer.results import Step
from tensorcli.explorer.session import Session
from tests.explorer.desk import Desk


@pytest.fixture
def run() -> Callable[..., list[Step]]:
    """Run a text in a new session; its steps."""

    def steps(text: str, **options: Any) -> list[Step]:
        keep_going = options.pop("keep_going", False)
        form = options.pop("form", "tsc")
        return list(Session(**options).run(text, "demo.tsc", form, keep_going))

    return steps


@pytest.fixture
def last(run: Callable[..., list[Step]]) -> Callable[..., Step]:
    """Run a text in a new session; its last step, none before it having failed."""

    def step(text: str, **options: Any) -> Step:
        found = run(text, **options)
        assert [each.error for each in found[:-1] if each.error] == []
        return found[-1]

    return step


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty folder, and sessions that read and write in it."""
    return Desk(tmp_path)
