"""What scripts may reach of the engine, and what not."""

import pytest

from tensorcli.engine.table import PACKETS
from tensorcli.explorer.engines.attributes import TENSOR_INTERNALS
from tensorcli.explorer.engines.opening import open_engine
from tensorcli.explorer.session import Session


@pytest.mark.parametrize(
    "text",
    [
        "torch.np",
        "torch.op",
        "torch.effects",
        "torch.printing",
        "torch.autograd.graph.Node.mro()",
        "torch.linalg.np",
        "torch.nn.functional.np",
        "torch.random.Iterable",
        "torch.ones(2).array",
        "torch.ones(2).geometry",
        "torch.ones(2).node",
        "torch.ones(2)._array",
        "torch.ones(2).__dict__",
        "torch.ones(2).__class__.__mro__",
        "torch.float32.np",
        "torch.ones(2, requires_grad=True).exp().grad_fn.saved",
        "torch.ones(2, requires_grad=True).exp().grad_fn.op",
        "torch.ones(2).add.__globals__",
        "torch.ones.__globals__",
        "torch._PUBLIC",
        "torch.__dict__",
        "torch.sys",
        "np.load",
        "np.ones(2).tofile",
        "np.ctypeslib",
        "torch.ones(2).geometry.__init__",
        "import torch.effects",
        "import torch.optim.moments",
        "import torch.nn.layers",
        "from torch import sys",
        "x = torch.ones(2)\nx.array = 3",
        "x = torch.ones(2)\nx.memory = 3",
        "'{0.__class__.__init__}'.format(torch.ones(2))",
        "f'{torch.ones(2).geometry}'",
    ],
)
def test_internals_are_out_of_reach(text):
    steps = list(Session().run(text))
    assert steps[-1].error is not None
    assert steps[-1].error.type in ("AttributeError", "ModuleNotFoundError", "ImportError", "SyntaxError")


NAMESPACES = "import argparse, copy, types\nns = types.SimpleNamespace()\nargs = argparse.Namespace()\n"


@pytest.mark.parametrize("name", ["ns", "args"])
def test_what_a_script_writes_into_the_dict_of_a_namespace_is_asked_by_nobody(name):
    session = Session()
    text = f"""{NAMESPACES}memory = {{'data': (1, False), 'shape': (0,), 'typestr': '|u1', 'version': 3}}
called = []
def made(*given):
    called.append(given)
    return print, ('made',), None
for protocol in ('__reduce_ex__', '__reduce__', '__deepcopy__', '__copy__', '__getstate__', '__array__', '__dlpack__'):
    vars({name})[protocol] = made
vars({name})['__array_interface__'] = memory
vars({name})['__dict__'] = vars({name})['__class__'] = made
assert len(vars({name})) == 10 and isinstance({name}, type({name}))
array = np.asarray({name})
assert array.shape == () and array[()] is {name}
for twin in (copy.copy, copy.deepcopy):
    try:
        twin({name})
    except copy.Error:
        pass
assert not called
"""
    assert [step.error for step in session.run(text) if step.error] == []


@pytest.mark.parametrize("name", ["ns", "args"])
def test_a_namespace_is_pythons_own_otherwise(name):
    session = Session()
    text = f"""import pickle
{NAMESPACES}{name}.a = 1
vars({name})['b'] = [2]
{name}.me = {name}
for twin in copy.copy({name}), copy.deepcopy({name}), pickle.loads(pickle.dumps({name})):
    print(type(twin) is type({name}), twin.a, twin.b, twin.b is {name}.b, twin.me is twin, isinstance(twin, type({name})))
    twin.c = 3
del {name}.me
print({name}, {name} == copy.deepcopy({name}), type({name}), hasattr({name}, 'c'))
"""
    said = "".join(step.output for step in session.run(text))
    kind = {"ns": "types.SimpleNamespace", "args": "argparse.Namespace"}[name]
    shown = {"ns": "namespace(a=1, b=[2])", "args": "Namespace(a=1, b=[2])"}[name]
    assert said == (
        "True 1 [2] True False True\nTrue 1 [2] False True True\nTrue 1 [2] False True True\n"
        f"{shown} True <class '{kind}'> False\n"
    )


SCHEDULED = """w = torch.zeros(1, requires_grad=True)
opt = torch.optim.SGD([w], lr=1.)
sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda epoch: 1.)
"""


@pytest.mark.parametrize(
    "schedule", ["object", "int", "torch.nn.Linear(1, 1).forward", "w.add", "torch.relu", "len"]
)
def test_the_state_of_a_schedule_holds_nothing_of_python_s_or_the_engine_s(schedule):
    text = f"{SCHEDULED}sched.lr_lambdas[0] = {schedule}\nprint(sched.state_dict()['lr_lambdas'])"
    assert "".join(step.output for step in Session().run(text)) == "[None]\n"


@pytest.mark.parametrize(
    "text",
    [
        "sched.load_state_dict({'__array_interface__': {}, 'lr_lambdas': [None]})",
        "sched.lr_lambdas[0] = nn.Identity()\nsched.load_state_dict({'lr_lambdas': [{'__deepcopy__': print}]})",
        "torch.optim.lr_scheduler.StepLR(opt, 1).load_state_dict({'__reduce_ex__': print})",
        "m = nn.Linear(1, 1)\nm.register_buffer('__array_interface__', torch.zeros(1))\n"
        "torch.nn.utils.parametrize.register_parametrization(m, '__array_interface__', nn.Identity(), unsafe=True)",
    ],
)
def test_no_library_gives_an_object_what_python_asks_of_it(text):
    *_, last = Session().run(SCHEDULED + text)
    assert last.error is not None
    assert last.error.type == "ValueError"


@pytest.mark.parametrize(
    "text",
    [
        "import torch.nn.functional as F\nF.relu(torch.ones(2))",
        "from torch import nn\nnn.functional.relu(torch.ones(2))",
        "from copy import deepcopy as dc\ndc(torch.ones(2))",
        "import numpy\nnumpy.ones(2)",
        "from torch.autograd import grad\ngrad",
        "with torch.no_grad(): torch.ones(2)",
        "@torch.no_grad()\ndef f(x):\n    return x\nf(torch.ones(2))",
        "torch.__version__",
        "torch.ones(2).__class__.__name__",
        "torch.ones(2)._version, torch.ones(2)[0]._base, torch.ones(2)._is_view()",
        "torch.ones(2, requires_grad=True).exp().grad_fn._saved_result",
        "torch.ones(2, requires_grad=True).exp().grad_fn.next_functions[0][0].variable",
        "isinstance(torch.ones(2), torch.Tensor)",
        "x = torch.ones(2)\nx.requires_grad = True",
        "torch.ones(2).shape.numel()",
        "torch.float32.itemsize",
        "torch.tensor([1., 2.]).sum().item()",
        "math.sqrt(2)",
        "from torch.distributions.normal import Normal",
        "from torch.nn.modules.loss import MSELoss\nassert MSELoss is torch.nn.MSELoss",
        "assert torch.nn.modules.Linear is torch.nn.modules.linear.Linear",
        "from torch.utils.data.sampler import SubsetRandomSampler",
        "from torch.optim.optimizer import Optimizer",
        "assert torch.version.cuda is None",
    ],
)
def test_what_pytorchs_users_use_is_within_reach(text):
    steps = list(Session().run(text))
    assert [each.error for each in steps if each.error] == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("from torch.utils.data.sets import random_split", "from torch.utils.data import random_split"),
        ("from torch.optim.sgd import SGD, Adam", "from torch.optim import Adam"),
        ("from torch import Linear", "from torch.nn import Linear"),
        ("import torch.optim.lr_schedulers", "did you mean lr_scheduler?"),
        (
            "import torch.utils.foo.deep",
            "torch.utils has checkpoint, data, dlpack, hooks, module_tracker",
        ),
        ("from itertools import chains", "did you mean chain?"),
    ],
)
def test_an_import_that_fails_says_where_the_name_is_or_what_there_is(text, hint):
    (step,) = Session().run(text)
    assert step.error is not None
    assert hint in step.error.hints


def test_tensors_show_only_what_pytorchs_tensors_have():
    torch = pytest.importorskip("torch")
    names = set(open_engine("embedded").method_names()) - set(PACKETS)
    foreign = {name for name in names if not hasattr(torch.Tensor, name) and not hasattr(torch.ones(2), name)}
    assert foreign == set()
    assert set(TENSOR_INTERNALS.split()) & names == set()


def test_verbs_follow_the_interfaces_order():
    session = Session()
    kinds = {
        name: session.verbs[name].kind
        for name in ("inspect", "detach", "data", "ones", "array", "deepcopy", "len")
    }
    assert kinds == {
        "inspect": "command",
        "detach": "method",
        "data": "attribute",
        "ones": "function",
        "array": "function",
        "deepcopy": "function",
        "len": "builtin",
    }
    assert session.verbs["array"].path == "np.array"
    assert session.verbs["sum"].kind == session.verbs["numpy"].kind == "method"
    assert "x" not in session.verbs


def test_functions_are_shown_with_the_address_that_the_script_sees() -> None:
    steps = list(Session().run("x = torch.ones(3)\nf = x.sum\nprint(f)\ninspect f\nvars"))
    address = steps[2].output.split(" at ")[1].strip(">\n")
    assert all(address in str(step.result) for step in steps[3:])


def test_functions_and_methods_are_named_as_pytorch_names_them_where_a_module_is_wanted() -> None:
    steps = list(
        Session().run(
            "\n".join(
                f"torch.nn.Sequential({each})" for each in ("torch.relu", "torch.ones(2).sum", "lambda x: x")
            ),
            keep_going=True,
        )
    )
    assert [step.error.message for step in steps if step.error is not None] == [
        "torch._VariableFunctionsClass.relu is not a Module subclass",
        "Tensor.sum is not a Module subclass",
        "__main__.<lambda> is not a Module subclass",
    ]
