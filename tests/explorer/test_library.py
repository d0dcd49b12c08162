"""Python's standard library in a session: what it holds from one statement to the next, and what a replay makes of it."""

import pytest

from tensorcli.engine.serialization.writing import pickled
from tensorcli.explorer.pickling import Pickling
from tensorcli.explorer.session import Session


def printed(text: str, session: Session | None = None) -> str:
    steps = list((session or Session()).run(text, form="py"))
    assert all(step.error is None for step in steps), steps[-1].error
    return "".join(step.output for step in steps)


def test_random_is_seeded_as_the_session_is():
    text = "import random\nprint(random.random(), random.sample(range(9), 3))"
    assert printed(text) == printed(text) == printed("import random\nrandom.seed(0)\n" + text)
    assert printed(text) != printed(text, Session(seed=1))


@pytest.mark.parametrize("engine", ["embedded", "pytorch"])
def test_a_session_keeps_what_it_saves_and_goes_back_on_it(engine):
    if engine == "pytorch":
        pytest.importorskip("torch")
    session = Session(engine=engine)
    printed("x = torch.ones(2)\ntorch.save(x, 'x.pt')\nprint(torch.load('x.pt'))", session)
    session.replay(list(session.journal)[:1])
    (step,) = session.run("torch.load('x.pt')", form="py")
    assert step.error is not None
    assert step.error.message == "[Errno 2] No such file or directory: 'x.pt'"
    assert step.error.hints[0] == "a script reads only what it saved itself, in this session"
    printed("torch.save(1, 'x.pt')", session)
    (other,) = Session(engine=engine).run("torch.load('x.pt')", form="py")
    assert other.error is not None


@pytest.mark.parametrize("engine", ["embedded", "pytorch"])
def test_a_dry_run_leaves_archives_as_they_were(engine):
    if engine == "pytorch":
        pytest.importorskip("torch")
    session = Session(engine=engine)
    printed("torch.save(1, 'x.pt')\nbefore = len(torch.serialization.get_safe_globals())", session)
    steps = session.run(
        "dry: torch.save(2, 'x.pt')\ndry: torch.serialization.add_safe_globals([torch.nn.Linear])"
    )
    assert [step.error for step in steps] == [None, None]
    text = "print(torch.load('x.pt'), len(torch.serialization.get_safe_globals()) - before)"
    assert printed(text, session) == "1 0\n"


@pytest.mark.parametrize("engine", ["embedded", "pytorch"])
def test_pickles_and_archives_make_only_what_the_session_wrote(engine):
    if engine == "pytorch":
        pytest.importorskip("torch")
    session = Session(engine=engine)
    printed("import io, pickle\ncrafted = b'cos\\nsystem\\n(Vtrue\\ntR.'", session)
    for text, message in (
        ("pickle.loads(10 ** 11)", "a bytes-like object is required, not 'int'"),
        ("pickle.loads(crafted)", "a session reads only what its own pickle.dumps wrote"),
        ("torch.load(io.BytesIO(crafted), weights_only=False)", "reads only what torch.save wrote here"),
        (
            "torch.load(io.BytesIO(b'PK\\x03\\x04' + crafted), weights_only=False)",
            "only what torch.save wrote here",
        ),
        ("pickle.dumps(lambda: 0)", "attribute lookup <lambda> on __main__ failed"),
    ):
        (step,) = session.run(text, form="py")
        assert step.error is not None
        assert message in step.error.message
    printed("b = io.BytesIO()\npickle.dump([1], b)\npickle.dump([2], b)\nb.seek(0)", session)
    assert printed("print(pickle.load(b), pickle.load(b))", session) == "[1] [2]\n"


@pytest.mark.parametrize("engine", ["embedded", "pytorch"])
def test_what_is_saved_under_a_name_stays_in_the_session(engine, tmp_path, monkeypatch):
    if engine == "pytorch":
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    session = Session(engine=engine)
    text = "torch.save({'w': torch.ones(2)}, 'w.pt')\nprint(torch.load('w.pt')['w'])\ntorch.serialization.save(1, 'n.pt')"
    assert printed(text, session) == "tensor([1., 1.])\n"
    assert not list(tmp_path.iterdir())


def test_options_have_their_defaults_and_a_missing_argument_is_said():
    session = Session()
    printed(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)",
        session,
    )
    assert printed("print(p.parse_args())", session) == "Namespace(lr=0.1)\n"
    printed("p.add_argument('data')", session)
    for text, message in (
        (
            "p.parse_args()",
            "the following arguments are required: data; a script is given no arguments: write parse_args([...])",
        ),
        ("p.parse_args(['x', '--lr', 'y'])", "argument --lr: invalid float value: 'y'"),
        (
            "p.add_argument('--__class__')",
            "names with two underscores on both sides, such as __class__, are not part of the language",
        ),
        ("p.add_argument('--k', choices=range(10 ** 9))", "the choices"),
        ("p.add_argument('--k', nargs=10 ** 10)", "the option's values would have 10,000,000,000 items"),
        ("p.add_argument('--k', action='version', version='1')", "the action 'version'"),
        ("p.add_argument('--k', action=lambda **given: given)", "the action <function <lambda>"),
        ("p.set_defaults(**{'__reduce_ex__': 1})", "names with two underscores on both sides"),
        ("p.parse_args(['x'], torch.Tensor)", "the namespace must be an argparse.Namespace, not TensorType"),
    ):
        (step,) = session.run(text, form="py")
        assert step.error is not None
        assert message in step.error.message


def test_what_a_namespace_holds_stands_in_the_table():
    session = Session()
    *_, made, wrote = session.run(
        "from types import SimpleNamespace\nns = SimpleNamespace(w=torch.ones(2))\nns.w.add_(1)", form="py"
    )
    assert [change.names for change in (*made.changes, *wrote.changes)] == [("ns.w",), ("ns.w",)]
    for text in ("ns.__class__ = int", "vars(torch.nn.Linear(1, 1))", "vars(print)", "vars(1)"):
        (refused,) = session.run(text, form="py")
        assert refused.error is not None


@pytest.mark.parametrize(
    "made", ["types.SimpleNamespace", "argparse.Namespace", "type(types.SimpleNamespace())"]
)
def test_no_object_says_itself_how_it_is_pickled(made):
    import argparse
    import types

    session = Session()
    (*_, refused) = session.run(
        f"import types, argparse\n{made}(**{{'__reduce_ex__': lambda p: 'x'}})", form="py"
    )
    assert refused.error is not None
    assert "such as __reduce_ex__" in refused.error.message
    for kind in (types.SimpleNamespace, argparse.Namespace):
        for write in (Pickling().dumps, lambda value: pickled(value, 2)):
            with pytest.raises(TypeError, match="cannot pickle"):
                write(kind(__reduce_ex__=lambda protocol: "zen", __module__="this"))


def test_the_text_of_a_document_is_measured_while_it_grows():
    session = Session()
    printed("import json\nx = [0]\nfor i in range(40):\n    x = [x, x]", session)
    for text, message in (
        ("json.dumps(x)", "the text would show more than"),
        ("json.dumps([1], indent=10 ** 10)", "the indent would have"),
        ("json.dumps([1] * 9, separators=(' ' * 10 ** 7, ''))", "the text would have"),
        ("json.dumps(1, cls=1)", "unexpected keyword argument 'cls'"),
    ):
        (step,) = session.run(text, form="py")
        assert step.error is not None
        assert message in step.error.message
    assert printed("print(json.dumps({'a': [1, None]}, indent=2, sort_keys=True))", session) == (
        '{\n  "a": [\n    1,\n    null\n  ]\n}\n'
    )


def test_what_pytorch_writes_elsewhere_lets_nothing_be_read():
    pytest.importorskip("torch")
    session = Session(engine="pytorch")
    printed(
        "import io, types\nb = io.BytesIO()\ntorch.save(1, types.SimpleNamespace(write=b.write))\nb.seek(0)",
        session,
    )
    assert printed("print(torch.load(b))", session) == "1\n"
    (step,) = session.run("torch.load(io.BytesIO(b'x'), weights_only=False)", form="py")
    assert step.error is not None
    assert "reads only what torch.save wrote here" in step.error.message
    (step,) = session.run("torch.save(print, io.BytesIO())", form="py")
    assert step.error is not None
    assert step.error.type.endswith("PicklingError")


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
