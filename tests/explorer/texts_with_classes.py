"""Texts with classes and imports: what no function can mean, and what one means as Python with PyTorch did (recorded)."""

REFUSED = {
    "a parent that asks for what its child has": """\
import torch
from torch import nn
class Base(nn.Module):
    size = 1
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, self.size); self.reset()
    def reset(self): nn.init.zeros_(self.fc.weight)
class Big(Base):
    size = 7
    def reset(self): nn.init.ones_(self.fc.weight)
print(Big().fc.weight.sum().item())
""",
    "an exit": """\
import sys
for i in range(3):
    if i == 1:
        sys.exit()
    print(i)
""",
    "a global with the name of a parameter": """\
import torch
from torch import nn
scale = 10.
class A(nn.Module):
    def __init__(self, scale):
        super().__init__(); self.s = scale
    def forward(self, x): return x * scale
print(A(2.)(torch.ones(1)).item())
""",
    "a global with the name of a module that the constructor imports": """\
import math as m
class A:
    def __init__(self):
        import copy as m
        self.made = m.copy([1])
    def root(self): return m.sqrt(4)
print(A().root())
""",
    "a function with the name of a method": """\
class A:
    def __init__(self):
        self.items = [1, 2]
    def sum(self): return sum(self.items)
print(A().sum())
""",
    "a list that all objects share": """\
class A:
    items = []
    def add(self, x): self.items.append(x)
a = A(); b = A(); a.add(1); print(b.items)
""",
    "layers in an object that is no module": """\
import torch
from torch import nn
class Head:
    def __init__(self): self.fc = nn.Linear(2, 2)
    def __call__(self, x): return self.fc(x)
class Net(nn.Module):
    def __init__(self):
        super().__init__(); self.fc = nn.Linear(2, 2); self.head = Head()
    def forward(self, x): return self.head(self.fc(x))
print(len(list(Net().parameters())))
""",
    "a private name beside its public one": """\
class A:
    def __init__(self):
        self._x = 1; self.x_ = 2
    def f(self): return self._x + self.x_
print(A().f())
""",
    "what is done before the module is there": """\
from torch import nn
class B(nn.Linear):
    def __init__(self, n):
        self.m = n; n = n + 1
        super().__init__(n, 1)
print(B(1).m)
""",
    "a method of the parent": """\
import torch
from torch import nn
torch.manual_seed(0)
class L(nn.Linear):
    def forward(self, x): return 2 * super().forward(x) if False else x
class K(nn.Linear):
    def forward(self, x): return x @ self.weight.T
print(K(2, 1, bias=False)(torch.ones(1, 2)).shape)
""",
    "a default of the class": """\
class A:
    n = 4
    def f(self, k=n): return k
print(A().f())
""",
    "an attribute made of another": """\
class A:
    h = 4
    o = h * 2
print(A().o)
""",
    "the length of itself": """\
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return i / len(self)
print(list(D(2)[i] for i in range(2)))
""",
    "an argument that does something": """\
import wandb
def step():
    print('step')
    return 1
wandb.log({'a': step()})
print('end')
""",
    "a line with another statement": """\
import matplotlib.pyplot as plt
plt.title("ééééééééé"); x = 1
print(x)
""",
}

SAME = {
    "classes of data": (
        """\
from dataclasses import dataclass, field
from typing import List
import torch, torch.nn as nn
@dataclass(frozen=True)
class Config:
    \"\"\"What a model is made of.\"\"\"
    width: int = 8
    heads: int = 2
    sizes: List[int] = field(default_factory=lambda: [4, 5])
    tags: dict = field(default_factory=dict)
    def head(self):
        return self.width // self.heads
@dataclass
class Out:
    logits: torch.Tensor
    loss: torch.Tensor = None
    def __post_init__(self):
        self.total = self.logits.sum()
class MLP(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.fc = nn.Linear(config.width, config.sizes[0])
        nn.init.ones_(self.fc.weight)
        nn.init.zeros_(self.fc.bias)
    def forward(self, x) -> Out:
        return Out(self.fc(x))
config = Config(heads=4)
out = MLP(config)(torch.ones(2, 8))
print(config.head(), config.sizes, config.tags, out.total.item(), out.loss, Config().sizes is Config().sizes)
""",
        "2 [4, 5] {} 64.0 None False\n",
    ),
    "one line with two statements": (
        """\
from torch import nn
class B(nn.Linear):
    def __init__(self, n):
        m = n; n = n + 1
        super().__init__(n, 1)
        self.m = m
print(B(1).m, B(1).in_features)
""",
        "1 2\n",
    ),
    "a function with a gradient of its own": (
        """\
import torch
class Clip(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, most):
        ctx.save_for_backward(x)
        ctx.most = most
        return x.clamp(max=most)

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * (x <= ctx.most) * 3, None
x = torch.tensor([0.5, 2.], requires_grad=True)
clip = Clip.apply
y = clip(x, 1.)
y.sum().backward()
print(y, x.grad, y.grad_fn.name(), Clip)
""",
        "tensor([0.5000, 1.0000], grad_fn=<ClipBackward>) tensor([3., 0.]) ClipBackward <class '__main__.Clip'>\n",
    ),
    "a function whose context is set up apart": (
        """\
import torch
from torch.autograd import Function
class Cube(Function):
    generate_vmap_rule = True
    @staticmethod
    def forward(x):
        return x ** 3
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        return grad * 3 * x ** 2
print(torch.func.vmap(torch.func.grad(Cube.apply))(torch.tensor([1., 2.])))
""",
        "tensor([ 3., 12.])\n",
    ),
    "an init that is inherited": (
        """\
import torch
from torch import nn
torch.manual_seed(0)
class K(nn.Linear):
    def forward(self, x): return x @ self.weight.T
print(K(2, 1, bias=False)(torch.ones(1, 2)).shape)
""",
        "torch.Size([1, 1])\n",
    ),
    "a lambda that sees self": (
        """\
import torch
from torch import nn
class A(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = lambda x: self.scale * x
        self.scale = 3
    def forward(self, x): return self.f(x)
print(A()(2))
""",
        "6\n",
    ),
    "a default argument": (
        """\
from torch import nn
class A(nn.Module):
    def __init__(self, sizes=[1, 2]):
        super().__init__()
        self.sizes = sizes
print(A().sizes, A([3]).sizes)
""",
        "[1, 2] [3]\n",
    ),
    "a plain class with a private attribute": (
        """\
import torch
from torch import nn
class Trainer:
    def __init__(self, net, lr=0.1):
        self.net = net
        self.opt = torch.optim.SGD(net.parameters(), lr=lr)
        self._steps = 0
    def train(self, n):
        for _ in range(n):
            self.opt.zero_grad()
            loss = self.net(torch.ones(1, 2)).pow(2).mean()
            loss.backward()
            self.opt.step()
            self._steps += 1
        return self._steps
torch.manual_seed(0)
t = Trainer(nn.Linear(2, 1))
print(t.train(3), t.net.weight)
""",
        "3 Parameter containing:\ntensor([[0.0596, 0.4442]], requires_grad=True)\n",
    ),
}
