"""Commands of other prompts (IPython, gdb, sqlite, a shell), and the command that does the same here."""

from __future__ import annotations

from collections.abc import Mapping

from tensorcli.language.syntax import Verb

_WORDS = {
    "vars": "who whos ls locals tables",
    "inspect VALUE": "p info pinfo ptype whatis print pp schema d dt",
    "watch VALUE": "display watchpoint b tbreak breakpoint",
    "why": "bt backtrace tb traceback pdb debug xmode",
    "history": "hist",
    "goto STEP": "step next stepi nexti s n reverse rewind jump",
    "undo": "revert rollback back",
    "source FILE": "run load read include i exec",
    "save FILE": "store dump write w logstart notebook",
    "help NAME": "h man pdoc psource pfile doc apropos magic lsmagic quickref",
    "exit": "q qa wq bye logout stop",
    "Ctrl-L clears the screen": "clear cls",
    "Ctrl-X Ctrl-E opens $EDITOR": "edit ed e recall rep",
    "paste it here": "paste cpaste",
    "write the statement alone": "time timeit prun capture",
}
_HERE = {word: here for here, words in _WORDS.items() for word in words.split()}


def instead(word: str, verbs: Mapping[str, Verb]) -> str | None:
    """What to type for a word that another prompt knows; None where it is known of none. A command of that name is
    what was meant.
    """
    verb = verbs.get(word)
    here = word if verb is not None and verb.kind == "command" else _HERE.get(word)
    if here is None:
        return None
    return here if " " in here and not here.rpartition(" ")[2].isupper() else f"type:  {here}"
