"""What random programs are made of: tables of statements, each drawn so that it mostly succeeds under PyTorch.

A template is a function of (random, name, tensor) that gives an expression on `name`; it may look at the tensor's sizes,
so that most statements are valid, and gives some that are not. The tables are counted by the test.
"""

from collections.abc import Callable
from random import Random
from typing import Any

Template = Callable[[Random, str, Any], str]


def _dim(r: Random, t: Any) -> int:
    return r.randrange(-t.dim(), t.dim()) if t.dim() else r.choice((0, -1))


def _index(r: Random, t: Any, dim: int) -> int:
    size = t.size(dim) if t.dim() else 1
    return r.randrange(-size, size) if size else 0


def _sizes(r: Random, t: Any) -> list[int]:
    """Sizes with as many elements as the tensor."""
    n = t.numel()
    options = [[n], [1, n], [n, 1], [-1]]
    for k in (2, 3):
        if n and n % k == 0:
            options += [[k, n // k], [n // k, k], [-1, k]]
    return r.choice(options)


def _order(r: Random, t: Any) -> list[int]:
    order = list(range(t.dim()))
    r.shuffle(order)
    return order


def _slice(r: Random, t: Any) -> str:
    return r.choice(("1:", ":1", "::2", ":", "-1:", "1:2", "0:0"))


VIEWS: dict[str, Template] = {
    "view": lambda r, n, t: f"{n}.view({_sizes(r, t)})",
    "reshape": lambda r, n, t: f"{n}.reshape({_sizes(r, t)})",
    "t": lambda r, n, t: f"{n}.t()",
    "T": lambda r, n, t: f"{n}.T" if t.dim() == 2 else f"{n}.mT",
    "transpose": lambda r, n, t: f"{n}.transpose({_dim(r, t)}, {_dim(r, t)})",
    "swapaxes": lambda r, n, t: f"{n}.swapaxes({_dim(r, t)}, {_dim(r, t)})",
    "permute": lambda r, n, t: f"{n}.permute({_order(r, t)})",
    "movedim": lambda r, n, t: f"{n}.movedim({_dim(r, t)}, {_dim(r, t)})",
    "squeeze": lambda r, n, t: f"{n}.squeeze()",
    "squeeze_dim": lambda r, n, t: f"{n}.squeeze({_dim(r, t)})",
    "unsqueeze": lambda r, n, t: f"{n}.unsqueeze({r.randrange(t.dim() + 1)})",
    "expand_lead": lambda r, n, t: f"{n}.expand({[2, *t.shape]})",
    "expand_as": lambda r, n, t: f"{n}.expand_as({n})",
    "broadcast_to": lambda r, n, t: f"{n}.broadcast_to({[3, *t.shape]})",
    "select": lambda r, n, t: (lambda d: f"{n}.select({d}, {_index(r, t, d)})")(_dim(r, t)),
    "narrow": lambda r, n, t: (lambda d: f"{n}.narrow({d}, 0, {min(1, t.size(d) if t.dim() else 1)})")(
        _dim(r, t)
    ),
    "index": lambda r, n, t: f"{n}[{_index(r, t, 0)}]",
    "index_last": lambda r, n, t: f"{n}[..., {_index(r, t, -1)}]",
    "slice": lambda r, n, t: f"{n}[{_slice(r, t)}]",
    "slice_last": lambda r, n, t: f"{n}[..., {_slice(r, t)}]",
    "ellipsis": lambda r, n, t: f"{n}[...]",
    "none": lambda r, n, t: f"{n}[None]",
    "split": lambda r, n, t: f"{n}.split(1, {_dim(r, t)})[0]",
    "chunk": lambda r, n, t: f"{n}.chunk(2, {_dim(r, t)})[-1]",
    "unbind": lambda r, n, t: f"{n}.unbind({_dim(r, t)})[0]",
    "tensor_split": lambda r, n, t: f"{n}.tensor_split(2, {_dim(r, t)})[0]",
    "diagonal": lambda r, n, t: f"{n}.diagonal()",
    "unfold": lambda r, n, t: (lambda d: f"{n}.unfold({d}, {min(2, t.size(d) if t.dim() else 1)}, 1)")(
        _dim(r, t)
    ),
    "as_strided": lambda r, n, t: f"{n}.as_strided(({min(2, t.numel())},), (1,))",
    "flatten": lambda r, n, t: f"{n}.flatten()",
    "ravel": lambda r, n, t: f"{n}.ravel()",
    "unflatten": lambda r, n, t: f"{n}.unflatten({_dim(r, t)}, (1, -1))",
    "view_as": lambda r, n, t: f"{n}.view_as({n})",
    "detach": lambda r, n, t: f"{n}.detach()",
    "data": lambda r, n, t: f"{n}.data",
    "real": lambda r, n, t: f"{n}.real",
}

PURE: dict[str, Template] = {
    **{
        name: (lambda r, n, t, name=name: f"{n}.{name}()")
        for name in (
            *(
                "exp sin cos tanh sigmoid relu abs neg sign floor round trunc square reciprocal sqrt log1p erf atan"
            ).split(),
            *(
                "clone contiguous sum mean prod max min amax std var norm cumsum_ logsumexp_ isnan double float half"
            ).split(),
        )
        if not name.endswith("_")
    },
    "add": lambda r, n, t: f"{n} + {{other}}",
    "sub": lambda r, n, t: f"{n} - {{other}}",
    "mul": lambda r, n, t: f"{n} * {{other}}",
    "div": lambda r, n, t: f"{n} / {{other}}",
    "maximum": lambda r, n, t: f"torch.maximum({n}, {{other}})",
    "matmul": lambda r, n, t: f"{n} @ {n}.mT" if t.dim() > 1 else f"{n} @ {n}",
    "add_number": lambda r, n, t: f"{n} + {r.choice((1, 2.5, -3))}",
    "mul_number": lambda r, n, t: f"{n} * {r.choice((2, 0.5, -1))}",
    "rsub": lambda r, n, t: f"1 - {n}",
    "rdiv": lambda r, n, t: f"2 / {n}",
    "pow": lambda r, n, t: f"{n} ** {r.choice((2, 3, 1, 0.5))}",
    "rpow": lambda r, n, t: f"2 ** {n}",
    "gt": lambda r, n, t: f"{n} > 0.5",
    "eq": lambda r, n, t: f"{n} == {n}",
    "sum_dim": lambda r, n, t: f"{n}.sum({_dim(r, t)}, keepdim={r.random() < 0.5})",
    "mean_dim": lambda r, n, t: f"{n}.mean({_dim(r, t)})",
    "max_dim": lambda r, n, t: f"{n}.max({_dim(r, t)}).values",
    "argmax": lambda r, n, t: f"{n}.argmax()",
    "cumsum": lambda r, n, t: f"{n}.cumsum({_dim(r, t)})",
    "cumprod": lambda r, n, t: f"{n}.cumprod({_dim(r, t)})",
    "softmax": lambda r, n, t: f"{n}.softmax({_dim(r, t)})",
    "log_softmax": lambda r, n, t: f"{n}.log_softmax({_dim(r, t)})",
    "logsumexp": lambda r, n, t: f"{n}.logsumexp({_dim(r, t)})",
    "sort": lambda r, n, t: f"{n}.sort({_dim(r, t)}).values",
    "clamp": lambda r, n, t: f"{n}.clamp(0, 1)",
    "clamp_min": lambda r, n, t: f"{n}.clamp(min=0.5)",
    "where": lambda r, n, t: f"torch.where({n} > 0.5, {n}, {{other}})",
    "cat": lambda r, n, t: f"torch.cat([{n}, {n}])",
    "stack": lambda r, n, t: f"torch.stack([{n}, {{other}}])",
    "repeat": lambda r, n, t: f"{n}.repeat({[2] * max(t.dim(), 1)})",
    "flip": lambda r, n, t: f"{n}.flip({_dim(r, t)})",
    "roll": lambda r, n, t: f"{n}.roll(1, {_dim(r, t)})",
    "tril": lambda r, n, t: f"{n}.tril()",
    "masked_fill": lambda r, n, t: f"{n}.masked_fill({n} > 0.5, 2)",
    "mask": lambda r, n, t: f"{n}[{n} > 0.5]",
    "advanced": lambda r, n, t: f"{n}[[{_index(r, t, 0)}, {_index(r, t, 0)}]]",
    "index_select": lambda r, n, t: f"{n}.index_select({_dim(r, t)}, torch.tensor([0]))",
    "gather": lambda r, n, t: f"{n}.gather({_dim(r, t)}, torch.zeros({list(t.shape)}, dtype=torch.int64))",
    "lerp": lambda r, n, t: f"{n}.lerp({{other}}, 0.5)",
    "addcmul": lambda r, n, t: f"torch.addcmul({n}, {n}, {{other}})",
    "to": lambda r, n, t: f"{n}.to(torch.{r.choice(('float64', 'float32', 'int64'))})",
    "zeros_like": lambda r, n, t: f"torch.zeros_like({n})",
    "tensor": lambda r, n, t: f"torch.ones({list(t.shape)}, dtype={t.dtype})",
    "relu_function": lambda r, n, t: f"torch.nn.functional.relu({n})",
}

WRITES: dict[str, Template] = {
    **{
        name: (lambda r, n, t, name=name: f"{n}.{name}()")
        for name in "exp_ sin_ cos_ tanh_ sigmoid_ relu_ abs_ neg_ square_ sqrt_ reciprocal_ zero_ floor_ round_".split()
    },
    "add_": lambda r, n, t: f"{n}.add_({r.choice((1, 2.5))})",
    "sub_": lambda r, n, t: f"{n}.sub_({{other}})",
    "mul_": lambda r, n, t: f"{n}.mul_({r.choice((2, 0.5))})",
    "mul_other": lambda r, n, t: f"{n}.mul_({{other}})",
    "div_": lambda r, n, t: f"{n}.div_(2)",
    "pow_": lambda r, n, t: f"{n}.pow_(2)",
    "iadd": lambda r, n, t: f"{n} += {r.choice(('1', '{other}'))}",
    "imul": lambda r, n, t: f"{n} *= {r.choice(('2', '{other}'))}",
    "isub": lambda r, n, t: f"{n} -= 1",
    "idiv": lambda r, n, t: f"{n} /= 2",
    "fill_": lambda r, n, t: f"{n}.fill_({r.choice((3, 0.5))})",
    "copy_": lambda r, n, t: f"{n}.copy_({{other}})",
    "clamp_": lambda r, n, t: f"{n}.clamp_(0, 1)",
    "setitem": lambda r, n, t: f"{n}[{_index(r, t, 0)}] = {r.choice(('5', '{other}'))}",
    "setitem_slice": lambda r, n, t: f"{n}[{_slice(r, t)}] = {r.choice(('2.', '{other}'))}",
    "setitem_mask": lambda r, n, t: f"{n}[{n} > 0.5] = 0",
    "setitem_list": lambda r, n, t: f"{n}[[0]] = {r.choice(('1', '{other}'))}",
    "setitem_add": lambda r, n, t: f"{n}[{_slice(r, t)}] += 1",
    "masked_fill_": lambda r, n, t: f"{n}.masked_fill_({n} > 0.5, 2)",
    "index_fill_": lambda r, n, t: f"{n}.index_fill_({_dim(r, t)}, torch.tensor([0]), 2)",
    "index_add_": lambda r, n, t: f"{n}.index_add_(0, torch.tensor([0]), {n}[:1].clone())",
    "index_copy_": lambda r, n, t: f"{n}.index_copy_(0, torch.tensor([0]), {n}[:1].clone())",
    "scatter_": lambda r, n, t: (
        f"{n}.scatter_({_dim(r, t)}, torch.zeros({list(t.shape)}, dtype=torch.int64), 1)"
    ),
    "lerp_": lambda r, n, t: f"{n}.lerp_({{other}}, 0.5)",
    "addcmul_": lambda r, n, t: f"{n}.addcmul_({n}, {{other}})",
    "t_": lambda r, n, t: f"{n}.t_()",
    "transpose_": lambda r, n, t: f"{n}.transpose_({_dim(r, t)}, {_dim(r, t)})",
    "squeeze_": lambda r, n, t: f"{n}.squeeze_()",
    "unsqueeze_": lambda r, n, t: f"{n}.unsqueeze_(0)",
    "detach_write": lambda r, n, t: f"{n}.detach().mul_(2)",
    "data_write": lambda r, n, t: f"{n}.data.add_(1)",
    "data_assign": lambda r, n, t: f"{n}.data = {n}.detach().clone()",
    "detach_": lambda r, n, t: f"{n}.detach_()",
    "view_write": lambda r, n, t: f"{n}.view(-1)[:1].mul_(3)",
    "out": lambda r, n, t: f"torch.add({n}.detach(), 1, out={n})",
    "numpy_write": lambda r, n, t: f"{n}.detach().numpy()[...] = 1",
    "resize_": lambda r, n, t: f"{n}.resize_({list(t.shape)})",
    "set_": lambda r, n, t: f"{n}.set_({n}.detach().clone())",
}

GRADIENT: dict[str, Template] = {
    "backward": lambda r, n, t: f"{n}.sum().backward()",
    "backward_again": lambda r, n, t: f"({n} * {n}).sum().backward(retain_graph=True)",
    "backward_gradient": lambda r, n, t: f"{n}.backward(torch.ones({list(t.shape)}, dtype={t.dtype}))",
    "backward_bare": lambda r, n, t: f"{n}.backward()",
    "grad": lambda r, n, t: f"{{new}} = torch.autograd.grad({{loss}}.sum(), {n}, allow_unused=True)[0]",
    "requires_grad_": lambda r, n, t: f"{n}.requires_grad_()",
    "retain_grad": lambda r, n, t: f"{n}.retain_grad()",
    "hook": lambda r, n, t: f"{n}.register_hook(lambda g: g * 2)",
    "clear": lambda r, n, t: f"{n}.grad = None",
    "zero": lambda r, n, t: f"{n}.grad.zero_()",
    "assign": lambda r, n, t: f"{n}.grad = torch.ones({list(t.shape)}, dtype={t.dtype})",
    "set_flag": lambda r, n, t: f"{n}.requires_grad = {r.random() < 0.7}",
}

MODES: dict[str, str] = {
    "no_grad": "with torch.no_grad():\n    {body}",
    "enable_grad": "with torch.enable_grad():\n    {body}",
    "inference_mode": "with torch.inference_mode():\n    {body}",
    "set_grad_enabled": "with torch.set_grad_enabled(False):\n    {body}",
    "no_grad_enable": "with torch.no_grad():\n    with torch.enable_grad():\n        {body}",
    "set_grad_true": "with torch.set_grad_enabled(True):\n    {body}",
    "inference_off": "with torch.inference_mode(False):\n    {body}",
}

CREATE: tuple[str, ...] = (
    "torch.arange(6.).reshape(2, 3)",
    "torch.ones(3)",
    "torch.ones(2, 3, requires_grad=True)",
    "torch.tensor([1., 2., 3.], requires_grad=True)",
    "torch.tensor([[0.5, 1.5], [2.5, 3.5]], requires_grad=True)",
    "torch.zeros(2, 2)",
    "torch.tensor(2., requires_grad=True)",
    "torch.arange(3)",
    "torch.ones(2, 1, dtype=torch.float64, requires_grad=True)",
    "torch.full((3, 2), 0.25).t()",
)
