"""Both engines behind one protocol give the same facts."""

import subprocess
import sys

import pytest

from tensorcli.explorer.session import Session
from tensorcli.language.hints import ON_PYTORCH

PROGRAM = """\
w = torch.tensor([1., 2., 3.], requires_grad=True)
y = w.exp()
v = y[1:]
d = y.detach()
loss = (y * w).sum()
d.mul_(10)
x = torch.arange(6).view(2, 3)
t = x.t()
t[0, 1] = 9
b = x
n = x.numpy()
u = w.clone()
u.sum().backward()
"""


def test_the_engines_agree_on_every_row():
    pytest.importorskip("torch")
    own, real = (list(Session(engine=name).run(PROGRAM)) for name in ("embedded", "pytorch"))
    assert [each.error for each in real] == [None] * len(own)
    for mine, theirs in zip(own, real):
        assert summary(mine) == summary(theirs), mine.source


def summary(step):
    """What both engines can know: PyTorch tells neither what nodes saved nor through which view it wrote."""
    return [
        (
            "written" if each.kind == "seen" else each.kind,
            each.names,
            each.storage,
            None if each.after is None else vars_of(each.after),
        )
        for each in step.changes
        if each.kind not in ("graph_freed", "hooks_ran")
    ]


def vars_of(facts):
    return (
        facts.shape,
        facts.stride,
        facts.offset,
        facts.dtype,
        facts.version,
        facts.requires_grad,
        facts.grad_fn,
        facts.value,
    )


def test_a_data_loader_starts_no_process(monkeypatch):
    torch = pytest.importorskip("torch")
    started = []
    monkeypatch.setattr(torch.utils.data.dataloader, "_MultiProcessingDataLoaderIter", started.append)
    text = (
        "d = torch.utils.data.DataLoader([1., 2., 3.], num_workers=2)\nprint(d.num_workers, list(d))\ntype(d)"
    )
    own, real = (list(Session(engine=name).run(text)) for name in ("embedded", "pytorch"))
    assert [each.output for each in real] == [each.output for each in own]
    assert [each.error for each in real] == [None] * 3
    assert not started


def test_autocast_that_a_fork_switched_on_first_stays_there():
    program = """
from tensorcli.explorer.session import Session
session = Session()
list(session.run("x = torch.ones(2, 2)"))
with session.fork() as other:
    list(other.run("torch.set_autocast_enabled('cpu', True)"))
(step,) = session.run("print((x @ x).dtype)")
print(step.output, end="")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "torch.float32\n"


def test_a_missing_pytorch_is_told():
    with pytest.raises(ValueError, match="there is no engine"):
        Session(engine="jax")


@pytest.mark.parametrize("code", ["TSC-H013", "TSC-H014", "TSC-H015", "TSC-H016", "TSC-H021", "TSC-H022"])
def test_hazards_that_need_no_saved_values_are_found_on_pytorch_too(code: str) -> None:
    pytest.importorskip("torch")
    from tensorcli.explorer.hazards.catalogue import HAZARDS

    for text, expected in ((HAZARDS[code].example, {code}), (HAZARDS[code].instead, set())):
        session = Session(checking=True, engine="pytorch")
        list(session.run(text))
        assert {each.code for each in session.hazards} == expected


STORAGES = """\
x = torch.ones(3)
y = torch.from_numpy(x.detach().numpy())
z = torch.from_numpy(x.detach().numpy()[1:])
z[0] = 7
y.mul_(2)
"""


def test_memory_that_came_back_through_numpy_is_one_storage_on_both_engines() -> None:
    pytest.importorskip("torch")
    own, real = (list(Session(engine=name).run(STORAGES)) for name in ("embedded", "pytorch"))
    for mine, theirs in zip(own, real):
        assert {each.storage for each in theirs.changes} == {each.storage for each in mine.changes} == {"s1"}


def test_looking_at_bytes_leaves_a_storage_of_pytorch_resizable() -> None:
    pytest.importorskip("torch")
    steps = list(Session(engine="pytorch").run("x = torch.ones(3)\nx.untyped_storage().resize_(64)"))
    assert [each.error for each in steps] == [None, None]


def test_storages_have_the_same_methods_on_both_engines() -> None:
    pytest.importorskip("torch")
    text = (
        "x = torch.ones(2)\nx.untyped_storage().fill_(0)\nx.apply_(lambda a: a + 1)\nx.storage()[0] = 4\n"
        "print(x, x.storage().tolist(), x.untyped_storage().tolist())"
    )
    own, real = (list(Session(engine=name).run(text)) for name in ("embedded", "pytorch"))
    assert [each.output for each in real] == [each.output for each in own]
    assert [each.error for each in real] == [None] * 5


def test_a_view_that_may_not_be_asked_for_its_node_is_looked_at_on_pytorch_too() -> None:
    pytest.importorskip("torch")
    text = (
        "x = torch.ones(2)\nwith torch.no_grad(): v = x.view(-1)\n"
        "x.mul_(torch.ones(2, requires_grad=True))\ny = 1\nx.sum().backward()"
    )
    steps = list(Session(engine="pytorch").run(text))
    assert [each.error for each in steps] == [None] * 5


BYTES = """\
x = torch.arange(3.)
s = x.untyped_storage()
print(s[-1], s[3])
s[0] = 5
s[-1] = 7
s[12] = 7
s[-13]
s[1.5] = 3
s[True]
s[0] = 1.5
s[0:12:2]
s[-3:] = 1
q = s[4:8]
q[0] = 9
print(x, s.tolist(), q.nbytes(), q.resizable())
y = torch.tensor([], dtype=torch.uint8).set_(q)
y.add_(1)
print(x, y)
"""


def test_the_bytes_of_a_storage_are_indexed_alike_on_both_engines() -> None:
    pytest.importorskip("torch")
    own, real = (list(Session(engine=name).run(BYTES, keep_going=True)) for name in ("embedded", "pytorch"))
    for mine, theirs in zip(own, real, strict=True):
        assert mine.output == theirs.output, mine.source
        failures = [None if each.error is None else each.error.message for each in (mine, theirs)]
        assert failures[0] == failures[1], mine.source
    assert sum(each.error is not None for each in own) == 7


@pytest.mark.parametrize("name", sorted(ON_PYTORCH))
def test_what_the_advice_says_is_on_pytorch_is_there(name: str) -> None:
    pytest.importorskip("torch")
    text = f"found = torch.optim.{name}" if name == "SparseAdam" else f"found = torch.{name}"
    for engine, there in (("pytorch", True), ("embedded", False)):
        (step,) = Session(engine=engine).run(text)
        assert (step.error is None) is there


def test_nodes_are_read_on_both_engines() -> None:
    pytest.importorskip("torch")
    text = (
        "x = torch.ones(2, requires_grad=True)\ny = x * x\nf = y.grad_fn\n"
        "told = f.name(), f.next_functions[0][0].variable is x, f._saved_self is x, f.metadata"
    )
    for engine in ("embedded", "pytorch"):
        session = Session(engine=engine)
        assert [step.error for step in session.run(text)] == [None] * 4
        assert session.names["told"] == ("MulBackward0", True, True, {})


def test_modules_that_a_function_hides_are_imported_on_both_engines() -> None:
    pytest.importorskip("torch")
    text = (
        "from torch.optim.optimizer import Optimizer\nfrom torch.nn.utils.weight_norm import weight_norm\n"
        "from torch.nn.attention.bias import causal_lower_right"
    )
    for engine in ("embedded", "pytorch"):
        assert [step.error for step in Session(engine=engine).run(text)] == [None] * 3
