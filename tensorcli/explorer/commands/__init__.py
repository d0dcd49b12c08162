"""The commands of the explorer, one file for each category of the help page. Importing it fills the registry."""

from tensorcli.explorer.commands import files, look, memory_map, scripts, session, time
from tensorcli.explorer.commands.registry import CATEGORIES, COMMANDS, Command, run_command

__all__ = [
    "CATEGORIES", "COMMANDS", "Command", "files", "look", "memory_map", "run_command", "scripts", "session", "time",
]  # fmt: skip
