"""Tables of names that a script writes into a module of the package: what `list_contents.py` and `list_absent.py` share."""

import sys
from pathlib import Path
from textwrap import fill


def entry(key: str, names: str) -> str:
    """The entry of a table: the names, separated by spaces, under a key."""
    lines = fill(names, 110, break_on_hyphens=False, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return f'    "{key}": """\n{lines}\n    """,\n'


def write(path: Path, wanted: str, script: str) -> None:
    """Write what a file should hold; with `--check` on the command line end with 1 where it holds something else."""
    if "--check" in sys.argv[1:]:
        sys.exit(path.read_text("utf-8") != wanted and f"run scripts/{script}")
    path.write_text(wanted, "utf-8")
