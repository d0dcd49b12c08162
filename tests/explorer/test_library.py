"""Python's standard library in a session: what it holds from one statement to the next, and what a replay makes of it."""

import pytest

from tensorcli.explorer.session import Session


def printed(text: str, session: Session | None = None) -> str:
    steps = list((session or Session()).run(text, form="py"))
    assert all(step.error is None for step in steps), steps[-1].error
    return "".join(step.output for step in steps)


def test_random_is_seeded_as_the_session_is():
    text = "import random\nprint(random.random(), random.sample(range(9), 3))"
    assert printed(text) == printed(text) == printed("import random\nrandom.seed(0)\n" + text)
    assert printed(text) != printed(text, Session(seed=1))


def test_a_replay_draws_the_same_numbers():
    session = Session()
    first = printed("import random\nx = random.random()\nprint(x)", session)
    session.replay(list(session.journal))
    assert printed("print(x)", session) == first
    assert printed("print(random.random())", session) != first


def test_the_clock_is_the_sessions_own():
    text = (
        "import time\na = time.time()\ntime.sleep(2)\nprint(2 <= time.time() - a < 2.1, time.perf_counter())"
    )
    assert printed(text) == printed(text) == "True 2.000003\n"


def test_filters_hold_from_one_statement_to_the_next_and_end_with_their_block():
    text = """import warnings
warnings.warn('one')
with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    warnings.warn('two')
warnings.warn('three')
warnings.filterwarnings('ignore', message='fo')
warnings.warn('four')
warnings.warn('five', DeprecationWarning)
"""
    steps = list(Session().run(text, form="py"))
    assert [(each.category, each.message) for step in steps for each in step.warnings] == [
        ("UserWarning", "one"),
        ("UserWarning", "three"),
        ("DeprecationWarning", "five"),
    ]


def test_an_error_filter_raises_what_the_engine_warns_of():
    step = list(
        Session().run(
            "import warnings\nwarnings.simplefilter('error')\ntorch.ones(1, 2, 3).T",
            form="py",
        )
    )[-1]
    assert step.error is not None
    assert step.error.type == "UserWarning"


def test_recorded_warnings_are_not_heard_and_say_where_they_were_given():
    text = """import warnings
with warnings.catch_warnings(record=True) as caught:
    torch.ones(1, 2, 3).T
    warnings.warn('x')
print([(each.lineno, each.category.__name__) for each in caught], caught[1])
"""
    session = Session()
    steps = list(session.run(text, "a.py", "py"))
    assert not any(step.warnings for step in steps)
    assert steps[-1].output == (
        "[(3, 'UserWarning'), (4, 'UserWarning')] {message : UserWarning('x'), category : 'UserWarning', "
        "filename : 'a.py', lineno : 4, line : None}\n"
    )


def test_tensors_in_a_deque_stand_under_their_paths():
    session = Session()
    step = list(session.run("from collections import deque\nq = deque([torch.ones(2)])", form="py"))[-1]
    assert [change.names for change in step.changes] == [("q[0]",)]


@pytest.mark.parametrize("value", ["'a'", "(1, 'a')", "torch.ones(1)", "frozenset('ab')", "b'a'", "len"])
def test_hash_is_the_same_in_every_session(value):
    text = f"x = {value}\nprint(hash(x), hash(x) == hash(x), {{x: 1}}[x])"
    assert printed(text) == printed(text)
