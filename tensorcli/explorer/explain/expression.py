"""An expression on the session's own values: its parts are evaluated in a fork, then it is run there once, and
what came out is compared with what went in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.explorer.errors import known_error, refused_cast
from tensorcli.explorer.explain.remarks import Legacy, landing, legacy, places, printing
from tensorcli.explorer.explain.rules import Operand, broadcast, merging, promotion, walks
from tensorcli.explorer.facts import plural, short_text, size_text
from tensorcli.explorer.results import Dry, Explanation, Section
from tensorcli.language.syntax import LanguageError, Statement

if TYPE_CHECKING:
    from tensorcli.explorer.engines import Look
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
        self.operands: list[tuple[Operand, Any]] = []

    def answer(self) -> Explanation:
        """Evaluate the parts, run the whole, say what happened."""
        if isinstance(self.tree, ast.Name | ast.Constant):
            return self._value()
        names = self.session.names
        hidden: list[str] = []
        for parent, field, at, child in list(_parts(self.tree)):
            with self.session.hearing:
                value = self.session.value_of(child)
            kind = self.engine.kind(value)
            look = self.engine.look(value) if kind in ("tensor", "ndarray") else None
            self.operands.append((Operand(self._typed(child), look, value), value))
            name = f" {len(hidden)}"
            hidden.append(name)
            dict.__setitem__(names, name, value)
            if isinstance(self.tree, ast.AugAssign) and field == "target":
                continue
            replacement = ast.copy_location(ast.Name(name, ast.Load()), child)
            if at is None:
                setattr(parent, field, replacement)
            else:
                getattr(parent, field)[at] = replacement
        error = ""
        result: Any = None
        observation = self.session.observation
        assert observation is not None
        from tensorcli.explorer.mentions import mentions

        at = len(self.session.journal) + 1
        observation.before(mentions(self.statement.tree, self.session.functions), at, at)
        try:
            with self.session.hearing:
                self.engine.listen(observation.recorder)
                if isinstance(self.tree, ast.AugAssign):
                    self.session.evaluator.execute(ast.fix_missing_locations(self.tree))
                    result = self.session.value_of(readable(self.tree.target))
                else:
                    assert isinstance(self.tree, ast.expr)
                    result = self.session.value_of(ast.fix_missing_locations(self.tree))
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            raised.__traceback__ = None
        finally:
            self.engine.listen(None)
        alarms = [] if error else observation.alarms_now()
        self.legacy = legacy(self.session, self.tree, [each for each, _ in self.operands], result)
        self.prints = (
            not error and self.operator() == "print" and len(self.operands) == len(self.tensors) == 1
        )
        sections = [each for each in self._sections(result, error) if each is not None]
        sections.extend(
            Section(alarm.code or "", text=tuple(each for each in (alarm.text, alarm.hint) if each))
            for alarm in alarms
            if alarm.kind == "hazard"
        )
        verdict = self._refused(error) if error else self._verdict(result)
        return Explanation(self.text, verdict, tuple(sections), error, tuple(self._see_also()))

    def _typed(self, node: ast.expr) -> str:
        found = ast.get_source_segment(self.source, node) if isinstance(node, ast.expr) else None
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
        others = [name for name in self._sharing_names(value) if name != self.text]
        shared = (
            f"; {', '.join(others[:6])} {'lies' if len(others) == 1 else 'lie'} in the same storage"
            if others
            else ""
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
    def tensors(self) -> list[tuple[Operand, Any]]:
        """The operands that are tensors or arrays."""
        return [each for each in self.operands if each[0].look is not None]

    def operator(self) -> str:
        """The name of the method or function that is called, `[]` for an index, else empty."""
        if isinstance(self.tree, ast.Subscript):
            return "[]"
        if isinstance(self.tree, ast.Call):
            function = self.tree.func
            return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return self.tree.attr if isinstance(self.tree, ast.Attribute) else ""

    def _verdict(self, result: Any) -> str:
        if self.legacy is not None:
            return self.legacy.verdict
        if self.prints:
            rows = self.engine.printed(self.tensors[0][1])
            return "; ".join(f"{what}: {why}" for what, why in rows) or "prints what an array prints"
        kind = self.engine.kind(result)
        written = [each for each, value in self.tensors if self._moved(each.look, value)]
        if written:
            return self._written(written, result)
        if isinstance(result, tuple | list) and any(self.engine.kind(each) == "tensor" for each in result):
            return self._several(result)
        if result is None:
            return f"gives None; `dry {self.text}` says what it changes"
        if kind not in ("tensor", "ndarray"):
            return f"gives {short_text(self.engine, result)}, of Python's type {type(result).__name__}"
        known = [*self.tensors, *self._named(result)]
        for operand, value in known:
            if value is result:
                return (
                    f"gives {operand.text} itself, the same object: nothing is copied, and a write to it is a write to "
                    f"{operand.text}"
                )
        look = self.engine.look(result)
        for operand, value in known:
            if self.engine.memory(value) is self.engine.memory(result):
                return self._sharing(operand, value, result, look)
        new = self._new(result, look)
        if self.tensors:
            names = " or ".join(each.text for each, _ in self.tensors[:3])
            return f"{new}: writes into it do not reach {names}{self._edge(look)}"
        return new

    def _edge(self, look: Look) -> str:
        """Whether gradients go on from a new tensor to what it was made of."""
        sources = [operand.text for operand, _ in self.tensors if operand.look.requires_grad]
        if not sources:
            return ""
        return (
            f"; gradients go on to {' and '.join(sources[:3])}"
            if look.requires_grad
            else "; cut from the graph"
        )

    def _new(self, result: Any, look: Look) -> str:
        """A result in memory of its own: what about it is not as in the operands, and how much memory that is."""
        looks = [each.look for each, _ in self.tensors]
        what = "tensor" if look.kind == "tensor" else "array"
        if looks and all(each.dtype != look.dtype for each in looks):
            what = f"{look.dtype} {what}"
        if looks and all(each.device != look.device for each in looks):
            what += f" on {look.device}"
        extent = self.engine.extent(self.engine.memory(result))
        if look.kind == "tensor" and extent > look.nbytes:
            return (
                f"gives a new {what} of {look.nbytes} B in a storage of its own of {extent} B (the whole storage was copied, "
                "not only the elements)"
            )
        return f"gives a new {what} with {size_text(look.nbytes)} of its own"

    def _named(self, result: Any) -> list[tuple[Operand, Any]]:
        """The tensors and arrays with a name that lie in the memory of a result."""
        observation = self.session.observation
        if observation is None:
            return []
        entries = observation.index.sharing(id(self.engine.memory(result)))
        return [
            (
                Operand(observation.index.names(entry)[0], self.engine.look(entry.value), entry.value),
                entry.value,
            )
            for entry in entries
        ]

    def _several(self, result: Sequence[Any]) -> str:
        """Several tensors at once: how many of them lie in memory that was there before."""
        tensors = [each for each in result if self.engine.kind(each) == "tensor"]
        sharing = 0
        names: dict[str, None] = {}
        for each in tensors:
            memory = self.engine.memory(each)
            known = [*self.tensors, *self._named(each)]
            owner = next(
                (operand.text for operand, value in known if self.engine.memory(value) is memory), None
            )
            if owner is not None:
                sharing += 1
                names[owner] = None
        what = f"gives {plural(len(tensors), 'tensor')}"
        where = " or ".join(names)
        if not sharing:
            return f"{what} with memory of {'their' if len(tensors) > 1 else 'its'} own"
        if sharing == len(tensors):
            return f"{what} on the storage of {where}: nothing is copied"
        return f"{what}, {sharing} of them on the storage of {where}"

    def _moved(self, before: Look, value: Any) -> bool:
        after = self.engine.look(value)
        return before.version is not None and after.version != before.version

    def _written(self, written: Sequence[Operand], result: Any) -> str:
        operand = written[0]
        value = next(value for each, value in self.tensors if each is operand)
        now = self.engine.look(value)
        same = "gives it back" if result is value else "gives something else back"
        names = [name for name in self._sharing_names(value) if name != operand.text]
        seen = f"; also seen by {', '.join(names[:6])}" if names else ""
        if now.requires_grad and not operand.look.requires_grad:
            seen += f"; {operand.text} is computed from then on ({now.grad_fn}), and no leaf"
        return (
            f"writes into {operand.text}, version {operand.look.version} to {now.version}, and {same}{seen}"
        )

    def _sharing_names(self, value: Any) -> list[str]:
        return [name for name, _ in self._sharing_with(value)]

    def _sharing_with(self, value: Any) -> list[tuple[str, Any]]:
        """The names in the memory of a value, and what they stand for."""
        observation = self.session.observation
        if observation is None:
            return []
        memory = id(self.engine.memory(value))
        return [(observation.index.names(each)[0], each.value) for each in observation.index.sharing(memory)]

    def _sharing(self, operand: Operand, value: Any, result: Any, look: Look) -> str:
        storage = self.session.allocations.name(look.memory)
        where = f"the storage of {operand.text}" + (f" ({storage})" if storage else "")
        if look.kind == "tensor" and operand.look.kind == "tensor":
            if self.engine.base(result) is not None:
                return f"gives a view: {where} and its version counter, nothing is copied"
            shared = self._shares_counter(value, result)
            if shared is None:
                return f"gives a tensor on {where}: nothing is copied, and writes reach both"
            if shared:
                return f"gives a tensor on {where} and its version counter, cut from the graph; nothing is copied"
            return f"gives a tensor on {where}, with a version counter of its own: autograd does not see writes into it"
        thing = "an array" if look.kind == "ndarray" else "a tensor"
        return f"gives {thing} over {where}: nothing is copied, and writes reach both"

    def _shares_counter(self, value: Any, result: Any) -> bool | None:
        """Whether two tensors on one storage share their version counter; tried out, in the fork, where the engine
        does not tell. None where it cannot be known.
        """
        if self.engine.tells_nodes:
            return bool(self.engine.look(value).counter == self.engine.look(result).counter)
        before = self.engine.look(value).version
        try:
            no_grad = self.session.modules["torch"].members["no_grad"]
            with no_grad():
                result.add_(0)
        except (RuntimeError, TypeError):
            return None
        return bool(self.engine.look(value).version != before)

    def _refused(self, error: str) -> str:
        kind, _, message = error.partition(": ")
        name = self.operator()
        if name in ("view", "view_as") and self.tensors and "view size is not compatible" in message:
            operand = self.tensors[0][0]
            return (
                f"would raise: {operand.text} is {operand.look.sizes} with stride {operand.look.strides}, and no "
                f"strides for the new shape visit the same slots in the same order"
            )
        cast = refused_cast(message)
        if cast is not None:
            result, kept = cast
            return f"would raise {kind}: the result is {result}, and what is written in place stays {kept} (TSC-E012)"
        if "not resizable" in message and self.tensors:
            arrays = [
                name
                for name, value in self._sharing_with(self.tensors[0][1])
                if self.engine.kind(value) == "ndarray"
            ]
            if arrays:
                of = f"{self.tensors[0][0].text} is shared with the numpy array {arrays[0]}"
                return f"would raise {kind}: the memory of {of}, and cannot move (TSC-E025)"
        known = known_error(kind, message)
        return f"would raise {kind}" + ("" if known is None else f": {known.meaning} ({known.code})")

    def _sections(self, result: Any, error: str) -> Iterator[Section | None]:
        yield self._table(result, error)
        name = self.operator()
        operands = [operand for operand, _ in self.operands]
        if isinstance(self.tree, ast.Subscript):
            yield self._index(result, error)
        if name in RESHAPING and self.tensors and self.tensors[0][0].look.kind == "tensor":
            operand = self.tensors[0][0]
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
            section, _ = broadcast(operands)
            yield section
            cast = refused_cast(error)
            if not error:
                yield promotion(operands, self.engine.look(result).dtype, self._default())
            elif cast is not None:
                yield promotion(operands, cast[0], self._default())
        if "single memory location" in error and self.tensors:
            yield places(self.session, self.tensors[0][0].text, self.tensors[0][1])
        if self.legacy is not None:
            yield self.legacy.instead
        if not error and self.engine.kind(result) == "tensor":
            yield self._autograd(result)

    def _views(self, result: Any) -> bool:
        return any(
            self.engine.memory(value) is self.engine.memory(result) and value is not result
            for _, value in self.tensors
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
            for operand, _ in self.operands
        )

    def _table(self, result: Any, error: str) -> Section | None:
        rows = [self._row(operand.text, operand.look) for operand, _ in self.tensors]
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

    def _index(self, result: Any, error: str) -> Section:
        """Each part of an index: what it does, and whether it copies."""
        assert isinstance(self.tree, ast.Subscript)
        shares: bool | None = None
        if not error and self.engine.kind(result) in ("tensor", "ndarray"):
            shares = self._views(result)
        name = self.tensors[0][0].text if self.tensors else "x"
        return index_rows(self.engine, self.operands[-1][1], shares, name, self.operands[-1][0].text)

    def _ways(self) -> Section | None:
        """What would do instead, each tried in the fork."""
        operand, value = self.tensors[0]
        arguments = ", ".join(each.text for each, _ in self.operands[1:])
        rows = []
        for method in (f"reshape({arguments})", f"contiguous().view({arguments})"):
            text = f"{operand.text}.{method}"
            try:
                with self.session.hearing:
                    found = self.session.value_of(ast.parse(f"({operand.text}).{method}", mode="eval").body)
            except Exception:
                continue
            shares = self.engine.memory(found) is self.engine.memory(value)
            rows.append((text, "a view" if shares else f"copies: writes do not reach {operand.text}"))
        return Section("instead", tuple(rows)) if rows else None

    def _autograd(self, result: Any) -> Section | None:
        node = self.engine.node(result)
        if node is None or any(value is result for _, value in self.tensors):
            return None
        saved = [each.slot for each in self.engine.saved(node)]
        what = f"saves {', '.join(saved)} for the backward pass" if saved else "saves no tensor"
        if not self.engine.tells_nodes:
            what = "what it saves is unknown: PyTorch does not tell"
        edges = [each for each in self.engine.edges(node) if each is not None]
        leads = ", ".join(self._node_text(each) for each in edges[:4])
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
        if name == "[]":
            yield "compare basic advanced mask"
        if self.tensors:
            first = self.tensors[0][0].text
            if first.isidentifier():
                yield f"storages {first}"


POINTWISE = frozenset(
    "add sub mul div true_divide floor_divide remainder fmod pow maximum minimum where eq ne lt le gt ge "
    "atan2 hypot logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor add_ sub_ mul_ div_ pow_".split()
)


def _parts(tree: ast.AST) -> Iterator[tuple[Any, str, int | None, ast.expr]]:
    """The operands of an expression: parent, field, position in it, tree."""
    if isinstance(tree, ast.BinOp):
        yield tree, "left", None, tree.left
        yield tree, "right", None, tree.right
    elif isinstance(tree, ast.AugAssign):
        yield tree, "target", None, readable(tree.target)
        yield tree, "value", None, tree.value
    elif isinstance(tree, ast.UnaryOp):
        yield tree, "operand", None, tree.operand
    elif isinstance(tree, ast.Compare) and len(tree.comparators) == 1:
        yield tree, "left", None, tree.left
        yield tree, "comparators", 0, tree.comparators[0]
    elif isinstance(tree, ast.Subscript):
        yield tree, "value", None, tree.value
        yield tree, "slice", None, tree.slice
    elif isinstance(tree, ast.Attribute):
        yield tree, "value", None, tree.value
    elif isinstance(tree, ast.Call):
        function = tree.func
        if isinstance(function, ast.Attribute) and not _is_module(function.value):
            yield function, "value", None, function.value
        for number, argument in enumerate(tree.args):
            if not isinstance(argument, ast.Starred):
                yield tree, "args", number, argument
        for keyword in tree.keywords:
            yield keyword, "value", None, keyword.value
    elif isinstance(tree, ast.Name):
        return


def _is_module(tree: ast.expr) -> bool:
    while isinstance(tree, ast.Attribute):
        tree = tree.value
    return isinstance(tree, ast.Name) and tree.id in ("torch", "np", "numpy", "copy", "math", "F", "nn")


def readable(target: ast.expr) -> ast.expr:
    """A target of an assignment as an expression."""
    import copy

    found = copy.deepcopy(target)
    for node in ast.walk(found):
        if hasattr(node, "ctx"):
            node.ctx = ast.Load()
    return found


def _sizes(operands: Sequence[tuple[Operand, Any]]) -> Sequence[int] | None:
    """The sizes that a view was asked for."""
    values = [value for _, value in operands]
    if len(values) == 1 and isinstance(values[0], tuple | list):
        values = list(values[0])
    return values if values and all(type(each) is int for each in values) else None


def index_rows(engine: Any, value: Any, shares: bool | None, name: str, typed: str) -> Section:
    """Each part of an index: what it does, and whether the whole copies; `shares` is what was measured."""
    rows = [("part", "kind", "does")]
    copies = False
    for part in value if isinstance(value, tuple) else (value,):
        text, kind, does, advanced = _part(engine, part)
        copies = copies or advanced
        rows.append((text, kind, does))
    if shares is not None:
        copies = not shares
    if copies:
        said: tuple[str, ...] = (
            "an index with a tensor, a list or a mask copies (advanced indexing)",
            f"{name}[{typed}] = v writes into {name} itself; {name}[{typed}][…] = v writes into a copy that is gone",
        )
    else:
        said = ("numbers, slices, None and … only move the offset and the strides: a view (basic indexing)",)
    return Section("the index", tuple(rows), True, said)


def _part(engine: Any, part: Any) -> tuple[str, str, str, bool]:
    """A part of an index: its text, its kind, what it does, whether it makes the whole a copy."""
    if part is None:
        return "None", "new dimension", "a dimension of size 1, stride 0 or as its neighbours'", False
    if part is Ellipsis:
        return "...", "ellipsis", "all dimensions that are not named", False
    if isinstance(part, bool):
        return str(part), "bool", "a mask without dimensions: copies", True
    if isinstance(part, int):
        return str(part), "number", "takes one place: the offset moves, the dimension is gone", False
    if isinstance(part, slice):
        return _slice_text(part), "slice", "moves the offset, multiplies the stride by the step", False
    if engine.kind(part) in ("tensor", "ndarray"):
        look = engine.look(part)
        if look.dtype in ("bool", "uint8"):
            return f"{look.dtype} {look.sizes}", "mask", "picks the elements where it is True: copies", True
        if not look.sizes and look.kind == "tensor":
            return f"{look.dtype} ()", "number in a tensor", "takes one place", False
        return (
            f"{look.dtype} {look.sizes}",
            "indices",
            f"picks {plural(look.numel, 'place')} one by one: copies",
            True,
        )
    if isinstance(part, list | tuple):
        return (
            short_text(engine, part),
            "list",
            f"picks {plural(len(part), 'place')} one by one: copies",
            True,
        )
    return short_text(engine, part), type(part).__name__, "", False


def _slice_text(part: slice) -> str:
    start, stop, step = ("" if each is None else str(each) for each in (part.start, part.stop, part.step))
    return f"{start}:{stop}" + (f":{step}" if step else "")
