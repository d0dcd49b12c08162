"""Concepts, each in a few sentences and a few lines to try. A test runs the lines."""

from __future__ import annotations

from typing import NamedTuple

from tensorcli.explorer.results import Explanation, Section


class Concept(NamedTuple):
    """A concept: a sentence, what follows from it, lines to try, what to read next."""

    verdict: str
    text: tuple[str, ...]
    lines: tuple[str, ...]
    see_also: tuple[str, ...] = ()


CONCEPTS = {
    "storage": Concept(
        "A storage is one block of bytes; a tensor is a way to read one: shape, strides, offset, dtype.",
        (
            "Several tensors can read one storage. A write through one of them shows in every other that reads the "
            "same bytes.",
            "The id (s1) is the session's: an address range keeps its id as long as it lives.",
        ),
        ("m = torch.arange(6.)", "a = m.view(2, 3)", "a[0, 0] = 9", "m", "storages m"),
        ("storages", "alias a m", "explain stride"),
    ),
    "version counter": Concept(
        "A version counter counts the in-place operations that wrote into a tensor.",
        (
            "Views and detach() share the counter of what they came from; .data, numpy arrays and copies do not.",
            "A node that saves a tensor notes the version. When the backward pass takes the tensor out and the "
            "version has moved, it raises, whether or not the saved elements were written.",
            "A write that the counter does not see (.data, numpy) is not noticed: the gradient is silently wrong.",
        ),
        (
            "w = torch.ones(3, requires_grad=True)",
            "y = w.exp()",
            "d = y.detach()",
            "d.add_(1)",
            "y._version",
            "y.data.add_(1)",
            "y._version",
        ),
        (
            "compare detach data numpy",
            "storages --write y",
            "saved y",
            "explain TSC-E031",
            "explain TSC-H001",
        ),
    ),
    "views": Concept(
        "A view is a tensor on the storage of another one, made without copying.",
        (
            "Indexing with numbers and slices, view, transpose, expand, split and their like give views. They share "
            "storage and version counter, and ._base is the tensor at the root.",
            "reshape, flatten, contiguous and to give a view, the tensor itself, or a copy, as the case requires.",
            "A recorded write through a view is replayed on its base: the base's grad_fn becomes CopySlices.",
        ),
        ("x = torch.zeros(2, 3)", "v = x[0]", "v += 1", "x", "v._base is x"),
        ("explain x[0]", "compare basic advanced view reshape", "explain stride"),
    ),
    "stride": Concept(
        "The stride of a dimension says how many slots of the storage lie between two neighbours along it.",
        (
            "Element (i, j) lies in slot offset + i * stride[0] + j * stride[1].",
            "Transposing swaps strides, slicing with a step multiplies one, expand makes one 0.",
            "Dimensions i and i + 1 can be joined in a view only where stride[i] == size[i+1] * stride[i+1].",
        ),
        ("a = torch.arange(6).view(2, 3)", "a.stride(), a.t().stride(), a[:, 1].stride()", "storages a"),
        ("explain a.t()", "explain contiguous tensor", "explain TSC-E022"),
    ),
    "contiguous tensor": Concept(
        "A tensor is contiguous when its elements lie one after the other in the order of its indices.",
        (
            "contiguous() gives the tensor itself where it is contiguous already, and a copy where it is not.",
            "view needs strides that fit; reshape copies where they do not.",
        ),
        (
            "a = torch.arange(6).view(2, 3)",
            "a.contiguous() is a",
            "a.t().is_contiguous()",
            "a.t().reshape(6)",
        ),
        ("explain stride", "compare view reshape"),
    ),
    "leaf": Concept(
        "A leaf is a tensor that no recorded operation made: gradients end there.",
        (
            "What you create is a leaf; what is computed from a tensor that requires grad is not.",
            "backward() puts gradients into .grad of leaves that require grad, and of others only after "
            "retain_grad().",
            "A leaf that requires grad must not be written in place while grad mode is on.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "y = w * 2", "w.is_leaf, y.is_leaf"),
        ("graph y", "explain TSC-E032", "explain requires_grad"),
    ),
    "grad_fn": Concept(
        "grad_fn is the node of the graph that computes the gradient of the operation that made the tensor.",
        (
            "Nodes lead to the nodes of their inputs, and in the end to AccumulateGrad nodes of leaves.",
            "A node saves what its formula needs, with the version it had.",
            "In-place operations give the tensor a new grad_fn; views get a new one when their base was written.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "y = (w * 3).sum()", "y.grad_fn", "graph y"),
        ("graph y", "saved y", "hooks y"),
    ),
    "saved tensor": Concept(
        "A saved tensor is a value that a node keeps because its gradient formula needs it.",
        (
            "It is kept by reference, not copied: a later write changes it, and the version shows that.",
            "A backward pass frees what it used, unless retain_graph=True.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "y = w.exp()", "saved y"),
        ("saved y", "explain version counter", "explain retain_graph"),
    ),
    "deep copy": Concept(
        "A deep copy has storages of its own; inside it tensors share memory as they did.",
        (
            "copy.deepcopy copies whole storages, also for a tensor that reads a part of one, and .grad with its tensor. "
            "Between the copies each tensor has a version counter of its own.",
            "Only leaves can be copied in this way: of a computed tensor detach().clone() copies the elements.",
            "copy.copy makes a new tensor on the same storage, without history and with a version counter of its own; = makes "
            "none.",
        ),
        (
            "x = torch.ones(3)",
            "pair = [x, x[:2]]",
            "twin = copy.deepcopy(pair)",
            "x.add_(1)",
            "twin[0], twin[1]",
            "alias twin[0] twin[1]",
        ),
        ("compare deepcopy clone", "explain TSC-E053", "explain archive"),
    ),
    "archive": Concept(
        "An archive is what torch.save writes: each storage once and whole, and how the tensors lie on it.",
        (
            "A slice carries the whole storage that it reads; clone() it first. What shared memory shares it again after "
            "torch.load. History, .grad and hooks are not saved.",
            "By default torch.load makes tensors and plain containers; a module that was saved whole needs weights_only=False. "
            "A state_dict() needs nothing.",
            "Here an archive is written into a buffer, or kept in the session under the name of the file.",
        ),
        (
            "big = torch.zeros(1000)",
            "torch.save({'rows': big[:2]}, 'rows.pt')",
            "rows = torch.load('rows.pt')",
            "net = torch.nn.Linear(2, 1)",
            "torch.save(net.state_dict(), 'net.pt')",
            "net.load_state_dict(torch.load('net.pt'))",
        ),
        ("explain TSC-E105", "explain state_dict", "explain deep copy"),
    ),
    "state_dict": Concept(
        "state_dict() holds the very tensors of a module, detached: it is not a copy.",
        (
            "Training goes on in them. To keep a state, copy it: copy.deepcopy(net.state_dict()).",
            "load_state_dict() writes the elements into the module's own tensors, which stay where they are.",
        ),
        (
            "net = torch.nn.Linear(2, 1)",
            "best = net.state_dict()",
            "kept = copy.deepcopy(net.state_dict())",
            "net.load_state_dict({name: tensor * 0 for name, tensor in best.items()})",
            "best['weight'], kept['weight']",
        ),
        ("explain deep copy", "explain TSC-H014", "explain archive"),
    ),
    "module": Concept(
        "A module holds parameters, buffers and other modules under names, and computes what its forward says.",
        (
            "A parameter is a leaf that requires grad, and parameters() gives it to an optimizer; a buffer is part of the state "
            "and is not learned. A plain tensor that is set on a module is neither.",
            "Modules in a list or a dict of Python are not seen: nn.ModuleList and nn.ModuleDict hold them.",
            "to(), half() and double() change the data of the parameters: they stay the same objects.",
        ),
        (
            "net = torch.nn.Linear(2, 1)",
            "net.register_buffer('scale', torch.ones(1))",
            "list(net.state_dict())",
            "[name for name, _ in net.named_parameters()]",
        ),
        ("explain state_dict", "explain optimizer", "explain train mode"),
    ),
    "train mode": Concept(
        "train() and eval() set how a module computes: dropout and batch norm differ, gradients do not.",
        (
            "In train mode dropout draws, and batch norm uses the batch and moves its running statistics; in eval mode neither.",
            "Recording is no_grad's: eval() records a graph as train() does, and no_grad() leaves dropout on.",
        ),
        (
            "net = torch.nn.Dropout(0.5)",
            "net(torch.ones(4))",
            "net = net.eval()",
            "net(torch.ones(4))",
        ),
        ("explain no_grad mode", "explain module"),
    ),
    "optimizer": Concept(
        "An optimizer writes into the parameters that it was given, from their .grad, each time step() is called.",
        (
            "It holds these very tensors: parameters that were replaced later, and layers that were added, are not in it.",
            "step() writes in no_grad and counts versions: a graph that saved a parameter cannot be used after it.",
            "zero_grad() sets .grad to None, so that the next pass does not add to the last one.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)",
            "opt = torch.optim.SGD([w], lr=0.1)",
            "(w * w).sum().backward()",
            "opt.step()",
            "opt.zero_grad()",
        ),
        ("explain accumulation", "explain version counter"),
    ),
    "create_graph": Concept(
        "With create_graph=True a backward pass is recorded itself: its gradients have a graph and can be differentiated again.",
        (
            "Without it gradients are plain numbers: a penalty on them moves nothing.",
            "backward(create_graph=True) leaves .grad with a graph, which keeps everything alive; torch.autograd.grad gives the "
            "gradient instead.",
        ),
        (
            "x = torch.tensor(3., requires_grad=True)",
            "(g,) = torch.autograd.grad(x ** 3, x, create_graph=True)",
            "g.backward()",
            "x.grad",
        ),
        ("explain retain_graph", "graph g"),
    ),
    "meta device": Concept(
        "A tensor on the meta device has a shape, strides and a dtype, and no elements.",
        (
            "Operations on it say what a real run would give, at any size and at no cost; reading an element is refused.",
            "to_empty() gives a module real memory, which nobody has written.",
        ),
        ("m = torch.ones(1000, 1000, device='meta')", "(m @ m).shape", "inspect m"),
        ("explain storage",),
    ),
    "retain_graph": Concept(
        "A backward pass frees what the nodes had saved; retain_graph=True keeps it for another pass.",
        (
            "Without it a second backward through the same nodes raises, where they had saved something.",
            "Each pass adds to .grad: two passes give twice the gradient.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)",
            "y = (w * w).sum()",
            "y.backward(retain_graph=True)",
            "y.backward()",
            "w.grad",
        ),
        ("explain TSC-E041", "explain accumulation"),
    ),
    "accumulation": Concept(
        "backward() adds to .grad; it does not replace it.",
        (
            "The first pass makes the tensor, every later one adds to it in place: whoever holds it sees it change.",
            "x.grad = None (what zero_grad does) lets go of it; x.grad.zero_() clears it for all who hold it.",
        ),
        (
            "w = torch.ones(2, requires_grad=True)",
            "w.sum().backward()",
            "g = w.grad",
            "w.sum().backward()",
            "g",
        ),
        ("explain TSC-H008", "alias g w.grad"),
    ),
    "requires_grad": Concept(
        "requires_grad says whether operations on a tensor are recorded.",
        (
            "A result requires grad where an input does, grad mode is on, and its dtype is floating or complex.",
            "It can be set on leaves only; of a computed tensor it follows from the inputs.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "(w * 2).requires_grad, w.argmax().requires_grad"),
        ("explain leaf", "explain no_grad mode"),
    ),
    "no_grad mode": Concept(
        "Inside torch.no_grad() nothing is recorded; versions are counted all the same.",
        (
            "A write in no_grad to a value that was saved makes the backward pass raise as any other write does.",
            "A view made in no_grad of a tensor that requires grad says requires_grad, but no edge leads from it; "
            "writing into it outside is refused.",
            "w -= g keeps the leaf; w = w - g binds the name to a new tensor.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "with torch.no_grad(): w -= 0.5", "w._version, w.is_leaf"),
        ("compare no_grad detach", "explain inference mode"),
    ),
    "inference mode": Concept(
        "Tensors made in inference mode have no version counter and stay out of every graph.",
        (
            "They can be read, added and cloned outside; they cannot be saved for a backward pass or written in "
            "place.",
        ),
        ("with torch.inference_mode(): t = torch.ones(2)", "t.is_inference()", "inspect t"),
        ("explain no_grad mode", "explain TSC-E036"),
    ),
    "in-place": Concept(
        "An operation in place writes into the bytes of its tensor: methods that end in _, +=, x[i] = v, out=.",
        (
            "Every name, view and saved value on the same bytes changes with it.",
            "The dtype stays: a result of a higher category is refused, a wider number wraps.",
            "x = x + 1 makes a new tensor and leaves the old bytes alone.",
        ),
        ("x = torch.zeros(3)", "y = x", "x += 1", "y"),
        ("storages --write x", "explain version counter", "explain promotion"),
    ),
    "broadcasting": Concept(
        "Sizes meet from the right; each pair must be equal, or one of them 1 or missing.",
        (
            "A dimension of size 1 is read again for each place (stride 0), nothing is copied.",
            "In place, the tensor that is written keeps its shape.",
        ),
        ("a = torch.ones(2, 3)", "b = torch.ones(3)", "(a + b).shape", "explain a + b.unsqueeze(1)[:2]"),
        ("explain a + b", "explain TSC-E014"),
    ),
    "promotion": Concept(
        "The highest category among the operands decides the dtype: bool, integer, floating, complex.",
        (
            "Within a category, tensors with dimensions decide before tensors without, and both before Python numbers.",
            "A Python number brings only its category: 0.5 lifts an integer tensor to the default dtype, 300 does not "
            "widen uint8.",
        ),
        ("(torch.ones(2, dtype=torch.int64) + 0.5).dtype", "torch.ones(2, dtype=torch.uint8) + 300"),
        ("explain x + 0.5", "explain TSC-E012", "explain TSC-H007"),
    ),
    "advanced indexing": Concept(
        "An index with a tensor, a list or a mask copies; numbers and slices give views.",
        (
            "x[m] = 5 writes into x (index_put_); x[m][0] = 5 writes into a copy that nobody holds.",
            "x[[0, 0]] += 1 adds once: it reads, adds and writes back; index_add_ adds each time.",
        ),
        ("x = torch.zeros(3)", "m = x == 0", "x[m][0] = 5", "x", "x[m] = 5", "x"),
        ("explain x[m]", "compare basic advanced mask", "explain TSC-H003"),
    ),
    "numpy bridge": Concept(
        "numpy(), from_numpy and np.asarray share the bytes: what one writes, the other sees.",
        (
            "numpy has no version counters: a write there is invisible to autograd.",
            "numpy() is refused on a tensor that requires grad: detach() it first, and the sharing stays.",
            "np.array and torch.tensor copy.",
        ),
        ("t = torch.ones(3)", "n = t.numpy()", "n[0] = 7", "t", "t._version"),
        ("compare numpy from_numpy array tensor", "explain TSC-E051", "explain TSC-H001"),
    ),
    "hook": Concept(
        "A hook is a function that sees a gradient on its way, and may replace it.",
        (
            "A tensor's hook sits on the node that made the value it had then: after an in-place write the old hook "
            "still sees the gradient of the old value.",
            "retain_grad() follows the tensor to its new node, and keeps the gradient after all other hooks.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "y = w * 2", "h = y.register_hook(print)", "hooks y"),
        ("hooks y", "graph y"),
    ),
    "expanded tensor": Concept(
        "An expanded tensor reads one slot several times: the stride of that dimension is 0.",
        (
            "Nothing is copied. Most in-place operations on it are refused, since several elements lie in one place.",
            "clone() gives each element a place of its own.",
        ),
        ("x = torch.ones(1, 3).expand(2, 3)", "x.stride()", "storages x"),
        ("explain broadcasting", "explain TSC-E023"),
    ),
    "name": Concept(
        "A name stands for an object: b = a gives the same tensor a second name, and copies nothing.",
        (
            "b += 1 writes into the tensor that both names stand for; b = b + 1 gives b a new one.",
            "copy.deepcopy, clone() and torch.tensor make another tensor.",
        ),
        ("a = torch.zeros(2)", "b = a", "b += 1", "a", "alias a b"),
        ("compare = clone deepcopy", "vars"),
    ),
    "graph": Concept(
        "The graph is what autograd recorded: nodes that know the gradient of one operation each.",
        (
            "It is held by the tensors that came out of it: when the last of them goes, it goes.",
            "It is cut by detach(), .data, no_grad, item(), numpy and integer results.",
        ),
        ("w = torch.ones(2, requires_grad=True)", "y = (w * w).sum()", "graph y"),
        ("graph y", "explain grad_fn"),
    ),
    "legacy constructor": Concept(
        "torch.Tensor, torch.FloatTensor and their kind read integers as sizes; torch.tensor reads them as values.",
        (
            "torch.Tensor(3) has three elements that PyTorch leaves uninitialised; torch.tensor(3) is the number 3.",
            "A list is data for both: torch.Tensor([3]) makes it floating whatever it holds, torch.tensor([3]) keeps int64.",
            "torch.Tensor(t) of a tensor copies nothing; torch.tensor(t) copies, and warns.",
        ),
        ("torch.Tensor(3).shape, torch.tensor(3).shape", "torch.Tensor([3]), torch.tensor([3])"),
        ("explain torch.Tensor(3)", "compare Tensor tensor", "explain promotion"),
    ),
    "printing": Concept(
        "The numbers that are shown decide together how all of them are written.",
        (
            "Scientific where the largest is more than 1000 times the smallest (absolute values, zeros left out), above "
            "1e8, or below 1e-4.",
            "More than 1000 elements are cut: three at each end of each dimension that is longer than six.",
            "float32 (the default dtype), complex64, int64 and bool are not named; every other dtype is.",
            "set_printoptions changes precision, threshold, edgeitems, linewidth and sci_mode.",
        ),
        ("x = torch.tensor([10000., 1.])", "x", "explain print(x)", "torch.arange(1001)"),
        ("explain print(x)", "inspect x"),
    ),
}
"""By name, in lower case."""

OTHER_NAMES = {
    "version": "version counter",
    "versions": "version counter",
    "_version": "version counter",
    "legacy": "legacy constructor",
    "tensor": "legacy constructor",
    "torch.tensor": "legacy constructor",
    "legacy constructors": "legacy constructor",
    "printoptions": "printing",
    "repr": "printing",
    "strides": "stride",
    "a view": "views",
    "aliasing": "storage",
    "alias": "storage",
    "assignment": "name",
    "=": "name",
    "type promotion": "promotion",
    "dtype": "promotion",
    "inplace": "in-place",
    "in place": "in-place",
    "in-place operation": "in-place",
    "saved tensors": "saved tensor",
    "modules": "module",
    "nn.module": "module",
    "torch.nn.module": "module",
    "parameter": "module",
    "parameters": "module",
    "buffer": "module",
    "buffers": "module",
    "train": "train mode",
    "eval": "train mode",
    "eval mode": "train mode",
    "training": "train mode",
    "optimizers": "optimizer",
    "step": "optimizer",
    "zero_grad": "accumulation",
    "double backward": "create_graph",
    "meta": "meta device",
    "meta tensor": "meta device",
    "mask": "advanced indexing",
    "boolean mask": "advanced indexing",
    "setitem": "advanced indexing",
    "computation graph": "graph",
    "grad mode": "no_grad mode",
    "enable_grad": "no_grad mode",
    "from_numpy": "numpy bridge",
    "ndarray": "numpy bridge",
    "freeze": "requires_grad",
    "frozen": "requires_grad",
    "deepcopy": "deep copy",
    "copy.deepcopy": "deep copy",
    "copy.copy": "deep copy",
    "torch.save": "archive",
    "torch.load": "archive",
    "save": "archive",
    "load": "archive",
    "pickle": "archive",
    "state": "state_dict",
    "load_state_dict": "state_dict",
    "no_grad": "no_grad mode",
    "inference_mode": "inference mode",
    "indexing": "advanced indexing",
    "hooks": "hook",
    "autograd": "graph",
    "gradient accumulation": "accumulation",
    "accumulate": "accumulation",
    "leaves": "leaf",
    "leaf tensor": "leaf",
    "storages": "storage",
    "node": "grad_fn",
}
"""Other words for them, none of them an operator's name."""


def concept(text: str) -> Explanation | None:
    """The page of a concept; None where there is none of that name."""
    name = " ".join(text.lower().split())
    name = OTHER_NAMES.get(name, name)
    found = CONCEPTS.get(name)
    if found is None:
        return None
    sections = [Section("", text=found.text)]
    if found.lines:
        sections.append(Section("try", rows=tuple((line,) for line in found.lines)))
    return Explanation(name, found.verdict, tuple(sections), see_also=found.see_also)
