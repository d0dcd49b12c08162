"""`predict`: questions that are found by running the statement first, and judged by what it did."""

import pytest

from tensorcli.explorer.predict import judge
from tensorcli.explorer.results import Question
from tensorcli.explorer.session import Session
from tensorcli.explorer.snapshot import snapshot

BEGIN = "w = tensor([1., 2.], requires_grad=True)\ny = w.exp()\n"


def asked(text: str, before: str = BEGIN, answer: str = "") -> tuple[Question | None, Session]:
    """The question before the last statement of a session that begins to ask then."""
    session = Session()
    list(session.run(before))
    questions: list[Question] = []

    def ask(question: Question) -> str:
        questions.append(question)
        return answer

    session.ask = ask
    list(session.run("predict on"))
    list(session.run(text))
    assert len(questions) <= 1, "one statement, one question"
    return (questions[0] if questions else None), session


@pytest.mark.parametrize(
    ("before", "text", "kind", "answer"),
    [
        (BEGIN, "d = y.detach()", "sharing", "yes"),
        (BEGIN, "c = y.clone()", "sharing", "no"),
        (BEGIN, "z = y", "sharing", "yes"),
        (BEGIN + "d = y.detach()", "d.mul_(10)", "stale", "no"),
        (BEGIN + "d = y.detach()", "y.data.mul_(10)", "version", "0"),
        ("a = ones(2)\nb = a[1:]", "a.add_(1)", "seen", "b"),
        ("a = ones(2)\nb = ones(2)", "a.add_(1)", "version", "1"),
        (BEGIN + "y.detach().mul_(2)", "y.sum().backward()", "raises", "yes"),
        (BEGIN, "w.add_(1)", "raises", "yes"),
        (BEGIN + "y.sum().backward()", "(w * 2).sum().backward()", "gradient", "[4.7183, 9.3891]"),
        ("a = ones(2)\nb = ones(2, 1)", "c = a + b", "shape", "(2, 2)"),
        ("a = ones(2)\nb = ones(2).double()", "c = a + b", "dtype", "float64"),
        ("", "a = tensor([1, 2])", "dtype", "int64"),
        (BEGIN + "loss = y.sum()", "del y", "freed", "no"),
        ("a = ones(2)", "del a", "freed", "yes"),
    ],
)
def test_the_question_is_about_what_one_would_not_guess(
    before: str, text: str, kind: str, answer: str
) -> None:
    question, _ = asked(text, before)
    assert question is not None
    assert (question.kind, question.answer) == (kind, answer)
    assert question.fact


@pytest.mark.parametrize(
    "text", ["print(1)", "n = 3", "y", "inspect y", "y.shape", "seed 3", "undo", "nope", "y.nope()"]
)
def test_a_statement_that_creates_and_writes_nothing_is_not_asked_about(text: str) -> None:
    assert asked(text)[0] is None


def test_asking_leaves_the_session_as_it_would_be() -> None:
    text = "r = torch.rand(2, requires_grad=True)\n(r * 2).sum().backward()\nr.data.add_(1)"
    plain, other = Session(), Session()
    other.ask = lambda question: "yes"
    list(other.run("predict on"))
    list(plain.run("seed 3\n" + text))
    list(other.run("seed 3\n" + text))
    assert snapshot(plain) == snapshot(other)


def test_a_kind_that_is_known_is_asked_about_less() -> None:
    kinds = []
    session = Session()
    session.ask = lambda question: kinds.append(question.kind) or question.answer
    list(session.run("a = ones(2)\npredict on\nb = a[1:]\n" + "".join(f"v{i} = a[1:]\n" for i in range(6))))
    assert kinds[0] == "sharing"
    assert len(set(kinds)) > 1


def test_the_score_counts_answers_by_kind() -> None:
    session = Session()
    given = iter(["float32", "perhaps", "no", ""])
    session.ask = lambda question: next(given)
    steps = list(
        session.run("predict on\nx = ones(2)\nv = x[1:]\nc = x.clone()\nq = x[1:]\npredict", keep_going=True)
    )
    assert [step.prediction and step.prediction.right for step in steps] == [
        None,
        True,
        None,
        True,
        None,
        None,
    ]
    found = steps[-1].result
    assert (found.on, found.right, found.answered, found.skipped) == (True, 2, 2, 2)
    assert [(row.kind, row.right, row.answered) for row in found.rows] == [("dtype", 1, 1), ("sharing", 1, 1)]


def test_predict_off_asks_no_more() -> None:
    session = Session()
    questions = []
    session.ask = lambda question: questions.append(question) or ""
    list(session.run("predict on\nx = ones(2)\npredict off\ny = ones(2)"))
    assert len(questions) == 1


def test_where_nobody_can_be_asked_predict_says_so(last) -> None:
    step = last("predict on")
    assert step.error.type == "RuntimeError"
    assert "nobody to ask" in step.error.message
    assert last("predict").result.on is False
    assert last("predict off").error is None


def test_predict_takes_on_or_off(last) -> None:
    step = last("predict maybe")
    assert (step.error.kind, step.error.message) == ("language", "predict wants on or off here")


@pytest.mark.parametrize(
    ("wants", "answer", "given", "right"),
    [
        ("yes or no", "yes", "Y", True),
        ("yes or no", "no", "yes", False),
        ("yes or no", "no", "perhaps", None),
        ("a number", "1", " 1 ", True),
        ("a number", "1", "one", None),
        ("names, or none", "y v", "v, y", True),
        ("names, or none", "none", "None", True),
        ("names, or none", "y v", "y", False),
        ("a shape", "(2, 3)", "2x3", True),
        ("a shape", "()", "()", True),
        ("a dtype", "float32", "torch.float", True),
        ("a dtype", "int64", "float32", False),
        ("a node, or None", "ExpBackward0", "exp", True),
        ("a node, or None", "ExpBackward0", "ExpBackward0", True),
        ("a node, or None", "None", "none", True),
        ("a node, or None", "MulBackward0", "ExpBackward0", False),
        ("values", "[4.7183, 9.3891]", "4.72 9.39", True),
        ("values", "[4.7183, 9.3891]", "4.72", False),
        ("values", "[4.7183]", "four", None),
        ("values", "2.", "2", True),
        ("yes or no", "yes", "", None),
    ],
)
def test_answers_are_judged_as_a_person_writes_them(wants, answer, given, right) -> None:
    assert judge(Question("kind", "text", wants, answer, "fact"), given) is right
