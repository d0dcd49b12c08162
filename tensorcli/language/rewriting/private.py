"""The private names of a class that a function replaces: methods become functions within it, attributes get other names."""

from __future__ import annotations

import ast

from tensorcli.language.rewriting.data import ABSTRACT, NeedsClass


class Private(ast.NodeTransformer):
    """Calls of private methods as calls of the functions that they become, and private attributes under other names: such
    names are not the script's. A method that needs no module has no decorator any more.
    """

    def __init__(self, node: ast.ClassDef, names: dict[str, str], bound: set[str], before_it: str) -> None:
        self.names = names
        self.before_it = before_it
        self.private = {name for name in names if name[0] == "_"}
        self.bound = bound
        self.attributes = {
            each.attr
            for each in ast.walk(node)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and each.attr[0] == "_"
        }
        used = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        public = [_public(name) for name in self.attributes]
        if (
            len({*public}) < len(public)
            or used.intersection(public)
            or used.intersection(names) & self.attributes
        ):
            raise NeedsClass

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        node.decorator_list = [
            each for each in node.decorator_list if ast.unparse(each) not in ("staticmethod", *ABSTRACT)
        ]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Call(func=ast.Name(id="partial"), args=[function, ast.Name(id="self") as module]):
                return ast.Call(function, [module, *node.args], node.keywords)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Attribute(value=ast.Name(id="self") as module, attr=name) if name in self.private:
                function = ast.Name(self.names[name], ast.Load())
                bound = ast.Call(ast.Name("partial", ast.Load()), [function, module], [])
                return bound if name in self.bound else function
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="forward"):
                return ast.Attribute(ast.Name("self", ast.Load()), self.before_it, ast.Load())
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in self.attributes:
                node.attr = _public(name)
        return node


def _public(name: str) -> str:
    """What a private attribute is called instead."""
    return f"{name.strip('_')}_"
