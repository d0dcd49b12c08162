"""Advice beside an error: the name that was meant, the modules that there are, the torch function that was
wanted.

The exception's own text stays as Python and PyTorch have it; a hint is a sentence of ours, or None. difflib
is imported only here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from tensorcli.language.evaluate import BOUND_MODULES, Evaluator
from tensorcli.language.locate import locate_nodes
from tensorcli.language.namespaces import Namespace
from tensorcli.language.policy import RefusedError
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
    "vars": "write the names",
    "globals": "write the names",
    "locals": "write the names",
    "dir": "type x. and press Tab, or write hasattr(x, 'name')",
    "super": "there are no classes",
    "object": "there are no classes",
    "memoryview": "write x.numpy()",
    "exit": "the script ends with its last line",
    "quit": "the script ends with its last line",
}

_OUTSIDE = {
    "save": "a script does not reach the file system; inspect says what a tensor carries when it is saved",
    "load": "a script does not reach the file system; write the values down",
    "compile": "nothing is compiled here: call the function",
    "jit": "nothing is compiled here: call the function",
    "multiprocessing": "a script starts no processes",
    "distributed": "a script starts no processes",
    "quantize_per_tensor": "there are no quantized tensors here",
    "quantize_per_channel": "there are no quantized tensors here",
    **dict.fromkeys(
        ("sparse", "sparse_coo_tensor", "sparse_csr_tensor"),
        "all tensors are strided here; with PyTorch installed, --engine pytorch runs the script on it",
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
"""What PyTorch has and this language does not, by the name asked for of a module."""


def outside(exception: BaseException) -> str | None:
    """What to do instead, where a part of PyTorch was asked for that a script does not have."""
    if isinstance(exception, AttributeError) and isinstance(exception.obj, Namespace):
        return _OUTSIDE.get(str(exception.name))
    if isinstance(exception, ImportError):
        nodes = locate_nodes(exception)
        names = nodes[0].names if nodes and isinstance(nodes[0], ast.ImportFrom) else []
        parts = [*str(exception.name).split(".")[1:], *(each.name for each in names)]
        return next((_OUTSIDE[part] for part in parts if part in _OUTSIDE), None)
    return None


def hint(exception: BaseException, evaluator: Evaluator) -> str | None:
    """What would have been right, where that can be told."""
    if isinstance(exception, RefusedError):
        return None
    if isinstance(exception, NameError):
        return _name_hint(str(exception.name or ""), evaluator) if exception.name else None
    if isinstance(exception, AttributeError) and exception.name:
        return _did_you_mean(exception.name, attribute_names(exception.obj, evaluator))
    if isinstance(exception, ModuleNotFoundError):
        return "a script can import " + ", ".join(sorted(evaluator.modules))
    if isinstance(exception, ImportError) and exception.name in evaluator.modules:
        nodes = locate_nodes(exception)
        wanted = nodes[0].names[0].name if nodes and isinstance(nodes[0], ast.ImportFrom) else ""
        return _did_you_mean(wanted, evaluator.modules[str(exception.name)].members)
    if isinstance(exception, TypeError):
        return _shadowed_hint(exception, evaluator)
    return None


def attribute_names(value: Any, evaluator: Evaluator) -> list[str]:
    """The attributes that a script may read on a value."""
    if isinstance(value, Namespace):
        return list(value.members)
    return evaluator.policy.readable(value)


def _name_hint(name: str, evaluator: Evaluator) -> str | None:
    if name in _OTHER_WORDS:
        return f"did you mean {_OTHER_WORDS[name]}?"
    if name in _REFUSED_BUILTINS:
        return f"{name} is not part of the language: {_REFUSED_BUILTINS[name]}"
    if name in BOUND_MODULES.values() or name in ("nn", "F", "optim"):
        found = next((each for each in evaluator.modules if each.rpartition(".")[2] == name), None)
        found = "torch.nn.functional" if name == "F" else found
        if found is not None:
            return f"import {found} as {name}" if "." in found else f"import {found}"
    return _did_you_mean(name, [*evaluator.names, *BUILTIN_FUNCTIONS, *BOUND_MODULES, *evaluator.bare])


def _did_you_mean(name: str, known: Iterable[str]) -> str | None:
    import difflib

    candidates = list(known)
    lowered = {each.lower(): each for each in candidates}
    if name.lower() in lowered:
        return f"did you mean {lowered[name.lower()]}?"
    close = difflib.get_close_matches(name, candidates, 1, 0.7)
    return f"did you mean {close[0]}?" if close else None


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
    return f"{name} is Python's; write  torch.{ast.unparse(node)}"
