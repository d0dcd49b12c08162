"""Commands for scripts: `expect`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.commands.arguments import text_around
from tensorcli.explorer.facts import short_text
from tensorcli.explorer.failures import ExpectationFailed, Leave, message, type_name
from tensorcli.explorer.results import Exit
from tensorcli.explorer.results import Expectation as Answer
from tensorcli.language.syntax import Expectation, Invocation

if TYPE_CHECKING:
    from tensorcli.explorer.results import Alarm
    from tensorcli.explorer.session import Session


def expect(session: Session, invocation: Invocation) -> Answer:
    """Check what is expected. Errors: ExpectationFailed, which says what was found."""
    wanted = invocation.get("expectation")
    assert isinstance(wanted, Expectation)
    span = invocation.arguments[0].span
    text = " ".join(span.text(text_around(session, invocation)).split())
    holds, found = CHECKS[wanted.kind](session, wanted)
    answer = Answer(holds, text, found)
    if not holds:
        raise ExpectationFailed(answer)
    return answer


def _condition(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Any condition; of a comparison both sides are told."""
    tree = wanted.left
    assert tree is not None
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        left = session.value_of(tree.left)
        right = session.value_of(tree.comparators[0])
        holds = _truth(session, _compared(session, tree, left, right))
        found = f"found {short_text(session.engine, left)}"
        if not isinstance(tree.comparators[0], ast.Constant):
            found += f" and {short_text(session.engine, right)}"
        return holds, found
    value = session.value_of(tree)
    return _truth(session, value), f"found {short_text(session.engine, value)}"


def _compared(session: Session, tree: ast.Compare, left: Any, right: Any) -> Any:
    """The comparison of values that were evaluated once, through the evaluator's own operators."""
    names = session.names
    hidden = " left", " right"
    dict.__setitem__(names, hidden[0], left)
    dict.__setitem__(names, hidden[1], right)
    try:
        compared = ast.Compare(ast.Name(hidden[0], ast.Load()), tree.ops, [ast.Name(hidden[1], ast.Load())])
        for node in ast.walk(compared):
            ast.copy_location(node, tree)
        return session.value_of(compared)
    finally:
        for name in hidden:
            dict.pop(names, name, None)


def _truth(session: Session, value: Any) -> bool:
    return bool(value)


def _shares(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Whether two values lie in one allocation."""
    left, right = session.value_of(wanted.left), session.value_of(wanted.right)
    engine = session.engine
    for value in (left, right):
        if engine.kind(value) not in ("tensor", "ndarray", "storage"):
            raise TypeError(f"expect … shares … is about tensors and arrays, not '{type(value).__name__}'")
    first, second = engine.memory(left), engine.memory(right)
    same = first is second
    ids = session.allocations.name(id(first)), session.allocations.name(id(second))
    found = (
        f"both lie in {ids[0] or 'one storage'}"
        if same
        else f"they lie in {ids[0] or '(temporary)'} and {ids[1] or '(temporary)'}"
    )
    return same is not wanted.negated, found


def _views(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Whether one tensor is a view of another, at any distance."""
    left, right = session.value_of(wanted.left), session.value_of(wanted.right)
    engine = session.engine
    if engine.kind(left) == "ndarray" and engine.kind(right) == "ndarray":
        base = left.base
        while base is not None and base is not right:
            base = getattr(base, "base", None)
        is_view = base is right
        found = "its base is another array" if left.base is not None else "it owns its memory"
    elif engine.kind(left) != "tensor" or engine.kind(right) != "tensor":
        raise TypeError("expect … views … is about two tensors or two arrays")
    else:
        parent = engine.parent(left)
        is_view = False
        while parent is not None:
            if parent is right:
                is_view = True
                break
            parent = engine.parent(parent)
        base = engine.base(left)
        name = None
        if base is not None and session.observation is not None:
            name = session.observation.index.name(base)
        found = "it is no view" if base is None else f"its base is {name or 'a tensor without a name'}"
    return is_view is not wanted.negated, found


def _raises(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Whether a statement raises an error whose type and text hold the words."""
    assert wanted.statement is not None
    assert wanted.text is not None
    try:
        session.evaluator.execute(wanted.statement)
    except (ExpectationFailed, Leave):
        raise
    except Exception as error:
        text = f"{type_name(error)}: {message(error)}"
        return wanted.text in text, f"it raised {text}"
    return False, "nothing was raised"


def _warns(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Whether a statement warns with these words; the warning that was expected is not shown."""
    assert wanted.statement is not None
    assert wanted.text is not None
    hearing = session.hearing
    before = len(hearing.warnings)
    known, hearing.known = hearing.known, set()
    try:
        session.evaluator.execute(wanted.statement)
    finally:
        hearing.known |= known
    new = hearing.warnings[before:]
    matching = [each for each in new if wanted.text in f"{each.category}: {each.message}"]
    hearing.warnings[before:] = [each for each in new if each not in matching]
    if matching:
        return True, f"it warned {matching[0].category}: {matching[0].message}"
    if new:
        return False, f"it warned {new[0].category}: {new[0].message}"
    return False, "there was no warning"


def _hazard(session: Session, wanted: Expectation) -> tuple[bool, str]:
    """Whether a statement raises an alarm with these words."""
    assert wanted.statement is not None
    assert wanted.text is not None
    observation = session.observation
    if observation is None:
        raise RuntimeError("expect hazard needs a session that observes; this one is quiet")
    session.evaluator.execute(wanted.statement)
    alarms = observation.alarms_now()
    words = wanted.text.casefold()
    matching = [each for each in alarms if words in f"{each.kind}: {each.text} {_rule(each)}".casefold()]
    if matching:
        observation.expected.extend(matching)
        return True, matching[0].text
    return False, f"the alarm was: {alarms[0].text}" if alarms else "there was no alarm"


def _rule(alarm: Alarm) -> str:
    """The code of an alarm and the name of its entry in the catalogue."""
    from tensorcli.explorer.hazards.catalogue import HAZARDS

    entry = HAZARDS.get(alarm.code or "")
    return f"{alarm.code or ''} {'' if entry is None else entry.name}"


CHECKS = {
    "condition": _condition,
    "shares": _shares,
    "views": _views,
    "raises": _raises,
    "warns": _warns,
    "hazard": _hazard,
}


def leave(session: Session, invocation: Invocation) -> Exit:
    """End the run. Errors: Leave, always, so that it works within a block."""
    status = invocation.get("status")
    raise Leave(status if isinstance(status, int) else 0)
