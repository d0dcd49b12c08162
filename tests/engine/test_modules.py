"""Modules: PyTorch's initial values, results, gradients, random draws, states, texts and complaints."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tensorcli.engine as engine
from tests.engine.side_by_side import close, describe, pytorch, tensor_of

DRAW = np.random.default_rng(5)
ARRAYS = {
    "v": DRAW.standard_normal(6),
    "x": DRAW.standard_normal((4, 6)),
    "p": DRAW.uniform(0.1, 0.9, (4, 6)),
    "q": DRAW.uniform(0.1, 0.9, (4, 6)),
    "s": DRAW.standard_normal((2, 6, 5)),
    "i": DRAW.standard_normal((2, 6, 5, 4)),
    "o": DRAW.standard_normal((2, 6, 4, 5, 3)),
    "seq": DRAW.standard_normal((5, 2, 6)),
}
INTEGERS = {
    "k": np.array([0, 2, 5, 1]),
    "kk": np.array([[0, 2, 5], [1, 1, 4]]),
    "one": np.array([1, -1, 1, 1]),
}

ACTIVATIONS = """
ReLU() ReLU(inplace=True) ReLU6() SiLU() SiLU(True) Mish() SELU() SELU(inplace=True) ELU() ELU(0.5) ELU(2,True) CELU()
CELU(0.7) GELU() GELU('tanh') GELU(approximate='tanh') GLU() GLU(1) LeakyReLU() LeakyReLU(0.2) LeakyReLU(0.2,True) PReLU()
PReLU(6) PReLU(init=0.1) RReLU() RReLU(0.1,0.3,True) Hardsigmoid() Hardswish() Hardtanh() Hardtanh(-2,2,True) Hardshrink()
Hardshrink(0.3) Softshrink() Softshrink(0.1) Softplus() Softplus(2,0.5) Softsign() Sigmoid() Tanh() Tanhshrink() LogSigmoid()
Threshold(0.1,20) Threshold(0.1,20,True) Softmin(1) Softmax(0) Softmax(dim=-1) Softmax() LogSoftmax(1) LogSoftmax() Dropout()
Dropout(0.2) Dropout(0.2,True) Dropout(1.0) Dropout(0) Dropout1d() Dropout2d(0.1) AlphaDropout() AlphaDropout(0.2)
FeatureAlphaDropout() Identity() Identity(1,a=2) Flatten() Flatten(0) Unflatten(1,(2,3)) LayerNorm(6) LayerNorm((4,6))
LayerNorm(6,bias=False) LayerNorm(6,1e-3,False) RMSNorm(6) RMSNorm([6],1e-3,False) GroupNorm(2,6) GroupNorm(3,6,affine=False)
GroupNorm(3,6,bias=False) BatchNorm1d(6) BatchNorm1d(6,affine=False) BatchNorm1d(6,momentum=None)
BatchNorm1d(6,track_running_stats=False) BatchNorm1d(6,1e-3,0.3) BatchNorm1d(6,bias=False) Linear(6,3) Linear(6,2,bias=False)
Linear(6,2,dtype=torch.float64) MaxPool1d(2) AvgPool1d(2) Softmax2d() BatchNorm2d(6)
Sequential(nn.Linear(6,4),nn.ReLU(),nn.Dropout(0.3),nn.Linear(4,1)) Sequential() Linear(3,2) ConstantPad1d(1,2.5)
ZeroPad1d((1,2)) ReflectionPad1d(2) ReplicationPad1d((2,1))
""".split()
IMAGES = """
s:Conv1d(6,4,3) s:Conv1d(6,4,3,padding='same') s:Conv1d(6,6,3,padding=1,groups=3,bias=False) s:MaxPool1d(2)
s:MaxPool1d(3,2,1,return_indices=True) s:AvgPool1d(2,1) s:AdaptiveAvgPool1d(2) s:AdaptiveMaxPool1d(2) s:ConvTranspose1d(6,4,3)
s:ConvTranspose1d(6,4,3,stride=2,output_padding=1) s:BatchNorm1d(6) s:InstanceNorm1d(6) s:InstanceNorm1d(6,affine=True)
s:InstanceNorm1d(3) s:InstanceNorm1d(6,track_running_stats=True) s:LPPool1d(2,2) s:Dropout1d() s:ReflectionPad1d(1)
s:CircularPad1d(1) s:Fold((4,2),4) s:Fold((5,1),1) s:Conv1d(6,4,3,padding=2,padding_mode='circular')
s:Upsample(scale_factor=2) s:Upsample(size=7,mode='linear') s:ConvTranspose1d(6,2,(3,),dilation=2,groups=2) s:LayerNorm((6,5))
s:Linear(5,2) s:GroupNorm(2,6) s:LocalResponseNorm(2) i:Conv2d(6,4,3) i:Conv2d(6,4,(3,2),stride=2,padding=1)
i:Conv2d(6,4,3,padding='valid') i:Conv2d(6,4,3,padding='same',dilation=2) i:Conv2d(6,4,3,padding=1,padding_mode='reflect')
i:Conv2d(6,4,3,padding='same',padding_mode='replicate') i:Conv2d(6,6,2,groups=6) i:ConvTranspose2d(6,4,3)
i:ConvTranspose2d(6,4,2,stride=(2,3),output_padding=(0,1),bias=False) i:MaxPool2d(2) i:MaxPool2d(3,1,1,ceil_mode=True)
i:MaxPool2d((2,1)) i:AvgPool2d(2,count_include_pad=False,padding=1) i:AvgPool2d(2,divisor_override=3) i:AdaptiveAvgPool2d(2)
i:AdaptiveAvgPool2d((None,2)) i:AdaptiveMaxPool2d((3,2)) i:AdaptiveMaxPool2d(2,True) i:BatchNorm2d(6)
i:InstanceNorm2d(6,affine=True,bias=False) i:LPPool2d(3,2) i:PixelShuffle(1) i:Dropout2d() i:Softmax2d() s:Fold((3,2),1)
i:Fold(4,2) i:Unfold(2) i:Unfold((2,1),padding=1) i:ChannelShuffle(3) i:ReflectionPad2d(1) i:ReplicationPad2d((1,0,2,1))
i:ZeroPad2d(1) i:ConstantPad2d(2,1.5) i:CircularPad2d((1,1,0,2)) i:Upsample(scale_factor=(2,1.5))
i:Upsample(scale_factor=2,mode='bilinear',align_corners=True) i:UpsamplingNearest2d(scale_factor=2)
i:UpsamplingBilinear2d(size=(3,7)) i:LocalResponseNorm(3) i:Flatten(2,3) i:BatchNorm1d(6) i:InstanceNorm2d(4,affine=True)
i:FeatureAlphaDropout(0.3) i:GroupNorm(3,6) i:Identity() o:Conv3d(6,2,(2,3,2)) o:ConvTranspose3d(6,2,2) o:MaxPool3d(2)
o:AvgPool3d(2) o:Dropout1d() o:Dropout2d() x:Dropout3d() o:AdaptiveAvgPool3d(2) o:AdaptiveMaxPool3d((1,2,1)) o:BatchNorm3d(6)
o:InstanceNorm3d(6) o:Dropout3d() o:ReflectionPad3d(1) o:ReplicationPad3d(1) o:ConstantPad3d(1,3) o:ZeroPad3d(1)
o:CircularPad3d(1) o:LPPool3d(2,2) o:Upsample(scale_factor=2,mode='trilinear') k:Embedding(6,3)
kk:Embedding(6,3,padding_idx=2) kk:Embedding(6,3,-1,max_norm=1.0) kk:Embedding(6,3,norm_type=1,scale_grad_by_freq=True)
kk:EmbeddingBag(6,3) kk:EmbeddingBag(6,3,mode='sum',padding_idx=1) kk:EmbeddingBag(6,3,mode='max')
k:Embedding.from_pretrained(torch.ones(6,2)) kk:EmbeddingBag.from_pretrained(torch.ones(6,2),freeze=False,mode='sum')
""".split()
CALLS = [
    ("Bilinear(6,6,2)", "m(x, p)"), ("Bilinear(6,6,2,bias=False)", "m(x, p)"), ("L1Loss()", "m(x, p)"),
    ("MSELoss()", "m(x, p)"), ("MSELoss(reduction='none')", "m(x, p)"), ("MSELoss(size_average=False)", "m(x, p)"),
    ("MSELoss(reduce=False)", "m(x, p)"), ("MSELoss()", "m(x, v)"), ("MSELoss()", "m(x, v[:5])"),
    ("SmoothL1Loss(beta=0.5)", "m(x, p)"), ("HuberLoss('sum', 0.5)", "m(x, p)"), ("KLDivLoss()", "m(x, p)"),
    ("KLDivLoss(reduction='batchmean', log_target=True)", "m(x, p)"), ("SoftMarginLoss()", "m(x, p.detach())"),
    ("HingeEmbeddingLoss(0.5)", "m(v[:4], one)"), ("BCELoss()", "m(p, q.detach())"),
    ("BCELoss(torch.ones(6) * 2)", "m(p, q.detach())"), ("BCEWithLogitsLoss()", "m(x, q.detach())"),
    ("BCEWithLogitsLoss(pos_weight=torch.ones(6) * 3)", "m(x, q.detach())"), ("CrossEntropyLoss()", "m(x, k)"),
    ("CrossEntropyLoss(torch.arange(6.) + 1, reduction='sum')", "m(x, k)"),
    ("CrossEntropyLoss(label_smoothing=0.1, ignore_index=2)", "m(x, k)"), ("CrossEntropyLoss()", "m(x, q)"),
    ("CrossEntropyLoss()", "m(x, k[:3])"), ("NLLLoss()", "m(x, k)"), ("NLLLoss(ignore_index=0)", "m(x, k)"),
    ("MultiLabelSoftMarginLoss()", "m(x, q.detach())"), ("MultiMarginLoss()", "m(x, k)"),
    ("MultiMarginLoss(2, 0.5)", "m(x, k)"), ("MultiLabelMarginLoss()", "m(x, (q.detach() * 0).long())"),
    ("GaussianNLLLoss()", "m(x, p, q)"), ("GaussianNLLLoss(full=True, eps=0.5, reduction='sum')", "m(x, p, q)"),
    ("PoissonNLLLoss()", "m(x, q)"), ("PoissonNLLLoss(False, True)", "m(p, q.detach() * 5)"),
    ("CosineEmbeddingLoss(0.1)", "m(x, p, one)"), ("MarginRankingLoss(0.2)", "m(v[:4], p[:, 0], one)"),
    ("TripletMarginLoss()", "m(x, p, q)"), ("TripletMarginLoss(swap=True, p=1)", "m(x, p, q)"),
    ("TripletMarginWithDistanceLoss()", "m(x, p, q)"),
    ("TripletMarginWithDistanceLoss(distance_function=nn.CosineSimilarity(), swap=True)", "m(x, p, q)"),
    ("CosineSimilarity()", "m(x, p)"), ("CosineSimilarity(0, 1e-3)", "m(x, p)"), ("PairwiseDistance()", "m(x, p)"),
    ("PairwiseDistance(1, keepdim=True)", "m(x, p)"), ("EmbeddingBag(6, 3)", "m(k, torch.tensor([0, 2]))"),
    ("EmbeddingBag(6, 3, mode='sum')", "m(kk, per_sample_weights=p[:2, :3])"), ("EmbeddingBag(6, 3)", "m(k)"),
    ("MaxUnpool2d(2)", "m(*F.max_pool2d(i, 2, return_indices=True))"),
    ("MaxUnpool1d(2)", "m(*F.max_pool1d(s, 2, return_indices=True), output_size=[5])"),
    ("MaxUnpool3d(1)", "m(*F.max_pool3d(o, 1, return_indices=True))"),
    ("ConvTranspose2d(6, 2, 2, stride=2)", "m(i, output_size=[11, 9])"),
    ("ConvTranspose2d(6, 2, 2, stride=2)", "m(i, output_size=[13, 9])"),
    ("ConvTranspose2d(6, 2, 2, stride=2)", "m(i, output_size=[13])"),
    ("ModuleList([nn.Linear(6, 4), nn.Linear(4, 2)])", "m[1](m[0](x))"), ("ModuleList()", "m(x)"),
    ("ModuleList([nn.Linear(2, 2)] * 3)", "len(m)"), ("ModuleDict({'a': nn.Linear(6, 2), 'b': nn.ReLU()})", "m.b(m['a'](x))"),
    ("ParameterList([torch.ones(2), torch.zeros(3, 1)])", "m[0] * m[-2]"),
    ("ParameterDict({'b': torch.ones(2), 'a': torch.zeros(3, 1), 'c': 5})", "m.a + m['b']"), ("ParameterList()", "m(x)"),
    ("Module()", "m(x)"), ("Sequential(OrderedDict([('fc', nn.Linear(6, 2)), ('act', nn.Tanh())]))", "m(x)"),
    ("Linear(6, 3)", "m()"), ("Linear(6, 3)", "m(x, x)"), ("Linear(6, 3)", "m(input=x)"), ("Linear(6, 3)", "m(k)"),
    ("Linear(6, 3)", "m(x.double())"), ("ReLU()", "m()"), ("ReLU()", "m(a=1)"), ("ReLU()", "m([1.])"),
    ("Conv2d(6, 3, 3)", "m()"), ("Embedding(6, 2)", "m(x)"), ("Embedding(6, 2)", "m(torch.tensor([7]))"),
    ("LayerNorm(5)", "m(x)"), ("Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)).double()", "m(x.double())"),
]  # fmt: skip
WRONG = [
    "Linear()", "Linear(1)", "Linear(1, 2, 3, 4, 5, 6)", "Linear(2, 1, foo=1)", "Linear('a', 2)", "ReLU(1, 2)", "ReLU(foo=1)",
    "Sigmoid(1)", "Tanh(a=1)", "ELU(1, 2, 3)", "Softmax(1, 2)", "Dropout(2)", "Dropout(p=-0.1)", "Conv2d(1, 2)",
    "Conv2d(3, 2, 3, groups=2)", "Conv2d(2, 3, 3, groups=2)", "Conv2d(1, 1, 3, groups=0)",
    "Conv2d(1, 1, 3, padding='same', stride=2)", "ConvTranspose2d(1, 1, 3, padding_mode='reflect')", "Conv1d()",
    "ConvTranspose3d(1)", "MaxPool2d()", "AvgPool2d()", "MaxUnpool2d()", "AdaptiveAvgPool2d()", "BatchNorm1d()", "LayerNorm()",
    "GroupNorm(4, 6)", "GroupNorm()", "RMSNorm()", "Embedding(6)", "Embedding(6, 2, padding_idx=6)",
    "Embedding(6, 2, padding_idx=-7)", "EmbeddingBag(6, 2, padding_idx=6)", "Embedding(2, 2, _weight=torch.ones(3, 2))",
    "Embedding.from_pretrained(torch.ones(3))", "Bilinear(0, 2, 3)", "Flatten(1, 2, 3)", "Unflatten(1, 2)",
    "Unflatten(1, (2, 'a'))", "HuberLoss(delta='a')", "TripletMarginLoss(margin=0)", "TripletMarginWithDistanceLoss(margin=0)",
    "MultiMarginLoss(3)", "MultiMarginLoss(weight=torch.ones(2, 2))", "Hardtanh(1, -1)", "Threshold(1)", "Sequential(1)",
    "Sequential(nn.ReLU)", "Sequential(a=1)", "ModuleList([1])", "ModuleList(1)", "ModuleDict([1])", "ModuleDict([(1, 2, 3)])",
    "ModuleDict({'a': 1})", "ModuleDict({'a.b': nn.ReLU()})", "ModuleDict({'': nn.ReLU()})", "ModuleDict({'keys': nn.ReLU()})",
    "ParameterList(torch.ones(2))", "ParameterDict({1: torch.ones(2)})", "ParameterDict(5)", "Module(1)", "Module(a=1)",
    "Linear(2, -1)", "GaussianNLLLoss(1)", "MSELoss(reduction='bogus')(torch.ones(1), torch.ones(1))",
    "Upsample(size=3)(torch.ones(3))", "PReLU(2)(torch.ones(3))", "Softmax2d()(torch.ones(3))",
    "CircularPad1d(1)(torch.ones(3))", "BatchNorm2d(3)(torch.ones(2, 3))", "BatchNorm1d(3)(torch.ones(1, 3))",
    "InstanceNorm1d(2)(torch.ones(2))", "Linear(2, 1).bogus", "Linear(2, 1)[0]", "len(nn.Linear(2, 1))",
    "Sequential(nn.ReLU())[1]", "Sequential(nn.ReLU())['a']", "Sequential(nn.ReLU()) + 1", "Sequential(nn.ReLU()) * 0",
    "Sequential(nn.ReLU()) * 'a'", "Parameter(1)", "Parameter([1.])", "Parameter(torch.tensor([1]))",
    "Sequential().insert(2, nn.ReLU())", "Sequential(nn.Linear(2, 3), nn.Linear(2, 3))(torch.ones(2))",
]  # fmt: skip
"""Constructors and uses that raise, or that do not: both engines do the same."""


RECURRENT = """
RNN(6,3) RNN(6,3,2,nonlinearity='relu') RNN(6,3,2,'relu',False) RNN(6,3,bidirectional=True,batch_first=True) GRU(6,3)
GRU(6,3,2,bidirectional=True) GRU(6,3,bias=False,batch_first=True) GRU(6,3,3,dropout=0.4) LSTM(6,3) LSTM(6,3,2,batch_first=True)
LSTM(6,3,bidirectional=True,num_layers=2) LSTM(6,4,proj_size=2) LSTM(6,3,bias=False) LSTM(6,3,dropout=0.2) RNN(5,3) LSTM(6,3,-1)
LSTM(6,0) LSTM(6,3,dropout=2) GRU(6,3,proj_size=2) RNN(6,3,nonlinearity='sin') LSTM(6,3,proj_size=3) LSTM(6.0,3) LSTM(6,3,bias=1)
""".split()
CELLS = """
RNNCell(6,3) RNNCell(6,3,False,'relu') RNNCell(6,3,nonlinearity='sin') GRUCell(6,3) GRUCell(6,3,bias=False) LSTMCell(6,3)
LSTMCell(6,3,False)
""".split()
STATES = [
    ("RNN(6,3)", "m(seq, s[:1, :2, :3])"), ("RNN(6,3)", "m(seq[0])"), ("RNN(6,3)", "m(seq[0], s[0, :1, :3])"),
    ("RNN(6,3)", "m(seq[0], seq)"), ("GRU(6,3)", "m(seq, v)"), ("GRU(6,3)", "m(seq, s[:2, :2, :3])"), ("GRU(6,3)", "m(v)"),
    ("LSTM(6,3)", "m(seq, (s[:1, :2, :3], s[1:, 2:4, :3]))"), ("LSTM(6,3)", "m(seq, (v, v))"), ("LSTM(6,3)", "m(seq[0])"),
    ("LSTM(6,3)", "m(seq, (s[:1, :2, :3], s[1:, 2:4, :2]))"), ("LSTM(6,3)", "m(seq.double())"), ("LSTM(6,3)", "m(v)"),
    ("LSTMCell(6,3)", "m(x, (x[:, :3], p[:, 3:]))"), ("LSTMCell(6,3)", "m(v, (v[:3], v[3:]))"), ("LSTMCell(6,3)", "m(s)"),
    ("GRUCell(6,3)", "m(x, p[:, :3])"), ("RNNCell(6,3)", "m(v, v[:3])"), ("GRUCell(6,3)", "m(x, s)"),
]  # fmt: skip


ATTENTION = [
    ("MultiheadAttention(6,2)", "m(seq, seq, seq)"), ("MultiheadAttention(6,2)", "m(seq, seq, seq, need_weights=False)"),
    ("MultiheadAttention(6,3,batch_first=True)", "m(seq, seq, seq, average_attn_weights=False)"),
    ("MultiheadAttention(6,3,bias=False)", "m(seq[:3], seq, seq)"), ("MultiheadAttention(6,3,0.3)", "m(seq, seq, seq)"),
    ("MultiheadAttention(6,2,add_bias_kv=True,add_zero_attn=True)", "m(seq, seq, seq)"),
    ("MultiheadAttention(6,2,kdim=5,vdim=4)", "m(seq, s.permute(1, 0, 2)[:5], i[:, :5, 0].transpose(0, 1))"),
    ("MultiheadAttention(6,2)", "m(x, x, x)"), ("MultiheadAttention(6,2)", "m(x, x, x, attn_mask=x[:, :4])"),
    ("MultiheadAttention(6,2)", "m(seq, seq, seq, key_padding_mask=torch.tensor([[False, False, True, False, True]] * 2))"),
    ("MultiheadAttention(6,2)", "m(seq, seq, seq, attn_mask=torch.ones(5, 5).triu(1).bool(), need_weights=False)"),
    ("MultiheadAttention(6,2)", "m(seq, seq, seq, attn_mask=torch.ones(5, 4))"), ("MultiheadAttention(6,2)", "m(v, v, v)"),
    ("MultiheadAttention(6,2)", "m(seq, seq, seq, attn_mask=torch.ones(5, 5).long())"), ("MultiheadAttention(6,4)", "0"),
    ("MultiheadAttention(6,2)", "m(seq, seq, seq, is_causal=True)"), ("MultiheadAttention(6,2)", "m(s, s, s)"),
    ("MultiheadAttention(0,2)", "0"), ("TransformerEncoderLayer(6,2,8)", "m(seq)"),
    ("TransformerEncoderLayer(6,2,8,0.0,batch_first=True,norm_first=True)", "m(seq)"),
    ("TransformerEncoderLayer(6,2,8,activation='gelu',bias=False)", "m(seq, torch.ones(5, 5).triu(1).bool())"),
    ("TransformerEncoderLayer(6,2,8,activation='sin')", "0"),
]  # fmt: skip


def names_of(torch: Any) -> dict[str, Any]:
    from collections import OrderedDict

    names = {name: tensor_of(torch, array.astype(np.float32), True) for name, array in ARRAYS.items()}
    names |= {name: tensor_of(torch, array) for name, array in INTEGERS.items()}
    return names | {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "OrderedDict": OrderedDict}


def described(torch: Any, value: Any) -> Any:
    """A result as plain data, and a number to differentiate."""
    if isinstance(value, torch.Tensor):
        node = None if value.grad_fn is None else value.grad_fn.name()
        return [describe(torch, value), tuple(value.stride()), node]
    if isinstance(value, tuple | list):
        return [described(torch, each) for each in value]
    return describe(torch, value)


def total(torch: Any, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return sum(total(torch, each) for each in value)
    if isinstance(value, torch.Tensor) and value.requires_grad:
        return (value * value.detach().cos()).sum()
    return 0


def used(torch: Any, make: str, call: str) -> list[Any]:
    """What a module is, says, computes and leaves behind, in training and out of it; or the error."""
    names = names_of(torch)
    torch.manual_seed(3)
    seen: list[Any] = []
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            module = names["m"] = eval(make if make.startswith("nn.") else f"nn.{make}", names)
            seen += [repr(module), str(type(module)), list(module.state_dict())]
            seen += [
                [name, described(torch, each), each._version, repr(each)]
                for name, each in module.named_parameters()
            ]
            for training in (True, False):
                module.train(training)
                names |= names_of(torch)
                names |= {name: names[name].clone() for name in ARRAYS}
                for name in ARRAYS:
                    names[name].retain_grad()
                held = {name: names[name] for name in ARRAYS}
                answer = eval(call, names)
                seen.append(described(torch, answer))
                loss = total(torch, answer)
                if isinstance(loss, torch.Tensor):
                    loss.backward()
                seen += [described(torch, each.grad) for each in module.parameters()]
                seen += [described(torch, held[name].grad) for name in ARRAYS]
            seen += [described(torch, each) for each in module.state_dict().values()]
        except Exception as error:
            seen.append((type(error).__name__, str(error)))
        seen.append(torch.rand(2).tolist())
    return [*seen, [str(one.message) for one in caught]]


EVERY = [(each, "m(x)") for each in ACTIVATIONS]
EVERY += [(make, f"m({name})") for name, _, make in (each.partition(":") for each in IMAGES)]
EVERY += CALLS


@pytest.mark.parametrize(("make", "call"), EVERY, ids=[f"{make} {call}" for make, call in EVERY])
def test_a_module_is_pytorchs(make: str, call: str) -> None:
    torch = pytorch()
    ours, theirs = used(engine, make, call), used(torch, make, call)
    assert close(ours, theirs, 2e-5), f"\nengine:  {ours}\npytorch: {theirs}"


def plainly(seen: Any) -> Any:
    """Without strides, versions and nodes: PyTorch computes some recurrent layers in one operator of a library."""
    if isinstance(seen, tuple) and len(seen) == 8:
        return seen[0], seen[1], seen[7]
    if isinstance(seen, list):
        if len(seen) == 3 and isinstance(seen[0], tuple):
            return plainly(seen[0])
        return [plainly(each) for each in seen]
    return seen


WALKS = [(each, "m(seq)") for each in RECURRENT] + [(each, "m(x)") for each in CELLS] + STATES + ATTENTION


@pytest.mark.parametrize(("make", "call"), WALKS, ids=[f"{make} {call}" for make, call in WALKS])
def test_a_recurrent_or_attending_module_gives_pytorchs_numbers(make: str, call: str) -> None:
    torch = pytorch()
    ours, theirs = (plainly(used(module, make, call)[:-1]) for module in (engine, torch))
    assert close(ours, theirs, 2e-5), f"\nengine:  {ours}\npytorch: {theirs}"


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_use_is_answered_as_pytorch_does(text: str) -> None:
    torch = pytorch()
    ours, theirs = used(engine, text, "0"), used(torch, text, "0")
    assert close(ours, theirs, 2e-5), f"\nengine:  {ours}\npytorch: {theirs}"
