"""Going back: `undo`, replays, forks, `dry` and `blame` give back what was there, and leave the session as it was."""

from tensorcli.explorer.results import Blame, Dry, Travelled
from tensorcli.explorer.session import Session
from tests.explorer.desk import SCENE, run


def test_undo_passes_over_what_only_showed_something() -> None:
    (*_, step) = run(SCENE + "y\nd.grad\ninspect y\nundo")[1]
    assert isinstance(step.result, Travelled)
    assert step.result.text.endswith("d.mul_(10)")


def test_undo_gives_back_what_was_there() -> None:
    session, _ = run(SCENE)
    before = run(SCENE.replace("d.mul_(10)\n", ""))[0]
    (step,) = session.run("undo")
    assert isinstance(step.result, Travelled)
    for name in ("w", "y", "d", "loss"):
        mine, other = session.names[name], before.names[name]
        assert session.engine.repr(mine) == before.engine.repr(other)
        assert session.engine.look(mine).version == before.engine.look(other).version
    (step,) = session.run("redo")
    assert session.engine.look(session.names["y"]).version == 1


def test_what_only_cycles_hold_has_no_id_whenever_python_collects_it() -> None:
    text = "def f():\n    c = [ones(3)]\n    c.append(c)\nf()\ny = ones(2)"
    (*_, step) = run(text)[1]
    assert [row.storage for row in step.changes] == ["s1"]


def test_a_replay_says_nothing() -> None:
    said: list[str] = []
    session = Session(write=said.append)
    list(
        session.run(
            "print('once')\nx = torch.rand(2)\nx.add_(1)\nundo\ngoto 1\nredo 2\ndiff 1 2", keep_going=True
        )
    )
    assert said == ["once\n"]


def test_random_numbers_go_on_after_a_fork_as_before_it() -> None:
    plain = run("a = torch.rand(2)\nb = torch.rand(2)\nn = np.random.rand()")[0]
    forked = run(
        "a = torch.rand(2)\ndry torch.rand(5)\nwhy a\nb = torch.rand(2)\ndry np.random.rand()\nn = np.random.rand()"
    )[0]
    assert plain.engine.repr(plain.names["b"]) == forked.engine.repr(forked.names["b"])
    assert plain.names["n"] == forked.names["n"]


def test_dry_leaves_the_session_alone() -> None:
    session, steps = run(SCENE + "dry y.zero_()")
    assert isinstance(steps[-1].result, Dry)
    assert session.engine.look(session.names["y"]).version == 1


def test_blame_tells_one_element_from_another() -> None:
    _, steps = run("a = zeros(4)\na[0] = 1\na[2:] = 5\nblame a[0]\nblame a[3]\nblame a")
    lines = [[row.line for row in step.result.rows] for step in steps[-3:] if isinstance(step.result, Blame)]
    assert lines == [[1, 2], [1, 3], [1, 2, 3]]
