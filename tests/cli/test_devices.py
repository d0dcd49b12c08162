"""`tensorcli devices` and `--simulate-cuda`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tensorcli.engine import devices, process
from tensorcli.engine.backends import simulate


@pytest.fixture(autouse=True)
def _no_cuda() -> Iterator[None]:
    with process.aside():
        devices.visible.searched = True
        yield
        simulate(0)


MOVES = "x = torch.ones(2, device='cuda')\nprint(x, x.to('cuda') is x, torch.cuda.device_count())\n"


def test_devices_are_listed_with_what_is_missing(run) -> None:
    done = run("devices")
    assert done.status == 0
    rows = [line.split()[:2] for line in done.out.splitlines()]
    assert rows == [["cpu", "yes"], ["meta", "yes"], ["cuda", "no"]]
    assert "--simulate-cuda" in done.out


def test_simulated_devices_are_listed_as_such(run) -> None:
    done = run("devices", "--simulate-cuda=2")
    assert "cuda:1 (simulated)" in done.out
    assert "16.0 GiB free" in done.out


def test_without_a_device_a_script_ends_with_69_and_a_hint(run) -> None:
    Path("a.tsc").write_text(MOVES)
    done = run("run", "a.tsc")
    assert done.status == 69
    assert "a.tsc:1:5: AssertionError: Torch not compiled with CUDA enabled" in done.err
    assert "--simulate-cuda" in done.err
    assert "tensorcli[cuda]" in done.err


@pytest.mark.parametrize(("flag", "count"), [("--simulate-cuda", 1), ("--simulate-cuda=3", 3)])
def test_the_flag_lets_there_be_devices_and_takes_no_file_for_its_number(run, flag: str, count: int) -> None:
    Path("a.tsc").write_text(MOVES)
    done = run("run", "--quiet", flag, "a.tsc")
    assert (done.status, done.out) == (0, f"tensor([1., 1.], device='cuda:0') True {count}\n")


def test_tables_say_that_a_device_is_simulated(run) -> None:
    done = run("run", "--simulate-cuda", "-c", "x = torch.ones(2, device='cuda'); inspect x")
    assert done.status == 0
    assert done.out.count("cuda:0 (simulated)") == 2


def test_a_session_begins_on_the_first_device_and_the_cpu(run) -> None:
    Path("a.tsc").write_text("torch.cuda.set_device(1)\ntorch.set_default_device('cuda')\n")
    Path("b.tsc").write_text("print(torch.cuda.current_device(), torch.ones(1).device)\n")
    done = run("run", "--quiet", "--simulate-cuda=2", "a.tsc", "b.tsc")
    assert (done.status, done.out) == (0, "0 cpu\n")


def test_the_command_in_a_session_names_no_free_memory(run) -> None:
    done = run("run", "--simulate-cuda", "-c", "device")
    assert "cuda:0 (simulated)" in done.out
    assert "GiB" not in done.out


def test_inspect_says_what_a_real_run_of_a_meta_tensor_would_allocate(run) -> None:
    done = run("run", "-c", "m = torch.ones(1000, 1000, device='meta'); inspect m")
    assert "nothing is allocated; a real run would allocate 3.8 MiB" in done.out


def test_looking_leaves_the_generators_of_devices_alone(run) -> None:
    draw = "print(torch.randn(2, device='cuda'))\n"
    looked = run("run", "--quiet", "--simulate-cuda", "-c", f"{draw}compare detach clone\n{draw}")
    alone = run("run", "--quiet", "--simulate-cuda", "-c", draw + draw)
    assert looked.out.splitlines()[0 :: len(looked.out.splitlines()) - 1] == alone.out.splitlines()


WAYS = {
    "what a network is given": (
        "net = torch.nn.Linear(3, 1).to('cuda')\nx = torch.randn(4, 3)\nout = net(x)",
        "net is on cuda:0 (simulated), x is on cpu: one operation takes one device.",
        ['line 3:  out = net(x.to("cuda:0"))', 'before line 3:  net.to("cpu")'],
    ),
    "a copy that nothing takes": (
        "net = torch.nn.Linear(3, 1).to('cuda')\nx = torch.randn(4, 3)\nx.to('cuda')\nout = net(x)",
        "net is on cuda:0 (simulated), x is on cpu",
        ["line 3:  x = x.to('cuda')"],
    ),
    "a state that was made on the CPU": (
        "rnn = torch.nn.RNN(3, 4).to('cuda')\nx, h = torch.ones(5, 2, 3, device='cuda'), torch.zeros(1, 2, 4)\n"
        "out, h = rnn(x, h)",
        "rnn is on cuda:0 (simulated), h is on cpu",
        ['line 3:  out, h = rnn(x, h.to("cuda:0"))'],
    ),
    "a mask that its module does not name": (
        "net = torch.nn.Linear(3, 3)\nnet.mask = torch.ones(3)\nnet = net.to('cuda')\n"
        "out = net(torch.ones(2, 3, device='cuda')) * net.mask",
        "net.mask is on cpu: one operation takes one device.",
        ["line 2:  net.register_buffer('mask', torch.ones(3))", '* net.mask.to("cuda:0")'],
    ),
}


@pytest.mark.parametrize("program", WAYS)
def test_why_leads_to_one_device(program: str, run) -> None:
    text, title, ways = WAYS[program]
    Path("net.py").write_text(f"import torch\n{text}\n")
    told = run("why", "--simulate-cuda", "net.py")
    out = re.sub(r"line (\d+)", lambda found: f"line {int(found[1]) - 1}", told.out)
    assert title in out
    assert [way for way in ways if way not in out] == []
