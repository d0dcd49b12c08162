"""The command line: `main`, what every start goes through.

The commands themselves are in `commands`, one file each, and imported when they are asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from tensorcli.cli.exits import BROKEN_PIPE, FAULT, INTERRUPTED, forget_output


def command() -> NoReturn:
    """The installed `tensorcli`: `main`, and an end at once.

    Python would take every object apart first, 4 % of a short run. Nothing waits for that: whoever writes a file closes it.
    `python -m tensorcli` ends in Python's way, so that profilers can write what they saw.
    """
    status = main()
    forget_output()
    os._exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line on these arguments (the process's own when None) and gives its exit status."""
    if arguments is None:
        gc.disable()  # until the first statement: what imports and the parser make stays (10 to 20 % of a run)
    try:
        from tensorcli.cli.app import run_app

        status = run_app(sys.argv[1:] if arguments is None else arguments)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if arguments is None:
            gc.freeze()  # what is left goes with the process: to collect it takes a fifth of a long run
    except BrokenPipeError:
        forget_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        forget_output()
        if sys.stderr is not None:
            sys.stderr.write(f"tensorcli: cannot write: {error.strerror or error}\n")
        return 1
    except Exception as error:
        if "TENSORCLI_TRACEBACK" in os.environ or sys.stderr is None:
            raise
        from tensorcli.repl.loop import fault

        sys.stderr.write(f"tensorcli: a fault of its own: {fault(error)}; TENSORCLI_TRACEBACK=1 shows more\n")
        return FAULT
    return status
