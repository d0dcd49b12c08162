"""Texts with classes and imports: what no function can mean, and what one means as Python with PyTorch did (recorded)."""

REFUSED = {
    "a function that yields without an end": """\
def forever():
    i = 0
    while True:
        yield i
        i += 1
for i in forever():
    break
""",
    "a function that yields what it draws": """\
import random
def drawn():
    for i in range(3):
        yield random.random()
for i in drawn():
    print(random.random(), i)
""",
    "a function that yields what it writes": """\
import torch
def buffers():
    x = torch.zeros(1)
    for i in range(3):
        x += 1
        yield x
for x in buffers():
    print(x)
""",
    "a generator that is held": """\
def few():
    yield 1
    yield 2
f = few()
print(next(f), list(f), list(f))
""",
    "a generator that is sent to": """\
def few():
    x = yield 1
    print(x)
for i in few():
    print(i)
""",
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
    "an enumeration that is called": """\
from enum import Enum
class Phase(Enum):
    TRAIN = "train"
print(Phase("train") is Phase.TRAIN)
""",
    "an enumeration of texts that is asked for one": """\
from enum import Enum
class Act(str, Enum):
    RELU = "relu"
print(Act.RELU.value)
""",
    "an enumeration with two names for one": """\
from enum import Enum
class Phase(Enum):
    TRAIN = 1
    FIT = 1
print(Phase.FIT is Phase.TRAIN, list(Phase))
""",
    "a constant of a class that changes": """\
class A:
    n = 1
    def f(self): return self.n
a = A()
A.n = 2
print(a.f())
""",
    "a constant of a class that changes where it was passed": """\
class A:
    n = 1
    def f(self): return self.n
def change(kind): kind.n = 2
a = A()
change(A)
print(a.f())
""",
    "a class whose objects are told by it": """\
class A:
    def f(self): return 1
print(type(A()) == A)
""",
    "an abstract class that is called": """\
from abc import ABC, abstractmethod
class A(ABC):
    @abstractmethod
    def f(self): ...
try:
    A()
except TypeError:
    print("abstract")
""",
    "a variable of the environment that is set and read": """\
import os
os.environ["N"] = "3"
print(os.environ.get("N", "4"))
""",
    "a log that does something": """\
import logging
def step():
    print("step")
    return 1
logging.info(step())
""",
    "a status of the program": """\
import sys
def main():
    print("no")
    return 2
sys.exit(main())
""",
    "a file that is asked for": """\
import os
if os.path.exists("model.pt"):
    print("there")
""",
    "a parent's forward in a function within": """\
import torch
from torch import nn
class L(nn.Linear):
    def forward(self, x):
        def inner(x): return super(L, self).forward(x)
        return inner(x)
print(L(1, 1)(torch.ones(1, 1)).shape)
""",
    "a property with a name that a tensor has": """\
import torch
from torch import nn
class A(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.ones(1))
    @property
    def device(self):
        return self.a.device
print(A().device)
""",
    "a property with the name of an attribute": """\
class A:
    @property
    def size(self): return 1
class B:
    def __init__(self): self.size = 2
print([each.size for each in (A(), B())])
""",
    "a property with the name of an option": """\
import argparse
class A:
    @property
    def rate(self): return 1
parser = argparse.ArgumentParser()
parser.add_argument("--rate", default=2)
print([each.rate for each in (A(), parser.parse_args([]))])
""",
    "a property that is set": """\
class A:
    def __init__(self): self.n = 1
    @property
    def twice(self): return self.n * 2
    @twice.setter
    def twice(self, value): self.n = value / 2
a = A()
a.twice = 6
print(a.n)
""",
    "the fields of an object of data in another": """\
from dataclasses import asdict, dataclass
@dataclass
class A:
    n: int = 1
@dataclass
class B:
    a: A
print(asdict(B(A())))
""",
    "the fields of an object of data with methods": """\
from dataclasses import asdict, dataclass
@dataclass
class A:
    n: int = 1
    def f(self): return self.n
print(asdict(A()))
""",
    "a plain parent that asks for what its child has": """\
class Base:
    def __init__(self): self.setup()
    def setup(self): self.n = self.start()
    def start(self): return 1
class Child(Base):
    def start(self): return 2
print(Child().n)
""",
    "a private method that a child has too": """\
class Base:
    def run(self): return self._n()
    def _n(self): return 1
class Child(Base):
    def _n(self): return 2
print(Child().run())
""",
    "a private attribute of a parent": """\
class Base:
    def __init__(self): self._n = 1
class Child(Base):
    def n(self): return self._n
print(Child().n())
""",
    "a parent's beginning that a child leaves out": """\
class Base:
    def __init__(self): print("begin")
class Child(Base):
    def __init__(self): self.n = 1
print(Child().n)
""",
    "an exception with a beginning of its own": """\
class Stop(Exception):
    def __init__(self, n):
        super().__init__(f"at {n}")
        self.n = n
try:
    raise Stop(3)
except Stop as stop:
    print(stop, stop.n)
""",
    "a length that is asked for unseen": """\
class Buffer:
    def __init__(self): self.items = []
    def __len__(self): return len(self.items)
buffer = Buffer()
print(bool(buffer), [1][len(buffer):])
""",
    "a length that a function asks for": """\
class Buffer:
    def __init__(self): self.items = []
    def __len__(self): return 3
def size(x): return len(x)
buffer = Buffer()
print(size(buffer))
""",
    "a length of a name that stands for something else as well": """\
class Buffer:
    def __len__(self): return 3
buffer = Buffer()
buffer = [1, 2]
print(len(buffer))
""",
    "a length in words": """\
class Buffer:
    def __len__(self): return 3
buffer = Buffer()
print("len(buffer)", len(buffer))
""",
    "a class that is handed on and asked for": """\
class A:
    n = 1
    def f(self): return self.n
kinds = [A]
x = A()
print(type(x) in kinds)
""",
}

SAME = {
    "a function that yields": (
        """\
import torch
def batches(x, size):
    # a comment
    i = 0
    while i < len(x):
        if i > 4:
            return
        yield x[i : i + size], i
        i += size
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(1))
    def forward(self, x):
        return self.w * x
net = Net()
for epoch in range(2):
    for n, (b, i) in enumerate(batches(torch.arange(8.0), 2)):
        print(n, i, net(b).sum().item())
print(list(batches([1, 2, 3], 2)))
""",
        "0 0 1.0\n1 2 5.0\n2 4 9.0\n0 0 1.0\n1 2 5.0\n2 4 9.0\n[([1, 2], 0), ([3], 2)]\n",
    ),
    "a function that yields what another one gives": (
        """\
import random
def rows(n):
    order = list(range(n))
    random.shuffle(order)
    yield from order
def pairs(n):
    for i in range(n):
        for j in range(i):
            yield (
                i,
                j,
            )
random.seed(0)
print([each for each in rows(5)], [i * j for i, j in pairs(4)])
""",
        "[2, 1, 0, 4, 3] [0, 0, 2, 0, 3, 6]\n",
    ),
    "the length of itself": (
        """\
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return i / len(self)
print(list(D(2)[i] for i in range(2)))
""",
        "[0.0, 0.5]\n",
    ),
    "a dataset that draws numbers": (
        """\
import torch
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self, n): self.x = torch.zeros(n)
    def __len__(self): return len(self.x)
    def __getitem__(self, i): return self.x[i] + torch.randn(1)
torch.manual_seed(0)
data = D(2)
print(data[0], data[0])
""",
        "tensor([1.5410]) tensor([-0.2934])\n",
    ),
    "a dataset that calls what draws numbers": (
        """\
import random
random.seed(0)
from torch.utils.data import Dataset
def noisy(x): return x + random.random()
class D(Dataset):
    def __init__(self, change): self.change = change
    def __len__(self): return 2
    def __getitem__(self, i): return self.change(i)
data = D(noisy)
print(data[0], data[0])
""",
        "0.8444218515250481 0.7579544029403025\n",
    ),
    "a dataset that is given an object that draws": (
        """\
import random
random.seed(0)
from torch.utils.data import Dataset
class Jitter:
    def __call__(self, x): return x + random.random()
class D(Dataset):
    def __init__(self, transform=None): self.transform = transform
    def __len__(self): return 1
    def __getitem__(self, i): return self.transform(i)
data = D(Jitter())
print(data[0], data[0])
""",
        "0.8444218515250481 0.7579544029403025\n",
    ),
    "a dataset that is given what calls what draws": (
        """\
import random
random.seed(0)
from torch.utils.data import Dataset
def noise(): return random.random()
def jitter(x): return x + noise()
class D(Dataset):
    def __init__(self, transform): self.transform = transform
    def __len__(self): return 1
    def __getitem__(self, i): return self.transform(i)
def main():
    data = D(transform=jitter)
    print(data[0], data[0])
main()
""",
        "0.8444218515250481 0.7579544029403025\n",
    ),
    "a dataset that counts its items": (
        """\
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self): self.asked = 0
    def __len__(self): return 2
    def __getitem__(self, i):
        self.asked += 1
        return self.asked
data = D()
print(data[0], data[0])
""",
        "1 2\n",
    ),
    "a dataset that changes after it is made": (
        """\
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self): self.scale = 1
    def __len__(self): return 1
    def __getitem__(self, i): return i + self.scale
data = D()
data.scale = 2
print(data[0])
""",
        "2\n",
    ),
    "a dataset whose values change after it is made": (
        """\
import torch
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self): self.x = torch.ones(1)
    def __len__(self): return 1
    def __getitem__(self, i): return self.x[i] * 2
data = D()
data.x.mul_(3)
print(data[0])
""",
        "tensor(6.)\n",
    ),
    "a dataset that gathers words as it is read": (
        """\
from torch.utils.data import Dataset
class D(Dataset):
    def __init__(self): self.words = {}
    def __len__(self): return 2
    def __getitem__(self, i): return self.words.setdefault(i, len(self.words))
data = D()
print(data[1], data[0])
""",
        "0 1\n",
    ),
    "a dataset whose items write into it": (
        '''\
import torch
from torch.utils.data import Dataset, DataLoader
class D(Dataset):
    """A line."""
    scale = 2.0
    def __init__(self, n, train=True):
        super().__init__()
        self.x = torch.arange(n * 2.0).view(n, 2)
        self.train = train
    def __len__(self):
        return len(self.x)
    def load(self, i):
        return self.x[i] * self.scale
    def __getitem__(self, i):
        x = self.x[i]
        if self.train:
            x += 1
        return x, self.load(i)
data = D(2)
for epoch in range(2):
    for x, y in DataLoader(data, batch_size=2):
        print(x.tolist(), y.tolist())
print(len(data), type(data).__name__, isinstance(data, Dataset), data[1][0])
''',
        "[[1.0, 2.0], [3.0, 4.0]] [[2.0, 4.0], [6.0, 8.0]]\n"
        "[[2.0, 3.0], [4.0, 5.0]] [[4.0, 6.0], [8.0, 10.0]]\n"
        "2 D True tensor([5., 6.])\n",
    ),
    "a dataset beside what draws": (
        """\
import torch
from torch.utils.data import Dataset, DataLoader, random_split
class Squares(Dataset):
    def __init__(self, n, transform=None):
        self.x, self.transform = torch.arange(float(n)), transform
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return self.transform(self.x[i]) if self.transform else self.x[i]
def main():
    torch.manual_seed(0)
    few, more = random_split(Squares(4, lambda x: x * x), [1, 3])
    print(len(few), len(more), len(list(DataLoader(more, 2))), sorted(x.item() for x in (*few, *more)))
main()
""",
        "1 3 2 [0.0, 1.0, 4.0, 9.0]\n",
    ),
    "a memory whose length is asked for": (
        """\
import random
from collections import deque, namedtuple
Transition = namedtuple("Transition", ("state", "reward"))
class ReplayMemory(object):
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)
    def push(self, *args):
        if len(self) == 2:
            print("full")
        self.memory.append(Transition(*args))
    def sample(self, n):
        return random.sample(self.memory, n)
    def __len__(self):
        return len(self.memory)
class Agent:
    def __init__(self):
        self.buffer = ReplayMemory(2)
    def step(self, x):
        self.buffer.push(x, 1.0)
        print(f"{len(self.buffer)} of {self.buffer.memory.maxlen}", len([x]))
memory = ReplayMemory(3)
agent = Agent()
for i in range(3):
    agent.step(i)
    memory.push(i, 0.5)
if len(memory) < 4:
    print(len(memory) * len(memory), len(memory.sample(2)))
""",
        "1 of 2 1\n2 of 2 1\nfull\n2 of 2 1\nfull\n9 2\n",
    ),
    "a dataset with a property and a method": (
        """\
import torch
from torch.utils.data import Dataset, Subset
class Windows(Dataset):
    def __init__(self, series, width):
        self.series, self.width = series, width
    def __len__(self):
        return len(self.series) - self.width
    def __getitem__(self, i):
        return self.series[i : i + self.width]
    @property
    def features(self):
        return 1
    def last(self):
        return self.series[-1]
windows = Windows(torch.arange(6.), 2)
print(len(windows), windows.features, windows.last(), len(Subset(windows, range(2))), windows.width)
""",
        "4 1 tensor(5.) 2 2\n",
    ),
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
    "constants that no object has": (
        """\
import torch
class CFG:
    \"\"\"What there is.\"\"\"
    lr = 0.5
    sizes: list = [1, 2]
    twice = lr * 2
def change(cfg):
    cfg.sizes.append(3)
    cfg.lr = 1
change(CFG)
print(CFG.lr, CFG.sizes, CFG.twice)
""",
        "1 [1, 2, 3] 1.0\n",
    ),
    "constants of objects and of their class": (
        """\
import torch
from torch import nn
class Config:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    lr = 2 ** -3
class Block(nn.Module):
    expansion = 2
    def __init__(self, planes):
        super().__init__()
        self.fc = nn.Linear(planes, planes * self.expansion)
    def forward(self, x):
        return self.fc(x)
def make(block, planes):
    return nn.ModuleList([block(planes), block(planes * block.expansion)])
cfg = Config()
cfg.lr = 1
print([each.fc.out_features for each in make(Block, 2)], Block.expansion, cfg.device, cfg.lr, Config().lr)
""",
        "[4, 8] 2 cpu 1 0.125\n",
    ),
    "named tuples, enumerations and types": (
        """\
from enum import Enum, auto
from typing import NamedTuple, Optional, Protocol, TypedDict
class Phase(Enum):
    TRAIN = "train"
    VALID = "valid"
class Kind(Enum):
    A = auto()
    B = auto()
class Batch(NamedTuple):
    \"\"\"A batch.\"\"\"
    x: int
    y: Optional[int] = None
class Metrics(TypedDict):
    loss: float
class Scorer(Protocol):
    def __call__(self, x: int) -> int: ...
def run(phase: Phase, score: Scorer) -> Metrics:
    return {"loss": score(1.5 if phase is Phase.TRAIN else 2.5)}
found = {phase: run(phase, lambda x: x * 2) for phase in Phase}
print(found[Phase.VALID], Phase.TRAIN == Phase.VALID, [each.value for each in Phase], Kind.B.name)
batch = Batch(1)
x, y = batch
print(batch, batch._replace(y=2).y, isinstance(batch, Batch), Metrics(loss=1))
""",
        "{'loss': 5.0} False ['train', 'valid'] B\nBatch(x=1, y=None) 2 True {'loss': 1}\n",
    ),
    "an enumeration of texts": (
        """\
from enum import Enum
class Act(str, Enum):
    RELU = "relu"
    GELU = "gelu"
def make(act: Act):
    return 1 if act == Act.RELU else 2
print(make(Act.RELU), make("relu"), make(Act.GELU), [each == "gelu" for each in Act])
""",
        "1 1 2 [False, True]\n",
    ),
    "an abstract parent": (
        """\
from abc import ABC, abstractmethod
import torch
from torch import nn
class Base(nn.Module, ABC):
    def __init__(self, name):
        super().__init__()
        self.name = name
    @abstractmethod
    def forward(self, x): ...
    def count(self):
        return sum(p.numel() for p in self.parameters())
class Net(Base):
    def __init__(self):
        super().__init__("net")
        self.fc = nn.Linear(2, 1)
    def forward(self, x):
        return self.fc(x)
net = Net()
print(net.name, net.count(), net(torch.ones(1, 2)).shape)
""",
        "net 3 torch.Size([1, 1])\n",
    ),
    "logs, and what is asked of the environment": (
        """\
import logging
import os
import sys
from pathlib import Path
from torch import nn
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
logger = logging.getLogger(__name__)
os.environ["SEED"] = str(1)
PLACE = os.path.join("runs", "a")
class Trainer:
    def __init__(self, n=int(os.environ.get("N", 3))):
        self.n = n
        self.log = logging.getLogger("trainer")
    def train(self):
        for i in range(self.n):
            self.log.info("step %d", i)
            if os.getenv("DEBUG"):
                logger.debug(f"{i:.2f}")
        sys.stdout.flush()
        return self.n
def main() -> None:
    os.makedirs(PLACE, exist_ok=True)
    logger.warning("begin")
    print(Trainer().train(), PLACE, os.environ.get(
        "RANK", "none"
    ))
if __name__ == "__main__":
    sys.exit(main())
""",
        "3 runs/a none\n",
    ),
    "the forward of a parent": (
        """\
import copy
import torch
from torch import nn
torch.manual_seed(0)
class Base(nn.Module):
    def __init__(self, width=2):
        super().__init__()
        self.fc = nn.Linear(2, width)
    def forward(self, x):
        return self.fc(x)
class Head(Base):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = nn.Linear(3, 1)
    def forward(self, x):
        return self.head(super().forward(x))
class Twice(Head):
    def forward(self, x):
        return 2 * super(Twice, self).forward(x)
class Scaled(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 3
net, scaled = Twice(width=3), Scaled(2, 1)
other = copy.deepcopy(net)
with torch.no_grad():
    other.fc.weight.zero_(), other.fc.bias.zero_(), other.head.bias.zero_()
x = torch.ones(1, 2)
print([round(each(x).item(), 4) for each in (net, other, scaled, copy.deepcopy(scaled))])
""",
        "[-0.7711, 0.0, -2.2008, -2.2008]\n",
    ),
    "properties that read": (
        """\
import torch
from torch import nn
class AverageMeter:
    def __init__(self):
        self.sum, self.count = 0.0, 0
    def update(self, value, n=1):
        self.sum += value * n
        self.count += n
    @property
    def avg(self):
        return self.sum / max(1, self.count)
class Layer(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.a = nn.Parameter(torch.ones(size))
    @property
    def delta(self) -> torch.Tensor:
        \"\"\"What is added.\"\"\"
        return self.a * 2
    def forward(self, x):
        return x + self.delta
    def __repr__(self):
        return "Layer"
meter, layer = AverageMeter(), Layer(2)
for i in range(3):
    meter.update(i)
avg = meter.avg
print(f"{meter.avg:.2f} {avg}", "average", meter.avg + meter.avg, layer(torch.zeros(2)), layer.delta.shape)
""",
        "1.00 1.0 average 2.0 tensor([2., 2.], grad_fn=<AddBackward0>) torch.Size([2])\n",
    ),
    "a dataset that is asked for more than its items": (
        """\
import torch
from torch.utils.data import Dataset, DataLoader
class Texts(Dataset):
    PAD = 0
    def __init__(self, texts):
        self.vocab = {"<pad>": 0}
        for word in " ".join(texts).split():
            self.vocab.setdefault(word, len(self.vocab))
        self.texts = texts
    def encode(self, text):
        return torch.tensor([self.vocab.get(word, self.PAD) for word in text.split()])
    def __len__(self):
        return len(self.texts)
    def __getitem__(self, i):
        return self.encode(self.texts[i])
data = Texts(["a b", "c a"])
print(len(data), len(data.vocab), data.PAD + 1 if data.PAD == 0 else None, data.encode("b x"), [*map(list, DataLoader(data))])
""",
        "2 4 1 tensor([2, 0]) [[tensor([1, 2])], [tensor([3, 1])]]\n",
    ),
    "the fields of an object of data": (
        """\
from dataclasses import asdict, dataclass, field
import os
@dataclass
class Config:
    lr: float = 0.1
    sizes: list[int] = field(default_factory=lambda: [1, 2])
config = Config(lr=float(os.environ.get("LR", 0.5)))
config.lr *= 2
taken = asdict(config)
taken["sizes"].append(3)
print(taken, config.sizes)
""",
        "{'lr': 1.0, 'sizes': [1, 2, 3]} [1, 2]\n",
    ),
}
