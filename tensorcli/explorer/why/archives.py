"""Archives that torch.load refuses: those that hold more than tensors, and buffers that are not read from their beginning."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.rewrite import with_argument
from tensorcli.explorer.trees import calls_in
from tensorcli.explorer.why.called import called
from tensorcli.explorer.why.case import Case, Story

if TYPE_CHECKING:
    from tensorcli.explorer.rewrite import Proposal

_GLOBAL = re.compile(r"GLOBAL (\S+) was not an allowed global")


def refused(case: Case) -> Story:
    """An archive that names a class, or bytes that are none of an archive's beginning."""
    found = _GLOBAL.search(case.failure.message)
    call = case.call("load")
    if found is None or call is None or not call.args:
        return _of_another_protocol(case) or from_the_end(case)
    full = found.group(1)
    kind, source = full.rpartition(".")[2], case.text_of(call.args[0])
    story = Story(
        f"{source} holds an object of class {kind}: torch.load makes tensors and plain containers of an archive, and objects of "
        "other classes where it is told to.",
        [case.raised(f"{full} is not among what it makes by default")],
    )
    saved = _saved(case, call.args[0])
    if saved is not None:
        at, node = saved
        story.events.insert(0, case.event(at, f"the whole {kind} was saved", "cut", culprit=True, node=node))
    story.proposals.append(_told(case, call))
    if saved is not None:
        story.proposals.append(_state(case, *saved))
    return story


def _told(case: Case, call: ast.Call) -> Proposal | None:
    """`torch.load(path, weights_only=False)`."""
    note = "objects too: only of an archive of your own, for it may run anything"
    given = next((each for each in call.keywords if each.arg == "weights_only"), None)
    if given is not None:
        return case.changed([(given.value, "False")], note)
    return case.changed([(call, with_argument(case.text_of(call), "weights_only=False"))], note)


def _state(case: Case, at: int, save: ast.Call) -> Proposal | None:
    """`torch.save(net.state_dict(), path)`, where a module was saved whole."""
    whole = save.args[0]
    if not hasattr(case.value(whole), "state_dict"):
        return None
    text = f"{case.journal.source(at, whole)}.state_dict()"
    return case.journal.changed(at, [(whole, text)], "the state alone, which load_state_dict() takes")


def _saved(case: Case, place: ast.expr) -> tuple[int, ast.Call] | None:
    """The last call of `torch.save` before, with the same place, and where its statement stands."""
    for at in range(case.at - 1, -1, -1):
        for node in calls_in(case.journal.tree(at), "save"):
            if len(node.args) > 1 and ast.unparse(node.args[1]) == ast.unparse(place):
                return at, node
    return None


def _of_another_protocol(case: Case) -> Story | None:
    """What was saved with a `pickle_protocol=` that torch.load does not read by default; None where it was not."""
    call = case.call("load")
    saved = None if call is None or not call.args else _saved(case, call.args[0])
    if call is None or saved is None or "Unsupported operand" not in case.failure.message:
        return None
    at, node = saved
    given = next((each for each in node.keywords if each.arg == "pickle_protocol"), None)
    if given is None:
        return None
    text = f"pickle protocol {case.journal.source(at, given.value)}"
    story = Story(
        f"{case.text_of(call.args[0])} was saved with {text}: torch.load reads protocol 2 where it makes tensors and plain "
        "containers alone.",
        [
            case.event(at, f"wrote with {text}", "cut", culprit=True, node=node),
            case.raised("reads protocol 2"),
        ],
    )
    story.proposals.append(case.journal.changed(at, [(given.value, "2")], "the protocol that is read"))
    story.proposals.append(_told(case, call))
    return story


def from_the_end(case: Case) -> Story:
    """`torch.load(buffer)` behind what was written or read: the next byte is none of an archive's."""
    call = case.call("load")
    buffer: Any = case.value(call.args[0]) if call is not None and call.args else None
    if call is None or not hasattr(buffer, "getvalue"):
        return called(case)
    text, size = case.text_of(call.args[0]), len(buffer.getvalue())
    if not size:
        return Story(f"nothing was written into {text}.", [case.raised("there is nothing to read")])
    story = Story(
        f"{text} is read from where it stands, which is behind the beginning of its {size} bytes: writing and reading move it "
        "on.",
        [case.raised("there is no archive from here on")],
    )
    story.proposals.append(case.before(f"{text}.seek(0)", "back to the beginning"))
    return story
