"""Compares every declared operator with what PyTorch ships: schema line, exposure, `out=`, node name, differentiable inputs.

Usage: python scripts/check_schemas.py            compare with the installed PyTorch 2.13.0; exit 1 on any difference
       python scripts/check_schemas.py --record   and rewrite tests/oracle/schemas.tsv, which the tests compare with

PyTorch's own statements are native_functions.yaml (schema lines, variants), derivatives.yaml (formulas; the order of the
entries of a name gives the number at the end of a node's name) and the names that its Python modules carry.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "oracle" / "schemas.tsv"
sys.path.insert(0, str(ROOT))

PYTHONS_OWN: Final = {
    **dict.fromkeys(
        "float double half bfloat16 int long short char byte bool cfloat cdouble cpu cuda type".split(),
        "a method whose parser PyTorch wrote by hand",
    ),
    "lu": "torch.functional.lu, a Python function over _lu_with_info",
    "unique": "torch.functional.unique, a Python function over _unique2 and unique_dim",
    "_unique_consecutive": "the operator behind torch.functional.unique_consecutive",
    **dict.fromkeys(
        ("norm.number", "norm.str"), "torch.functional.norm, a Python function over three operators"
    ),
}
"""Declarations that PyTorch has no schema line for, and what they are."""

UNBOUND: Final = (r".*_backward", r".*_forward", "index", "alias", "unique_dim", "to", "copy_", "item")
UNBOUND_LINES: Final = frozenset(
    f"{name}.Scalar(Tensor{alias} self, Scalar other{alpha}) -> Tensor{alias}"
    for stem, alpha in (("add", ", Scalar alpha=1"), ("sub", ", Scalar alpha=1"), ("mul", ""), ("div", ""))
    for name, alias in ((stem, ""), (f"{stem}_", "(a!)"))
)
"""Operators that PyTorch generates no binding for (its own list, in gen_python_functions.py)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared: the schema line, where Python sees it, whether it takes `out=`, its node, inputs with a formula.

    A place in parentheses has the name by other means than a generated binding. An input with a question mark has a
    formula that only says that there is none.
    """

    line: str
    exposure: str
    out: str
    node: str
    inputs: str


# ---- what PyTorch states


class Shipped:
    """The installed PyTorch's statements about operators, by full name."""

    def __init__(self) -> None:
        import torch
        import torchgen

        if not torch.__version__.startswith("2.13.0"):
            sys.exit(f"the engine reproduces PyTorch 2.13.0; this is {torch.__version__}")
        self.torch = torch
        packaged = Path(torchgen.__file__).parent / "packaged"
        self.functions = dict(_functions((packaged / "ATen/native/native_functions.yaml").read_text()))
        self.nodes = dict(_nodes((packaged / "autograd/derivatives.yaml").read_text()))
        # Generated `out=` overloads have no binding, but for those of the copies of views.
        self.outs = {
            (line.partition("(")[0].partition(".")[0], _inputs_of(line))
            for line, _, _ in self.functions.values()
            if _is_copy(line)
        }
        for line, _, _ in self.functions.values():
            if re.search(r"\*, .*Tensor\([a-z]!\)", line.rpartition(" -> ")[0]):
                self.outs.add((line.partition("(")[0].partition(".")[0], _inputs_of(line)))
        by_signature = {_signature(line): node for line, node in self.nodes.values()}
        self.twins = {
            name: by_signature.get(_signature(line), ("", ""))
            for name, (line, _, _) in self.functions.items()
            if name.partition(".")[0].endswith("_")
        }

    def facts(self, name: str) -> Facts | None:
        """What PyTorch states of an operator; None where it has none of that name."""
        found = self.functions.get(name)
        if found is None:
            return None
        line, variants, module = found
        node, inputs = self.nodes[name][1] if name in self.nodes else self.twins.get(name, ("", ""))
        if not node and "_copy" in name and (view := self.nodes.get(name.replace("_copy", "", 1))):
            node, inputs = f"{view[1][0]}_copy", view[1][1]
        return Facts(line, self._exposure(line, variants, module), self._out(line), node, inputs)

    def _exposure(self, line: str, variants: str, module: str) -> str:
        base = line.partition("(")[0].partition(".")[0]
        torch = self.torch
        places = []
        unbound = any(re.fullmatch(pattern, base) for pattern in UNBOUND) or line in UNBOUND_LINES
        if module:
            space = {
                "nn": torch._C._nn,
                "linalg": torch._C._linalg,
                "special": torch._C._special,
                "fft": torch._C._fft,
            }
            places += [module] if hasattr(space[module], base) else []
        elif hasattr(torch, base):
            places.append("function" if "function" in variants and not unbound else "(function)")
        if hasattr(torch.Tensor, base):
            places.append("method" if "method" in variants and not unbound else "(method)")
        return " ".join(places)

    def _out(self, line: str) -> str:
        base = line.partition("(")[0].partition(".")[0]
        return "out" if (base, _inputs_of(line)) in self.outs else ""


def _is_copy(line: str) -> bool:
    return line.partition("(")[0].partition(".")[0].endswith("_copy") and not line.startswith("_")


def _functions(text: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """native_functions.yaml: (name, (schema line, variants, Python module))."""
    for entry in re.split(r"^- func: ", text, flags=re.M)[1:]:
        line = entry.partition("\n")[0].partition(" #")[0].strip()
        variants = re.search(r"^  variants: (.*)$", entry, re.M)
        module = re.search(r"^  python_module: (\w+)$", entry, re.M)
        yield (
            line.partition("(")[0],
            (line, variants[1] if variants else "function", module[1] if module else ""),
        )


def _nodes(text: str) -> Iterator[tuple[str, tuple[str, tuple[str, str]]]]:
    """derivatives.yaml: (name, (line, (node, inputs with a formula))), nodes numbered in the order of the entries."""
    numbers: Counter[str] = Counter()
    for entry in re.split(r"^- name: ", text, flags=re.M)[1:]:
        line = entry.partition("\n")[0].strip()
        name = line.partition("(")[0]
        arguments = set(re.findall(r"(\w+)(?:=|,|$)", line.partition("(")[2].rpartition(") -> ")[0]))
        default = re.search(r"^  dispatch:\n    Default:\n((?:      .*\n)+)", entry, re.M)
        formulas = re.findall(
            r"^ *([\w, ]+): (.*)$", default[1] if default else entry.partition("\n")[2], re.M
        )
        inputs = [
            one
            for key, formula in formulas
            for one in key.strip().split(", ")
            if one in arguments and formula.strip() != "non_differentiable"
        ]
        node = ""
        if inputs:
            stem = "".join(word.title() for word in name.partition(".")[0].split("_"))
            stem = f"{stem}Backward".replace("ForwardBackward", "Backward")
            node = f"{stem}{numbers[stem]}"
            numbers[stem] += 1
        without = ("not_implemented", "Tensor()")
        left = {key.strip() for key, formula in formulas if formula.strip("\"' ").startswith(without)}
        yield name, (line, (node, " ".join(f"{one}?" if one in left else one for one in inputs)))


def _signature(line: str) -> str:
    """What an in-place operator shares with the one whose formulas it takes over: base name, types, names of arguments."""
    name, _, rest = line.partition("(")
    inside = re.sub(r"\([a-z]!?\)|=(?:\[[^\]]*\]|[^,])*", "", rest.rpartition(") -> ")[0])
    return f"{name.partition('.')[0].removesuffix('_')}({inside})"


def _inputs_of(line: str) -> tuple[str, ...]:
    """The names of the arguments that are not written, without those of factories, which an `out=` replaces."""
    inside = line.partition("(")[2].rpartition(") -> ")[0]
    written = set(re.findall(r"Tensor\([a-z]!\)(?:\[\])? (\w+)", inside))
    names = re.findall(r"(\w+)(?:=(?:\[[^\]]*\]|\"[^\"]*\"|[^,])*)?(?:, |$)", inside)
    return tuple(
        n for n in names if n not in written and n not in ("dtype", "layout", "device", "pin_memory")
    )


# ---- what is declared


def declared() -> dict[str, Facts]:
    """What the table states of each operator."""
    import tensorcli.engine  # noqa: F401 (fills the table)
    from tensorcli.engine.dtypes import COMPARE, LOGICAL
    from tensorcli.engine.table import OPS

    found = {}
    for name, op in OPS.items():
        origin = op
        while origin.alias_of is not None:
            origin = origin.alias_of
        places = [op.namespace] if op.namespace else ["function"] if op.is_function else []
        places += ["method"] if op.is_method else []
        gradients = op.gradients
        inputs = [op.names[position] for gradient in gradients for position in gradient.positions]
        node = (op.node_class.title or op.node_class.__name__) if gradients else ""
        if op.rule in (COMPARE, LOGICAL) and op.twin_of is None:
            node, inputs = "", []  # The formulas are the twin's: a boolean result has no history.
        if op.is_hidden:
            places = []
        out = "out" if op.has_out and places else ""
        found[name] = Facts(op.line, " ".join(places), out, node, " ".join(inputs))
    return found


def differences(name: str, ours: Facts, theirs: Facts | None) -> list[str]:
    """In what a declaration differs from PyTorch's, in words."""
    base = name.partition(".")[0]
    if name in PYTHONS_OWN:
        return []
    if theirs is None:
        return [] if base.startswith("_") else [f"{name}: PyTorch has no such operator"]
    found = []
    if ours.line != theirs.line:
        found.append(f"{name}: declared as\n    {ours.line}\n  and shipped as\n    {theirs.line}")
    exposed = set(ours.exposure.split())
    surplus = exposed - {place.strip("()") for place in theirs.exposure.split()} - {"internal", "aten"}
    if surplus and not base.startswith("_"):
        found.append(f"{name}: seen as {sorted(surplus)}, where PyTorch has only {theirs.exposure!r}")
    lacking = set(theirs.exposure.replace("(function)", "").replace("(method)", "").split()) - exposed
    if lacking and not base.startswith("_"):
        found.append(f"{name}: not seen as {sorted(lacking)}, where PyTorch shows it")
    # Of the overloads with `out=` that PyTorch generates, its Python shows that of slice_scatter.
    if ours.out and not theirs.out and base[0] != "_" and name != "slice_scatter":
        found.append(f"{name}: takes out=, which PyTorch's does not")
    if ours.node and ours.node != theirs.node:
        found.append(f"{name}: its node is {ours.node}, PyTorch's is {theirs.node or 'none'}")
    possible = {one.rstrip("?") for one in theirs.inputs.split()}
    needed = {one for one in theirs.inputs.split() if not one.endswith("?")}
    if ours.node and not needed <= set(ours.inputs.split()) <= possible:
        found.append(f"{name}: formulas for {ours.inputs!r}, PyTorch's for {theirs.inputs!r}")
    return found


# ---- the record


def read_record() -> dict[str, Facts]:
    """The recorded facts, by name."""
    rows = (Facts(*line.split("\t")) for line in RECORD.read_text().splitlines())
    return {row.line.partition("(")[0]: row for row in rows}


def main() -> None:
    shipped = Shipped()
    ours = declared()
    facts = {name: shipped.facts(name) for name in ours}
    if "--record" in sys.argv[1:]:
        rows = sorted("\t".join(astuple(row)) for row in facts.values() if row is not None)
        RECORD.write_text("\n".join(rows) + "\n")
    found = [text for name in ours for text in differences(name, ours[name], facts[name])]
    print("\n".join(found))
    print(
        f"{len(ours)} operators declared, {sum(f is not None for f in facts.values())} with a schema line of PyTorch's, "
    )
    print(f"{len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
