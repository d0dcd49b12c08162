"""PyTorch's error and warning texts, as named templates, and the one place that warns.

Texts that only one operator says stand with that operator; here is what several say.
"""

import sys
import warnings
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import process

if TYPE_CHECKING:
    from tensorcli.engine.tensor import Tensor

# ---- leaves and flags
NON_LEAF_FLAG: Final = "you can only change requires_grad flags of leaf variables."
NON_LEAF_DETACH: Final = (
    " If you want to use a computed variable in a subgraph that doesn't require differentiation use "
    "var_no_grad = var.detach()."
)
VOLATILE: Final = "volatile was removed and now has no effect. Use `with torch.no_grad():` instead."
FLOATING_FLAG: Final = "only Tensors of floating point and complex dtype can require gradients"
FLOATING_FACTORY: Final = "Only Tensors of floating point and complex dtype can require gradients"
FLOATING_METHOD: Final = "only Tensors of floating point dtype can require gradients"
LEAF_IN_PLACE: Final = "a leaf Variable that requires grad is being used in an in-place operation."
TOO_MANY_DIMENSIONS: Final = "only tensors with up to 64 dims are supported"
"""What PyTorch's reductions say, and here everything that looks at elements: numpy's arrays end there."""
RESIZE_WITH_GRADIENT: Final = "cannot resize variables that require grad"
LEAF_VIEW_IN_PLACE: Final = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation."
)
NON_LEAF_GRAD: Final = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
    "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the "
    "leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information."
)
DECORATED_CLASS: Final = (
    "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or "
    "methods. To preserve the current behavior of class decoration, you can directly decorate the `__init__` method and "
    "nothing else."
)

# ---- inference mode
INFERENCE_VERSION: Final = "Inference tensors do not track version counter."
INFERENCE_REQUIRES_GRAD: Final = (
    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
)
INFERENCE_IN_PLACE: Final = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
    "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)
SAVED_DETACHED: Final = (
    "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_().This is not supported, please use "
    "out-of-place `.detach()` instead"
)
INFERENCE_SAVED: Final = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
    "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or "
    "use `torch.no_grad()` instead of `torch.inference_mode()`."
)

# ---- views and in-place writes
MULTI_OUTPUT_VIEW: Final = (
    " This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
CUSTOM_VIEW: Final = (
    " This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to "
    "handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect "
    "gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)
NO_GRAD_VIEW: Final = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both "
    "outside (if you want the inplace to be tracked)."
)
INTERNAL_OVERLAP: Final = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
    "clone() the tensor before performing the operation."
)
COMPLEX_GRADIENT: Final = (
    "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  (Could "
    "this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)
PARTIAL_OVERLAP: Final = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
    "location. Please clone() the tensor before performing the operation."
)
BOOL_SUBTRACTION: Final = "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
BOOL_NEGATION: Final = (
    "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
    "`logical_not()` operator instead."
)
EXPANDED_MASKED_FILL: Final = (
    "Use of masked_fill_ on expanded tensors is deprecated. Please clone() the tensor before performing this operation. "
    "This also applies to advanced indexing e.g. tensor[mask] = scalar"
)
DETACH_VIEW: Final = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and "
    "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on "
    "these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py "
    "as the solution."
)

# ---- the backward pass
FREED: Final = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)
CREATE_GRAPH: Final = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which "
    "can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use "
    "this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and "
    "avoid the leak."
)

# ---- shapes, dtypes, out=
EMPTY_AMINMAX: Final = (
    "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
)
NUMPY_DETACH: Final = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
BATCHED_ITEM: Final = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please "
    "try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please "
    "file a bug report."
)
BATCHED_BOOL: Final = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, "
    "please file an issue at https://github.com/pytorch/pytorch/issues ."
)
BATCHED_ELEMENT: Final = (
    "vmap: It looks like you're either (1) calling .item() on a Tensor or (2) attempting to use a Tensor in some "
    "data-dependent control flow or (3) encountering this error in PyTorch internals. For (1): we don't support vmap over "
    "calling .item() on a Tensor, please try to rewrite what you're doing with other operations. For (2): we don't support "
    "data-dependent control flow in vmap yet, please file an issue at https://github.com/pytorch/pytorch/issues . For (3): "
    "please file an issue."
)
ESCAPED: Final = (
    "Either your tensor may have escaped from inside a function being vmapped and this is a user error (see "
    "https://pytorch.org/functorch/stable/ux_limitations.html), or there is an internal functorch error in "
    "`gen_vmap_plumbing` Please file an issue if it looks like the latter"
)
WRAPPED_POINTER: Final = "Cannot access data pointer of Tensor that doesn't have storage"
WRAPPED_STORAGE: Final = "Cannot access storage of TensorWrapper"
WRAPPED_BATCH: Final = "Cannot access storage of BatchedTensorImpl"
META_COPY: Final = "Cannot copy out of meta tensor; no data!"


def numbers(values: Any) -> str:
    """Sizes as PyTorch's C++ writes them: `[2, 3]`."""
    return f"[{', '.join(map(str, values))}]"


def no_dimensions(dim: int) -> IndexError:
    """A dimension of a tensor that has none."""
    return IndexError(f"Dimension specified as {dim} but tensor has no dimensions")


def negative_size(sizes: Any) -> RuntimeError:
    """Sizes of which some are below zero: PyTorch names the first."""
    first = next(size for size in sizes if size < 0)
    return RuntimeError(f"Trying to create tensor with negative dimension {first}: {numbers(sizes)}")


def count_overflow() -> RuntimeError:
    """Sizes whose product PyTorch cannot count: beyond 63 bits, or below zero."""
    return RuntimeError("numel: integer multiplication overflow")


def storage_overflow(sizes: Any, strides: Any = None) -> RuntimeError:
    """A storage whose bytes PyTorch cannot count."""
    laid = "" if strides is None else f" and strides={numbers(strides)}"
    return RuntimeError(f"Storage size calculation overflowed with sizes={numbers(sizes)}{laid}")


def overflow(kind: str) -> RuntimeError:
    """A number that its C++ type does not hold."""
    return RuntimeError(f"value cannot be converted to type {kind} without overflow")


def broadcast(a: int, b: int, dim: int) -> RuntimeError:
    """Two shapes that do not broadcast."""
    return RuntimeError(
        f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}"
    )


VMAP_FORMAT: Final = (
    "NYI: querying is_contiguous inside of vmap for memory_format other than torch.contiguous_format"
)


def output_shape(sizes: Any, wanted: Any) -> RuntimeError:
    """A result that needs other sizes than its destination has."""
    return RuntimeError(
        f"output with shape {numbers(sizes)} doesn't match the broadcast shape {numbers(wanted)}"
    )


def no_meta_kernel(name: str) -> NotImplementedError:
    """An operator that PyTorch registers no kernel for on meta."""
    return NotImplementedError(
        f"aten::{name}: attempted to run this operator with Meta tensors, but there was no fake impl or Meta kernel "
        "registered. You may have run into this message while using an operator with PT2 compilation APIs "
        "(torch.compile/torch.export); in order to use this operator with those APIs you'll need to add a fake impl. Please "
        "see the following for next steps:  https://pytorch.org/tutorials/advanced/custom_ops_landing_page.html"
    )


def not_implemented(kernel: str, scalar_type: str) -> NotImplementedError:
    """A dtype that PyTorch's kernel is not compiled for."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_type}'")


def no_gradient_of(scalar_type: str) -> RuntimeError:
    """A result that is to have a history, of a dtype that has no gradients."""
    return RuntimeError(f"Autograd not support dtype: {scalar_type}")


def out_of_memory(nbytes: int) -> RuntimeError:
    """What PyTorch's allocator says of a number of bytes that the system does not give."""
    return RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
        f"{nbytes} bytes. Error code 12 (Cannot allocate memory)"
    )


def expected_scalar_type(wanted: str, found: str) -> RuntimeError:
    """A tensor of another dtype than the one that a kernel reads it as."""
    return RuntimeError(f"expected scalar type {wanted} but found {found}")


def different_devices(expected: Any, found: Any) -> RuntimeError:
    """Two tensors that lie on different devices."""
    if "meta" in (expected.type, found.type):
        return RuntimeError(f"Tensor on device {found} is not on the expected device {expected}!")
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {expected} and {found}!"
    )


def result_cast(source: str, target: str) -> RuntimeError:
    """A result whose dtype may not be written into its destination."""
    return RuntimeError(f"result type {source} can't be cast to the desired output type {target}")


def output_resized(old: Any, new: Any) -> str:
    """The warning for an `out=` of the wrong size."""
    return (
        f"An output with one or more elements was resized since it had shape {numbers(old)}, which does not match the "
        f"required output shape {numbers(new)}. This behavior is deprecated, and in a future PyTorch release outputs "
        "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, "
        "inplace, to zero elements with t.resize_(0)."
    )


def tensor_type(tensor: "Tensor") -> str:
    """`torch.FloatTensor`, as C++ calls it in errors: CPUBoolType and the like for the newer dtypes."""
    kind = tensor._dtype
    prefix = "CUDA" if tensor.is_cuda else "Meta" if tensor.is_meta else "CPU"
    if prefix == "CPU":
        return kind.tensor_type
    if kind.tensor_type.startswith("torch.") and prefix == "CUDA":
        return kind.tensor_type.replace("torch.", "torch.cuda.")
    return f"{prefix}{kind.scalar_type}Type"


def modified(tensor_type: str, sizes: Any, producer: str, found: int, expected: int, hint: str) -> str:
    """The version error. `producer` is empty or ` , which is output 0 of Exp`'s words."""
    return (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{tensor_type} {numbers(sizes)}]{producer} is at version {found}; expected version {expected} instead. {hint}"
    )


ANOMALY_HINT: Final = (
    "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)
ANOMALY_FOUND: Final = (
    "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question "
    "was changed in there or anywhere later. Good luck!"
)

DISCARDS_IMAGINARY: Final = "Casting complex values to real discards the imaginary part"


class Said:
    """What was said that PyTorch says once per process, and whether it is said each time (`set_warn_always`)."""

    __slots__ = ("always", "once")

    def __init__(self) -> None:
        self.always = False
        self.once: set[str] = set()

    def first(self, text: str) -> bool:
        """Whether a text is to be said now."""
        if text in self.once and not self.always:
            return False
        self.once.add(text)
        return True


said = Said()
process.keep_attributes(said, "always")
process.keep_contents(said.once)


def warn(text: str, category: type[Warning] = UserWarning, once: bool | str = False) -> None:
    """Warn in the name of the first caller outside the engine. `once`: PyTorch says it once per process, whatever the numbers in
    it where a name is given for its place.
    """
    if once and not said.first(text if once is True else once):
        return
    level = 0
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(
        "tensorcli.engine"
    ):
        frame = frame.f_back
        level += 1
    # stacklevel 1 is this function, 2 its caller.
    warnings.warn(text, category, stacklevel=level + 2)


def warn_discards(source: Any, target: Any) -> None:
    """Warn, once, that a cast from one dtype to another drops imaginary parts."""
    if source.is_complex and not target.is_complex and target.name != "bool":
        warn(DISCARDS_IMAGINARY, once=True)


def grad_layout(grad: Any, leaf: Any) -> str:
    """A `.grad` whose strides are not those that its leaf asks for, by their geometries."""
    return (
        "grad and param do not obey the gradient layout contract. This is not an error, but may impair performance.\n"
        f"grad.sizes() = {numbers(grad.sizes)}, strides() = {numbers(grad.strides)}\n"
        f"param.sizes() = {numbers(leaf.sizes)}, strides() = {numbers(leaf.strides)}"
    )


def output_dtype(found: str, wanted: str) -> RuntimeError:
    """An in-place call in another dtype than that of the tensor."""
    return RuntimeError(
        f"Bad in-place call: input tensor dtype {found} and output tensor dtype {wanted} should match"
    )


def range_resized(sizes: tuple[int, ...], numel: int, wanted: int) -> str:
    """An output of another number of elements than a range has."""
    return (
        f"The number of elements in the out tensor of shape {numbers(sizes)} is {numel} which does not match the computed number "
        f"of elements {wanted}. Note that this may occur as a result of rounding error. The out tensor will be resized to a "
        f"tensor of shape ({wanted},)."
    )


def out_with_gradient(name: str) -> RuntimeError:
    """`out=` where an argument asks for a gradient."""
    return RuntimeError(
        f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
        "requires grad."
    )


def norm_dtype(kind: str) -> RuntimeError:
    """A norm of neither floating nor complex numbers."""
    return RuntimeError(
        f"norm(): input dtype should be either floating point or complex. Got {kind} instead."
    )
