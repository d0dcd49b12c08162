"""Writes tensorcli/engine/ops/_contents.py: which chapter declares which operators, so that a session reads what it needs.

Usage: python scripts/list_contents.py            rewrites the file
       python scripts/list_contents.py --check    exits with 1 where it is not what the chapters say

A name that is not in the file is not an operator: it is asked for by each word of a script that could be a verb, and no chapter
is read for that.
"""

import importlib.abc
import importlib.util
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from listing import entry, write

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = ROOT / "tensorcli" / "engine" / "ops" / "_contents.py"
sys.path.insert(0, str(ROOT))

CHAPTER = "tensorcli.engine.ops."
TEXT = '''"""Which chapter declares which operators, by the name of all their overloads. Written by scripts/list_contents.py."""

NAMES = {{
{}}}
'''


class _Noting(importlib.abc.MetaPathFinder):
    """Lets each registration of an operator note the chapter that is being read, from the first on."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != "tensorcli.engine.declare":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def executed(module: Any) -> None:
            execute(module)
            register = module._register

            def noting(operator: Any) -> Any:
                chapter = _being_read()
                if self.found.setdefault(operator.base, chapter) != chapter:
                    sys.exit(
                        f"{operator.base} is declared in {self.found[operator.base]} and in {chapter}: one chapter has to have it"
                    )
                return register(operator)

            module._register = noting

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def _being_read() -> str:
    """The chapter whose import led here: the nearest module of the table that is no part of a chapter."""
    frame: Any = sys._getframe(1)
    while True:
        name = frame.f_globals["__name__"]
        if name.startswith(CHAPTER) and not name.removeprefix(CHAPTER).startswith("_"):
            return str(name.removeprefix(CHAPTER))
        frame = frame.f_back


def text() -> str:
    """What the file should hold. Only in a process that has not imported the engine."""
    noting = _Noting()
    sys.meta_path.insert(0, noting)
    from tensorcli.engine import ops

    ops.read_all()
    chapters = defaultdict(list)
    for name, chapter in noting.found.items():
        chapters[chapter].append(name)
    lines = (entry(chapter, " ".join(sorted(chapters[chapter]))) for chapter in ops.CHAPTERS)
    return TEXT.format("".join(lines))


def main() -> None:
    write(CONTENTS, text(), "list_contents.py")


if __name__ == "__main__":
    main()
