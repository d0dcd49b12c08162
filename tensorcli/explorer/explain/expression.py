"""An expression on the session's own values: its parts are evaluated in a fork, then it is run there once, and
what came out is compared with what went in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.errors import refused_cast
from tensorcli.explorer.explain.indexing import index_rows
from tensorcli.explorer.explain.parts import parts, readable
from tensorcli.explorer.explain.remarks import Legacy, landing, legacy, places, printing
from tensorcli.explorer.explain.rules import Operand, broadcast, merging, promotion, walks
from tensorcli.explorer.explain.verdict import refused, verdict
from tensorcli.explorer.facts import short_text
from tensorcli.explorer.results import Dry, Explanation, Section, some
from tensorcli.explorer.trees import segment
from tensorcli.language.syntax import LanguageError, Statement

if TYPE_CHECKING:
    from tensorcli.explorer.changes import Observation
    from tensorcli.explorer.engines.reading import Look
    from tensorcli.explorer.session import Session

RESHAPING = ("view", "reshape", "flatten", "ravel", "unflatten", "view_as", "reshape_as", "contiguous")
"""Operators whose answer hangs on which dimensions merge."""
TITLES = (
    "", "shape", "stride", "offset", "dtype", "storage", "version", "requires_grad", "leaf", "grad_fn", "device"
)  # fmt: skip


def explain_expression(session: Session, text: str) -> Explanation | Dry:
    """What an expression, or `x += y`, would do; what any other statement would change. Errors: SyntaxError where
    it does not parse, ValueError for a command; what its parts raise.
    """
    try:
        program = session.read(text + "\n")
    except LanguageError as error:
        raise SyntaxError(error.message) from None
    if len(program.statements) != 1:
        raise ValueError("explain wants one expression")
    statement = program.statements[0]
    if statement.command is not None:
        raise ValueError(f"explain wants an expression; help {statement.command.verb} is about the command")
    with session.fork() as other:
        if isinstance(statement.tree, ast.Assign | ast.AugAssign):
            from tensorcli.explorer.explain.assignment import explain_assignment

            written = explain_assignment(other, statement, text)
            if written is not None:
                return written
        if not _is_read(statement.tree):
            other.configure("rows", session.rows)
            other.hearing.silent = False
            return Dry(other.execute(statement, text + "\n", session.hearing.name))
        return Reading(other, statement, text).answer()


def _is_read(tree: ast.stmt) -> bool:
    """Whether a statement is an expression, or gives one to a name, or is `x += y`."""
    if isinstance(tree, ast.Assign):
        return len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name)
    return isinstance(tree, ast.Expr | ast.AugAssign)


class Reading:
    """One expression in a fork of its own."""

    def __init__(self, session: Session, statement: Statement, text: str) -> None:
        self.session = session
        self.engine = session.engine
        self.text = " ".join(text.split())
        self.statement = statement
        self.legacy: Legacy | None = None
        self.prints = False
        tree = statement.tree
        assert _is_read(tree)
        if isinstance(tree, ast.Assign):
            self.tree: ast.AST = tree.value
            self.text = self.text.partition("=")[2].strip()
        elif isinstance(tree, ast.Expr):
            self.tree = tree.value
        else:
            self.tree = tree
        self.source = statement.source if statement.source else text
        self.operands: list[Operand] = []

    def answer(self) -> Explanation:
        """Evaluate the parts, run the whole, say what happened."""
        if isinstance(self.tree, ast.Name | ast.Constant):
            return self._value()
        self._evaluate_parts()
        observation = self.session.observation
        assert observation is not None
        result, error = self._evaluate_whole(observation)
        alarms = [] if error else observation.alarms_now()
        self.legacy = legacy(self.session, self.tree, self.operands, result)
        self.prints = (
            not error and self.operator() == "print" and len(self.operands) == len(self.tensors) == 1
        )
        sections = [each for each in self._sections(result, error) if each is not None]
        sections.extend(
            Section(alarm.code or "", text=tuple(each for each in (alarm.text, alarm.hint) if each))
            for alarm in alarms
            if alarm.kind == "hazard"
        )
        said = refused(self, error) if error else verdict(self, result)
        return Explanation(self.text, said, tuple(sections), error, tuple(self._see_also()))

    def _evaluate_parts(self) -> None:
        """Evaluate the operands, each once: names of the fork stand for them in the tree from then on."""
        names = self.session.names
        for number, (parent, field, at, child) in enumerate(list(parts(self.tree))):
            with self.session.hearing:
                value = self.session.value_of(child)
            kind = self.engine.kind(value)
            look = self.engine.look(value) if kind in ("tensor", "ndarray") else None
            self.operands.append(Operand(self._typed(child), look, value))
            name = f" {number}"
            dict.__setitem__(names, name, value)
            if isinstance(self.tree, ast.AugAssign) and field == "target":
                continue
            replacement = ast.copy_location(ast.Name(name, ast.Load()), child)
            if at is None:
                setattr(parent, field, replacement)
            else:
                getattr(parent, field)[at] = replacement

    def _evaluate_whole(self, observation: Observation) -> tuple[Any, str]:
        """Run what is left of the tree, observed: its value, or the error that it raised as text."""
        from tensorcli.explorer.mentions import mentions

        at = len(self.session.journal) + 1
        observation.before(mentions(self.statement.tree, self.session.functions), at, at)
        try:
            with self.session.hearing:
                self.engine.listen(observation.recorder)
                if isinstance(self.tree, ast.AugAssign):
                    self.session.evaluator.execute(ast.fix_missing_locations(self.tree))
                    return self.session.value_of(readable(self.tree.target)), ""
                assert isinstance(self.tree, ast.expr)
                return self.session.value_of(ast.fix_missing_locations(self.tree)), ""
        except Exception as raised:
            raised.__traceback__ = None
            return None, f"{type(raised).__name__}: {raised}"
        finally:
            self.engine.listen(None)

    def _typed(self, node: ast.expr) -> str:
        found = segment(self.source, node) if isinstance(node, ast.expr) else None
        try:
            return " ".join((found or ast.unparse(node)).split())
        except (ValueError, AttributeError):
            return "value"

    def _value(self) -> Explanation:
        """A name: what it stands for, and what made that."""
        assert isinstance(self.tree, ast.Name | ast.Constant)
        with self.session.hearing:
            value = self.session.value_of(self.tree)
        if self.engine.kind(value) not in ("tensor", "ndarray"):
            text = short_text(self.engine, value)
            return Explanation(self.text, f"is {text}, of Python's type {type(value).__name__}")
        look = self.engine.look(value)
        base = self.engine.base(value) if look.kind == "tensor" else None
        kind = "array" if look.kind == "ndarray" else "tensor" if base is None else "view"
        article = "an" if kind == "array" else "a"
        others = [name for name in self.sharing_names(value) if name != self.text]
        shared = (
            f"; {some(others)} {'lies' if len(others) == 1 else 'lie'} in the same storage" if others else ""
        )
        sections = [Section("", (TITLES[:6], self._row(self.text, look)[:6]), True)]
        if look.kind == "tensor":
            extra = (
                self._autograd(value),
                places(self.session, self.text, value),
                printing(self.session, value),
            )
            sections.extend(each for each in extra if each is not None)
        see = (f"inspect {self.text}", f"storages {self.text}", f"blame {self.text}")
        return Explanation(
            self.text,
            f"is {article} {kind} of {look.dtype}, {look.sizes}{shared}",
            tuple(sections),
            see_also=see,
        )

    # ---- what is said

    @property
    def tensors(self) -> list[Operand]:
        """The operands that are tensors or arrays."""
        return [each for each in self.operands if each.look is not None]

    def operator(self) -> str:
        """The name of the method or function that is called, `[]` for an index, else empty."""
        if isinstance(self.tree, ast.Subscript):
            return "[]"
        if isinstance(self.tree, ast.Call):
            function = self.tree.func
            return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return self.tree.attr if isinstance(self.tree, ast.Attribute) else ""

    def sharing_names(self, value: Any) -> list[str]:
        return [name for name, _ in self.sharing_with(value)]

    def sharing_with(self, value: Any) -> list[tuple[str, Any]]:
        """The names in the memory of a value, and what they stand for."""
        observation = self.session.observation
        if observation is None:
            return []
        memory = id(self.engine.memory(value))
        return [(observation.index.names(each)[0], each.value) for each in observation.index.sharing(memory)]

    def _sections(self, result: Any, error: str) -> Iterator[Section | None]:
        yield self._table(result, error)
        name = self.operator()
        if self._indexes():
            yield self._index(result, error)
        if name in RESHAPING and self.tensors and self.tensors[0].look.kind == "tensor":
            operand = self.tensors[0]
            storage = self.session.allocations.name(operand.look.memory)
            wanted = _sizes(self.operands[1:]) if error else None
            yield walks(operand.text, operand.look, storage, wanted)
            yield merging(operand.text, operand.look.sizes, operand.look.strides)
            if error and name == "view":
                yield self._ways()
        elif not error and self.engine.kind(result) == "tensor" and self._views(result):
            look = self.engine.look(result)
            yield walks("it", look, self.session.allocations.name(look.memory))
        if self._pointwise(result, error):
            section, _ = broadcast(self.operands)
            yield section
            cast = refused_cast(error)
            if not error:
                yield promotion(self.operands, self.engine.look(result).dtype, self._default())
            elif cast is not None:
                yield promotion(self.operands, cast[0], self._default())
        if "single memory location" in error and self.tensors:
            yield places(self.session, self.tensors[0].text, self.tensors[0].value)
        if self.legacy is not None:
            yield self.legacy.instead
        if not error and self.engine.kind(result) == "tensor":
            yield self._autograd(result)

    def _views(self, result: Any) -> bool:
        return any(
            self.engine.memory(each.value) is self.engine.memory(result) and each.value is not result
            for each in self.tensors
        )

    def _default(self) -> str:
        torch = self.session.modules["torch"].members
        return str(torch["get_default_dtype"]()).removeprefix("torch.")

    def _pointwise(self, result: Any, error: str) -> bool:
        """Whether the operands met element by element."""
        if isinstance(self.tree, ast.Subscript | ast.Attribute) or not self.tensors:
            return False
        if error:
            return "must match the size of tensor" in error or refused_cast(error) is not None
        if self.engine.kind(result) != "tensor" or len(self.operands) < 2:
            return False
        if not isinstance(self.tree, ast.BinOp | ast.AugAssign) and self.operator() not in POINTWISE:
            return False
        if isinstance(getattr(self.tree, "op", None), ast.MatMult):
            return False
        return all(
            operand.look is not None or isinstance(operand.value, bool | int | float | complex)
            for operand in self.operands
        )

    def _table(self, result: Any, error: str) -> Section | None:
        rows = [self._row(operand.text, operand.look) for operand in self.tensors]
        if not error and self.engine.kind(result) in ("tensor", "ndarray"):
            rows.append(self._row("result", self.engine.look(result)))
        if not rows:
            return None
        recorded = any(row[TITLES.index("requires_grad")] == "True" for row in rows)
        moved = any(row[TITLES.index("version")] not in ("-", "0") for row in rows)
        keep = [
            column
            for column, title in enumerate(TITLES)
            if column < 6
            or (title == "device" and any(row[column] not in ("cpu", "-") for row in rows))
            or (title != "device" and recorded)
            or (moved and title == "version")
        ]
        table = [tuple(TITLES[column] for column in keep)] + [
            tuple(row[column] for column in keep) for row in rows
        ]
        return Section("", tuple(table), True)

    def _row(self, text: str, look: Look) -> tuple[str, ...]:
        return (
            text,
            str(look.sizes),
            str(look.strides),
            str(look.offset),
            look.dtype,
            self.session.allocations.name(look.memory) or "new",
            "-" if look.version is None else str(look.version),
            "-" if look.requires_grad is None else str(look.requires_grad),
            "-" if look.is_leaf is None else str(look.is_leaf),
            str(look.grad_fn) if look.kind == "tensor" else "-",
            look.device,
        )

    def _indexes(self) -> bool:
        """Whether it is an item of a tensor or an array, and not of a list or a dict."""
        return isinstance(self.tree, ast.Subscript) and self.operands[0].look is not None

    def _index(self, result: Any, error: str) -> Section:
        """Each part of an index: what it does, and whether it copies."""
        assert isinstance(self.tree, ast.Subscript)
        shares: bool | None = None
        if not error and self.engine.kind(result) in ("tensor", "ndarray"):
            shares = self._views(result)
        owner, index = self.operands[0], self.operands[-1]
        return index_rows(self.engine, index.value, shares, owner.text, index.text)

    def _ways(self) -> Section | None:
        """What would do instead, each tried in the fork."""
        operand = self.tensors[0]
        arguments = ", ".join(each.text for each in self.operands[1:])
        rows = []
        for method in (f"reshape({arguments})", f"contiguous().view({arguments})"):
            text = f"{operand.text}.{method}"
            try:
                with self.session.hearing:
                    found = self.session.value_of(ast.parse(f"({operand.text}).{method}", mode="eval").body)
            except Exception:
                continue
            shares = self.engine.memory(found) is self.engine.memory(operand.value)
            rows.append((text, "a view" if shares else f"copies: writes do not reach {operand.text}"))
        return Section("instead", tuple(rows)) if rows else None

    def _autograd(self, result: Any) -> Section | None:
        node = self.engine.node(result)
        if node is None or any(each.value is result for each in self.tensors):
            return None
        saved = [each.slot for each in self.engine.saved(node)]
        what = f"saves {', '.join(saved)} for the backward pass" if saved else "saves no tensor"
        if not self.engine.tells_nodes:
            what = "what it saves is unknown: PyTorch does not tell"
        edges = [each for each in self.engine.edges(node) if each is not None]
        leads = some([self._node_text(each) for each in edges], 4)
        name = self.engine.node_name(node)
        lands = landing(self.session, result)
        return Section(
            "autograd", ((name, what), ("leads to", leads or "nothing")), text=(lands,) if lands else ()
        )

    def _node_text(self, node: Any) -> str:
        variable, observation = self.engine.variable(node), self.session.observation
        name = None if variable is None or observation is None else observation.index.name(variable)
        return self.engine.node_name(node) + (f" ({name})" if name else "")

    def _see_also(self) -> Iterator[str]:
        name = self.operator()
        if self.legacy is not None:
            yield "explain Tensor"
            yield "compare Tensor tensor"
            return
        if name and name != "[]" and self.engine.help(name) is not None:
            yield f"explain {name}"
        from tensorcli.explorer.comparison import FORMS

        if name in FORMS:
            yield f"compare {name} clone" if name != "clone" else "compare clone detach"
        if self._indexes():
            yield "compare basic advanced mask"
        if self.tensors:
            first = self.tensors[0].text
            if first.isidentifier():
                yield f"storages {first}"


POINTWISE = frozenset(
    "add sub mul div true_divide floor_divide remainder fmod pow maximum minimum where eq ne lt le gt ge "
    "atan2 hypot logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor add_ sub_ mul_ div_ pow_".split()
)


def _sizes(operands: Sequence[Operand]) -> Sequence[int] | None:
    """The sizes that a view was asked for."""
    values = [each.value for each in operands]
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = list(values[0])
    return values if values and all(type(each) is int for each in values) else None
