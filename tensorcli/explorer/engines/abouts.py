"""A line of help for each attribute and method of tensors whose definition in the engine has no docstring."""

from __future__ import annotations

from typing import Final

_OTHER_DEVICES = {
    name: f"Whether the tensor lies on a device of this kind ({name.removeprefix('is_')}); False here."
    for name in "is_ipu is_maia is_mps is_mtia is_vulkan is_xla is_xpu".split()
}
_OTHER_LAYOUTS = dict.fromkeys(
    "is_mkldnn is_nested is_quantized is_sparse is_sparse_csr is_distributed".split(),
    "Whether the tensor has another layout than strides; False here.",
)
_REMOVED = dict.fromkeys(
    "eig lstsq solve symeig".split(), "Removed from PyTorch: the error names what took its place."
)
_DTYPES = {
    name: f"The tensor in the dtype {dtype}: itself when it has that already."
    for name, dtype in {
        **{name: name for name in ("bool", "bfloat16")},
        **{"half": "float16", "float": "float32", "double": "float64"},
        **{"byte": "uint8", "char": "int8", "short": "int16", "int": "int32", "long": "int64"},
        **{"cfloat": "complex64", "cdouble": "complex128"},
    }.items()
}

ABOUT: Final = {
    "apply_": "Replace each element by what a function of Python's makes of it, in place; on the CPU only.",
    "map_": "Replace each element by a function of it and another tensor's, in place; on the CPU only.",
    "map2_": "Replace each element by a function of it and two other tensors', in place; on the CPU only.",
    "data_ptr": "The address of the first element: storage address plus storage_offset times element_size.",
    "const_data_ptr": "The address of the first element, which is not to be written through it: that of data_ptr.",
    "module_load": "What load_state_dict makes of a parameter or buffer: its values copied, or the other tensor detached.",
    "device": "Where the storage lies: cpu, cuda:0 or meta.",
    "dim": "How many dimensions there are; ndim says the same.",
    "ndim": "How many dimensions there are; dim() says the same.",
    "ndimension": "How many dimensions there are; dim() says the same.",
    "element_size": "Bytes of one element.",
    "itemsize": "Bytes of one element; element_size() says the same.",
    "get_device": "The number of the CUDA device, -1 on the CPU.",
    "grad_dtype": "The dtype that a gradient must have; None where any may come.",
    "grad_fn": "The node of the graph that made the tensor; None of a leaf.",
    "is_leaf": "Whether no recorded operation made the tensor: gradients are added up in leaves that require grad.",
    "requires_grad": "Whether operations on the tensor are recorded, for backward passes to reach it.",
    "shape": "The sizes of the dimensions; size() says the same.",
    "size": "The sizes of the dimensions, or of one; shape says the same.",
    "stride": "For each dimension, or one: how many slots of the storage lie between neighbours along it.",
    "storage_offset": "The slot of the storage in which the first element lies.",
    "untyped_storage": "The block of bytes that the tensor reads: views of one tensor have the same.",
    "storage": "The storage with a dtype, as PyTorch had it of old; untyped_storage() is the block of bytes.",
    "storage_type": "The type of the storage, as PyTorch had it of old.",
    "layout": "How elements lie in memory: torch.strided here.",
    "name": "The name of the tensor, as PyTorch had it of old; None.",
    "nbytes": "Bytes of all elements, each counted once for every index that reaches it.",
    "numel": "How many elements there are.",
    "nelement": "How many elements there are; numel() says the same.",
    "is_complex": "Whether the dtype is complex.",
    "is_floating_point": "Whether the dtype is floating.",
    "is_signed": "Whether the dtype has negative numbers.",
    "is_conj": "Whether the tensor reads its storage conjugated.",
    "is_neg": "Whether the tensor reads its storage negated.",
    "is_inference": "Whether the tensor was made in inference mode: it has no version counter, and autograd leaves it out.",
    "is_cpu": "Whether the tensor lies on the CPU.",
    "is_cuda": "Whether the tensor lies on a CUDA device.",
    "is_meta": "Whether the tensor has no elements, only sizes, strides and a dtype.",
    "is_nonzero": "The truth of a tensor of one element.",
    "is_shared": "Whether processes share the memory.",
    "share_memory_": "Move the storage into memory that processes share.",
    "new": "A new tensor of the same dtype and device, as PyTorch made them of old.",
    "new_tensor": "A copy of data as a new leaf of the same dtype and device.",
    "register_post_accumulate_grad_hook": "Call a function with a leaf whenever a backward pass has added to its .grad.",
    "resize": "Give the tensor other sizes, as PyTorch had it of old; use reshape or resize_.",
    "resize_as": "Give the tensor the sizes of another, as PyTorch had it of old; use reshape or resize_as_.",
    "volatile": "False, with a warning: torch.no_grad() took its place.",
    "output_nr": "Which of the results of its node the tensor is.",
    "retains_grad": "Whether a computed tensor keeps its gradient: retain_grad() was called.",
    "tolist": "The elements as numbers of Python's, in lists of lists.",
    **_OTHER_DEVICES,
    **_OTHER_LAYOUTS,
    **_REMOVED,
    **_DTYPES,
}
