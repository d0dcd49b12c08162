"""`python -m tensorcli`: the command line, as the installed `tensorcli` command runs it."""

import sys

from tensorcli.cli import main

if __name__ == "__main__":
    sys.exit(main())
