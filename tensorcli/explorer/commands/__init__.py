"""The commands of the explorer: what is declared here is a verb, has help, and runs the function that it
names.
"""

from tensorcli.explorer.commands.registry import (
    CATEGORIES,
    COMMANDS,
    Command,
    command,
    look_in_silence,
    only_looks,
    run_command,
)
from tensorcli.language.syntax import Flag, Parameter

command(
    "inspect",
    Parameter("value", "EXPR"),
    category="look",
    function="look.inspect",
    summary="everything about a tensor, an array, a node, a storage or a list of them",
    example="inspect y[1:]",
)
command("vars", category="look", function="look.variables", summary="every name and what it stands for")
command(
    "saved",
    Parameter("value", "EXPR", optional=True),
    category="look",
    function="look.saved",
    summary="the tensors that the graph keeps for the backward pass",
    example="saved loss",
)
command(
    "alias",
    Parameter("left", "EXPR"),
    Parameter("right", "EXPR"),
    category="look",
    function="look.alias",
    summary="what two tensors or arrays have in common: object, storage, bytes, counter, view",
    example="alias y d",
)
command(
    "storages",
    Parameter("value", "EXPR", optional=True),
    category="look",
    function="memory_map.storages",
    summary="the memory map: each storage, slot by slot, and every view of it",
    flags=(Flag("around", "INT"),),
    example="storages s1 --around 4096",
)
command(
    "history", category="time", function="time.history", summary="the statements so far, and how each ended"
)
command(
    "code", category="files", function="files.code", summary="the session as a PyTorch script", example="code"
)
command(
    "help",
    Parameter("topic", "TEXT", optional=True),
    category="session",
    function="session.help_page",
    summary="this page, or help on a command, an operator, a value",
    example="help detach",
)
command(
    "?",
    Parameter("topic", "TEXT", optional=True),
    category="session",
    function="session.question",
    summary="the same as help",
    example="x?",
)
command(
    "seed",
    Parameter("number", "INT"),
    category="session",
    function="session.seed",
    summary="seed torch's and numpy's generators",
    example="seed 3",
)
command(
    "set",
    Parameter("name", "WORD", optional=True),
    Parameter("value", "EXPR", optional=True),
    category="session",
    function="session.change_setting",
    summary="the settings, or one of them changed",
    example="set rows 50",
)
command("reset", category="session", function="session.reset", summary="forget everything and begin anew")
command(
    "device",
    category="session",
    function="session.device",
    summary="the devices that tensors can lie on here",
)
command(
    "expect",
    Parameter("expectation", "EXPECTATION"),
    category="scripts",
    function="scripts.expect",
    summary="fail (status 3) unless a condition holds",
    example='expect raises "modified by an inplace operation": loss.backward()',
)
command(
    "exit",
    Parameter("status", "INT", optional=True),
    category="session",
    function="scripts.leave",
    summary="leave, with a status (0)",
    example="exit 3",
)

__all__ = ["CATEGORIES", "COMMANDS", "Command", "look_in_silence", "only_looks", "run_command"]
