"""What only programs with classes can show of the libraries around tensors: each prints the same on PyTorch."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import textwrap
import warnings
from typing import Any

import pytest

import tensorcli.engine as engine

PROGRAMS = {
    "an iterable set is read in turn": """
        from collections import OrderedDict
        class Numbers(torch.utils.data.IterableDataset):
            def __iter__(self):
                return iter(range(5))
            def __len__(self):
                return 5
        data = Numbers()
        for options in ({}, {"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}):
            loader = torch.utils.data.DataLoader(data, **options)
            print([each if isinstance(each, int) else each.tolist() for each in loader], len(loader))
        for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
            try:
                torch.utils.data.DataLoader(data, **options)
            except ValueError as error:
                print(error)
        print(list(data + data), len(data + data))
        """,
    "a function of one's own keeps its precision": """
        class Square(torch.autograd.Function):
            @staticmethod
            @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
            def forward(ctx, x):
                print(x.dtype, torch.is_autocast_enabled("cpu"))
                ctx.save_for_backward(x)
                return x @ x
            @staticmethod
            @torch.amp.custom_bwd(device_type="cpu")
            def backward(ctx, grad):
                (x,) = ctx.saved_tensors
                print(torch.is_autocast_enabled("cpu"), (x @ x).dtype)
                return grad @ x.t() + x.t() @ grad
        class Plain(Square):
            @staticmethod
            @torch.amp.custom_fwd(device_type="cpu")
            def forward(ctx, x):
                print(x.dtype, (x @ x).dtype, torch.is_autocast_enabled("cpu"))
                ctx.save_for_backward(x)
                return x @ x
        for function in (Square, Plain):
            x = torch.eye(2, requires_grad=True)
            y = function.apply(x)
            with torch.autocast("cpu"):
                y = function.apply(x)
                print(y.dtype)
            y.sum().backward()
            print(x.grad)
        """,
    "a parametrization of one's own may have a right inverse": """
        class Symmetric(torch.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).mT
            def right_inverse(self, a):
                return a.triu()
        class Pair(torch.nn.Module):
            def forward(self, a, b):
                return a + b
            def right_inverse(self, w):
                return w / 2, w / 2
        class Flat(torch.nn.Module):
            def forward(self, x):
                return x
            def right_inverse(self, x):
                return x.flatten()
        class Numbers(Flat):
            def right_inverse(self, x):
                return 3
        register = torch.nn.utils.parametrize.register_parametrization
        layer = torch.nn.Linear(2, 2)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[1., 2.], [3., 4.]]))
        register(layer, "weight", Symmetric())
        print(layer.weight, layer.parametrizations.weight.original, layer.parametrizations.weight.original._version)
        layer.weight = torch.tensor([[5., 6.], [7., 8.]])
        print(layer.weight, type(layer).__name__)
        register(layer, "weight", Symmetric())
        print(layer)
        register(layer, "bias", Pair())
        print(sorted(layer.state_dict()), layer.bias.shape)
        torch.nn.utils.parametrize.remove_parametrizations(layer, "bias")
        for wrong in (Flat, Numbers):
            try:
                register(torch.nn.Linear(2, 2), "weight", wrong())
            except (ValueError, RuntimeError) as error:
                print(error)
            try:
                register(layer, "weight", wrong())
            except (ValueError, RuntimeError) as error:
                print(error)
        """,
    "a method of pruning of one's own": """
        class EveryOther(torch.nn.utils.prune.BasePruningMethod):
            PRUNING_TYPE = "unstructured"
            def compute_mask(self, t, default_mask):
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask
        layer = torch.nn.Linear(2, 2)
        with torch.no_grad():
            layer.weight.fill_(1.)
        EveryOther.apply(layer, "weight")
        print(layer.weight, layer.weight_mask)
        """,
    "a distribution of one's own": """
        from torch.distributions import Distribution, Normal, constraints, kl_divergence, register_kl
        class Shifted(Normal):
            def log_prob(self, value):
                return super().log_prob(value - 1)
        class Bare(Distribution):
            pass
        a, b = Shifted(0., 1.), Normal(1., 2.)
        print(a, a.log_prob(torch.tensor(1.)), a.sample().shape, kl_divergence(a, b))
        try:
            Bare(validate_args=False).sample()
        except NotImplementedError as error:
            print("not implemented", error)
        @register_kl(Shifted, Normal)
        def shifted(p, q):
            return torch.tensor(7.)
        print(kl_divergence(a, b), kl_divergence(b, a))
        """,
    "a checkpoint calls a module's forward": """
        from torch.utils.checkpoint import checkpoint
        class Block(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(2, 2)
                self.calls = 0
            def forward(self, x, scale=1.):
                self.calls += 1
                return torch.relu(self.layer(x)) * scale
        torch.manual_seed(0)
        for reentrant in (True, False):
            block = Block()
            x = torch.ones(2, requires_grad=True)
            y = checkpoint(block, x, use_reentrant=reentrant)
            y.sum().backward()
            print(block.calls, x.grad, block.layer.weight.grad)
            for saved in (block.layer.weight.register_hook(lambda g: print("hook", g)),):
                checkpoint(block, x, use_reentrant=reentrant).sum().backward()
        try:
            checkpoint(block, x, use_reentrant=False, context_fn=lambda: (None, None), debug=True)
        except ValueError as error:
            print(error)
        """,
    "functional_call takes tied and missing parameters": """
        class Tied(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = torch.nn.Parameter(torch.ones(1))
                self.b = self.a
                self.register_buffer("count", torch.zeros(1))
            def forward(self, x):
                self.count += 1
                return x * self.a + self.b
        from torch.func import functional_call, grad
        m = Tied()
        given = {"a": torch.tensor([2.]), "count": torch.zeros(1)}
        print(functional_call(m, given, torch.ones(1)), given["count"], m.count)
        print(functional_call(m, {"a": torch.tensor([2.])}, torch.ones(1), tie_weights=False), m.count)
        print(grad(lambda a: functional_call(m, {"a": a, "count": torch.zeros(1)}, torch.ones(1)).sum())(torch.tensor([3.])))
        """,
}


def printed(torch: Any, program: str) -> str:
    found = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(found):
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        exec(textwrap.dedent(program), {"torch": torch, "__name__": "__main__"})
    return re.sub("0x[0-9a-f]+", "0x…", found.getvalue())


@pytest.mark.parametrize("title", PROGRAMS)
def test_program_prints_what_it_prints_on_pytorch(title: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")  # which `import torch` alone does not import
    # `from torch… import` means the real one: both are asked by attribute.
    program = re.sub(
        r"from (torch[.\w]*) import ([\w, ]+)",
        lambda m: "; ".join(f"{name.strip()} = {m[1]}.{name.strip()}" for name in m[2].split(",")),
        PROGRAMS[title],
    )
    assert printed(engine, program) == printed(torch, program)


@pytest.mark.parametrize("name", ["graph.saved_tensors_hooks", "function.Function", "functional.vjp"])
def test_a_module_of_autograd_is_found_by_who_asks_first(name: str) -> None:
    source = f"import tensorcli.engine as torch; print(torch.autograd.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == name.rpartition(".")[2]
