"""What forms of one thing do, measured: each is run on a small program of its own, in a session of its own.

Nothing is known beforehand but the expression that a word stands for: sharing, counters, gradients and errors
are read off what happened. The session that asks is untouched.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.results import Comparison, ComparisonRow, yes
from tensorcli.language.nearness import did_you_mean, near

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Engine
    from tensorcli.explorer.session import Session

FORMS = {
    "=": "y",
    "assignment": "y",
    "detach": "y.detach()",
    "clone": "y.clone()",
    "detach().clone()": "y.detach().clone()",
    "data": "y.data",
    "numpy": "y.detach().numpy()",
    "from_numpy": "torch.from_numpy(y.detach().numpy())",
    "as_tensor": "torch.as_tensor(y)",
    "tensor": "torch.tensor(y)",
    "Tensor": "torch.Tensor(y)",
    "copy_": "torch.empty_like(y).copy_(y)",
    "deepcopy": "copy.deepcopy(y)",
    "copy.copy": "copy.copy(y)",
    "copy": "copy.copy(y)",
    "view": "y.view(3)",
    "reshape": "y.reshape(3)",
    "to": "y.to(torch.float32)",
    "expand": "y.expand(2, 3)",
    "repeat": "y.repeat(2)",
    "basic": "y[:]",
    "advanced": "y[[0, 1, 2]]",
    "mask": "y[y > 0]",
    "no_grad": "y",
    "from_dlpack": "torch.from_dlpack(y.detach())",
    "item": "y[0].item()",
    "tolist": "y.tolist()",
    "unsqueeze": "y.unsqueeze(0)",
    "transpose": "y.transpose(0, 0)",
    "permute": "y.permute(0)",
    "narrow": "y.narrow(0, 0, 2)",
    "type": "y.type(torch.float64)",
    "array": "np.array(y.detach())",
    "asarray": "np.asarray(y.detach())",
}
"""Words, and the expression of `y` that each stands for. Another word is read as a method (`squeeze`), an index
(`[1:]`) or an expression with `y` in it.
"""
ALL = tuple(
    word
    for word in FORMS
    if word
    in "= detach clone detach().clone() data numpy from_numpy as_tensor tensor copy_ deepcopy copy.copy view "
    "reshape to expand repeat basic advanced no_grad".split()
)
"""What `compare` alone compares."""

SETUP = "w = torch.tensor([1., 2., 3.], requires_grad=True); y = w.exp()"
MOST = 32
"""Forms of one table."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form: the word typed, its expression, and the statement that writes into what it gives."""

    word: str
    expression: str
    write: str

    @property
    def title(self) -> str:
        """What stands above its column."""
        return f"{self.expression} in no_grad" if self.word == "no_grad" else self.expression


@dataclass(slots=True)
class Findings:
    """The answers of one form by question; the errors that its cells point at."""

    cells: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    """By question: the error's type and text."""


def form_of(word: str, is_method: Callable[[str], bool]) -> Form:
    """The form that a word stands for. Errors: ValueError where it stands for none."""
    text = FORMS.get(word.removesuffix("()"), "")
    if not text:
        text = word
        if word.startswith("["):
            text = f"y{word}"
        elif word.startswith("."):
            text = f"y{word}" if word.endswith(")") else f"y{word}()"
        elif word.isidentifier():
            if word == "y":
                return Form(word, "y", "r *= 10")
            if not is_method(word):
                meant = did_you_mean(near(word, FORMS, 1))
                raise ValueError(
                    f"compare knows no form {word!r}; "
                    + (meant or f"write it as an expression of y, as in y.{word}()")
                )
            text = f"y.{word}()"
        try:
            tree = ast.parse(text, mode="eval")
        except SyntaxError:
            raise ValueError(
                f"{word!r} is not a form: a word ({', '.join(ALL[:4])}, …) or an expression of y"
            ) from None
        if not any(isinstance(node, ast.Name) and node.id == "y" for node in ast.walk(tree)):
            if not isinstance(tree.body, ast.Call) or not isinstance(
                tree.body.func, ast.Name | ast.Attribute
            ):
                raise ValueError(f"{word!r} says nothing of y")
            text = f"y.{text}"
    write = "r *= 10"
    if word == "no_grad":
        write = "with torch.no_grad(): r *= 10"
    return Form(word, text, write)


class Probe:
    """Runs small programs, one after the other, each from nothing."""

    def __init__(self, engine: str) -> None:
        from tensorcli.explorer.session import Session

        self.session = Session(engine=engine, quiet=True, write=lambda text: None)
        self.engine: Engine = self.session.engine
        self.error = ""

    def run(self, *lines: str) -> bool:
        """Run statements until one fails; whether none did. The error's type and text stand in `error`."""
        self.error = ""
        for text in lines:
            for step in self.session.run(text + "\n"):
                if step.error is not None:
                    self.error = f"{step.error.type}: {step.error.message}"
                    return False
        return True

    def begin(self, form: Form | None) -> bool:
        """The program from its beginning to `r`."""
        self.session.names.clear()
        if form is None:
            return self.run(SETUP)
        return self.run(SETUP, f"r = {form.expression}")

    def value(self, name: str) -> Any:
        """What a name stands for."""
        return self.session.names.get(name)

    def elements(self, name: str) -> Any:
        """A copy of a tensor's elements; None where there is no tensor."""
        value = self.value(name)
        return None if value is None else self.engine.elements(value).copy()

    def gradient(self) -> Any:
        """A copy of the elements of w's gradient; None where it has none."""
        grad = self.engine.grad(self.value("w"))
        return None if grad is None else self.engine.elements(grad).copy()


KIND = "r is"
SAME = "same object as y"
SHARES = "shares storage with y"
COUNTER = "shares its version counter"
SHAPE, DTYPE = "shape", "dtype"
REQUIRES, LEAF, NODE = "requires_grad", "is_leaf", "grad_fn"
REACHES = "r.sum().backward() reaches w"
WRITE = "write into r:  r *= 10"
SHOWS = "the write shows in y"
VERSION = "y._version after it"
BACKWARD = "then y.sum().backward() is"
ALWAYS = (SAME, SHARES, COUNTER, REQUIRES, LEAF, NODE, REACHES, WRITE, SHOWS, VERSION, BACKWARD)


def measure(probe: Probe, form: Form, right: Any, first: str) -> Findings:
    """Everything about one form."""
    found = Findings()
    cells, engine = found.cells, probe.engine
    if not probe.begin(form):
        found.errors[SAME] = probe.error
        cells[SAME] = "raises"
        return found
    y, r = probe.value("y"), probe.value("r")
    kind = engine.kind(r)
    cells[SAME] = yes(r is y)
    if kind not in ("tensor", "ndarray"):
        cells[SHARES] = "no"
        cells[KIND] = f"a Python {type(r).__name__}"
        return found
    cells[KIND] = "a tensor" if kind == "tensor" else "an ndarray"
    look = engine.look(r)
    cells[SHARES], counted = _reach_of_a_write(probe, kind)
    cells[SHAPE], cells[DTYPE] = str(look.sizes), look.dtype
    if kind == "tensor":
        cells[REQUIRES], cells[LEAF], cells[NODE] = (
            str(look.requires_grad),
            str(look.is_leaf),
            str(look.grad_fn),
        )
        cells[COUNTER] = counted
        probe.begin(form)
        reached = probe.run("r.sum().backward()")
        cells[REACHES] = yes(reached and probe.gradient() is not None)
        if not reached:
            found.errors[REACHES] = probe.error
    else:
        cells[COUNTER] = "has none"
        cells[REACHES] = "no"
    _write(probe, form, kind, right, first, found)
    return found


def _reach_of_a_write(probe: Probe, kind: str) -> tuple[str, str]:
    """Whether a write into y shows in r, and whether it moves r's version counter."""
    before = probe.elements("r")
    version = probe.engine.look(probe.value("r")).version
    if not probe.run("with torch.no_grad(): y.add_(1)"):
        return "unknown", "unknown"
    shows = yes(not (before == probe.elements("r")).all())
    if kind == "ndarray" or version is None:
        return shows, "has none"
    return shows, yes(probe.engine.look(probe.value("r")).version != version)


def _write(probe: Probe, form: Form, kind: str, right: Any, first: str, found: Findings) -> None:
    cells = found.cells
    probe.begin(form)
    before = probe.elements("y")
    if probe.run(form.write):
        cells[WRITE] = "ok"
    else:
        cells[WRITE] = "raises"
        found.errors[WRITE] = probe.error
    after = probe.elements("y")
    cells[SHOWS] = yes(not (before == after).all())
    cells[VERSION] = str(probe.engine.look(probe.value("y")).version)
    if not probe.run("y.sum().backward()"):
        cells[BACKWARD] = "RAISES"
        found.errors[BACKWARD] = probe.error
        return
    grad = probe.gradient()
    same = grad is not None and grad.shape == right.shape and bool((grad == right).all())
    cells[BACKWARD] = "correct" if same else "WRONG"
    cells[first] = "None" if grad is None else f"{float(grad[0]):.4g}"


def compare(session: Session, words: Sequence[str]) -> Comparison:
    """The table of these forms. Errors: ValueError for a word that is not a form."""
    methods = frozenset(session.engine.method_names())
    forms = [form_of(word, methods.__contains__) for word in (words or ALL)]
    forms = list({form.expression + form.write: form for form in reversed(forms)}.values())[::-1]
    if len(forms) > MOST:
        raise ValueError(f"compare takes {MOST} forms at most, not {len(forms)}")
    with session.engine.aside():
        probe = Probe(session.engine.name)
        probe.begin(None)
        probe.run("y.sum().backward()")
        right = probe.gradient()
        first = f"  w.grad[0], right is {float(right[0]):.4g}"
        findings = [measure(probe, form, right, first) for form in forms]
    return _table(forms, findings, first)


def _table(forms: Sequence[Form], findings: Sequence[Findings], first: str) -> Comparison:
    notes: list[str] = []
    for found in findings:
        for question, error in found.errors.items():
            if error not in notes:
                notes.append(error)
            found.cells[question] += f" [{notes.index(error) + 1}]"
    questions = [*ALWAYS, first]
    if {found.cells.get(KIND, "a tensor") for found in findings} != {"a tensor"}:
        questions.insert(0, KIND)
    if len({found.cells.get(SHAPE) for found in findings if SHAPE in found.cells} | {"(3,)"}) > 1:
        questions.insert(questions.index(REQUIRES), SHAPE)
    if len({found.cells.get(DTYPE) for found in findings if DTYPE in found.cells} | {"float32"}) > 1:
        questions.insert(questions.index(REQUIRES), DTYPE)
    rows = tuple(
        ComparisonRow(question, tuple(found.cells.get(question, "-") for found in findings))
        for question in questions
    )
    return Comparison(
        f"{SETUP}; then r = each form, and r is written in place",
        tuple(form.word for form in forms),
        tuple(form.title for form in forms),
        rows,
        tuple(notes),
        tuple(_groups(forms, findings)),
    )


GROUPS = (
    ("WRONG", "a write through these is not seen by autograd, and the gradient is silently wrong"),
    ("RAISES", "a write through these makes backward raise"),
    ("refused", "a write through these is refused at once"),
    ("kept", "memory of their own, and the gradient goes on to w"),
    ("cut", "memory of their own, cut from the graph"),
    ("raises", "these cannot be made from y at all"),
)


def _groups(forms: Sequence[Form], findings: Sequence[Findings]) -> list[str]:
    members: dict[str, list[str]] = {}
    for form, found in zip(forms, findings):
        kind = _kind(found)
        if kind:
            members.setdefault(kind, []).append(form.word if form.word in form.title else form.title)
    return [f"{text}: {', '.join(members[kind])}" for kind, text in GROUPS if kind in members]


def _kind(found: Findings) -> str:
    cells = found.cells
    if cells[SAME].startswith("raises"):
        return "raises"
    backward = cells.get(BACKWARD, "").partition(" ")[0]
    if backward in ("WRONG", "RAISES"):
        return backward
    if cells.get(WRITE, "").startswith("raises"):
        return "refused"
    if cells.get(SHARES) == "no" and backward == "correct":
        return "kept" if cells.get(REACHES) == "yes" else "cut"
    return ""
