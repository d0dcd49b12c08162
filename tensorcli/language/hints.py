"""Advice beside an error: the name that was meant, the modules that there are, the torch function that was
wanted.

The exception's own text stays as Python and PyTorch have it; a hint is a sentence of ours, or None.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tensorcli.language.evaluate import BOUND_MODULES, Evaluator
from tensorcli.language.locate import locate_nodes
from tensorcli.language.namespaces import Namespace
from tensorcli.language.nearness import did_you_mean, near
from tensorcli.language.other_prompts import instead
from tensorcli.language.policy import RefusedError
from tensorcli.language.syntax import Verb
from tensorcli.language.vocabulary import BUILTIN_FUNCTIONS, SHADOWED

_OTHER_WORDS = {
    "true": "True",
    "false": "False",
    "none": "None",
    "null": "None",
    "nil": "None",
    "this": "self",
}
_REFUSED_BUILTINS = {
    "open": "a script does not reach the file system",
    "eval": "a script is not made while it runs",
    "exec": "a script is not made while it runs",
    "compile": "a script is not made while it runs",
    "input": "a script reads nothing",
    "globals": "write the names",
    "locals": "write the names",
    "dir": "type x. and press Tab, or write hasattr(x, 'name')",
    "super": "there are no classes",
    **dict.fromkeys(("classmethod", "property", "staticmethod"), "there are no classes"),
    "help": "type help NAME at the prompt",
    "memoryview": "write x.numpy()",
    **dict.fromkeys(("exit", "quit", "SystemExit"), "the script ends with its last line"),
}
_LAST_VALUES = frozenset({"_", "__", "___", "Out", "In"})
"""Names that Python's and IPython's prompts give to what was shown and typed before."""

_ELSEWHERE = "where PyTorch is, run --quiet --engine pytorch has it"
_SPARSE = f"all tensors are strided here; {_ELSEWHERE}"
_ABSENT = "PyTorch has it, but scripts here do not"
_SPARSE_GRADIENT = f"write sparse=False (of gather: sparse_grad=False); {_ELSEWHERE}"
_OUTSIDE = {
    "compile": "nothing is compiled here: call the function",
    "jit": "nothing is compiled here: call the function",
    "multiprocessing": "a script starts no processes",
    "distributed": "a script starts no processes",
    "quantize_per_tensor": "there are no quantized tensors here",
    "quantize_per_channel": "there are no quantized tensors here",
    "sparse": "all tensors are strided here",
    **dict.fromkeys(
        "sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor "
        "saddmm smm spmm hspmm sspaddmm SparseAdam".split(),
        _SPARSE,
    ),
    **dict.fromkeys(("hub", "package"), "a script does not reach the network or the file system"),
    **dict.fromkeys(("export", "onnx"), "nothing is exported here: a script does not reach the file system"),
    "nested": "there are no nested tensors here",
    **dict.fromkeys(
        ("profiler", "tensorboard"), "nothing is measured here; the tables say what each statement did"
    ),
    **dict.fromkeys(
        ("ao", "fx", "quantization"), "functions run as they are here: none is traced or rewritten"
    ),
}
"""What PyTorch has and this language does not, by the name asked for of a module, and why or what to write instead."""
_NO_METHODS = {
    **dict.fromkeys(
        "to_sparse to_sparse_coo to_sparse_csr to_sparse_csc to_sparse_bsr to_mkldnn".split(), _SPARSE
    ),
    **dict.fromkeys(
        "dequantize int_repr q_scale q_zero_point".split(), "there are no quantized tensors here"
    ),
}
"""The same of tensors."""


ON_PYTORCH = frozenset(name for name, words in _OUTSIDE.items() if _ELSEWHERE in words)
"""What scripts have on PyTorch (--engine pytorch) and not on the embedded engine."""


def outside(exception: BaseException) -> str | None:
    """What to do instead, where a part of PyTorch was asked for that a script does not have."""
    if isinstance(exception, AttributeError):
        name, space = str(exception.name), exception.obj
        if isinstance(space, Namespace):
            return _OUTSIDE.get(name) or _absent(space.name, name)
        owners = [f"{kind.__module__}.{kind.__name__}" for kind in type(space).__mro__]
        return _NO_METHODS.get(name) or next(filter(None, (_absent(each, name) for each in owners)), None)
    if isinstance(exception, NotImplementedError) and "all tensors here are strided" in str(exception):
        return _SPARSE_GRADIENT if "gradient" in str(exception) else _ELSEWHERE
    if isinstance(exception, ImportError):
        nodes = locate_nodes(exception)
        names = nodes[0].names if nodes and isinstance(nodes[0], ast.ImportFrom) else []
        first, *parts = str(exception.name).split(".")
        for part in (*parts, *(each.name for each in names)):
            if told := _OUTSIDE.get(part) or _absent(first, part):
                return told
            first += f".{part}" if part in parts else ""
    return None


def _absent(owner: str, name: str) -> str | None:
    """That PyTorch has a name which is missing, of a module or a class; None where it has not."""
    if not owner.startswith("torch"):
        return None
    from tensorcli.language.absent import NAMES

    return _ABSENT if name in NAMES.get(owner, "").split() else None


def hint(
    exception: BaseException, evaluator: Evaluator, commands: Mapping[str, Verb] = MappingProxyType({})
) -> str | None:
    """What would have been right, where that can be told. `commands` are those that a word may have been meant for that
    stands alone.
    """
    if isinstance(exception, RefusedError):
        return None
    if isinstance(exception, NameError) and exception.name:
        name = exception.name
        known = [*evaluator.names, *BUILTIN_FUNCTIONS, *BOUND_MODULES, *evaluator.bare, *commands]
        return (
            meant(exception, evaluator)
            or (instead(name, commands) if commands and (len(name) > 1 or name == "q") else None)
            or did_you_mean(near(exception.name, known))
            or _near_torch(exception.name, evaluator)
        )
    if isinstance(exception, AttributeError) and exception.name:
        return did_you_mean(near(exception.name, attribute_names(exception.obj, evaluator)))
    if isinstance(exception, ImportError):
        return _importable(exception, evaluator)
    if isinstance(exception, FileNotFoundError):
        call = next((each for each in locate_nodes(exception) if isinstance(each, ast.Call)), None)
        return None if call is None else "a script reads only what it saved itself, in this session"
    if isinstance(exception, TypeError):
        return _shadowed_hint(exception, evaluator)
    return None


def _importable(exception: ImportError, evaluator: Evaluator) -> str | None:
    """Where what could not be imported is, or what has a name near to it; else what there is to import."""
    nodes = locate_nodes(exception)
    wanted = [each.name for each in nodes[0].names] if nodes and isinstance(nodes[0], ast.ImportFrom) else []
    parent, _, last = str(exception.name).rpartition(".")
    if not isinstance(exception, ModuleNotFoundError):
        parent = str(exception.name)
        known = attribute_names(evaluator.module(parent), evaluator)
        wanted = [name for name in wanted if name not in known][:1]
    places = [place_of(name, evaluator) for name in wanted]
    found = next((place.statement for place in places if place and place.statement), None)
    if found is not None:
        return found
    if not parent:
        return "a script can import " + ", ".join(sorted(evaluator.modules))
    if not isinstance(exception, ModuleNotFoundError):
        return did_you_mean(near(wanted[0], known)) if wanted else None
    space = evaluator.module(parent)
    if not isinstance(space, Namespace):
        return None
    below = [name for name, each in space.members.items() if isinstance(each, Namespace)]
    return did_you_mean(near(last, below)) or (f"{parent} has " + ", ".join(below) if below else None)


def attribute_names(value: Any, evaluator: Evaluator) -> list[str]:
    """The attributes that a script may read on a value."""
    if isinstance(value, Namespace):
        return list(value.members)
    return evaluator.policy.readable(value)


class Place(NamedTuple):
    """Where what a name stands for is: the statement that brings it, or what to write instead of it."""

    statement: str = ""
    instead: str = ""


def meant(exception: BaseException, evaluator: Evaluator) -> str | None:
    """What an undefined name is known to stand for elsewhere: in another language, in Python, in a module."""
    if not isinstance(exception, NameError):
        return None
    name = str(exception.name or "")
    if name in _REFUSED_BUILTINS:
        return f"{name} is not part of the language: {_REFUSED_BUILTINS[name]}"
    if name in _LAST_VALUES:
        return "what was shown before has no name here: give it one, as in  y = …"
    found = place_of(name, evaluator)
    if found is None:
        return None
    if name in _OTHER_WORDS:
        return f"did you mean {found.instead}?"
    return found.statement or f"write {found.instead}"


_TORCH = (
    "", *"nn nn.functional optim optim.lr_scheduler autograd distributions utils.data utils.checkpoint quasirandom".split()
)  # fmt: skip
"""Where a name of PyTorch's is looked for that was not imported."""


def place_of(name: str, evaluator: Evaluator) -> Place | None:
    """Where a name is that was neither bound nor imported, exactly as it is written; None where that is not known."""
    if name in _OTHER_WORDS:
        return Place(instead=_OTHER_WORDS[name])
    if name == "F":
        return Place("import torch.nn.functional as F")
    if name in evaluator.modules:
        return Place(f"import {name}")
    for path in _TORCH if name and "torch" in evaluator.modules else ():
        space: Any = evaluator.modules["torch"]
        for part in filter(None, path.split(".")):
            space = None if space is None else space.members.get(part)
        if space is None or name not in space.members:
            continue
        if path:
            return Place(f"from torch.{path} import {name}")
        if isinstance(space.members[name], Namespace):
            return Place(f"import torch.{name} as {name}")
        return Place(instead=f"torch.{name}")
    for module, found in evaluator.modules.items():
        if module.partition(".")[0] not in ("torch", "numpy", "math") and name in found.members:
            return Place(f"from {module} import {name}")
    return None


def _near_torch(name: str, evaluator: Evaluator) -> str | None:
    """The function of torch that a misspelt bare name was meant as."""
    torch = evaluator.modules.get("torch")
    if torch is None or len(name) < 4:
        return None  # `os` is not `torch.cos`
    return did_you_mean([f"torch.{each}" for each in near(name, torch.members, 1)])


def _shadowed_hint(exception: TypeError, evaluator: Evaluator) -> str | None:
    """`sum(x, dim=0)`: the bare name is Python's; torch's has a prefix."""
    nodes = locate_nodes(exception)
    node = nodes[0] if nodes else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    name = node.func.id
    torch = evaluator.modules.get("torch")
    if name not in SHADOWED or name in evaluator.names or torch is None or name not in torch.members:
        return None
    if name == "range":
        return None  # torch.range is no other spelling of it: it gives a tensor of floats
    return f"{name} is Python's; write  torch.{ast.unparse(node)}"
