"""The programs that scripts/bench.py runs: PyTorch scripts of as many statements as are asked for.

A program is what comes once and what is said again and again, each `{i}` being the number of the round. The
lines are what people write: no two of them do the same work by the same means.
"""

from typing import NamedTuple


class Source(NamedTuple):
    """A program: the lines at its beginning, and those of each round."""

    once: str
    round: str


SMALL = Source(
    """\
import torch
a = torch.tensor([1.0, 2.0, 3.0])
b = torch.ones(3)
m = torch.arange(6.0).reshape(2, 3)
""",
    """\
c = a + b
d = c * 2.0 - a
s = d.sum()
e = torch.exp(-d.abs())
f = torch.where(d > 0, d, e)
g = m @ f
k = int(g.argmax())
h = g.view(2, 1).expand(2, 3) + m
p = torch.softmax(h, dim=1)
q = p.mean(dim=0, keepdim=True)
a = (f / (1.0 + f)).clamp(0.0, 1.0)
b = torch.cat([a[:1], b[1:]]) * 0.5
""",
)

WRITES = Source(
    """\
import torch
buffer = torch.zeros(8, 4)
counts = torch.zeros(4, dtype=torch.int64)
""",
    """\
row = buffer[{i} % 8]
row.add_(1.0)
flat = buffer.view(-1)
flat[3] = 0.5
column = buffer.t()[1]
column.mul_(0.5)
buffer[2:4] += 1.0
counts[{i} % 4] += 1
block = buffer[1:5, ::2]
block.copy_(torch.ones(4, 2))
detached = buffer.detach()
detached.clamp_(0.0, 10.0)
buffer[buffer > 5.0] = 0.0
first, second = buffer.chunk(2)
first.sub_(second * 0.1)
""",
)

BACKWARD = Source(
    """\
import torch
w = torch.tensor([[0.5, -0.2], [0.1, 0.3]], requires_grad=True)
b = torch.zeros(2, requires_grad=True)
x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
target = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
""",
    """\
hidden = torch.tanh(x @ w + b)
loss = ((hidden - target) ** 2).mean()
loss.backward()
step = w.grad.norm()
with torch.no_grad():
    w -= 0.01 * w.grad
    b -= 0.01 * b.grad
w.grad = None
b.grad.zero_()
y = w.exp()
z = (y * b).sum()
(gw,) = torch.autograd.grad(z, w)
leaf = y.detach().clone().requires_grad_()
leaf.sigmoid().sum().backward()
""",
)

BRIDGE = Source(
    """\
import numpy as np
import torch
a = np.arange(6.0)
t = torch.from_numpy(a)
""",
    """\
a[{i} % 6] = 1.0
u = t * 2.0
n = u.numpy()
n += 1.0
v = torch.tensor(n)
k = float(v.sum())
r = np.sqrt(np.abs(n))
s = torch.as_tensor(r)
s[0] = k
t.add_(0.5)
m = a.reshape(2, 3)
p = torch.from_numpy(m.copy())
q = p.t().contiguous()
values = q.tolist()
""",
)

CONTAINERS = Source(
    """\
import torch
layers = [torch.ones(2, 2) * 0.1 for _ in range(4)]
state = {'weight': torch.ones(2), 'bias': torch.zeros(2), 'steps': 0}
history = []
x = torch.ones(2)
""",
    """\
for layer in layers:
    x = torch.relu(layer @ x)
history.append(x.sum().item())
state['weight'] = state['weight'] + x
state['bias'].add_(x, alpha=0.1)
state['steps'] += 1
layers[{i} % 4] = layers[{i} % 4] * 0.9
pair = (x, state['bias'])
first, second = pair
total = sum(value.sum() for value in (first, second))
shapes = [tuple(layer.shape) for layer in layers]
copies = {name: value for name, value in state.items()}
history = history[-10:]
x = torch.stack(layers).mean(dim=0)[0]
""",
)

FUNCTIONS = Source(
    """\
import torch
def scale(x, by=0.5):
    y = x * by
    return y - y.mean()
def power(x, n):
    result = torch.ones_like(x)
    for _ in range(n):
        result = result * x
    return result
square = lambda x: x * x
x = torch.tensor([1.0, 2.0, 3.0])
""",
    """\
y = scale(x, by=0.1)
z = power(y, 3)
s = square(z).sum()
for i in range(4):
    z = z + i
    z[i % 3] = 0.0
if s.item() > 1.0:
    x = x / s
else:
    x = x + 1.0
n = 0
while n < 3:
    x = scale(x)
    n += 1
rows = [square(row) for row in x.view(3, 1)]
x = torch.cat(rows).clamp(0.1, 2.0)
""",
)

PROGRAMS = {
    "small": SMALL,
    "writes": WRITES,
    "backward": BACKWARD,
    "bridge": BRIDGE,
    "containers": CONTAINERS,
    "functions": FUNCTIONS,
}


def program(name: str, statements: int) -> str:
    """The text of a program with so many lines of statements."""
    source = PROGRAMS[name]
    lines = source.once.splitlines()
    number = 0
    while len(lines) < statements:
        lines.extend(source.round.replace("{i}", str(number)).splitlines())
        number += 1
    return "\n".join(lines) + "\n"
