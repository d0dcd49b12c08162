"""The examples in the installed PyTorch's own docstrings, run on PyTorch and on the engine.

    python -m tests.oracle.doc_examples [REGEX]     prints the first difference of each docstring that differs

A docstring is one program: its `>>>` statements share a namespace and a seed. Two runs agree when each statement prints
the same text — numbers may differ in their last printed digits — or raises the same type of exception. What needs classes
of networks, files, other devices, sparse tensors or compilation is left out; nothing of PyTorch's text is stored here.
"""

import ast
import builtins
import contextlib
import importlib
import io
import re
import sys
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

MODULES = (
    *(
        "",
        "Tensor",
        "nn.functional",
        "linalg",
        "fft",
        "special",
        "autograd",
        "autograd.functional",
        "autograd.graph",
    ),
    *("random", "nn.init", "nn.utils", "testing", "functional", "autograd.forward_ad"),
)
"""Where docstrings are read, below `torch`."""
LEFT_OUT = re.compile(
    r"nn\.[A-Z](?!arameter|uffer)\w+\(|\bcuda\b|sparse|torch\.(compile|jit|save|load|distributed|cond|while_loop|vmap)\b"
    r"|torch\.(func|export|utils\.data|ao|profiler|dequant|fx|hub|library|mps|xpu|compiler|overrides|nested)\b"
    r"|torch\.(hspmm|smm|cpp|accelerator|amp|autocast|empty_quantized|mtia)\b|quantize|int_repr"
    r"|torchvision|shared_memory|from_file|mkldnn|class \w+\((?:nn|torch\.nn)|rename=|names=|profiler|is_quantized"
    r"|multiprocessing|tempfile|open\(|jagged|matplotlib|import pickle|Named|dtensor|torchaudio|__torch_function__"
    r"|share_memory|skip_init|memory_budget|thread_safe_generator"
)
"""Sources that are about something the engine does not have, by design."""
UNDEFINED = re.compile(r"\.(new_)?empty(_strided)?$")
"""Names whose examples print bytes that nobody wrote."""
LARGE = re.compile(r"\.(conv3d|conv_transpose3d|fractional_max_pool3d|allow_mutation_on_saved_tensors)$")
"""Names whose examples take longer than all others together."""
ADDRESS = re.compile(r"0x[0-9a-f]+")
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+|\.\d+)")


class Program(NamedTuple):
    """One docstring: where it stands, and the statements of its examples."""

    name: str
    statements: tuple[str, ...]


class Difference(NamedTuple):
    """The first statement whose answers differ."""

    name: str
    statement: str
    expected: str
    found: str


def programs(pattern: str = "") -> Iterator[Program]:
    """The programs of all docstrings, each once, under the first name that has it."""
    seen: set[str] = set()
    for path in MODULES:
        try:
            holder = _attribute(importlib.import_module("torch"), path)
        except (ImportError, AttributeError):
            holder = importlib.import_module(f"torch.{path}")
        for attribute in sorted(dir(holder)):
            if attribute.startswith("_"):
                continue
            document = getattr(getattr(holder, attribute, None), "__doc__", None)
            if not isinstance(document, str) or ">>>" not in document or document in seen:
                continue
            seen.add(document)
            name = ".".join(filter(None, ("torch", path, attribute)))
            if not re.search(pattern, name) or UNDEFINED.search(name) or LARGE.search(name):
                continue
            if LEFT_OUT.search("\n".join(sources := statements(document))):
                continue
            if sources:
                yield Program(name, sources)


def statements(document: str) -> tuple[str, ...]:
    """The statements after `>>>`, with their lines after `...`; those that are no Python are dropped."""
    found: list[list[str]] = []
    for line in document.splitlines():
        text = line.strip()
        if text.startswith(">>>"):
            found.append([text[3:].removeprefix(" ")])
        elif text.startswith("...") and found:
            found[-1].append(text[3:].removeprefix(" "))
    result = []
    pending: list[str] = []
    for lines in found:
        # Some blocks are written with `>>>` on each of their lines.
        pending = [*pending, *lines]
        source = textwrap.dedent("\n".join(pending))
        try:
            tree = ast.parse(source)
        except SyntaxError:
            try:
                tree = ast.parse(textwrap.dedent("\n".join(lines)))
                source = "\n".join(lines)
            except SyntaxError:
                continue
        pending = []
        result += [ast.get_source_segment(source, node) or "" for node in tree.body]
    return tuple(filter(None, result))


def differences(pattern: str = "") -> tuple[int, list[Difference]]:
    """How many programs there are, and the first difference of each that differs."""
    total, found = 0, []
    for program in programs(pattern):
        expected = answers(program, "torch")
        if not any(expected):
            continue
        total += 1
        received = answers(program, "tensorcli.engine")
        for statement, one, other in zip(program.statements, expected, received, strict=True):
            if one is not None and not same(one, other or ""):
                found.append(Difference(program.name, statement, one, other or ""))
                break
    return total, found


def answers(program: Program, engine: str) -> list[str | None]:
    """What each statement prints; None where PyTorch's own example is broken."""
    root = importlib.import_module(engine)
    root.manual_seed(0)
    root.set_printoptions(profile="default")
    root.set_default_dtype(root.float32)
    names: dict[str, Any] = {
        "torch": root,
        "F": root.nn.functional,
        "nn": root.nn,
        "np": importlib.import_module("numpy"),
        "numpy": importlib.import_module("numpy"),
        "math": importlib.import_module("math"),
        "__builtins__": {**vars(builtins), "__import__": _importer(engine)},
        "__name__": "__main__",
    }
    result: list[str | None] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for statement in program.statements:
            result.append(_answer(statement, names))
    root.set_printoptions(profile="default")
    root.set_default_dtype(root.float32)
    root.set_grad_enabled(True)
    return result


def _answer(statement: str, names: dict[str, Any]) -> str | None:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            try:
                code = compile(statement, "<example>", "eval")
            except SyntaxError:
                exec(compile(statement, "<example>", "exec"), names)
            else:
                value = eval(code, names)
                if value is not None:
                    print(repr(value))
    except (NameError, SyntaxError, ImportError):
        return None
    except Exception as error:
        return f"{type(error).__name__}"
    return ADDRESS.sub("0x", printed.getvalue())


def same(one: str, other: str) -> bool:
    """Whether two texts agree but for the last digits of numbers."""
    if one == other:
        return True
    if "".join(NUMBER.sub("#", one).split()) != "".join(NUMBER.sub("#", other).split()):
        return False
    pairs = zip(map(float, NUMBER.findall(one)), map(float, NUMBER.findall(other)), strict=True)
    return all(abs(a - b) <= 2e-4 + 2e-4 * abs(a) for a, b in pairs)


def _attribute(holder: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        holder = getattr(holder, name)
    return holder


def _importer(engine: str) -> Any:
    """`__import__` that gives the engine for `torch`."""

    def find(name: str, variables: Any = None, local: Any = None, wanted: Any = (), level: int = 0) -> Any:
        head, _, rest = name.partition(".")
        if head != "torch" or engine == "torch":
            return builtins.__import__(name, variables, local, wanted, level)
        root = importlib.import_module(engine)
        try:
            return _attribute(root, rest) if wanted else root
        except AttributeError as error:
            raise ImportError(str(error)) from None

    return find


if __name__ == "__main__":
    total, found = differences(sys.argv[1] if len(sys.argv) > 1 else "")
    for one in found:
        print(
            f"{one.name}: {one.statement}\n  expected {one.expected[:300]!r}\n  found    {one.found[:300]!r}"
        )
    print(f"{total - len(found)} of {total} docstrings agree")
