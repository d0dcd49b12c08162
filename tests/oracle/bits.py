"""Computations whose float32 and float16 results are PyTorch's to the last bit, whatever the order of its sums.

`scripts/record_oracle.py` writes `bits.json` from PyTorch; a result is held as a checksum of its bytes. Left out is what
rests on MKL's functions (exp, sqrt, large products), which no other library has bit for bit.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

RECORD: Final = Path(__file__).with_name("bits.json")
SHAPES: Final = ((3,), (5,), (4, 3), (3, 3), (6, 2), (8, 5), (5, 20), (3, 40), (2, 3, 5), (2, 2, 3, 2))
SEEDS: Final = range(5)

FORWARD: Final = """
x.sum() x.mean() x.sum(0) x.sum(-1) x.mean(0) x.mean(-1) x.t().sum(0) x.expand(3,*x.shape).sum(0) x.double().sum()
x.double().mean(0) F.mse_loss(x,y) F.l1_loss(x,y) F.smooth_l1_loss(x,y) F.huber_loss(x,y,delta=0.7)
F.mse_loss(x,y,reduction='sum')
x.softmax(-1) x.log_softmax(-1) F.cross_entropy(x,t) F.cross_entropy(x,t,reduction='sum') F.cross_entropy(x,t,label_smoothing=0.1)
F.nll_loss(x,t,ignore_index=1) F.cross_entropy(x,y.softmax(-1)) x.norm() x.norm(dim=-1) x.norm(dim=0) x.var() F.logsigmoid(x)
F.layer_norm(x,x.shape[-1:]) F.layer_norm(x,x.shape[-1:],x.flatten()[-x.shape[-1]:],y.flatten()[:x.shape[-1]])
F.batch_norm(x,None,None,training=True) x[:,:2]@y[:2] x[:,:3]@y[:3] F.linear(x[:,:2],y[:3,:2],x[0,:3]) x[:,:2]@y[0,:2]
F.binary_cross_entropy_with_logits(x,y.clamp(0,1)) F.softmax(x.half(),-1) F.log_softmax(x.half(),-1) F.mse_loss(x.half(),y.half())
F.smooth_l1_loss(x.half(),y.half()) F.cross_entropy(x.half(),t) x.half().sum(-1) x.half().mean()
F.normalize(x,dim=-1) F.silu(x) x.sigmoid()
""".split()  # fmt: skip
BACKWARD: Final = """
F.mse_loss(x,y) F.cross_entropy(x,t) x.softmax(-1).pow(2).sum() x.log_softmax(-1).mul(y).sum()
F.binary_cross_entropy_with_logits(x,y.clamp(0,1))
x.sigmoid().sum() x.tanh().sum() (x*y).mean() F.huber_loss(x,y) F.linear(x[:,:2],y[:3,:2]).pow(2).mean()
""".split()  # fmt: skip


def cases() -> Iterator[tuple[str, bool, tuple[int, ...]]]:
    """(expression, whether its gradient is meant, shape)."""
    for backward, expressions in ((False, FORWARD), (True, BACKWARD)):
        for expression in expressions:
            for shape in SHAPES:
                yield expression, backward, shape


def title(expression: str, backward: bool, shape: tuple[int, ...]) -> str:
    """The name of a case in the record."""
    return f"{'gradient of ' * backward}{expression} {'x'.join(map(str, shape))}"


def checksum(torch: Any, expression: str, backward: bool, shape: tuple[int, ...]) -> str:
    """The bits of the results for all seeds, "" where the expression refuses the shape."""
    found = b""
    for seed in SEEDS:
        drawn = np.random.default_rng(seed).standard_normal((2, *shape)).astype(np.float32)
        x, y = (torch.from_numpy(one.copy()) for one in drawn)
        labels = torch.arange(shape[0]) % (shape[1] if len(shape) > 1 else 2)
        scope = {
            "x": x.requires_grad_(backward),
            "y": y,
            "t": labels,
            "torch": torch,
            "F": torch.nn.functional,
        }
        try:
            result = eval(expression, scope)
            if backward:
                result.backward()
                result = x.grad
        except (RuntimeError, IndexError, ValueError):
            return ""
        found += np.asarray(result.detach().numpy()).tobytes()
    return f"{zlib.crc32(found):08x}"


def record(torch: Any) -> dict[str, str]:
    """What PyTorch answers, for the cases that it takes."""
    found = {title(*case): checksum(torch, *case) for case in cases()}
    return {name: value for name, value in found.items() if value}
