"""PyTorch's errors and warnings by their texts: the one table of codes. `why` tells each in its own way; here is what they
have in common: a code, a key, how the text is known again, and what it means in a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Known:
    """An error that is explained."""

    code: str
    key: str
    words: str
    """Parts of `Type: message` of which one has to be there, between bars: `#` is a number, `…` anything, and `^` in front
    the beginning."""
    meaning: str
    example: str
    """A program whose last statement raises it."""

    @property
    def sentence(self) -> str:
        """What it means, as a sentence. A name keeps its letters: `detach_() would …`, `numpy has …`."""
        word = self.meaning.partition(" ")[0].rstrip(",")
        is_name = not word.isalpha() or word in _NAMES
        return f"{self.meaning if is_name else self.meaning[0].upper() + self.meaning[1:]}."


_NAMES: Final = frozenset({"numpy", "deepcopy"})
"""Words that are names, though nothing about them says so."""

ERRORS: Final[tuple[Known, ...]] = tuple(
    Known(*row)
    for row in (
        # shapes, dtypes, devices
        ("TSC-E010", "index_shapes", "The shape of the mask|indexing tensors could not be broadcast together",
         "a mask has the sizes of the dimensions that it stands for; index tensors broadcast to one shape",
         "torch.ones(3)[torch.tensor([True, False])]"),
        ("TSC-E011", "matmul", "shapes cannot be multiplied|^RuntimeError: size mismatch, got|"
         "^RuntimeError: inconsistent tensor size, expected tensor",
         "the inner sizes of a matrix product must be equal",
         "a = torch.ones(2, 3)\nb = torch.ones(2, 3)\na @ b"),
        ("TSC-E012", "cast", "result type … can't be cast to the desired output type",
         "an in-place operation cannot change the dtype of what it writes into",
         "x = torch.ones(2, dtype=torch.int64)\nx += 0.5"),
        ("TSC-E013", "same_dtype", "same dtype|expected scalar type|Found dtype … but expected",
         "this operation does not promote: its tensors must have one dtype",
         "x = torch.ones(2, 3, dtype=torch.int64)\ntorch.nn.Linear(3, 1)(x)"),
        ("TSC-E014", "broadcast", "The size of tensor a (#) must match the size of tensor b",
         "two shapes broadcast where, counted from the right, sizes are equal or one of them is 1",
         "torch.ones(2) + torch.ones(3)"),
        ("TSC-E015", "device",
         "is not on the expected device|Expected all tensors to be on the same device|are not at the same device|"
         "or on the same device as the indexed tensor",
         "the tensors of one operation lie on one device",
         "a = torch.ones(2, device='meta')\nb = torch.ones(2)\na + b"),
        ("TSC-E016", "index",
         "^IndexError: index # is out of bounds|^IndexError: Dimension out of range|^IndexError: too many "
         "indices|invalid index of a 0-dim tensor|Dimension specified as # but tensor has no dimensions|"
         "^IndexError: tuple index out of range|^IndexError: list index out of range",
         "the index or the dimension is not there",
         "torch.ones(2)[5]"),
        ("TSC-E017", "float_only",
         "Only Tensors of floating point … can require grad|only Tensors of floating point … can require grad",
         "only floating and complex tensors have gradients",
         "torch.tensor([1, 2], requires_grad=True)"),
        ("TSC-E018", "join",
         "Sizes of tensors must match except|stack expects each tensor|zero-dimensional tensor … cannot be concatenated",
         "tensors are joined where all other sizes are equal",
         "torch.stack([torch.ones(2), torch.ones(3)])"),
        ("TSC-E019", "stretch",
         "The expanded size of the tensor (#) must match the existing size|"
         "output with shape … doesn't match the broadcast shape|shape mismatch: value tensor of shape",
         "what is written or expanded is stretched to the given shape, and only sizes of 1 stretch",
         "torch.ones(2, 3).expand(4, 4)"),
        ("TSC-E020", "step", "step must be greater than zero",
         "a slice of a tensor steps forwards; flip turns a dimension round, in a copy",
         "x = torch.arange(3)\nx[::-1]"),
        # views and storage
        ("TSC-E021", "sizes", "shape '…' is invalid for input of size|only one dimension can be inferred",
         "a view or reshape keeps the number of elements",
         "torch.arange(6).view(4, 2)"),
        ("TSC-E022", "view", "view size is not compatible with input tensor's size and stride",
         "a view needs strides that visit the same slots in the same order",
         "torch.ones(2, 3).t().view(6)"),
        ("TSC-E023", "overlap", "more than one element of the written-to tensor refers",
         "several elements of the written tensor lie in one place",
         "torch.ones(1).expand(3).add_(1)"),
        ("TSC-E024", "smear", "some elements of the input tensor and the written-to tensor refer",
         "what is read and what is written overlap in one storage",
         "x = torch.arange(4.)\nx[1:].add_(x[:-1])"),
        ("TSC-E025", "resize", "resize storage that is not resizable|cannot resize variables that require grad",
         "this memory cannot change its size",
         "x = torch.ones(2, requires_grad=True)\nx.resize_(5)"),
        # writes that autograd refuses
        ("TSC-E031", "version", "has been modified by an inplace operation",
         "a value that was saved for the backward pass was written before it was used",
         "w = torch.ones(2, requires_grad=True)\ny = w.exp()\ny.add_(1)\ny.sum().backward()"),
        ("TSC-E032", "leaf", "^RuntimeError: a leaf Variable that requires grad is being used in an in-place operation",
         "a leaf that requires grad is not to be written while grad mode is on",
         "x = torch.ones(2, requires_grad=True)\nx.add_(1)"),
        ("TSC-E033", "leaf_view", "a view of a leaf Variable that requires grad is being used in an in-place",
         "writing through a view of a leaf writes the leaf",
         "x = torch.ones(2, requires_grad=True)\nx[0] = 1"),
        ("TSC-E034", "multi_output", "function that returns multiple views",
         "autograd cannot replay a write through one of several views that one call returned",
         "a, b = torch.ones(2, 2, requires_grad=True).unbind()\na += 1"),
        ("TSC-E035", "no_grad_view", "view was created in no_grad mode|view was created in inference mode",
         "a view made without recording has no place in the graph for a recorded write",
         "w = torch.ones(2, requires_grad=True) * 1\nwith torch.no_grad():\n    v = w[:1]\nv.mul_(2)"),
        ("TSC-E036", "inference", "Inference tensor|inference tensor|InferenceMode",
         "a tensor made in inference mode has no version counter, and autograd leaves it out",
         "with torch.inference_mode():\n    x = torch.ones(2)\nw = torch.ones(2, requires_grad=True)\n(w * x).sum()"),
        # the backward pass
        ("TSC-E037", "hook_result", "has changed the size of value|has changed the type of value",
         "a hook may put a gradient of the same shape and dtype in the place of the one it was given, or return None",
         "x = torch.ones(2, requires_grad=True)\nhook = x.register_hook(lambda g: g[:1])\n(x * 2).sum().backward()"),
        ("TSC-E039", "own_view", "This view was created inside a custom Function",
         "a view that a custom function or a full backward hook hands on is not written in place",
         "relu = torch.nn.ReLU(inplace=True)\nrelu.register_full_backward_hook(lambda module, given, came: None)\n"
         "relu(torch.ones(2, requires_grad=True) * 2)"),
        ("TSC-E038", "gradient_shape", "returned an invalid gradient at index #",
         "a gradient has the shape that its tensor had when it was recorded; .data or resize_() gave it another since",
         "x = torch.ones(2, requires_grad=True)\nv = x.view(2)\nx.data = torch.ones(3)\nx.sum().backward()"),
        ("TSC-E041", "freed", "Trying to backward through the graph a second time",
         "a backward pass frees what the nodes saved, and another one needs it",
         "w = torch.ones(2, requires_grad=True)\nloss = w.exp().sum()\nloss.backward()\nloss.backward()"),
        ("TSC-E042", "no_grad_fn", "element # of tensors does not require grad and does not have a grad_fn",
         "no graph leads from the result to a leaf that requires grad",
         "torch.ones(()).backward()"),
        ("TSC-E043", "scalar",
         "grad can be implicitly created only for scalar outputs|"
         "grad can be implicitly created only for real scalar outputs",
         "backward() without an argument begins at one number",
         "torch.ones(2, requires_grad=True).backward()"),
        ("TSC-E044", "unused", "appears to not have been used in the graph",
         "the result does not depend on the tensor by any recorded operation",
         "x = torch.ones(2, requires_grad=True)\n"
         "y = torch.ones(2, requires_grad=True)\n"
         "torch.autograd.grad(x.sum(), y)"),
        ("TSC-E045", "not_required", "One of the differentiated Tensors does not require grad",
         "a gradient was asked for with respect to a tensor that does not require grad",
         "x = torch.ones(2)\ny = torch.ones(2, requires_grad=True)\ntorch.autograd.grad(y.sum(), x)"),
        ("TSC-E046", "non_leaf_flag", "you can only change requires_grad flags of leaf variables",
         "requires_grad of a computed tensor follows from its inputs",
         "w = torch.ones(2, requires_grad=True)\ny = w * 2\ny.requires_grad = False"),
        ("TSC-E047", "retain", "can't retain_grad on Tensor that has requires_grad=False|"
         "cannot register a hook on a tensor that doesn't require grad",
         "a tensor outside the graph gets no gradient, to retain or to give to a hook",
         "torch.ones(2).register_hook(print)"),
        ("TSC-E048", "detach_view", "Can't detach views in-place",
         "detach_() would cut a view off its base",
         "w = torch.ones(2, requires_grad=True) * 1\nw[0].detach_()"),
        ("TSC-E049", "no_gradient", "NoneType",
         "something is None here; a gradient is None until a backward pass reaches its tensor",
         "torch.ones(2, requires_grad=True).grad.zero_()"),
        # numpy and copies
        ("TSC-E051", "numpy_grad", "Can't call numpy() on Tensor that requires grad",
         "numpy would write where autograd does not see it",
         "torch.ones(2, requires_grad=True).numpy()"),
        ("TSC-E052", "numpy_other", "Can't call numpy() on Tensor that has|unsupported ScalarType|to numpy.",
         "numpy has no array for this tensor",
         "torch.ones(2, dtype=torch.bfloat16).numpy()"),
        ("TSC-E053", "deepcopy", "support the deepcopy protocol",
         "deepcopy copies leaves only: a computed tensor has a graph behind it",
         "copy.deepcopy(torch.ones(2, requires_grad=True) * 2)"),
        ("TSC-E054", "negative_stride", "stride in the given numpy array is negative",
         "PyTorch's strides are never negative",
         "torch.from_numpy(np.ones(3)[::-1])"),
        ("TSC-E055", "many", "cannot be converted to Scalar|with more than one value is ambiguous|"
         "only one element tensors can be converted|unsupported format string passed to Tensor",
         "one number was wanted of several",
         "torch.ones(2).item()"),
        ("TSC-E056", "floating",
         "could not infer output dtype|not implemented for 'Long'|not implemented for 'Int'|not implemented "
         "for 'Short'|not implemented for 'Char'|not implemented for 'Byte'|not implemented for 'Bool'",
         "this operation is there for floating tensors only",
         "torch.tensor([1, 2]).mean()"),
        ("TSC-E057", "overflow", "value cannot be converted to type … without overflow",
         "the number does not fit the dtype",
         "torch.tensor([256], dtype=torch.uint8)"),
        ("TSC-E058", "data",
         "new(): data must be a sequence|new(): invalid data type|expected sequence of length|"
         "expected np.ndarray|too many dimensions '|can't convert np.ndarray of type",
         "a tensor is made of numbers, or of lists of equal lengths",
         "torch.tensor([[1, 2], [3]])"),
        ("TSC-E060", "class_weights", "Expected floating point type for target with class probabilities",
         "a target of the shape of the scores has probabilities of the classes, which are floating; a class for each sample is "
         "one whole number",
         "torch.nn.functional.cross_entropy(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int64))"),
        ("TSC-E059", "integers",
         "expected target dtype|have one of the following scalar types|used as indices must be|"
         "Expected a long tensor for index|Expected dtype int… for index|index tensor of type LongTensor|"
         "not implemented for 'Float'|not implemented for 'Double'",
         "positions, classes and bits are whole numbers: int64",
         "torch.ones(3).gather(0, torch.ones(1))"),
        # networks
        ("TSC-E061", "channels", "to have # channels, but got # channels instead",
         "the channels, dimension 1 of a batch (N, C, H, W) and 0 of one image (C, H, W), are to be those of the layer",
         "torch.nn.Conv2d(3, 2, 3)(torch.ones(1, 5, 5, 3))"),
        ("TSC-E104", "attention_mask", "attn_mask is torch.Size",
         "a mask of attention has a row for each query and a column for each key",
         "m = torch.nn.MultiheadAttention(4, 2)\nx = torch.ones(5, 1, 4)\nm(x, x, x, attn_mask=torch.zeros(3, 3))"),
        ("TSC-E062", "dimensions", "0D|1D|2D|3D|4D|5D|number of dimensions|must be a matrix|expects a tensor with <= |"
         "Got incorrect dims for |Got wrong shapes for dot|"
         "required rank # tensor|is only supported on matrices",
         "the operation wants another number of dimensions",
         "torch.nn.Conv2d(3, 2, 3)(torch.ones(5, 5))"),
        ("TSC-E063", "features",
         "Given normalized_shape|must be equal to input_size|Expected hidden|"
         "Expected size for first two dimensions of batch2",
         "the input has another size than the layer, or the other operand, was made for",
         "torch.nn.LayerNorm(4)(torch.ones(2, 3))"),
        ("TSC-E064", "one_value", "Expected more than 1 value per channel when training",
         "batch norm in training mode needs several values of each channel: their variance; model.eval() uses the running ones",
         "torch.nn.BatchNorm1d(3)(torch.ones(1, 3))"),
        ("TSC-E065", "batch",
         "Expected input batch_size|Expected target size|Mismatch in shape: grad_output|"
         "Target size … must be the same as|must match the size of target|Using a target size",
         "input and target do not have the sizes that belong together",
         "torch.nn.functional.nll_loss(torch.ones(4, 3), torch.ones(5, dtype=torch.long))"),
        ("TSC-E066", "positions",
         "Target # is out of bounds|index out of range in self|INDICES element is out of DATA bounds|Class values must be|"
         "^RuntimeError: index # is out of bounds",
         "an element of an integer tensor is a position that is not there",
         "torch.nn.Embedding(3, 2)(torch.tensor([3]))"),
        ("TSC-E067", "probabilities",
         "all elements of input should be between 0 and 1|all elements of target should be between 0 and 1",
         "what should be probabilities are not all between 0 and 1",
         "torch.nn.functional.binary_cross_entropy(torch.tensor([2.]), torch.ones(1))"),
        ("TSC-E068", "state", "Error(s) in loading state_dict",
         "the saved state belongs to a module of other names or shapes",
         "torch.nn.Linear(2, 2).load_state_dict({})"),
        ("TSC-E069", "parameter",
         "cannot assign '…' as parameter|cannot assign '…' object to buffer|cannot assign '…' as child module",
         "this name of the module holds a parameter; give it an nn.Parameter, or write into .data under no_grad",
         "torch.nn.Linear(2, 2).weight = torch.ones(2, 2)"),
        ("TSC-E098", "no_forward", 'is missing the required "forward" function',
         "a container of modules holds them and does not call them; Sequential calls one after the other",
         "torch.nn.ModuleList([torch.nn.ReLU()])(torch.ones(2))"),
        # the rest of training
        ("TSC-E071", "optimised", "can't optimize a non-leaf Tensor",
         "an optimizer changes leaves: what was computed from them would be computed again from the old values",
         "torch.optim.SGD([torch.ones(2, requires_grad=True) * 2], lr=0.1)"),
        ("TSC-E072", "nothing_to_optimise", "optimizer got an empty parameter list",
         "there was no parameter: a list that was never filled, or an iterator that was used up",
         "torch.optim.SGD([], lr=0.1)"),
        ("TSC-E077", "held_twice", "appear in more than one parameter group|parameter group with duplicate parameters",
         "an optimizer takes each parameter once: what is in one group is in no other",
         "net = torch.nn.Linear(2, 1)\n"
         "torch.optim.SGD([{'params': [net.weight]}, {'params': net.parameters()}], lr=0.1)"),
        ("TSC-E073", "gradient_fits", "attempting to assign a gradient|assigned grad has data of",
         "a gradient has the shape, the dtype and the device of its tensor",
         "x = torch.ones(2)\nx.grad = torch.ones(3)"),
        ("TSC-E074", "not_a_number", "returned nan values in its",
         "a gradient became nan in this node",
         "x = torch.zeros(1, requires_grad=True)\n"
         "with torch.autograd.set_detect_anomaly(True):\n"
         "    y = (x * x).sqrt().sum() * 0\n"
         "    y.backward()"),
        ("TSC-E075", "singular", "LinAlgError",
         "the matrix is not one that this decomposition or inverse exists for",
         "torch.linalg.inv(torch.zeros(2, 2))"),
        ("TSC-E111", "phases", "are specified up to multiplication by e^{i phi}",
         "complex eigenvectors and singular vectors are known up to a factor e^{iφ} each, and what depends on it has no gradient",
         "x = torch.tensor([[1j, 2], [3, 4]], requires_grad=True)\ntorch.linalg.svd(x)[0].real.sum().backward()"),
        ("TSC-E076", "no_cuda", "Torch not compiled with CUDA enabled",
         "there is no CUDA device in this session",
         "torch.ones(2).cuda()"),
        # archives
        ("TSC-E105", "archive", "Weights only load failed",
         "of an archive torch.load makes tensors and plain containers, from its first byte on; objects of other classes are "
         "named or asked for by weights_only=False",
         "import io\nbuffer = io.BytesIO()\ntorch.save(torch.nn.Linear(2, 1), buffer)\nbuffer.seek(0)\ntorch.load(buffer)"),
        ("TSC-E106", "archive_end", "^EOFError: ",
         "there is nothing more to read: a buffer is read from where it stands",
         "import io\nbuffer = io.BytesIO()\ntorch.save(torch.ones(2), buffer)\ntorch.load(buffer)"),
        # names and arguments
        ("TSC-E081", "arguments",
         "^TypeError: … received an invalid combination of arguments|^TypeError: … unexpected keyword argument|"
         "^TypeError: … positional argument|^TypeError: …: argument '|^TypeError: … failed to unpack the object|"
         "^TypeError: … multiple values for argument|expected Tensor as element|is not a Module subclass|"
         "device type at start of device string|Invalid device string|all inputs have to be Tensors or GradientEdges|"
         "argument given to the optimizer should be|can only optimize Tensors",
         "the arguments of the call are not those of the function",
         "torch.ones(2).sum(dims=0)"),
        ("TSC-E082", "attribute", "^AttributeError: ",
         "the value has nothing of this name",
         "torch.ones(2).vieww(2)"),
        ("TSC-E083", "kinds",
         "object is not callable|object is not subscriptable|unsupported operand type|can only concatenate|"
         "must be real number, not|object is not iterable|has no len()|"
         "can't multiply sequence by non-int|cannot be interpreted as an integer|"
         "unsupported format string passed to …method",
         "a value of another kind is wanted here; a method gives its result when it is called",
         "torch.ones(2).shape()"),
        ("TSC-E084", "unpack",
         "values to unpack|cannot unpack non-iterable|iteration over a 0-d tensor",
         "taking a tensor apart gives its rows, one for each name",
         "a, b = torch.ones(3)"),
        ("TSC-E085", "opened", "does not support the context manager protocol",
         "with opens what a call gives, such as torch.no_grad()",
         "with torch.no_grad: pass"),
        # transforms
        ("TSC-E091", "vmap_value", "vmap: It looks like you're calling .item()|in some data-dependent control flow",
         "under vmap a tensor stands for every example at once and has no value that Python could go by; torch.where chooses "
         "for each",
         "torch.vmap(lambda x: x if x > 0 else -x)(torch.ones(2))"),
        ("TSC-E092", "vmap_shape", "vmap: … dynamic shape|torch.masked_select(self, mask) We cannot support this",
         "under vmap every example's result has the same shape; of this operation the values would decide it",
         "torch.vmap(lambda x: x.nonzero())(torch.ones(2, 3))"),
        ("TSC-E093", "vmap_random", "vmap: called random operation while in randomness error mode",
         "under vmap all examples draw the same numbers or each its own, and which has to be said",
         "torch.vmap(lambda x: x + torch.rand(()))(torch.ones(2))"),
        ("TSC-E094", "vmap_write", "is not possible because there exists a Tensor `other` in extra_args",
         "a tensor that vmap does not map has room for one example, and each would be written into it",
         "total = torch.zeros(3)\ntorch.vmap(total.mul_)(torch.ones(2, 3))"),
        ("TSC-E110", "vmap_escaped", "may have escaped from inside a function being vmapped",
         "a tensor that a function saw under vmap is one example of a batch, and nothing when vmap has ended",
         "seen = []\ntorch.vmap(lambda x: seen.append(x) or x)(torch.ones(2))\nseen[0] + 1"),
        ("TSC-E095", "strict", "in strict mode",
         "with strict=True a result, or a gradient, to which no recorded operation leads is refused",
         "torch.autograd.functional.jacobian(lambda x: torch.ones(2), torch.ones(2), strict=True)"),
        ("TSC-E102", "number", "must be divisible by|has to be between 0 and 1|selected index k out of range",
         "a number that is written here is none that this takes; the nearest that it takes are found by trying",
         "torch.nn.MultiheadAttention(embed_dim=10, num_heads=3)"),
        ("TSC-E103", "rows", "Size mismatch between tensors",
         "the tensors of a dataset have one row for each sample: their first sizes are the same",
         "torch.utils.data.TensorDataset(torch.ones(3, 2), torch.ones(2))"),
        ("TSC-E107", "reentrant", "When use_reentrant=True, torch.utils.checkpoint is incompatible with",
         "the checkpoint of before runs a pass of its own within backward(), which fills .grad: grad() asks for no such",
         "from torch.utils.checkpoint import checkpoint\nx = torch.ones(2, requires_grad=True)\n"
         "y = checkpoint(torch.exp, x, use_reentrant=True)\ntorch.autograd.grad(y.sum(), x)"),
        ("TSC-E108", "own_gradients", "returned an incorrect number of gradients|returned a gradient different than None",
         "the backward of a custom function gives one gradient for each argument of its forward, None for what has none",
         "def forward(ctx, x, k):\n    return x * k\ndef backward(ctx, grad):\n    return grad\n"
         "Times = type('Times', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
         "Times.apply(torch.ones(1, requires_grad=True), 2).backward()"),
        ("TSC-E109", "legacy_function", "Legacy autograd function with non-static forward",
         "a custom function is called by apply(), on its class",
         "def forward(ctx, x):\n    return x * 2\ndef backward(ctx, grad):\n    return grad * 2\n"
         "Twice = type('Twice', (torch.autograd.Function,), {'forward': forward, 'backward': backward})\n"
         "Twice()(torch.ones(1, requires_grad=True))"),
        ("TSC-E112", "one_result", "to return a scalar Tensor|to return a scalar tensor",
         "a gradient is of one number: the function gives a sum or a mean, or jacrev() is asked for all of them",
         "torch.func.grad(lambda x: x * 2)(torch.ones(2))"),
        ("TSC-E116", "mixed_precision",
         "are unsafe to autocast|but _scale is None|unscale_() has already been called|Attempting to unscale FP16 gradients|"
         "No inf checks were recorded",
         "mixed precision wants parameters of float32 and a loss of scores, which a scaler multiplies before the pass, and whose "
         "gradients it divides once",
         "scaler = torch.amp.GradScaler('cpu')\n"
         "scaler.step(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1))"),
        ("TSC-E117", "mask_sign", "If you are trying to invert a mask",
         "yes and no have no sign and no difference: ~ turns a mask over",
         "1 - torch.tensor([True, False])"),
        # what is only warned of
        ("TSC-E096", "copied", "To copy construct from a tensor",
         "a tensor's numbers are copied by torch.tensor(…), and its graph is left; detach().clone() does the same and says so",
         "x = torch.ones(2)\ntorch.tensor(x)"),
        ("TSC-E101", "read_as_number", "Converting a tensor with requires_grad=True to a scalar",
         "a number has no graph: what is computed from it leads back to nothing; detach() says that this is meant",
         "loss = torch.ones(1, requires_grad=True) * 2\nfloat(loss)"),
        ("TSC-E097", "kept_nowhere", "The .grad attribute of a Tensor that is not a leaf",
         "a backward pass leaves gradients in leaves; a computed tensor keeps its own only after retain_grad()",
         "x = torch.ones(2, requires_grad=True)\ny = x * 2\ny.sum().backward()\ny.grad"),
        ("TSC-E100", "constant", "is not differentiable with respect to argument",
         "the function gives that argument no gradient, and refuses one that asks for it",
         "w = torch.ones(2, requires_grad=True)\n"
         "torch.nn.functional.cross_entropy(torch.ones(1, 2), torch.tensor([0]), w)"),
        ("TSC-E099", "schedule", "before `optimizer.step()`",
         "a scheduler's step comes after the optimizer's: the first learning rate is skipped otherwise",
         "opt = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)\n"
         "plan = torch.optim.lr_scheduler.StepLR(opt, 1)\nplan.step()"),
        ("TSC-E121", "steps_in_all", "Tried to step # times. The specified number of total steps",
         "a scheduler that was told how many steps there are in all makes no more; each call of its step() is one, in a loop "
         "over batches too",
         "opt = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)\n"
         "plan = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, total_steps=2)\n"
         "for i in range(3):\n    opt.step()\n    plan.step()"),
        ("TSC-E122", "of_distribution", "Expected parameter ",
         "a scale is above 0, probabilities are at least 0 and add up to 1, and no parameter is nan",
         "torch.distributions.Normal(torch.zeros(2), torch.tensor([-1., 1.]))"),
        ("TSC-E113", "few_samples", "degrees of freedom is <= 0",
         "a deviation, or a variance, divides by one less than the number of elements: of one element it is nan; correction=0 "
         "divides by their number",
         "torch.ones(1).std()"),
        ("TSC-E120", "without_batch", "size mismatch (got input: ",
         "scores without a batch are those of one example: its target is one class, without a batch as well",
         "scores = torch.ones(2, requires_grad=True)\n"
         "torch.nn.functional.cross_entropy(scores, torch.tensor([1])).backward()"),
        ("TSC-E114", "not_full", "Using a non-full backward hook",
         "register_backward_hook is the hook of before, which sees the last node of a module; register_full_backward_hook sees "
         "the module",
         "net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.ReLU())\n"
         "net.register_backward_hook(lambda module, wants, gives: None)\nnet(torch.ones(1))"),
        ("TSC-E115", "of_arrays", "Creating a tensor from a list of numpy.ndarrays",
         "a list of arrays is gone through element by element; one array is copied at once",
         "torch.tensor([np.ones(2), np.ones(2)])"),
    )
)  # fmt: skip
"""Every error that has a code, in the order in which they are tried."""


SLIPS: Final = frozenset(each.code for each in ERRORS if each.key in ("arguments", "attribute", "kinds"))
"""The errors of a slip of the pen, which tell nothing of tensors."""


def known_error(kind: str, message: str) -> Known | None:
    """The row of an exception, None where it has none."""
    text = f"{kind}: {message}"
    return next((each for each in ERRORS if _pattern(each.words).search(text)), None)


@cache
def _pattern(words: str) -> re.Pattern[str]:
    parts = []
    for part in words.split("|"):
        whole = re.escape(part.removeprefix("^")).replace("…", ".*?").replace(r"\#", r"-?\d+")
        parts.append("^" * part.startswith("^") + whole)
    return re.compile("|".join(parts))


CPP_DTYPES: Final = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip
"""C++'s names of dtypes, as error texts have them."""
CAST: Final = re.compile(r"result type (\w+) can't be cast to the desired output type (\w+)")


def refused_cast(message: str) -> tuple[str, str] | None:
    """The dtype of a result, and that of what it was to be written into; None for another error."""
    found = CAST.search(message)
    if found is None:
        return None
    result, kept = found.groups()
    return CPP_DTYPES.get(result, result), CPP_DTYPES.get(kept, kept)
