"""Computations whose float32, float16 and bfloat16 results are PyTorch's to the last bit, whatever the order of its sums.

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
F.normalize(x,dim=-1) F.silu(x) x.sigmoid() F.gelu(x.half()) F.interpolate(x.reshape(1,1,-1),size=7,mode='linear')
F.interpolate(x.reshape(1,1,x.shape[0],-1),size=(7,4),mode='bilinear')
F.interpolate(x.reshape(1,1,x.shape[0],-1),size=70,mode='bilinear')
F.interpolate(x.reshape(1,1,x.shape[0],-1),size=(7,4),mode='bicubic',align_corners=True)
torch.special.i1e(x*4) torch.special.modified_bessel_k0(x.abs()*3)
torch.special.modified_bessel_k1(x.abs()*3) torch.special.bessel_j0(x.clamp(-3,3)) torch.special.bessel_j1(x.clamp(-3,3)*1.6)
""".split()  # fmt: skip
REDUCED: Final = """
h+0.1 0.1+h h-3.14 3.14-h h*0.1 h/3.0 3.14/h h**3 h%0.3 h.abs().rsqrt() torch.add(h,k,alpha=-3.125) torch.sub(h,k,alpha=0.3)
torch.addcdiv(h,k,k.abs()+1,value=0.3) h<0.1 h.softmax(0) h.softmax(-1) h.logsumexp(-1) h.prod(0) F.smooth_l1_loss(h,k,beta=0.3)
F.conv1d(h[None],k[:,None,:2]) F.avg_pool1d(h,2,1) F.adaptive_avg_pool1d(h,2)
torch.addmm(h[:,:3],k[:,:2],k[:2,:3],beta=0.2,alpha=0.6) torch.addmv(h[:,0],h,k[0],beta=0.2,alpha=0.6)
F.interpolate(h.reshape(1,1,-1),size=7,mode='linear') F.interpolate(h.reshape(1,1,h.shape[0],-1),size=(7,4),mode='bilinear')
F.interpolate(h.reshape(1,1,h.shape[0],-1,1),size=(3,4,2),mode='trilinear')
F.interpolate(h.reshape(1,1,h.shape[0],-1),size=(7,4),mode='bicubic')
F.layer_norm(h,h.shape[-1:]) h.prod(-1,dtype=h.dtype) torch.special.i0e(h*4) torch.polygamma(3,h) torch.mvlgamma(h.abs()+2,3)
torch.histc(h,7) torch.gradient(h,spacing=0.3,dim=0)[0] F.embedding_bag(t,h,torch.tensor([0,1]),mode='mean')
torch.renorm(h,2,0,1.0)
F.bilinear(h,k,h[:,:,None]*k[:,None]) h.index_add(0,t,k) h.index_reduce(0,t,k,'prod')
F.grid_sample(h.reshape(1,1,h.shape[0],-1),k.reshape(-1)[:2].reshape(1,1,1,2),align_corners=False)
F.gelu(h,approximate='tanh') F.rms_norm(h,h.shape[-1:],k.reshape(-1)[:h.shape[-1]])
""".split()  # fmt: skip
REDUCED_BACKWARD: Final = """
h.sigmoid()*k F.glu(h,0) F.huber_loss(h,k,delta=0.7,reduction='none') h.repeat(2,3) F.pad(h[None],(1,2),mode='replicate')
F.conv1d(h[None],k[:,None,:2]) F.conv_transpose1d(h[None],k[:,:2,None]) F.avg_pool1d(h,2,1) F.max_pool1d(h,2,1) h.unfold(-1,2,1)
F.adaptive_avg_pool1d(h,2) F.kl_div(k,h.sigmoid(),reduction='none') torch.asin(h*0.1) h.logsumexp(0) h.logcumsumexp(0)
F.embedding(t,h) h.cumprod(0) F.layer_norm(h,h.shape[-1:]) h.index_select(0,t)
F.pad(h[None],(1,2,1,1),mode='circular') F.embedding_bag(t,h,torch.tensor([0,1])) torch.gradient(h,dim=0)[0]
h.renorm(2,0,1.0)
F.grid_sample(h.reshape(1,1,h.shape[0],-1),k.reshape(-1)[:2].reshape(1,1,1,2),mode='bicubic',align_corners=False)
F.gelu(h,approximate='tanh') F.interpolate(h.reshape(1,1,h.shape[0],-1),size=(7,4),mode='bilinear')
F.interpolate(h.reshape(1,1,h.shape[0],-1),size=(7,4),mode='bicubic')
""".split()  # fmt: skip
"""Of float16 and bfloat16: the results, and gradients for a gradient of results that are k, as far as it reaches."""
BACKWARD: Final = """
F.mse_loss(x,y) F.cross_entropy(x,t) x.softmax(-1).pow(2).sum() x.log_softmax(-1).mul(y).sum()
F.binary_cross_entropy_with_logits(x,y.clamp(0,1))
x.sigmoid().sum() x.tanh().sum() (x*y).mean() F.huber_loss(x,y) F.linear(x[:,:2],y[:3,:2]).pow(2).mean()
F.layer_norm(x,x.shape[-1:]).mul(y).sum()
F.grid_sample(x.reshape(1,1,x.shape[0],-1),y.reshape(-1)[:2].reshape(1,1,1,2),align_corners=False).sum()
F.interpolate(x.reshape(1,1,x.shape[0],-1),size=(7,4),mode='bilinear').mul(2).sum()
F.interpolate(x.reshape(1,1,x.shape[0],-1),size=(7,4),mode='bicubic').mul(2).sum()
""".split()  # fmt: skip


def cases() -> Iterator[tuple[str, bool, tuple[int, ...]]]:
    """(expression, whether its gradient is meant, shape)."""
    for backward, expressions in (
        (False, FORWARD),
        (True, BACKWARD),
        (False, REDUCED),
        (True, REDUCED_BACKWARD),
    ):
        for expression in expressions:
            for shape in SHAPES:
                yield expression, backward, shape


def title(expression: str, backward: bool, shape: tuple[int, ...]) -> str:
    """The name of a case in the record."""
    return f"{'gradient of ' * backward}{expression} {'x'.join(map(str, shape))}"


def checksum(torch: Any, expression: str, backward: bool, shape: tuple[int, ...]) -> str:
    """The bits of the results for all seeds, "" where the expression refuses the shape."""
    found = b""
    reduced = expression in (REDUCED_BACKWARD if backward else REDUCED)
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
        for kind in (torch.float16, torch.bfloat16) if reduced else (None,):
            leaf = x
            if kind is not None:
                leaf = scope["h"] = x.detach().to(kind).requires_grad_(backward)
                scope["k"] = y.to(kind)
            try:
                result = eval(expression, scope)
                if backward:
                    result.backward(_slope(result, y) if kind else None)
                    result = leaf.grad
            except (RuntimeError, IndexError, ValueError):
                return ""
            result = result.detach()
            found += np.asarray((result.float() if kind else result).numpy()).tobytes()
    return f"{zlib.crc32(found):08x}"


def _slope(result: Any, y: Any) -> Any:
    """The elements of y over and over, as a gradient of a result."""
    count = -(-result.numel() // y.numel())
    return y.reshape(-1).repeat(count)[: result.numel()].reshape(result.shape).to(result.dtype)


def record(torch: Any) -> dict[str, str]:
    """What PyTorch answers, for the cases that it takes."""
    found = {title(*case): checksum(torch, *case) for case in cases()}
    return {name: value for name, value in found.items() if value}
