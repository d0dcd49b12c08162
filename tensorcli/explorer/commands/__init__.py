"""The commands of the explorer: what is declared here is a verb, has help, and runs the function that it names."""

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

OVERWRITE = Flag("force", about="overwrite an existing file")

command(
    "inspect",
    Parameter("value", "EXPR"),
    category="look",
    function="inspection.inspect",
    summary="everything about a tensor, an array, a node, a storage or a list of them",
    example="inspect y[1:]",
)
command("vars", category="look", function="look.variables", summary="every name and what it stands for")
command(
    "saved",
    Parameter("value", "EXPR", optional=True),
    category="look",
    function="saved.saved",
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
    summary="the memory map of each storage: slot by slot, with every view of it",
    flags=(
        Flag("around", "INT", least=0, about="the slots around this one, of a large storage"),
        Flag("write", "EXPR", about="who would see a write into this value, and what it would make stale"),
    ),
    example="storages s1 --around 4096",
)
command(
    "graph",
    Parameter("value", "EXPR"),
    category="look",
    function="graph.graph",
    summary="the graph that its gradient walks: nodes, statements, saved versions; -o writes a picture",
    flags=(
        Flag("depth", "INT", least=0, about="only this many edges deep"),
        Flag("focus", "WORD", about="only the ways to this tensor or node (y, ExpBackward0, n3)"),
        Flag("mermaid", about="as Mermaid text, which GitHub draws in an issue"),
        Flag("dot", about="as Graphviz text"),
        Flag("json", about="as JSON"),
        Flag("output", "PATH", "o", about="write it to this file: .svg, .html, .dot, .mmd, .json"),
        OVERWRITE,
    ),
    example="graph loss -o graph.svg",
)
command(
    "hooks",
    Parameter("value", "EXPR", optional=True),
    category="look",
    function="hooks.hooks",
    summary="the functions that see gradients: on which node, in which order",
    example="hooks y",
)
command(
    "undo",
    Parameter("count", "INT", optional=True, least=1),
    category="time",
    function="time.undo",
    summary="go back before the last statement, or before the last N",
    example="undo 2",
)
command(
    "redo",
    Parameter("count", "INT", optional=True, least=1),
    category="time",
    function="time.redo",
    summary="run again what was undone",
)
command(
    "explain",
    Parameter("what", "TEXT"),
    category="understand",
    function="understand.explain",
    summary="an operator, an expression on your own tensors, a code, a concept",
    example="explain b.view(6)",
    offers="offers.explained",
)
command(
    "compare",
    Parameter("forms", "TEXT", optional=True),
    category="understand",
    function="understand.compare",
    summary="forms of a thing side by side, each cell measured: sharing, counters, gradients after a write",
    example="compare detach clone data numpy copy_ deepcopy",
    offers="offers.forms",
)
command(
    "tour",
    Parameter("name", "WORD", optional=True),
    category="understand",
    function="understand.tour",
    summary="a topic in two minutes, in a session of its own: tour, detach, clone, numpy, …",
    example="tour detach",
    offers="offers.tours",
)
command(
    "history", category="time", function="time.history", summary="the statements so far, and how each ended"
)
command(
    "goto",
    Parameter("step", "INT", least=0),
    category="time",
    function="time.goto",
    summary="go to where the first N statements lead",
    example="goto 4",
    offers="offers.steps",
)
command(
    "diff",
    Parameter("left", "INT", least=0),
    Parameter("right", "INT", least=0),
    category="time",
    function="time.diff",
    summary="what differs between the states after statements M and N",
    example="diff 5 6",
    offers="offers.steps",
)
command(
    "blame",
    Parameter("value", "EXPR"),
    category="time",
    function="blame.blame",
    summary="the statements that wrote to a tensor, or to a part of it",
    example="blame y[0]",
)
command(
    "watch",
    Parameter("value", "EXPR", optional=True),
    category="time",
    function="watch.watch",
    summary="show a value again whenever a statement changes it",
    flags=(Flag("clear", about="stop watching"),),
    example="watch w.grad",
)
command(
    "why",
    Parameter("value", "EXPR", optional=True),
    category="understand",
    function="why.why",
    summary="why the last statement failed, why a gradient is None, where a graph was cut",
    example="why x.grad",
)
command(
    "fix",
    Parameter("number", "INT", optional=True, least=1),
    category="understand",
    function="why.fix",
    summary="apply way N of the last why",
    example="fix 1",
    offers="offers.ways",
)
command(
    "dry",
    Parameter("statement", "STATEMENT"),
    category="understand",
    function="time.dry",
    summary="what a statement would do, without doing it",
    example="dry y.mul_(2)",
)
command(
    "predict",
    Parameter("switch", "WORD", optional=True, choices=("on", "off")),
    category="understand",
    function="predict.predict",
    summary="a question before each statement about what it will do; alone, the score",
    example="predict on",
)
command(
    "check",
    category="understand",
    function="hazards.check",
    summary="traps that PyTorch does not report: the hazards so far",
)
command(
    "source",
    Parameter("path", "PATH"),
    category="files",
    function="files.source",
    summary="run the statements of a file in this session; one undo takes them all back",
    example="source model.tsc",
)
command(
    "save",
    Parameter("path", "PATH"),
    category="files",
    function="files.save",
    summary="the session as a script: .tsc to source or run again, .py for PyTorch",
    flags=(OVERWRITE,),
    example="save session.tsc",
)
command(
    "export",
    Parameter("path", "PATH"),
    category="files",
    function="files.export",
    summary="the session with its results: .md for an issue, .html, .txt, .json; .py for PyTorch",
    flags=(OVERWRITE,),
    example="export session.md",
)
command(
    "code", category="files", function="files.code", summary="the session as a PyTorch script", example="code"
)
command(
    "help",
    Parameter("topic", "TEXT", optional=True),
    category="session",
    function="help.help_page",
    summary="this page, or help on a command, an operator, a value",
    example="help detach",
    offers="offers.topics",
)
command(
    "?",
    Parameter("topic", "TEXT", optional=True),
    category="session",
    function="help.question",
    summary="the same as help",
    example="x?",
    offers="offers.topics",
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
    Parameter("value", "TEXT", optional=True),
    category="session",
    function="session.change_setting",
    summary="the settings, or one of them changed",
    example="set rows 50",
    offers="offers.settings",
)
command("reset", category="session", function="session.reset", summary="forget everything and start again")
command(
    "device",
    category="session",
    function="session.device",
    summary="the devices that tensors can be on here",
)
command(
    "expect",
    Parameter("expectation", "EXPECTATION"),
    category="scripts",
    function="scripts.expect",
    summary="fail (status 3) unless a condition holds",
    example='expect raises "modified by an inplace operation": loss.backward()',
    offers="offers.expectations",
)
command(
    "exit",
    Parameter("status", "INT", optional=True, least=0),
    category="session",
    function="scripts.leave",
    summary="leave, with a status (0)",
    example="exit 3",
)
command(
    "quit",
    Parameter("status", "INT", optional=True, least=0),
    category="session",
    function="scripts.leave",
    summary="the same as exit",
    example="quit",
)

__all__ = ["CATEGORIES", "COMMANDS", "Command", "look_in_silence", "only_looks", "run_command"]
