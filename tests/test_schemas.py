"""Every declaration is PyTorch's own: schema line, exposure, `out=`, node name, differentiable inputs."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


check = _load("check_schemas")


def test_declarations_are_those_recorded_from_pytorch() -> None:
    recorded = check.read_record()
    found = [
        text
        for name, facts in check.declared().items()
        for text in check.differences(name, facts, recorded.get(name))
    ]
    assert not found, "\n".join(found)


def test_the_record_is_what_the_installed_pytorch_ships() -> None:
    pytest.importorskip("torchgen")
    pytest.importorskip("torch")
    shipped = check.Shipped()
    assert {name: shipped.facts(name) for name in check.read_record()} == check.read_record()


def test_a_wrong_declaration_is_found() -> None:
    right = check.read_record()["mul.Tensor"]
    assert check.differences("mul.Tensor", right, right) == []
    for field in ("line", "node", "inputs"):
        wrong = replace(right, **{field: "x"})
        assert check.differences("mul.Tensor", wrong, right)
    assert check.differences(
        "median", replace(check.read_record()["median"], out="out"), check.read_record()["median"]
    )


def test_every_chapter_of_operators_has_a_family_on_the_page_of_conformance() -> None:
    from tensorcli.engine.ops._contents import NAMES

    assert _load("conformance").CHAPTERS.keys() == NAMES.keys()
