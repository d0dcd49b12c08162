"""Trees of statements: the order in which their nodes are gone through."""

import ast
from pathlib import Path

from tensorcli.language.syntax import in_order, walk

SOURCES = sorted((Path(__file__).parent.parent / "programs").glob("*.py"))


def test_nodes_come_in_the_order_of_ast_walk_without_the_contexts_of_names():
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [node for node in ast.walk(tree) if not isinstance(node, ast.expr_context)]
        assert all(ours is theirs for ours, theirs in zip(in_order(tree), nodes, strict=True)), path
        assert set(walk(tree)) == set(nodes), path
    assert SOURCES
