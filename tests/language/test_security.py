"""Known ways out of a Python sandbox, each refused: nothing reaches files, processes, or Python's internals."""

from __future__ import annotations

import builtins
import os

import numpy as np
import pytest

from tensorcli.language.limits import LimitError
from tensorcli.language.policy import RefusedError
from tensorcli.language.syntax import LanguageError

ESCAPES = [
    # classes and their subclasses
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__[1].__subclasses__()",
    "[].__class__.__base__.__subclasses__()",
    "type.mro(int)",
    "int.mro()",
    "type(1).mro()",
    "type('X', (), {})",
    "type(lambda: 0)(1, {})",
    "type(type(1))('X', (), {})",
    "type(len)('x')",
    "type(np)('x')",
    "list(map(type, ['X'], [()], [{}]))",
    "dict.__subclasses__()",
    "type((i for i in []))()",
    # names with underscores
    "__import__('os')",
    "__builtins__['open']",
    "__loader__",
    "__spec__",
    "globals()['__builtins__']",
    "getattr((), '__class__')",
    "getattr([], '__class__', None)",
    "list(map(getattr, [()], ['__class__']))",
    "getattr(print, 'function')",
    "getattr(np, 'os')",
    "getattr('{0.__class__}', 'format')(1)",
    "getattr(lambda: 0, '__globals__')",
    "(1).__add__",
    "np.zeros(1).__array_interface__",
    "setattr(np, 'x', 1)",
    "setattr(int, 'x', 1)",
    "setattr(lambda: 0, '__code__', 1)",
    "delattr(np, 'zeros')",
    "dir()",
    "locals()",
    "open('/etc/passwd')",
    "eval('1')",
    "exec('1')",
    "compile('1', '', 'eval')",
    "input()",
    "breakpoint()",
    "exit()",
    "memoryview(b'')",
    "hasattr([], '__class__')",
    # attributes through formats
    "'{0.__class__}'.format(1)",
    "'{0.__class__.__mro__[1]}'.format('')",
    "'{x.__class__}'.format(x=1)",
    "'{0[0].__class__}'.format([1])",
    "'{0:{0.__class__}}'.format(1)",
    "'{a.__class__}'.format_map({'a': 1})",
    "str.format('{0.__class__}', 1)",
    "str.format_map('{a.__class__}', {'a': 1})",
    "list(map('{0.__class__}'.format, [1]))",
    "list(map(str.format, ['{0.__class__}'], [1]))",
    "f = '{0.__class__}'.format\nf(1)",
    "sorted([1], key='{0.__class__}'.format)",
    "'{0._values}'.format(i for i in [])",
    "'{0.tofile}'.format(np.zeros(1))",
    # Python's library
    "import os",
    "from operator import attrgetter",
    "from operator import methodcaller",
    "from collections import abc",
    "import itertools\nitertools.chain.__class__",
    "import itertools\nitertools.chain.from_iterable.__self__",
    "from functools import partial\npartial(len).evaluator",
    "from functools import partial\npartial('{0.__class__}'.format)(1)",
    "from functools import cache\ncache(len).wrapped",
    "from functools import lru_cache\nlru_cache('{0.__class__}'.format)(1)",
    "import re\nre.compile('a').compiled",
    "import re\nre.compile('a').evaluator",
    "import re\nre.match('a', 'a').re",
    "import re\nre.sub('a', '{0.__class__}'.format, 'a')",
    "import heapq\nheapq.nlargest(1, [1], key='{0.__class__}'.format)",
    "from string import Formatter",
    "from functools import reduce\nreduce('{0.__class__}'.format, [1, 2])",
    "from collections import namedtuple\nnamedtuple('X', 'a', module='os')",
    "from collections import namedtuple\nnamedtuple('X', 'a b').__new__",
    "from collections import defaultdict\ndefaultdict(open)",
    "from typing import get_type_hints",
    "from typing import List\nList[int].__origin__",
    "from contextlib import contextmanager",
    "import random\nrandom.Random",
    "import random\nrandom.SystemRandom",
    "import time\ntime.__spec__",
    # functions, frames, generators, tracebacks
    "(lambda: 0).__globals__",
    "(lambda: 0).__code__",
    "(lambda: 0).__closure__",
    "(lambda: 0).binder",
    "(lambda: 0).frame",
    "(lambda: 0).evaluator",
    "(lambda: 0).body",
    "(i for i in []).gi_frame",
    "(i for i in []).gi_code",
    "(i for i in [])._values",
    "map(len, [])._values",
    "print.function",
    "print.__self__",
    "len.__self__",
    "[].append.__self__",
    "np.zeros._function",
    "np.random.default_rng.__globals__",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    e.__traceback__.tb_frame",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    e.with_traceback(None)",
    "try:\n    nope\nexcept NameError as e:\n    e.__context__",
    "try:\n    [].nope\nexcept AttributeError as e:\n    e.obj",
    "raise StopIteration.__subclasses__()",
    # modules
    "import os",
    "import sys",
    "import builtins",
    "import subprocess",
    "import gc\ngc.get_objects()",
    "import weakref\nweakref.ref(print).__callback__",
    "import weakref\ntype(weakref.ref(print))(1)",
    "from os import system",
    "import numpy.ctypeslib",
    "from numpy import load",
    "import copy.os",
    "copy.types",
    "copy.copyreg",
    "math.__loader__",
    "np.os",
    "np.sys",
    "np.members",
    "np.name",
    "np.lib",
    "np.lib.npyio",
    "np.core",
    "np._core",
    "np.testing.assert_raises",
    "np.testing.runstring",
    "np.f2py",
    "np.ctypeslib",
    "np.load('x')",
    "np.save('x', 1)",
    "np.savetxt('x', [1])",
    "np.loadtxt('/etc/passwd')",
    "np.genfromtxt('/etc/passwd')",
    "np.fromfile('/etc/passwd')",
    "np.memmap('x')",
    "np.fromregex('x', 'y', 'z')",
    "np.DataSource()",
    "np.vectorize(len)",
    "np.frompyfunc(len, 1, 1)",
    "np.seterrcall(print)",
    "np.linalg.linalg",
    "np.random.mtrand",
    "np.random.bit_generator",
    "np.lib.stride_tricks.as_strided(np.zeros(1), (10**9,))",
    # arrays
    "np.zeros(1).tofile('x')",
    "np.zeros(1).dump('x')",
    "np.zeros(1).dumps()",
    "np.zeros(1).ctypes",
    "np.zeros(1).__array_interface__",
    "np.zeros(1).__reduce__()",
    "np.zeros(1).__setstate__",
    "np.float64(1).tofile",
    "np.ndarray.tofile(np.zeros(1), 'x')",
    "np.ndarray((10,))",
    "type(np.zeros(1))((10,))",
    "np.ndarray.__new__",
    "np.dtype('f4').__class__",
    # changing what others share
    "np.zeros = 1",
    "math.pi = 3",
    "int.x = 1",
    "np.ndarray.sum = len",
    "del np.zeros",
    "list.append = 1",
    "ValueError.args = 1",
    "(lambda: 0).__name__ = 'x'",
    "(lambda: 0).__code__ = 1",
    "print.function = 1",
    # statements
    "class A: pass",
    "from math import *",
    "with open('x') as f: pass",
    "@eval\ndef f(): pass",
    "def f(x=__import__('os')): pass",
    "f'{__import__(\"os\")}'",
    "f'{().__class__}'",
    "f'{1:{().__class__}}'",
    "[x for x in ().__class__.__bases__]",
    "lambda: ().__class__",
    "print(file=__import__('sys').stderr)",
    "print('x', file=3)",
    "x.__ｃlass__",
    # iterators
    "iter([1])._values",
    "iter(np.zeros(2))._values.gi_frame",
    "iter([1]).__reduce__()",
    "type(iter([]))([1])",
    "next(iter([])).__class__",
    "format(1, '{0.__class__}').__class__",
    "np.fromiter(iter(range(10**12)), float)",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_an_escape_is_refused(session, text):
    with pytest.raises(
        (LanguageError, RefusedError, NameError, AttributeError, ImportError, TypeError, LimitError)
    ) as caught:
        session.run("x = 1\n" + text)
    assert not isinstance(caught.value, RecursionError)
    assert session.output == ""


def test_nothing_that_a_script_can_name_is_a_module_or_reaches_one(session):
    """Everything reachable by names, members and readable attributes, two steps deep."""
    from types import CodeType, FrameType, ModuleType

    from tensorcli.language.namespaces import Namespace

    evaluator = session.evaluator
    session.run(
        "def f(): pass\ng = (i for i in [])\na = np.zeros(2)\nn = np.float64(1)\ne = ValueError('x')\nm = map(len, [])"
    )
    forbidden = [
        builtins.open,
        builtins.eval,
        builtins.exec,
        builtins.__import__,
        os.system,
        np.load,
        np.save,
    ]
    pending = [*evaluator.names.values(), *evaluator.builtins.table.values(), *evaluator.modules.values()]
    for depth in range(3):
        found = []
        for value in pending:
            assert not isinstance(value, ModuleType | CodeType | FrameType), value
            assert not any(value is each for each in forbidden), value
            if isinstance(value, Namespace):
                found += [value.members[name] for name in value.members]
            elif depth < 2:
                for name in dir(value):
                    try:
                        found.append(evaluator.attributes.read(value, name))
                    except Exception:
                        continue
        pending = found


def test_a_script_cannot_swallow_an_interrupt(session):
    def interrupt(*args):
        raise KeyboardInterrupt

    session.evaluator.names["probe"] = interrupt
    for text in (
        "try:\n    probe()\nexcept:\n    pass",
        "try:\n    probe()\nexcept BaseException:\n    pass",
        "while True:\n    try:\n        probe()\n    finally:\n        continue",
        "from contextlib import suppress\nwith suppress(BaseException):\n    probe()",
        "from contextlib import suppress\nwith suppress(KeyboardInterrupt, Exception):\n    probe()",
        "def f():\n    try:\n        probe()\n    finally:\n        return 1\nf()",
    ):
        with pytest.raises(KeyboardInterrupt):
            session.run(text)


@pytest.mark.parametrize(
    "wrap",
    ["map(lambda v: v, it)", "zip(it)", "(v for v in it)", "filter(None, it)", "enumerate(it)", "chain(it)"],
)
def test_iterators_cannot_be_nested_until_c_runs_out_of_stack(session, wrap):
    with pytest.raises(RecursionError, match="iterators are nested more than 500 deep"):
        session.run(f"from itertools import chain\nit = [1]\nfor i in range(100000):\n    it = {wrap}")
    session.run("it = [1]\nfor i in range(300):\n    it = (v for v in it)\nprint(list(it))")
    assert session.output == "[1]\n"


def test_refusals_say_why(session):
    for text, why in (
        (
            "np.zeros(1).tofile('x')",
            "'ndarray' attribute 'tofile' is not available: a script does not reach the file system",
        ),
        ("np.zeros(1).setfield", "attribute 'setfield' of 'ndarray' objects is not part of the language"),
        ("int.x = 1", "class 'int' cannot be changed by a script"),
        ("np.pi = 3", "module 'numpy' cannot be changed by a script"),
        ("type(lambda: 0)()", "<class 'function'> cannot be called by a script"),
    ):
        with pytest.raises(RefusedError) as caught:
            session.run(text)
        assert str(caught.value) == why
